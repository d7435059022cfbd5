//! What a guest gets of the command line: `command CASE …`.

use std::io::Read;

use capsock_test_programs::args;

fn main() {
    let args = args();
    match args[0].as_str() {
        "describe" => describe(),
        "exit" => std::process::exit(args[1].parse().expect("a code")),
        "trap" => panic!("on purpose"),
        case => panic!("no case `{case}`"),
    }
}

fn describe() {
    println!("args {:?}", std::env::args().collect::<Vec<_>>());
    println!("env {:?}", std::env::vars().collect::<Vec<_>>());
    println!(
        "file {:?}",
        std::fs::read_to_string("/data/file").expect("read")
    );
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).expect("read");
    println!("input {input:?}");
}
