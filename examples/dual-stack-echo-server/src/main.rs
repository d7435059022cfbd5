//! The dual-stack echo server of Python's socket documentation:
//! `dual-stack-echo-server [HOST [PORT]]`.
//!
//! Listens on the first address that it can: of the host that is given, or of
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
        if candidate
            .bind((host, port))
            .and_then(|()| candidate.listen(1))
            .is_err()
        {
            continue;
        }
        s = Some(candidate);
        break;
    }
    let Some(s) = s else {
        println!("could not open socket");
        exit(1);
    };
    let (conn, addr) = s.accept()?;
    println!("Connected by {addr}");
    loop {
        let data = conn.recv(1024)?;
        if data.is_empty() {
            break;
        }
        conn.sendall(&data)?;
    }
    Ok(())
}
