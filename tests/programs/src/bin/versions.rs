//! `wasi:sockets` 0.2, through `std::net`, and 0.3 in one program: whether each may
//! reach an address, `versions HOST PORT`.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod p3 {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:versions;
            world versions {
                import wasi:sockets/types@0.3.0;
            }
        ",
        world: "test:versions/versions",
        generate_all,
    });
}

use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpStream};

use capsock_test_programs::args;
use p3::wasi::sockets0_3_0::types::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, UdpSocket,
};

fn main() {
    let args = args();
    let ip: Ipv4Addr = args[0].parse().expect("an address");
    let port = args[1].parse().expect("a port");
    let connected = TcpStream::connect((ip, port));
    let denied = connected.map(drop).map_err(|error| error.kind());
    println!("0.2 {}", verdict(denied, ErrorKind::PermissionDenied));
    // A command of 0.2 may call plain functions alone.
    let socket = UdpSocket::create(IpAddressFamily::Ipv4).expect("create");
    let connected = socket.connect(IpSocketAddress::Ipv4(Ipv4SocketAddress {
        port,
        address: ip.octets().into(),
    }));
    let denied = connected.map_err(|error| matches!(error, ErrorCode::AccessDenied));
    println!("0.3 {}", verdict(denied, true));
}

fn verdict<E: PartialEq>(result: Result<(), E>, denied: E) -> &'static str {
    match result {
        Ok(()) => "ok",
        Err(error) if error == denied => "denied",
        Err(_) => "failed",
    }
}
