//! The dual-stack echo client of Python's socket documentation:
//! `dual-stack-echo-client [HOST [PORT]]`.
//!
//! Connects to the first address that answers: of the host that is given, or of
//! this machine, IPv6 first.

use std::error::Error;
use std::process::exit;

use capsock_guest::{AF_INET, AF_INET6, SOCK_STREAM, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let hosts: Vec<&str> = match args.first() {
        Some(host) => vec![host],
        None => vec!["::1", "127.0.0.1"],
    };
    let port = args.get(1).map_or("50007", String::as_str).parse::<u16>()?;

    let mut s = None;
    for host in hosts {
        let af = if host.contains(':') {
            AF_INET6
        } else {
            AF_INET
        };
        let Ok(candidate) = Socket::new(af, SOCK_STREAM) else {
            continue;
        };
        if candidate.connect((host, port)).is_err() {
            continue;
        }
        s = Some(candidate);
        break;
    }
    let Some(s) = s else {
        println!("could not open socket");
        exit(1);
    };
    s.sendall(b"Hello, world")?;
    let data = s.recv(1024)?;
    println!("Received '{}'", data.escape_ascii());
    Ok(())
}
