//! The echo server and client over a Unix socket: `unix-echo server NAME`,
//! `unix-echo client NAME`. A NAME that starts with `@` is in the abstract
//! namespace, any other is a path.
//!
//! The server needs `--allow-listen unix:/PATH` or `unix-abstract:NAME`, the
//! client `--allow-connect` with the same.

use std::error::Error;

use capsock_guest::{AF_UNIX, SOCK_STREAM, Socket};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [mode, name] = &args[..] else {
        return Err("usage: unix-echo server|client NAME".into());
    };
    // Python and Linux write abstract names with a leading NUL.
    let name = match name.strip_prefix('@') {
        Some(name) => format!("\0{name}"),
        None => name.clone(),
    };
    let s = Socket::new(AF_UNIX, SOCK_STREAM)?;
    match mode.as_str() {
        "server" => {
            s.bind(name.as_str())?;
            s.listen(1)?;
            println!("Listening");
            let (conn, _addr) = s.accept()?;
            loop {
                let data = conn.recv(1024)?;
                if data.is_empty() {
                    return Ok(());
                }
                conn.sendall(&data)?;
            }
        }
        "client" => {
            s.connect(name.as_str())?;
            s.sendall(b"Hello, world")?;
            let data = s.recv(1024)?;
            println!("Received {:?}", String::from_utf8_lossy(&data));
            Ok(())
        }
        _ => Err("expected `server` or `client`".into()),
    }
}
