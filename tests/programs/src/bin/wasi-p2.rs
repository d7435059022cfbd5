//! `wasi:sockets` 0.2 by its own functions: states, errors, options, the ends of
//! streams, datagrams and names. The cases take the address family as a host.

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
            package test:p2;
            world command {
                import wasi:sockets/instance-network@0.2.12;
                import wasi:sockets/tcp-create-socket@0.2.12;
                import wasi:sockets/udp-create-socket@0.2.12;
                import wasi:sockets/ip-name-lookup@0.2.12;
            }
        ",
        world: "test:p2/command",
        generate_all,
    });
}

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::process::exit;

use bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use bindings::wasi::sockets0_2_12::instance_network::instance_network;
use bindings::wasi::sockets0_2_12::ip_name_lookup::resolve_addresses;
use bindings::wasi::sockets0_2_12::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use bindings::wasi::sockets0_2_12::tcp::{ShutdownType, TcpSocket};
use bindings::wasi::sockets0_2_12::tcp_create_socket::create_tcp_socket;
use bindings::wasi::sockets0_2_12::udp::{
    IncomingDatagramStream, OutgoingDatagram, OutgoingDatagramStream, UdpSocket,
};
use bindings::wasi::sockets0_2_12::udp_create_socket::create_udp_socket;
use capsock_test_programs::{args, pattern};

type Result<T> = std::result::Result<T, ErrorCode>;

const SECOND: u64 = 1_000_000_000;

/// More than a small buffer of the kernel takes at once.
const MUCH: usize = 64 * 1024;

fn main() {
    let args = args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["states", host] => states(ip(host)),
        ["addresses", host] => addresses(ip(host)),
        ["options", host] => options(ip(host)),
        ["streams", host] => streams(ip(host)),
        ["datagrams", host] => datagrams(ip(host)),
        ["names"] => names(),
        ["shutdown-late", address] => shutdown_late(parse(address)),
        ["send-and", how, address] => send_and(how, parse(address)),
        ["reset", address] => reset(parse(address)),
        _ => panic!("no case {args:?}"),
    }
    println!("ok");
}

/// What each operation says before a socket is in the state for it.
fn states(ip: IpAddr) {
    let local = SocketAddr::new(ip, 0);
    let network = instance_network();
    let socket = tcp(ip);
    assert_unconnected(&socket);
    fails(socket.local_address(), ErrorCode::InvalidState);
    fails(socket.start_listen(), ErrorCode::InvalidState);
    assert_settable(&socket);

    socket.start_bind(&network, wit(local)).expect("start-bind");
    fails(
        socket.start_bind(&network, wit(local)),
        ErrorCode::ConcurrencyConflict,
    );
    socket.finish_bind().expect("finish-bind");
    assert_unconnected(&socket);
    fails(
        socket.start_bind(&network, wit(local)),
        ErrorCode::InvalidState,
    );
    assert_settable(&socket);

    socket.start_listen().expect("start-listen");
    socket.finish_listen().expect("finish-listen");
    assert!(socket.is_listening());
    let to = socket.local_address().expect("local-address");
    fails(
        socket.start_bind(&network, wit(local)),
        ErrorCode::InvalidState,
    );
    fails(socket.start_connect(&network, to), ErrorCode::InvalidState);
    fails(socket.start_listen(), ErrorCode::InvalidState);
    fails(socket.finish_listen(), ErrorCode::NotInProgress);
    fails(socket.shutdown(ShutdownType::Both), ErrorCode::InvalidState);
    fails(socket.remote_address(), ErrorCode::InvalidState);
    assert_settable(&socket);
    fails(socket.accept(), ErrorCode::WouldBlock);

    let (client, _input, _output) = connect(plain(to));
    fails(
        client.start_bind(&network, wit(local)),
        ErrorCode::InvalidState,
    );
    fails(client.start_connect(&network, to), ErrorCode::InvalidState);
    fails(client.finish_connect(), ErrorCode::NotInProgress);
    fails(client.start_listen(), ErrorCode::InvalidState);
    fails(client.accept(), ErrorCode::InvalidState);
    assert_eq!(
        client.remote_address().map(plain).expect("remote-address"),
        plain(to)
    );
    assert_settable(&client);
    for _again in 0..2 {
        client.shutdown(ShutdownType::Both).expect("shutdown");
    }

    // Nobody listens any more.
    let (accepted, input, output) = accept(&socket);
    drop((input, output));
    drop((accepted, socket));
    let client = tcp(ip);
    client.start_connect(&network, to).expect("start-connect");
    client.subscribe().block();
    fails(client.finish_connect(), ErrorCode::ConnectionRefused);
    fails(client.finish_connect(), ErrorCode::NotInProgress);
}

/// Of a socket that neither listens nor is connected.
fn assert_unconnected(socket: &TcpSocket) {
    fails(socket.finish_bind(), ErrorCode::NotInProgress);
    fails(socket.finish_connect(), ErrorCode::NotInProgress);
    fails(socket.finish_listen(), ErrorCode::NotInProgress);
    fails(socket.accept(), ErrorCode::InvalidState);
    fails(socket.shutdown(ShutdownType::Both), ErrorCode::InvalidState);
    fails(socket.remote_address(), ErrorCode::InvalidState);
    assert!(!socket.is_listening());
}

/// Options can be set in every state.
fn assert_settable(socket: &TcpSocket) {
    socket.set_keep_alive_enabled(false).expect("keep-alive");
    socket.set_keep_alive_idle_time(1).expect("idle time");
    socket.set_keep_alive_interval(1).expect("interval");
    socket.set_keep_alive_count(1).expect("count");
    socket.set_hop_limit(255).expect("hop limit");
    socket
        .set_receive_buffer_size(16_000)
        .expect("receive buffer");
    socket.set_send_buffer_size(16_000).expect("send buffer");
}

/// Which addresses can be bound and connected to.
fn addresses(ip: IpAddr) {
    let network = instance_network();
    let other: IpAddr = match ip {
        IpAddr::V4(_) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => [127, 0, 0, 1].into(),
    };
    let (unspecified, many, elsewhere): (IpAddr, &[&str], &str) = match ip {
        IpAddr::V4(_) => (
            [0, 0, 0, 0].into(),
            &["224.254.0.0", "255.255.255.255"],
            "192.0.2.1",
        ),
        IpAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), &["ff00::"], "2001:db8::1"),
    };
    for bad in many.iter().map(|ip| ip.parse().expect("an address")) {
        fails(bind(&tcp(ip), bad, 0), ErrorCode::InvalidArgument);
        fails(begin(&tcp(ip), bad, 47), ErrorCode::InvalidArgument);
    }
    fails(bind(&tcp(ip), other, 0), ErrorCode::InvalidArgument);
    fails(
        bind_datagram(&udp(ip), other, 0),
        ErrorCode::InvalidArgument,
    );
    fails(begin(&tcp(ip), other, 47), ErrorCode::InvalidArgument);
    fails(begin(&tcp(ip), unspecified, 47), ErrorCode::InvalidArgument);
    fails(begin(&tcp(ip), ip, 0), ErrorCode::InvalidArgument);
    let elsewhere = elsewhere.parse().expect("an address");
    fails(bind(&tcp(ip), elsewhere, 0), ErrorCode::AddressNotBindable);
    if ip.is_ipv6() {
        let mapped: IpAddr = "::ffff:127.0.0.1".parse().expect("an address");
        fails(bind(&tcp(ip), mapped, 0), ErrorCode::InvalidArgument);
        fails(begin(&tcp(ip), mapped, 47), ErrorCode::InvalidArgument);
    }

    let listener = listen(ip);
    let to = local(&listener);
    assert_eq!(to.ip(), ip);
    fails(bind(&tcp(ip), ip, to.port()), ErrorCode::AddressInUse);
    // A client may have an address of its own.
    let client = tcp(ip);
    bind(&client, ip, 0).expect("bind");
    let own = local(&client);
    begin(&client, ip, to.port()).expect("start-connect");
    client.subscribe().block();
    let streams = client.finish_connect().expect("finish-connect");
    let (accepted, input, output) = accept(&listener);
    let peer = accepted.remote_address().expect("remote-address");
    assert_eq!(plain(peer), own);
    // Who ends first keeps the port, and it can be bound all the same.
    drop((input, output));
    drop(accepted);
    drop(listener);
    let again = tcp(ip);
    let socket = &again;
    socket
        .start_bind(&network, wit(to))
        .and_then(|()| socket.finish_bind())
        .expect("an address in TIME_WAIT can be bound");
    drop(streams);
}

/// The bounds of options, and which ones an accepted socket inherits.
fn options(ip: IpAddr) {
    let socket = tcp(ip);
    let invalid = ErrorCode::InvalidArgument;
    fails(socket.set_listen_backlog_size(0), invalid);
    fails(socket.set_keep_alive_idle_time(0), invalid);
    fails(socket.set_keep_alive_interval(0), invalid);
    fails(socket.set_keep_alive_count(0), invalid);
    fails(socket.set_hop_limit(0), invalid);
    fails(socket.set_receive_buffer_size(0), invalid);
    fails(socket.set_send_buffer_size(0), invalid);
    for value in [1, u64::MAX] {
        socket.set_listen_backlog_size(value).expect("backlog");
        socket.set_keep_alive_idle_time(value).expect("idle time");
        socket.set_keep_alive_interval(value).expect("interval");
        socket
            .set_receive_buffer_size(value)
            .expect("receive buffer");
        socket.set_send_buffer_size(value).expect("send buffer");
    }
    socket.set_keep_alive_count(u32::MAX).expect("count");
    socket.set_keep_alive_idle_time(1).expect("idle time");
    let idle = socket.keep_alive_idle_time().expect("idle time");
    assert!((1..=SECOND).contains(&idle), "{idle}");

    let listener = tcp(ip);
    bind(&listener, ip, 0).expect("bind");
    listener.start_listen().expect("start-listen");
    listener.finish_listen().expect("finish-listen");
    set(&listener, 42);
    assert_set(&listener, 42);
    let (_client, _client_input, _client_output) = connect(local(&listener));
    let (accepted, _input, _output) = accept(&listener);
    assert_set(&accepted, 42);
    // Neither has the other's from then on.
    set(&listener, 43);
    assert_set(&listener, 43);
    assert_set(&accepted, 42);
}

fn set(socket: &TcpSocket, value: u8) {
    socket
        .set_keep_alive_enabled(value.is_multiple_of(2))
        .expect("set");
    let time = u64::from(value) * SECOND;
    socket.set_keep_alive_idle_time(time).expect("set");
    socket.set_keep_alive_interval(time).expect("set");
    socket.set_keep_alive_count(value.into()).expect("set");
    socket.set_hop_limit(value).expect("set");
    let size = u64::from(value) * 1024;
    socket.set_receive_buffer_size(size).expect("set");
    socket.set_send_buffer_size(size).expect("set");
}

fn assert_set(socket: &TcpSocket, value: u8) {
    assert_eq!(socket.keep_alive_enabled(), Ok(value.is_multiple_of(2)));
    let time = u64::from(value) * SECOND;
    assert_eq!(socket.keep_alive_idle_time(), Ok(time));
    assert_eq!(socket.keep_alive_interval(), Ok(time));
    assert_eq!(socket.keep_alive_count(), Ok(value.into()));
    assert_eq!(socket.hop_limit(), Ok(value));
    let size = u64::from(value) * 1024;
    assert_eq!(socket.receive_buffer_size(), Ok(size));
    assert_eq!(socket.send_buffer_size(), Ok(size));
}

/// How streams end, and that nothing is lost by it.
fn streams(ip: IpAddr) {
    let listener = listen(ip);
    let pair = || (connect(local(&listener)), accept(&listener));

    // The peer ends: closed, and not nothing for now.
    let ((_client, input, _output), (server, ..)) = pair();
    assert!(input.read(10).expect("nothing yet").is_empty());
    server.shutdown(ShutdownType::Both).expect("shutdown");
    input.subscribe().block();
    closed(input.read(10));
    closed(input.read(0));
    closed(input.blocking_read(1));

    // Its own end, with data that nobody has read.
    let ((client, input, _output), (_server, _, server_output)) = pair();
    write_all(&server_output, b"unread");
    input.subscribe().block();
    client.shutdown(ShutdownType::Receive).expect("shutdown");
    closed(input.read(10));
    closed(input.read(0));

    // Writing after the end.
    let ((client, _input, output), (_server, server_input, _)) = pair();
    assert!(output.check_write().expect("check-write") > 0);
    client.shutdown(ShutdownType::Send).expect("shutdown");
    closed(output.write(b"late"));
    closed(output.check_write());
    closed(output.flush());
    closed(server_input.blocking_read(1));

    // A shutdown with what the kernel has not taken.
    for how in [ShutdownType::Send, ShutdownType::Both] {
        let ((client, _input, output), (_server, server_input, _)) = pair();
        write_much(&client, &output);
        client.shutdown(how).expect("shutdown");
        assert!(read_to_end(&server_input) == pattern(MUCH));
        output.subscribe().block();
        closed(output.check_write());
    }
    // Dropped, or read by its peer before the shutdown.
    let ((client, input, output), (_server, server_input, _)) = pair();
    write_much(&client, &output);
    drop((input, output));
    drop(client);
    assert!(read_to_end(&server_input) == pattern(MUCH));
    let ((client, _input, output), (_server, server_input, _)) = pair();
    write_much(&client, &output);
    assert!(read(&server_input, MUCH) == pattern(MUCH));
    client.shutdown(ShutdownType::Send).expect("shutdown");
    closed(server_input.blocking_read(1));
    // A flush waits for it.
    let ((client, _input, output), (_server, server_input, _)) = pair();
    write_much(&client, &output);
    assert_eq!(output.check_write().expect("check-write"), 0);
    output.write(&[]).expect("nothing is always permitted");
    assert!(read(&server_input, MUCH) == pattern(MUCH));
    output.blocking_flush().expect("flush");
    assert!(output.check_write().expect("check-write") > 0);

    // Small writes are not held back.
    let ((client, _input, output), (_server, server_input, _)) = pair();
    for _byte in 0..300 {
        assert!(output.check_write().expect("check-write") > 0);
        output.write(b"x").expect("write");
    }
    client.shutdown(ShutdownType::Send).expect("shutdown");
    assert_eq!(read_to_end(&server_input), [b'x'; 300]);
}

/// Datagrams, and what a peer changes.
fn datagrams(ip: IpAddr) {
    let network = instance_network();
    let unbound = udp(ip);
    fails(unbound.finish_bind(), ErrorCode::NotInProgress);
    fails(unbound.stream(None), ErrorCode::InvalidState);
    fails(unbound.local_address(), ErrorCode::InvalidState);
    fails(unbound.remote_address(), ErrorCode::InvalidState);
    fails(unbound.set_unicast_hop_limit(0), ErrorCode::InvalidArgument);
    unbound.set_unicast_hop_limit(9).expect("hop limit");

    let (one, other) = (bound(ip), bound(ip));
    fails(
        one.start_bind(&network, wit(SocketAddr::new(ip, 0))),
        ErrorCode::InvalidState,
    );
    let (here, there) = (local_datagram(&one), local_datagram(&other));
    for bad in [
        SocketAddr::new(ip, 0),
        SocketAddr::new(IpAddr::from([0, 0, 0, 0]), there.port()),
        SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), there.port()),
        "[::ffff:127.0.0.1]:9".parse().expect("an address"),
    ] {
        fails(one.stream(Some(wit(bad))), ErrorCode::InvalidArgument);
    }
    fails(one.remote_address(), ErrorCode::InvalidState);

    let (_, other_out) = other.stream(None).expect("stream");
    for _again in 0..3 {
        // With a peer: what others send is not seen, and nobody else is sent to.
        let (input, output) = one.stream(Some(wit(there))).expect("stream");
        assert_eq!(one.remote_address().map(plain), Ok(there));
        send(&output, b"to the peer", None).expect("send");
        send(&output, b"by its name", Some(there)).expect("send");
        fails(
            send(&output, b"to me", Some(here)),
            ErrorCode::InvalidArgument,
        );
        send(&other_out, b"answer", Some(here)).expect("send");
        assert_eq!(receive(&input), (b"answer".to_vec(), there));
        drop((input, output));
        // Without one again: the address stays.
        let (input, output) = one.stream(None).expect("stream");
        fails(one.remote_address(), ErrorCode::InvalidState);
        assert_eq!(local_datagram(&one), here);
        fails(send(&output, b"to whom", None), ErrorCode::InvalidArgument);
        send(&other_out, b"still there", Some(here)).expect("send");
        assert_eq!(receive(&input), (b"still there".to_vec(), there));
    }
    let (input, output) = one.stream(None).expect("stream");
    let much = vec![0; 65_530];
    fails(
        send(&output, &much, Some(there)),
        ErrorCode::DatagramTooLarge,
    );
    send(&output, b"", Some(here)).expect("send");
    assert_eq!(receive(&input), (Vec::new(), here));
}

/// Addresses as text, and what is no name.
fn names() {
    for (name, address) in [
        ("0.0.0.0", "0.0.0.0"),
        ("127.0.0.1", "127.0.0.1"),
        ("::", "::"),
        ("::1", "::1"),
        ("[::]", "::"),
        ("[::1]", "::1"),
        ("2001:0db8:0:0:0:0:0:0", "2001:db8::"),
        ("DEAD:BEEF::0", "dead:beef::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        assert_eq!(look_up(name), Ok(vec![ip(address)]), "{name}");
    }
    for invalid in [
        "",
        " ",
        ".",
        "a..b",
        "a.b<&>",
        "127.0.0.1:80",
        "[::]:80",
        "[127.0.0.1]",
        "[::1",
        "http://example.com/",
        "\u{ff11}.2.3.4",
    ] {
        assert_eq!(
            look_up(invalid),
            Err(ErrorCode::InvalidArgument),
            "{invalid}"
        );
    }
    // Names that nobody has granted, in ASCII or not.
    for name in ["example.com", "m\u{fc}nchen.example"] {
        assert_eq!(look_up(name), Err(ErrorCode::AccessDenied), "{name}");
    }
    let local = look_up("localhost").expect("it needs no grant");
    assert!(local.iter().all(IpAddr::is_loopback), "{local:?}");
}

fn look_up(name: &str) -> Result<Vec<IpAddr>> {
    let answers = resolve_addresses(&instance_network(), name)?;
    answers.subscribe().block();
    let mut addresses = Vec::new();
    while let Some(address) = answers.resolve_next_address()? {
        addresses.push(match address {
            IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
        });
    }
    Ok(addresses)
}

/// Ends sending once the peer says that it has read all.
fn shutdown_late(to: SocketAddr) {
    let (socket, input, output) = connect(to);
    write_much(&socket, &output);
    assert_eq!(input.blocking_read(1).expect("read"), b"!");
    socket.shutdown(ShutdownType::Send).expect("shutdown");
    closed(input.blocking_read(1));
}

/// Writes more than the kernel takes, and ends.
fn send_and(how: &str, to: SocketAddr) {
    let (socket, input, output) = connect(to);
    write_much(&socket, &output);
    match how {
        "drop" => drop((input, output, socket)),
        "exit" => exit(0),
        "trap" => panic!("on purpose"),
        _ => panic!("no way to end: {how}"),
    }
}

/// A peer that resets while the rest is being sent: told once.
fn reset(to: SocketAddr) {
    for flush in [false, true] {
        let (socket, _input, output) = connect(to);
        write_much(&socket, &output);
        output.subscribe().block();
        let told = match flush {
            true => output.flush(),
            false => output.check_write().map(drop),
        };
        let Err(StreamError::LastOperationFailed(error)) = told else {
            panic!("the reset is not told: {told:?}");
        };
        println!("{}", error.to_debug_string());
        closed(output.check_write());
        closed(output.flush());
    }
}

fn write_much(socket: &TcpSocket, output: &OutputStream) {
    socket.set_send_buffer_size(1024).expect("send buffer");
    output.subscribe().block();
    assert!(output.check_write().expect("check-write") >= MUCH as u64);
    output.write(&pattern(MUCH)).expect("write");
}

fn write_all(output: &OutputStream, data: &[u8]) {
    output.blocking_write_and_flush(data).expect("write");
}

fn read(input: &InputStream, length: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < length {
        let left = (length - all.len()) as u64;
        all.extend(input.blocking_read(left).expect("read"));
    }
    all
}

fn read_to_end(input: &InputStream) -> Vec<u8> {
    let mut all = Vec::new();
    loop {
        match input.blocking_read(MUCH as u64) {
            Ok(data) => all.extend(data),
            Err(StreamError::Closed) => return all,
            Err(error) => panic!("{error:?}"),
        }
    }
}

fn tcp(ip: IpAddr) -> TcpSocket {
    create_tcp_socket(family(ip)).expect("create-tcp-socket")
}

fn bind(socket: &TcpSocket, ip: IpAddr, port: u16) -> Result<()> {
    socket.start_bind(&instance_network(), wit(SocketAddr::new(ip, port)))?;
    socket.subscribe().block();
    socket.finish_bind()
}

fn listen(ip: IpAddr) -> TcpSocket {
    let socket = tcp(ip);
    bind(&socket, ip, 0).expect("bind");
    socket.start_listen().expect("start-listen");
    socket.finish_listen().expect("finish-listen");
    socket
}

fn accept(listener: &TcpSocket) -> (TcpSocket, InputStream, OutputStream) {
    listener.subscribe().block();
    listener.accept().expect("accept")
}

/// Begins to connect.
fn begin(socket: &TcpSocket, ip: IpAddr, port: u16) -> Result<()> {
    socket.start_connect(&instance_network(), wit(SocketAddr::new(ip, port)))
}

fn connect(to: SocketAddr) -> (TcpSocket, InputStream, OutputStream) {
    let socket = tcp(to.ip());
    begin(&socket, to.ip(), to.port()).expect("start-connect");
    socket.subscribe().block();
    let (input, output) = socket.finish_connect().expect("finish-connect");
    (socket, input, output)
}

fn local(socket: &TcpSocket) -> SocketAddr {
    socket.local_address().map(plain).expect("local-address")
}

fn udp(ip: IpAddr) -> UdpSocket {
    create_udp_socket(family(ip)).expect("create-udp-socket")
}

fn bind_datagram(socket: &UdpSocket, ip: IpAddr, port: u16) -> Result<()> {
    socket.start_bind(&instance_network(), wit(SocketAddr::new(ip, port)))?;
    socket.finish_bind()
}

fn bound(ip: IpAddr) -> UdpSocket {
    let socket = udp(ip);
    bind_datagram(&socket, ip, 0).expect("bind");
    socket
}

fn local_datagram(socket: &UdpSocket) -> SocketAddr {
    socket.local_address().map(plain).expect("local-address")
}

fn send(output: &OutgoingDatagramStream, data: &[u8], to: Option<SocketAddr>) -> Result<()> {
    output.subscribe().block();
    assert!(output.check_send()? > 0);
    let datagram = OutgoingDatagram {
        data: data.to_vec(),
        remote_address: to.map(wit),
    };
    assert_eq!(output.send(&[datagram])?, 1);
    Ok(())
}

fn receive(input: &IncomingDatagramStream) -> (Vec<u8>, SocketAddr) {
    input.subscribe().block();
    let mut datagrams = input.receive(1).expect("receive");
    let datagram = datagrams.pop().expect("a datagram");
    (datagram.data, plain(datagram.remote_address))
}

fn fails<T: std::fmt::Debug>(result: Result<T>, error: ErrorCode) {
    assert_eq!(result.err(), Some(error));
}

fn closed<T: std::fmt::Debug>(result: std::result::Result<T, StreamError>) {
    assert!(matches!(result, Err(StreamError::Closed)), "{result:?}");
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

fn parse(text: &str) -> SocketAddr {
    text.parse().expect("an address and a port")
}

fn family(ip: IpAddr) -> IpAddressFamily {
    match ip {
        IpAddr::V4(_) => IpAddressFamily::Ipv4,
        IpAddr::V6(_) => IpAddressFamily::Ipv6,
    }
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
