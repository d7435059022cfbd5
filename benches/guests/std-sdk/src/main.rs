//! The programs of `bench-std`, as they are, linked with the SDK; and the one on
//! a Unix socket, which `std` does not have on WASI.

use std::io::{self, Read, Write};

#[cfg(target_os = "wasi")]
use capsock_std::unix::UnixStream;
#[cfg(not(target_os = "wasi"))]
use std::os::unix::net::UnixStream;

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match *args {
        ["echo-unix", path, size] => echo(path, size.parse().map_err(io::Error::other)?),
        _ => bench_std::run(&args),
    }
}

fn echo(path: &str, size: usize) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    let mut buffer = vec![0; size];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            count => stream.write_all(&buffer[..count])?,
        }
    }
}
