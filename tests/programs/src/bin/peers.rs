//! Clients of programs that are in no way made for this.

use capsock_guest::*;
use capsock_test_programs::{args, family_of, recv_to_end};

fn main() {
    let args = args();
    match args[0].as_str() {
        "http" => http(&args[1], args[2].parse().expect("a port"), &args[3]),
        "redis" => redis(&args[1]),
        "postgres" => postgres(&args[1], args[2].parse().expect("a port"), &args[3]),
        case => panic!("no case `{case}`"),
    }
}

fn connect(host: &str, port: u16) -> Socket {
    let socket = Socket::new(family_of(host), SOCK_STREAM).expect("socket");
    socket.connect((host, port)).expect("connect");
    socket
}

/// Prints the status, and the length and a sum of the body.
fn http(host: &str, port: u16, path: &str) {
    let socket = connect(host, port);
    let request = format!("GET {path} HTTP/1.0\r\nHost: test\r\n\r\n");
    socket.sendall(request.as_bytes()).expect("sendall");
    let answer = recv_to_end(&socket);
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("the end of the headers") + 4);
    let head = std::str::from_utf8(head).expect("text");
    let server = head.lines().find(|line| line.starts_with("Server: "));
    println!("{}", head.lines().next().expect("a status"));
    println!("{}", server.expect("a server"));
    let sum: u64 = body.iter().map(|byte| u64::from(*byte)).sum();
    println!("{} {sum}", body.len());
}

/// Talks RESP: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
fn redis(path: &str) {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket.connect(path).expect("connect");
    let mut reader = socket.makefile_reader().expect("makefile");
    let value = "v\r\n".repeat(10_000);
    for command in [
        &["PING"][..],
        &["SET", "key", &value],
        &["GET", "key"],
        &["GET", "none"],
        &["NONSENSE"],
    ] {
        let mut request = format!("*{}\r\n", command.len());
        for word in command {
            request += &format!("${}\r\n{word}\r\n", word.len());
        }
        socket.sendall(request.as_bytes()).expect("sendall");
        let mut line = String::new();
        std::io::BufRead::read_line(&mut reader, &mut line).expect("an answer");
        let length = line.strip_prefix('$').map(|text| text.trim_end().parse());
        if let Some(Ok(length)) = length.map(|length: std::result::Result<usize, _>| length) {
            let mut answer = vec![0; length + 2];
            std::io::Read::read_exact(&mut reader, &mut answer).expect("a value");
            assert!(answer[..length] == *value.as_bytes());
        }
        println!("{}", line.split("'").next().expect("a text").trim_end());
    }
}

/// The startup message and a query: PostgreSQL's documentation, 55.2 and 55.7.
fn postgres(host: &str, port: u16, user: &str) {
    let socket = connect(host, port);
    let mut parameters = Vec::new();
    parameters.extend(196_608u32.to_be_bytes());
    for text in ["user", user, "database", "postgres", ""] {
        parameters.extend(text.as_bytes());
        parameters.push(0);
    }
    send_message(&socket, &[], &parameters);
    let mut kinds = String::new();
    loop {
        let (kind, body) = message(&socket);
        kinds.push(char::from(kind));
        match kind {
            b'R' => assert_eq!(body, [0; 4], "AuthenticationOk"),
            b'Z' if kinds.contains('D') => break,
            b'Z' => send_message(&socket, b"Q", b"SELECT 6 * 7\0"),
            b'D' => assert_eq!(&body[body.len() - 2..], b"42"),
            b'E' => panic!("{}", String::from_utf8_lossy(&body)),
            _ => {}
        }
    }
    send_message(&socket, b"X", &[]);
    assert_eq!(recv_to_end(&socket), []);
    let first = kinds.chars().next().expect("a message");
    println!("first {first}, then {}", &kinds[kinds.len() - 4..]);
}

fn send_message(socket: &Socket, kind: &[u8], body: &[u8]) {
    let length = u32::try_from(body.len() + 4).expect("short");
    let message = [kind, &length.to_be_bytes(), body].concat();
    socket.sendall(&message).expect("sendall");
}

fn message(socket: &Socket) -> (u8, Vec<u8>) {
    let exactly = |length| {
        let data = socket.recv_flags(length, MSG_WAITALL).expect("recv");
        assert_eq!(data.len(), length, "the server ended the connection");
        data
    };
    let head = exactly(5);
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    (head[0], exactly(length - 4))
}
