//! Datagrams there and back: `udp-echo server [HOST [PORT]]` echoes until an
//! empty one comes, `udp-echo client [HOST [PORT]]` sends one and prints the
//! answer.
//!
//! The server needs `--allow-listen udp://HOST:PORT` to receive and
//! `--allow-send` for those whom it answers, the client
//! `--allow-send udp://HOST:PORT`.

use std::error::Error;
use std::time::Duration;

use capsock_guest::{AF_INET, AF_INET6, SOCK_DGRAM, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args.get(1).map_or("127.0.0.1", String::as_str);
    let port: u16 = args.get(2).map_or(Ok(50007), |port| port.parse())?;
    let family = if host.contains(':') {
        AF_INET6
    } else {
        AF_INET
    };
    let s = Socket::new(family, SOCK_DGRAM)?;
    match args.first().map(String::as_str) {
        Some("server") => {
            s.bind((host, port))?;
            println!("Bound to {}", s.getsockname()?);
            loop {
                let (data, addr) = s.recvfrom(65535)?;
                if data.is_empty() {
                    return Ok(());
                }
                if let Some(addr) = addr {
                    s.sendto(&data, &addr)?;
                }
            }
        }
        Some("client") => {
            // A datagram may be lost.
            s.settimeout(Duration::from_secs(10))?;
            s.sendto(b"Hello, world", (host, port))?;
            let (data, _addr) = s.recvfrom(65535)?;
            println!("Received {:?}", String::from_utf8_lossy(&data));
            Ok(())
        }
        _ => Err("usage: udp-echo server|client [HOST [PORT]]".into()),
    }
}
