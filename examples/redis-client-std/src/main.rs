//! A Redis client of the standard library alone, which knows nothing of capsock.
//!
//! ```text
//! capsock run --allow-connect tcp://127.0.0.1:6379 redis-client-std.wasm [ADDRESS]
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpStream;

const ADDRESS: &str = "127.0.0.1:6379";

const COMMANDS: [&[&str]; 3] = [
    &["PING"],
    &["SET", "greeting", "Hello, world"],
    &["GET", "greeting"],
];

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1);
    let stream = TcpStream::connect(address.as_deref().unwrap_or(ADDRESS))?;
    let mut replies = BufReader::new(&stream);
    for command in COMMANDS {
        (&stream).write_all(&encode(command))?;
        println!("{}: {}", command.join(" "), reply(&mut replies)?);
    }
    Ok(())
}

/// An array of bulk strings.
fn encode(command: &[&str]) -> Vec<u8> {
    let mut encoded = format!("*{}\r\n", command.len());
    for word in command {
        encoded += &format!("${}\r\n{word}\r\n", word.len());
    }
    encoded.into_bytes()
}

/// A reply of one line, or a bulk string without line breaks.
fn reply(replies: &mut impl BufRead) -> io::Result<String> {
    let first = line(replies)?;
    match first.split_at_checked(1) {
        Some(("$", "-1")) => Ok("nothing".to_owned()),
        Some(("$", _length)) => line(replies),
        Some((_, text)) => Ok(text.to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn line(replies: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    replies.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}
