//! The echo client of Python's socket documentation: `echo-client [HOST
//! [PORT]]`.

use std::error::Error;

use capsock_guest::{AF_INET, SOCK_STREAM, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port = args.get(1).map_or("50007", String::as_str).parse::<u16>()?;

    let s = Socket::new(AF_INET, SOCK_STREAM)?;
    s.connect((host, port))?;
    s.sendall(b"Hello, world")?;
    let data = s.recv(1024)?;
    println!("Received '{}'", data.escape_ascii());
    Ok(())
}
