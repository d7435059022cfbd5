//! Does what a runner tells it on sockets of `wasi:sockets` 0.2, and tells it what
//! came of each: `tests/harness/verdicts.rs` compares that of two hosts.

#[allow(
    missing_docs,
    missing_debug_implementations,
    unreachable_pub,
    unsafe_code,
    clippy::all,
    reason = "generated"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        inline: "
            package test:verdicts;
            interface runner {
                /// The next operation, as words.
                next: func() -> option<string>;
                /// What came of it.
                verdict: func(verdict: string);
                /// Connects from an address that is no guest's.
                connect-from: func(source: string, to: string) -> bool;
                /// Whether the last one's connection has ended.
                has-ended: func(source: string) -> bool;
                /// Sends a datagram of one byte, from there or from there and a port.
                send-from: func(source: string, to: string) -> bool;
                /// Lets the host see what the kernel has.
                settle: func();
            }
            world command {
                import runner;
                import wasi:clocks/monotonic-clock@0.2.12;
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
                import wasi:sockets/udp-create-socket@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
            }
        ",
        world: "test:verdicts/command",
        generate_all,
    });
}

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use bindings::test::verdicts::runner;
use bindings::wasi::clocks0_2_12::monotonic_clock::subscribe_duration;
use bindings::wasi::io::poll::{Pollable, poll};
use bindings::wasi::io::streams::{InputStream, OutputStream};
use bindings::wasi::sockets0_2_12::instance_network::instance_network;
use bindings::wasi::sockets0_2_12::ip_name_lookup::resolve_addresses;
use bindings::wasi::sockets0_2_12::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use bindings::wasi::sockets0_2_12::tcp::TcpSocket;
use bindings::wasi::sockets0_2_12::tcp_create_socket::create_tcp_socket;
use bindings::wasi::sockets0_2_12::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use bindings::wasi::sockets0_2_12::udp_create_socket::create_udp_socket;

type Result<T> = std::result::Result<T, ErrorCode>;

/// Longer than what happens on this machine takes, in nanoseconds.
const PATIENCE: u64 = 2_000_000_000;

/// How many sockets of a kind are kept; the oldest goes first.
const KEPT: usize = 6;

fn main() {
    let mut sockets = Sockets::default();
    while let Some(operation) = runner::next() {
        let verdict = sockets.operate(&operation);
        runner::verdict(&verdict);
    }
}

#[derive(Default)]
struct Sockets {
    tcp: Vec<Tcp>,
    udp: Vec<Udp>,
}

/// The streams end before the socket that they are of.
struct Tcp {
    streams: Option<(InputStream, OutputStream)>,
    socket: TcpSocket,
}

struct Udp {
    streams: Option<(IncomingDatagramStream, OutgoingDatagramStream)>,
    socket: UdpSocket,
    /// Whether the kernel chose its port.
    chosen: bool,
}

impl Udp {
    fn start_bind(&mut self, local: SocketAddr) -> Result<()> {
        let started = self.socket.start_bind(&instance_network(), wit(local));
        if started.is_ok() {
            self.chosen = local.port() == 0;
        }
        started
    }
}

impl Sockets {
    fn operate(&mut self, operation: &str) -> String {
        let words: Vec<&str> = operation.split(' ').collect();
        match words[..] {
            ["bind", "tcp", which, local] => {
                let socket = &self.tcp(which).socket;
                let bound = start_bind(socket, address(local));
                told(bound.and_then(|()| socket.finish_bind()))
            }
            ["bind", "udp", which, local] => {
                let udp = self.udp(which);
                let bound = udp.start_bind(address(local));
                told(bound.and_then(|()| udp.socket.finish_bind()))
            }
            ["start-bind", "tcp", which, local] => {
                told(start_bind(&self.tcp(which).socket, address(local)))
            }
            ["start-bind", "udp", which, local] => told(self.udp(which).start_bind(address(local))),
            ["finish-bind", "tcp", which] => told(self.tcp(which).socket.finish_bind()),
            ["finish-bind", "udp", which] => told(self.udp(which).socket.finish_bind()),
            ["listen", which] => {
                let socket = &self.tcp(which).socket;
                told(socket.start_listen().and_then(|()| socket.finish_listen()))
            }
            ["start-listen", which] => told(self.tcp(which).socket.start_listen()),
            ["finish-listen", which] => told(self.tcp(which).socket.finish_listen()),
            ["accept", which, kept, peers] => {
                let (heard, accepted) = accept(&self.tcp(which).socket, &listed(peers));
                if kept == "keep" {
                    accepted
                        .into_iter()
                        .for_each(|tcp| keep(&mut self.tcp, tcp));
                }
                heard
            }
            ["connect", which, remote] => connect(self.tcp(which), address(remote)),
            ["start-connect", which, remote] => {
                let remote = address(remote);
                let socket = &self.tcp(which).socket;
                let started = socket.start_connect(&instance_network(), wit(remote));
                // wasmtime's own begins when it is waited for.
                if started.is_ok() && !is_far(remote.ip()) {
                    wait(socket.subscribe());
                }
                told(started)
            }
            ["finish-connect", which] => finish_connect(self.tcp(which), false),
            ["names", "tcp", which] => {
                let socket = &self.tcp(which).socket;
                let (local, remote) = (socket.local_address(), socket.remote_address());
                let listening = socket.is_listening();
                format!("{}, {}, {listening}", named(local), named(remote))
            }
            ["names", "udp", which] => {
                let socket = &self.udp(which).socket;
                let (local, remote) = (socket.local_address(), socket.remote_address());
                format!("{}, {}", named(local), named(remote))
            }
            ["stream", which, "-"] => stream(self.udp(which), None),
            ["stream", which, remote] => stream(self.udp(which), Some(address(remote))),
            ["send", which, receivers] => {
                let receivers = receivers.split(',').map(|to| match to {
                    "-" => None,
                    to => Some(address(to)),
                });
                send(self.udp(which), &receivers.collect::<Vec<_>>())
            }
            ["receive", which, senders] => receive(self.udp(which), &listed(senders)),
            ["resolve", name] => match look_up(name) {
                Ok(answers) => format!("{answers:?}"),
                Err(error) => error,
            },
            ["connect-name", name, port] => match look_up(name).as_deref() {
                Ok([answer, ..]) => {
                    let remote = SocketAddr::new(*answer, port.parse().expect("a port"));
                    connect(self.tcp(fresh(remote)), remote)
                }
                Ok([]) => "no answers".to_owned(),
                Err(error) => error.clone(),
            },
            ["send-name", name, port] => match look_up(name).as_deref() {
                Ok([answer, ..]) => {
                    let remote = SocketAddr::new(*answer, port.parse().expect("a port"));
                    let udp = self.udp(fresh(remote));
                    let any = SocketAddr::new(unspecified(remote), 0);
                    let bound = udp.start_bind(any);
                    let bound = told(bound.and_then(|()| udp.socket.finish_bind()));
                    format!(
                        "{bound}, {}, {}",
                        stream(udp, None),
                        send(udp, &[Some(remote)])
                    )
                }
                Ok([]) => "no answers".to_owned(),
                Err(error) => error.clone(),
            },
            ["drop", "tcp"] => {
                forget(self.tcp.pop());
                String::new()
            }
            ["drop", "udp"] => {
                forget(self.udp.pop());
                String::new()
            }
            _ => panic!("no operation {operation:?}"),
        }
    }

    /// A fresh socket of a family, the last one, or the one of a number.
    fn tcp(&mut self, which: &str) -> &mut Tcp {
        if let Some(family) = family(which, self.tcp.is_empty()) {
            let socket = create_tcp_socket(family).expect("a socket");
            keep(
                &mut self.tcp,
                Tcp {
                    streams: None,
                    socket,
                },
            );
        }
        chosen(&mut self.tcp, which)
    }

    fn udp(&mut self, which: &str) -> &mut Udp {
        if let Some(family) = family(which, self.udp.is_empty()) {
            let socket = create_udp_socket(family).expect("a socket");
            keep(
                &mut self.udp,
                Udp {
                    streams: None,
                    socket,
                    chosen: false,
                },
            );
        }
        chosen(&mut self.udp, which)
    }
}

/// Of the socket that is to be made, if one is.
fn family(which: &str, none: bool) -> Option<IpAddressFamily> {
    match which {
        "fresh6" => Some(IpAddressFamily::Ipv6),
        "fresh4" => Some(IpAddressFamily::Ipv4),
        _ => none.then_some(IpAddressFamily::Ipv4),
    }
}

fn keep<T>(kept: &mut Vec<T>, socket: T) {
    if kept.len() == KEPT {
        forget(Some(kept.remove(0)));
    }
    kept.push(socket);
}

/// wasmtime's own socket is closed once what it does at that time is dropped too.
fn forget<T>(socket: Option<T>) {
    drop(socket);
    runner::settle();
}

fn chosen<'a, T>(kept: &'a mut [T], which: &str) -> &'a mut T {
    let index = match which.parse::<usize>() {
        Ok(number) => number % kept.len(),
        Err(_last) => kept.len() - 1,
    };
    &mut kept[index]
}

fn fresh(remote: SocketAddr) -> &'static str {
    match remote {
        SocketAddr::V4(_) => "fresh4",
        SocketAddr::V6(_) => "fresh6",
    }
}

fn start_bind(socket: &TcpSocket, local: SocketAddr) -> Result<()> {
    socket.start_bind(&instance_network(), wit(local))
}

/// Whom a listener accepts of those that connect, and what it says then; of the
/// others whether their connections have ended.
fn accept(listener: &TcpSocket, peers: &[&str]) -> (String, Vec<Tcp>) {
    let local = listener
        .local_address()
        .map(|local| reached_at(plain(local)));
    let connect = |peer: &&&str| match local {
        Ok(local) => runner::connect_from(peer, &local.to_string()),
        Err(_unbound) => false,
    };
    let mut unheard: Vec<&&str> = peers.iter().filter(connect).collect();
    if !unheard.is_empty() && listener.is_listening() {
        wait(listener.subscribe());
    }
    runner::settle();
    let (mut heard, mut accepted) = (Vec::new(), Vec::new());
    let end = loop {
        match listener.accept() {
            Ok((socket, input, output)) => {
                let peer = socket.remote_address().map(|peer| plain(peer).ip());
                let peer = peer.map_or_else(|error| told(Err(error)), |peer| peer.to_string());
                unheard.retain(|name| **name != peer);
                heard.push(peer);
                accepted.push(Tcp {
                    streams: Some((input, output)),
                    socket,
                });
            }
            Err(error) => break told(Err(error)),
        }
    };
    if !listener.is_listening() {
        return (format!("{heard:?}, {end}"), accepted);
    }
    unheard.retain(|peer| !runner::has_ended(peer));
    (format!("{heard:?}, {end}, waiting: {unheard:?}"), accepted)
}

fn connect(tcp: &mut Tcp, remote: SocketAddr) -> String {
    let started = tcp.socket.start_connect(&instance_network(), wit(remote));
    match started {
        Ok(()) => finish_connect(tcp, !is_far(remote.ip())),
        Err(error) => format!("not begun: {}", told(Err(error))),
    }
}

/// Of what is on this machine or has no route, the end is waited for.
fn finish_connect(tcp: &mut Tcp, near: bool) -> String {
    let mut tries = 0;
    told(loop {
        match tcp.socket.finish_connect() {
            Ok(streams) => {
                tcp.streams = Some(streams);
                break Ok(());
            }
            Err(ErrorCode::WouldBlock) if tries < 3 => {
                tries += 1;
                match near {
                    true => wait(tcp.socket.subscribe()),
                    false => runner::settle(),
                }
            }
            Err(error) => break Err(error),
        }
    })
}

/// Where packets get lost.
fn is_far(ip: IpAddr) -> bool {
    let far = ["9.9.9.9", "2620:fe::fe"].map(|ip| ip.parse().expect("an address"));
    far.contains(&ip)
}

fn stream(udp: &mut Udp, remote: Option<SocketAddr>) -> String {
    if udp.chosen && remote.is_none() && udp.socket.remote_address().is_ok() {
        // wasmtime's own socket loses its port then, as Linux has it, and hears nobody.
        return "left out".to_owned();
    }
    forget(udp.streams.take());
    told(udp.socket.stream(remote.map(wit)).map(|streams| {
        udp.streams = Some(streams);
    }))
}

fn send(udp: &Udp, receivers: &[Option<SocketAddr>]) -> String {
    let Some((_, output)) = &udp.streams else {
        return "no streams".to_owned();
    };
    let mut tries = 0;
    loop {
        let permitted = output.check_send();
        if !permitted.is_ok_and(|permitted| permitted >= receivers.len() as u64) {
            return format!("not permitted: {permitted:?}");
        }
        let datagrams = receivers.iter().map(|to| OutgoingDatagram {
            data: b"x".to_vec(),
            remote_address: to.map(wit),
        });
        match output.send(&datagrams.collect::<Vec<_>>()) {
            // Of what was sent before.
            Err(ErrorCode::ConnectionRefused) if tries < 3 => tries += 1,
            Ok(sent) => return format!("{sent} sent"),
            Err(error) => return told(Err(error)),
        }
    }
}

/// Whom a socket hears of those that send.
fn receive(udp: &Udp, senders: &[&str]) -> String {
    let Some((input, _)) = &udp.streams else {
        return "no streams".to_owned();
    };
    if let Ok(local) = udp.socket.local_address() {
        let to = reached_at(plain(local)).to_string();
        for sender in senders {
            runner::send_from(sender, &to);
        }
    }
    runner::settle();
    let (mut heard, mut tries) = (Vec::new(), 0);
    let end = loop {
        match input.receive(8) {
            Ok(datagrams) if datagrams.is_empty() => break String::new(),
            Ok(datagrams) => heard.extend(datagrams.into_iter().map(|datagram| {
                let sender = plain(datagram.remote_address);
                // Of the others the kernel chose the port.
                match sender.port() < 30_000 {
                    true => sender.to_string(),
                    false => sender.ip().to_string(),
                }
            })),
            Err(ErrorCode::ConnectionRefused) if tries < 3 => tries += 1,
            Err(error) => break told(Err(error)),
        }
    };
    format!("{heard:?} {end}")
}

/// The answers, or what was said instead.
fn look_up(name: &str) -> std::result::Result<Vec<IpAddr>, String> {
    let name = if name == "\"\"" { "" } else { name };
    // How a look-up fails that was let through is for each host to say.
    let failure = |error| match error {
        ErrorCode::AccessDenied | ErrorCode::InvalidArgument => told(Err(error)),
        _ => "it failed".to_owned(),
    };
    let answers = resolve_addresses(&instance_network(), name).map_err(failure)?;
    answers.subscribe().block();
    let mut addresses: Vec<IpAddr> = Vec::new();
    while let Some(address) = answers.resolve_next_address().map_err(failure)? {
        addresses.push(match address {
            IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
        });
    }
    Ok(addresses)
}

/// Waits for what is to happen soon.
fn wait(happens: Pollable) {
    let patience = subscribe_duration(PATIENCE);
    if poll(&[&happens, &patience]) == [1] {
        eprintln!("waited in vain");
    }
}

/// Where a peer of this machine reaches who is bound there.
fn reached_at(local: SocketAddr) -> SocketAddr {
    let ip = match local.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, local.port())
}

fn unspecified(of: SocketAddr) -> IpAddr {
    match of {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

fn told(result: Result<()>) -> String {
    match result {
        Ok(()) => "ok".to_owned(),
        Err(error) => error.name().to_owned(),
    }
}

/// An address without the port, which the kernel may have chosen.
fn named(address: Result<IpSocketAddress>) -> String {
    match address {
        Ok(address) => plain(address).ip().to_string(),
        Err(error) => error.name().to_owned(),
    }
}

fn listed(text: &str) -> Vec<&str> {
    match text {
        "-" => Vec::new(),
        text => text.split(',').collect(),
    }
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn wit(address: SocketAddr) -> IpSocketAddress {
    match address {
        SocketAddr::V4(address) => IpSocketAddress::Ipv4(Ipv4SocketAddress {
            port: address.port(),
            address: address.ip().octets().into(),
        }),
        SocketAddr::V6(address) => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port: address.port(),
            flow_info: address.flowinfo(),
            address: address.ip().segments().into(),
            scope_id: address.scope_id(),
        }),
    }
}

fn plain(address: IpSocketAddress) -> SocketAddr {
    match address {
        IpSocketAddress::Ipv4(address) => {
            let (a, b, c, d) = address.address;
            SocketAddrV4::new([a, b, c, d].into(), address.port).into()
        }
        IpSocketAddress::Ipv6(address) => {
            let (a, b, c, d, e, f, g, h) = address.address;
            let ip = [a, b, c, d, e, f, g, h].into();
            SocketAddrV6::new(ip, address.port, address.flow_info, address.scope_id).into()
        }
    }
}
