//! Hands what comes over TCP to a Unix socket, and its answer back, on `std::net`:
//! `gateway 127.0.0.1:8080 /run/app/app.sock [COUNT]`. It ends after so many
//! connections, or never.
//!
//! ```console
//! $ capsock run --allow-listen tcp://127.0.0.1:8080 --allow-connect unix:/run/app/app.sock \
//!     target/guests/gateway.wasm 127.0.0.1:8080 /run/app/app.sock
//! ```

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};

#[cfg(target_os = "wasi")]
use capsock_std::unix::UnixStream;
#[cfg(not(target_os = "wasi"))]
use std::os::unix::net::UnixStream;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (address, path, count) = match &args[..] {
        [address, path] => (address, path, usize::MAX),
        [address, path, count] => (address, path, count.parse().map_err(io::Error::other)?),
        _ => return Err(io::Error::other("usage: gateway ADDRESS PATH [COUNT]")),
    };
    let listener = TcpListener::bind(address)?;
    println!("port {}", listener.local_addr()?.port());
    for client in listener.incoming().take(count) {
        if let Err(error) = serve(client?, path) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

/// A request to its end, then the answer.
fn serve(mut client: TcpStream, path: &str) -> io::Result<()> {
    let mut server = UnixStream::connect(path)?;
    io::copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Write)?;
    io::copy(&mut server, &mut client)?;
    Ok(())
}
