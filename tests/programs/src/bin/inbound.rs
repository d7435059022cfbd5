//! Takes what comes from outside: `inbound HOW PROTO HOST` prints the port, then
//! the first message of a peer that the host admits.

use capsock_guest::*;
use capsock_test_programs::{args, bind_and_tell, family_of};

fn main() {
    let args = args();
    let [how, proto, host] = &args[..] else {
        panic!("usage: inbound HOW PROTO HOST");
    };
    const UDPLITE: i32 = 136;
    let (kind, number) = match proto.as_str() {
        "tcp" => (SOCK_STREAM, 0),
        "mptcp" => (SOCK_STREAM, IPPROTO_MPTCP),
        "udp" => (SOCK_DGRAM, 0),
        "udplite" => (SOCK_DGRAM, UDPLITE),
        _ => panic!("no protocol `{proto}`"),
    };
    let socket = match Socket::with_proto(family_of(host), kind, number) {
        Ok(socket) => socket,
        // The kernel may lack it.
        Err(error) => return println!("{}", error.name().expect("an errno")),
    };
    bind_and_tell(&socket, host);
    let message = match how.as_str() {
        "accept" => {
            socket.listen(8).expect("listen");
            println!("listening");
            let (conn, peer) = socket.accept().expect("accept");
            assert_eq!(conn.getpeername().expect("getpeername"), peer);
            conn.recv(64).expect("recv")
        }
        "recv" => socket.recv(64).expect("recv"),
        "recvmsg" => socket.recvmsg(64, 0, MsgFlag::NONE).expect("recvmsg").0,
        // What is denied is gone after a look: not the next call's either.
        "peek" => {
            let seen = socket.recv_flags(64, MSG_PEEK).expect("peek");
            assert_eq!(socket.recv(64).expect("recv"), seen);
            seen
        }
        "peek-recvmsg" => {
            let (seen, ..) = socket.recvmsg(64, 0, MSG_PEEK).expect("peek");
            assert_eq!(
                socket.recvmsg(64, 0, MsgFlag::NONE).expect("recvmsg").0,
                seen
            );
            seen
        }
        _ => panic!("no case `{how}`"),
    };
    println!("{}", String::from_utf8_lossy(&message));
}
