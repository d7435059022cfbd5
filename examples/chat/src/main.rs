//! A chat for a thousand: `chat [HOST [PORT]]`. Each line that a client sends
//! goes to all clients.
//!
//! One guest serves everybody with one `Poller`: no operation waits, and what a
//! slow client does not take is queued for it, to a bound; beyond that the
//! client is dropped, so that it slows down nobody else.
//!
//! Needs `--allow-listen tcp://HOST:PORT`.

use std::collections::HashMap;
use std::error::Error;

use capsock_guest::{AF_INET, AF_INET6, POLLIN, POLLOUT, Poller, SOCK_STREAM, Socket, Trigger};

/// The most bytes that wait for one client.
const OUTBOX: usize = 256 * 1024;
/// The longest line.
const LINE: usize = 4096;
const BACKLOG: i32 = 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let host = args.first().map_or("127.0.0.1", String::as_str);
    let port: u16 = args.get(1).map_or(Ok(50007), |port| port.parse())?;
    let family = if host.contains(':') {
        AF_INET6
    } else {
        AF_INET
    };

    let listener = Socket::new(family, SOCK_STREAM)?;
    listener.bind((host, port))?;
    listener.listen(BACKLOG)?;
    listener.setblocking(false)?;
    println!("Listening on {}", listener.getsockname()?);
    let mut chat = Chat {
        poller: Poller::new()?,
        clients: HashMap::new(),
    };
    chat.poller.register(&listener, POLLIN, Trigger::Level)?;
    loop {
        for (number, events) in chat.poller.wait(256, None)? {
            if number == listener.fileno() {
                chat.accept(&listener)?;
                continue;
            }
            if events & POLLOUT != 0 {
                chat.flush(number);
            }
            if events & !POLLOUT != 0 {
                chat.receive(number);
            }
        }
    }
}

struct Chat {
    poller: Poller,
    /// By the number of their socket.
    clients: HashMap<i32, Client>,
}

struct Client {
    socket: Socket,
    /// The start of a line whose end has not come yet.
    inbox: Vec<u8>,
    outbox: Vec<u8>,
}

impl Chat {
    fn accept(&mut self, listener: &Socket) -> Result<(), Box<dyn Error>> {
        loop {
            // A connection that failed, or found no free descriptor, is none.
            let Ok((socket, _addr)) = listener.accept() else {
                return Ok(());
            };
            socket.setblocking(false)?;
            self.poller.register(&socket, POLLIN, Trigger::Level)?;
            let client = Client {
                socket,
                inbox: Vec::new(),
                outbox: Vec::new(),
            };
            self.clients.insert(client.socket.fileno(), client);
        }
    }

    fn receive(&mut self, number: i32) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        match client.socket.recv(LINE) {
            Ok(data) if data.is_empty() => return self.drop(number),
            Ok(data) => client.inbox.extend(data),
            Err(error) if error.is_would_block() => return,
            Err(_lost) => return self.drop(number),
        }
        let end = client.inbox.iter().rposition(|byte| *byte == b'\n');
        let rest = client.inbox.split_off(end.map_or(0, |end| end + 1));
        let lines = std::mem::replace(&mut client.inbox, rest);
        if client.inbox.len() > LINE {
            self.drop(number);
        }
        if !lines.is_empty() {
            self.broadcast(&lines);
        }
    }

    fn broadcast(&mut self, lines: &[u8]) {
        let numbers: Vec<i32> = self.clients.keys().copied().collect();
        for number in numbers {
            let Some(client) = self.clients.get_mut(&number) else {
                continue;
            };
            let waits = !client.outbox.is_empty();
            client.outbox.extend(lines);
            if client.outbox.len() > OUTBOX {
                self.drop(number);
            } else if !waits {
                // Otherwise the poller tells when there is room.
                self.flush(number);
            }
        }
    }

    /// Sends what the client takes at once.
    fn flush(&mut self, number: i32) {
        let Some(client) = self.clients.get_mut(&number) else {
            return;
        };
        while !client.outbox.is_empty() {
            match client.socket.send(&client.outbox) {
                Ok(sent) => drop(client.outbox.drain(..sent)),
                Err(error) if error.is_would_block() => break,
                Err(_lost) => return self.drop(number),
            }
        }
        let events = match client.outbox.is_empty() {
            true => POLLIN,
            false => POLLIN | POLLOUT,
        };
        if self
            .poller
            .modify(&client.socket, events, Trigger::Level)
            .is_err()
        {
            self.drop(number);
        }
    }

    /// Closing the socket takes it out of the poller.
    fn drop(&mut self, number: i32) {
        self.clients.remove(&number);
    }
}
