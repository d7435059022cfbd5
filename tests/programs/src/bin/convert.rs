//! The SDK's pure functions: `convert constants`, or `convert functions` with
//! calls on standard input, a line each. Errors are printed as `error`.

use std::fmt::Display;
use std::io::stdin;

use capsock_guest::*;
use capsock_test_programs::args;

fn main() {
    match args()[0].as_str() {
        "constants" => {
            for (name, value) in NUMBERS.iter().chain(TYPED_CONSTANTS) {
                println!("{name} {value}");
            }
            println!("has_ipv6 {}", i64::from(has_ipv6));
        }
        "functions" => {
            for line in stdin().lines() {
                let line = line.expect("a line");
                let (function, argument) = line.split_once(' ').expect("FUNCTION ARGUMENT");
                println!("{}", call(function, argument));
            }
        }
        case => panic!("no case `{case}`"),
    }
}

fn call(function: &str, argument: &str) -> String {
    let number = || argument.parse::<i64>().expect("a number");
    let bytes = || {
        let digits = argument.as_bytes().chunks(2);
        let byte = |pair: &[u8]| {
            u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("hexadecimal")
        };
        digits.map(byte).collect::<Vec<u8>>()
    };
    match function {
        "ntohs" => show(ntohs(number())),
        "ntohl" => show(ntohl(number())),
        "htons" => show(htons(number())),
        "htonl" => show(htonl(number())),
        "CMSG_LEN" => show(CMSG_LEN(number())),
        "CMSG_SPACE" => show(CMSG_SPACE(number())),
        "inet_aton" => show(inet_aton(argument).map(hexadecimal)),
        "inet_ntoa" => show(inet_ntoa(&bytes())),
        "inet_pton4" => show(inet_pton(AF_INET, argument).map(hexadecimal)),
        "inet_pton6" => show(inet_pton(AF_INET6, argument).map(hexadecimal)),
        "inet_ntop4" => show(inet_ntop(AF_INET, &bytes())),
        "inet_ntop6" => show(inet_ntop(AF_INET6, &bytes())),
        _ => panic!("no function `{function}`"),
    }
}

fn show<T: Display>(result: Result<T>) -> String {
    result.map_or("error".to_owned(), |value| value.to_string())
}

fn hexadecimal(bytes: impl AsRef<[u8]>) -> String {
    bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
