//! Pings a host by a raw ICMP socket: `ping HOST [COUNT]`.
//!
//! ```console
//! $ capsock run --allow-raw raw/1://127.0.0.1 ping.wasm 127.0.0.1
//! ```
//!
//! Needs a host that may open raw sockets (root, or CAP_NET_RAW), and the grant
//! `raw/1` for IPv4 or `raw/58` for IPv6.

use std::time::{Duration, Instant, SystemTime};

use capsock_guest::*;

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().collect();
    let host = args.get(1).ok_or("usage: ping HOST [COUNT]")?;
    let count: u16 = args.get(2).map_or(Ok(3), |count| count.parse())?;
    let (family, proto, request, reply) = if host.contains(':') {
        (AF_INET6, IPPROTO_ICMPV6, 128, 129)
    } else {
        (AF_INET, IPPROTO_ICMP, 8, 0)
    };
    let s = Socket::with_proto(family, SOCK_RAW, proto)?;
    s.settimeout(Duration::from_secs(1))?;
    // Other pings on this machine have other identifiers.
    let identifier = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let identifier = identifier.subsec_micros() as u16;
    let mut received = 0;
    for sequence in 1..=count {
        let message = echo(request, identifier, sequence);
        let sent = Instant::now();
        s.sendto(&message, (host.as_str(), 0))?;
        match wait(&s, reply, &message[4..]) {
            Ok(length) => {
                received += 1;
                let time = sent.elapsed();
                println!("{length} bytes from {host}: seq={sequence} time={time:.3?}");
            }
            Err(error) if error.is_timeout() => println!("no answer: seq={sequence}"),
            Err(error) => return Err(error.into()),
        }
    }
    println!("{count} sent, {received} received");
    if received == 0 {
        return Err(format!("{host} did not answer").into());
    }
    Ok(())
}

/// Receives until the answer to this request comes; the socket sees all ICMP.
fn wait(s: &Socket, reply: u8, identity: &[u8]) -> Result<usize> {
    loop {
        let (data, _sender) = s.recvfrom(65536)?;
        // IPv4 gives its own header too: raw(7).
        let header = match s.family() {
            AF_INET => data.first().map_or(0, |first| usize::from(first & 15) * 4),
            _ => 0,
        };
        let icmp = data.get(header..).unwrap_or_default();
        if icmp.first() == Some(&reply) && icmp.get(4..) == Some(identity) {
            return Ok(icmp.len());
        }
    }
}

/// An echo request (RFC 792, RFC 4443). The kernel fills in ICMPv6's checksum.
fn echo(kind: u8, identifier: u16, sequence: u16) -> Vec<u8> {
    let mut message = vec![kind, 0, 0, 0];
    message.extend(identifier.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(b"capsock, granted one capability at a time");
    let checksum = checksum(&message).to_be_bytes();
    message[2..4].copy_from_slice(&checksum);
    message
}

/// The Internet checksum (RFC 1071).
fn checksum(data: &[u8]) -> u16 {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0));
    let mut sum: u32 = data.chunks(2).map(word).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}
