//! A program under the firewall gets the verdicts that it gets of capsock itself.
//!
//! Where that depends on what the firewall's host alone knows or does, it is left out:
//!
//! - broadcasts of networks, which the firewall cannot tell from other addresses; WASI
//!   lets none out, and TCP has none;
//! - IPv6 networks that are routed to the machine as a whole, of which no socket tells;
//! - names with a dot of `hosts(5)`, and names that are not ASCII (`SECURITY.md`);
//! - how a look-up fails that was let through, in which wasmtime has fewer words;
//! - a datagram socket on a port of the kernel's choice that gives its peer up: on
//!   wasmtime it loses its port, as Linux has it;
//! - errors of what was sent before, which are told at another time, and whether a peer
//!   that is turned away is closed or reset.

use std::process::Command;

use capsock_tests::{Namespace, stderr};

/// What the machine has beside loopback: an address of its own of each class, and
/// public ones with a route on which packets get lost.
const MACHINE: &str = "
    echo 0 > /proc/sys/net/ipv4/tcp_max_tw_buckets
    ip addr add 9.9.9.8/32 dev lo
    ip addr add 9.9.11.1/24 dev lo
    ip addr add 10.9.0.1/32 dev lo
    ip addr add 169.254.169.254/32 dev lo
    ip addr add 2620:fe::8/128 dev lo nodad
    ip addr add fd31::1/128 dev lo nodad
    ip route add 9.9.9.9 dev lo
    ip route add 2620:fe::fe dev lo";

/// `CAPSOCK_SEQUENCES` says how many policies are tried, `CAPSOCK_SEED` which ones.
#[test]
fn the_firewall_and_the_host_give_the_same_verdicts() {
    let server = env!("CARGO_BIN_EXE_capsock-test-dns");
    let Some(namespace) = Namespace::with_names(MACHINE, server) else {
        return;
    };
    let number = |name, default: &str| std::env::var(name).unwrap_or(default.to_owned());
    let mut command = Command::new(env!("CARGO_BIN_EXE_capsock-test-verdicts"));
    command
        .arg(number("CAPSOCK_SEQUENCES", "256"))
        .arg(number("CAPSOCK_SEED", "1"));
    let output = namespace.enter(&command).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}");
    assert!(output.status.success(), "{told}\n{}", stderr(&output));
}
