//! Prints the packets of a network interface: `sniff INTERFACE [COUNT]`.
//!
//! ```console
//! $ capsock run --allow-raw packet://lo sniff.wasm lo 10
//! ```
//!
//! Python's documentation has a sniffer for Windows; this is the same on Linux,
//! where a packet socket sees what a raw one with `SIO_RCVALL` sees there. Needs
//! a host that may open packet sockets (root, or CAP_NET_RAW).

use std::net::{Ipv4Addr, Ipv6Addr};

use capsock_guest::*;

const ETH_P_ALL: u16 = 0x0003;
const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let interface = args.get(1).ok_or("usage: sniff INTERFACE [COUNT]")?;
    let count: usize = args.get(2).map_or(Ok(usize::MAX), |count| count.parse())?;
    // The kernel takes the link-level header off.
    let s = Socket::new(AF_PACKET, SOCK_DGRAM)?;
    s.bind((interface.as_str(), ETH_P_ALL))?;
    println!("listening on {interface}");
    for _ in 0..count {
        let (packet, sender) = s.recvfrom(65565)?;
        let protocol = match sender {
            Some(Address::Packet(sender)) => sender.protocol,
            _ => 0,
        };
        println!("{}", describe(protocol, &packet));
    }
    Ok(())
}

fn describe(protocol: u16, packet: &[u8]) -> String {
    let length = packet.len();
    let what = match protocol {
        ETH_P_IP => ipv4(packet),
        ETH_P_IPV6 => ipv6(packet),
        _ => None,
    };
    match what {
        Some(what) => format!("{what} {length} bytes"),
        None => format!("protocol {protocol:#06x} {length} bytes"),
    }
}

/// RFC 791: the protocol stands at 9, the addresses at 12 and 16.
fn ipv4(packet: &[u8]) -> Option<String> {
    let address = |at: usize| {
        let bytes: [u8; 4] = packet.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(bytes))
    };
    let header = usize::from(packet.first()? & 15) * 4;
    let ports = ports(*packet.get(9)?, packet.get(header..)?);
    Some(format!("IPv4 {} > {} {ports}", address(12)?, address(16)?))
}

/// RFC 8200: the protocol stands at 6, the addresses at 8 and 24.
fn ipv6(packet: &[u8]) -> Option<String> {
    let address = |at: usize| {
        let bytes: [u8; 16] = packet.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(bytes))
    };
    let ports = ports(*packet.get(6)?, packet.get(40..)?);
    Some(format!("IPv6 {} > {} {ports}", address(8)?, address(24)?))
}

fn ports(protocol: u8, segment: &[u8]) -> String {
    let name = match protocol {
        1 => return "icmp".to_owned(),
        6 => "tcp",
        17 => "udp",
        58 => return "icmpv6".to_owned(),
        other => return format!("protocol {other}"),
    };
    let port = |at: usize| {
        let bytes = segment
            .get(at..at + 2)
            .and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u16::from_be_bytes)
    };
    format!("{name} {} > {}", port(0), port(2))
}
