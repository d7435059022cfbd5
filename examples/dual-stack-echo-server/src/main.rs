//! The dual-stack echo server of Python's socket documentation:
//! `dual-stack-echo-server [HOST [PORT]]`; no host, or an empty one, is every
//! interface.

use std::error::Error;
use std::process::exit;

use capsock_guest::{AF_UNSPEC, AI_PASSIVE, SOCK_STREAM, Socket, getaddrinfo};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args
        .first()
        .map(String::as_str)
        .filter(|host| !host.is_empty());
    let port = args.get(1).map_or("50007", String::as_str);

    let mut s = None;
    for res in getaddrinfo(host, port, AF_UNSPEC, SOCK_STREAM, 0, AI_PASSIVE)? {
        let Ok(candidate) = Socket::with_proto(res.family, res.kind, res.proto) else {
            continue;
        };
        if candidate
            .bind(&res.sockaddr)
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
