//! The dual-stack echo client of Python's socket documentation:
//! `dual-stack-echo-client [HOST [PORT]]`; no host is this machine.

use std::error::Error;
use std::process::exit;

use capsock_guest::{AF_UNSPEC, SOCK_STREAM, Socket, getaddrinfo};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args.first().map_or("localhost", String::as_str);
    let port = args.get(1).map_or("50007", String::as_str);

    let mut s = None;
    for res in getaddrinfo(host, port, AF_UNSPEC, SOCK_STREAM, 0, 0)? {
        let Ok(candidate) = Socket::with_proto(res.family, res.kind, res.proto) else {
            continue;
        };
        if candidate.connect(&res.sockaddr).is_err() {
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
