//! What the test programs share.

use capsock_guest::{AF_INET, AF_INET6, AddressFamily, Socket};

/// The family that a numeric host belongs to.
pub fn family_of(host: &str) -> AddressFamily {
    if host.contains(':') {
        AF_INET6
    } else {
        AF_INET
    }
}

/// The arguments after the program's name.
pub fn args() -> Vec<String> {
    std::env::args().skip(1).collect()
}

/// A pattern in which no two blocks are alike, so that lost or reordered ones
/// show.
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length as u64)
        .map(|index| (index * 31 + index / 251) as u8)
        .collect()
}

/// Receives to the end of the stream.
pub fn recv_to_end(socket: &Socket) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        let data = socket.recv(65536).expect("recv");
        if data.is_empty() {
            return all;
        }
        all.extend(data);
    }
}

/// Binds an ephemeral port, and tells the test which.
pub fn bind_and_tell(socket: &Socket, host: &str) {
    socket.bind((host, 0)).expect("bind");
    tell_port(socket);
}

/// Prints the local port.
pub fn tell_port(socket: &Socket) {
    let local = socket.getsockname().expect("getsockname");
    println!("port {}", local.port().expect("an internet address"));
}
