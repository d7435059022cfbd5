//! Is denied again and again: with long texts, and at many addresses.

use capsock_guest::*;

fn main() {
    let socket = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    for letter in b'a'..b'e' {
        let text = vec![letter; 7 << 20];
        let set = socket.setsockopt_bytes(SOL_SOCKET, SO_BINDTODEVICE, &text);
        set.expect_err("no grant");
    }
    for port in 1..=5000 {
        socket
            .sendto(b"x", ("127.0.0.1", port))
            .expect_err("no grant");
    }
}
