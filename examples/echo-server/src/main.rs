//! The echo server of Python's socket documentation.
//!
//! `echo-server [HOST [PORT]] [--forever]`: echoes one connection to its end;
//! with `--forever` one after the other.

use std::error::Error;

use capsock_guest::{AF_INET, SOCK_STREAM, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let forever = args.iter().any(|arg| arg == "--forever");
    args.retain(|arg| arg != "--forever");
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port = args.get(1).map_or("50007", String::as_str).parse::<u16>()?;

    let s = Socket::new(AF_INET, SOCK_STREAM)?;
    s.bind((host, port))?;
    s.listen(1)?;
    loop {
        let (conn, addr) = s.accept()?;
        println!("Connected by {addr}");
        loop {
            let data = conn.recv(1024)?;
            if data.is_empty() {
                break;
            }
            conn.sendall(&data)?;
        }
        if !forever {
            return Ok(());
        }
    }
}
