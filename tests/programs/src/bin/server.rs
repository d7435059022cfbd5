//! Servers that a handler serves.

use std::time::{Duration, Instant};

use capsock_guest::*;
use capsock_test_programs::{args, family_of, tell_port};

fn main() {
    let args = args();
    match args[0].as_str() {
        "tcp" => tcp(&args[1]),
        "unix" => unix(&args[1]),
        "udp" => udp(&args[1]),
        case => panic!("no case `{case}`"),
    }
}

/// Answers a line with its number; `fail` is an error, `quit` the last one.
struct Counter {
    served: u32,
    stopper: Stopper,
}

impl Handle for Counter {
    fn handle(&mut self, request: Socket, _client: Address) -> Result<()> {
        self.served += 1;
        let options = TextOptions::default();
        let line = request.makefile_text_reader(options)?.readline();
        match line.expect("a line").as_str() {
            "fail\n" => Err(socket_error()),
            line => {
                if line == "quit\n" {
                    self.stopper.stop();
                }
                request.sendall(format!("{}: {line}", self.served).as_bytes())
            }
        }
    }

    fn handle_error(&mut self, error: Error, client: &Address) {
        assert_eq!(error, socket_error());
        println!("failed {client}");
    }
}

fn socket_error() -> Error {
    Socket::fromfd(-1, AF_INET, SOCK_STREAM, 0).expect_err("no number")
}

fn counter() -> (Stopper, Counter) {
    let stopper = Stopper::new();
    let counter = Counter {
        served: 0,
        stopper: stopper.clone(),
    };
    (stopper, counter)
}

fn tcp(host: &str) {
    const TIME: Duration = Duration::from_millis(50);
    let (stopper, counter) = counter();
    let mut server = Server::tcp((host, 0), family_of(host), counter).expect("a server");
    let start = Instant::now();
    assert_eq!(server.handle_request(TIME), Ok(false));
    assert!(start.elapsed() >= TIME);
    tell_port(server.socket());
    assert_eq!(server.handle_request(Duration::from_secs(60)), Ok(true));
    server.serve_forever(&stopper).expect("serve");
    server.socket().close().expect("close");
    let error = server.handle_request(None).expect_err("closed");
    assert_eq!(error.name(), Some("EBADF"));
}

fn unix(path: &str) {
    let (stopper, counter) = counter();
    let mut server = Server::unix(path, counter).expect("a server");
    println!("listening");
    server.serve_forever(&stopper).expect("serve");
}

fn udp(host: &str) {
    let stopper = Stopper::new();
    let stop = stopper.clone();
    let echo = move |data: &[u8], socket: &Socket, client: Address| {
        if data == b"quit" {
            stop.stop();
        }
        if data == b"fail" {
            return Err(socket_error());
        }
        socket.sendto(data, client).map(|_count| ())
    };
    let mut server = DatagramServer::udp((host, 0), family_of(host), echo).expect("a server");
    assert_eq!(server.handle_request(Duration::from_millis(20)), Ok(false));
    tell_port(server.socket());
    server.serve_forever(&stopper).expect("serve");
}
