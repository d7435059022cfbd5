//! tokio's TCP echo server, with its connections in tasks: `tokio-echo ADDRESS
//! COUNT` ends after so many.

use std::error::Error;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().collect();
    let listener = TcpListener::bind(&args[1]).await?;
    println!("port {}", listener.local_addr()?.port());
    let mut tasks = JoinSet::new();
    for _connection in 0..args[2].parse()? {
        let (stream, _peer) = listener.accept().await?;
        tasks.spawn(echo(stream));
    }
    while let Some(result) = tasks.join_next().await {
        println!("{} bytes", result??);
    }
    Ok(())
}

async fn echo(mut stream: TcpStream) -> std::io::Result<usize> {
    let mut buffer = [0; 1024];
    let mut total = 0;
    loop {
        let length = stream.read(&mut buffer).await?;
        if length == 0 {
            return Ok(total);
        }
        stream.write_all(&buffer[..length]).await?;
        total += length;
    }
}
