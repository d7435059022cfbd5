//! A command of WASI 0.3. The cases have the names of those of `attack` and
//! `std`, and print the same.

// Its export is none that other linkers have a name for.
#![cfg(target_family = "wasm")]

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
            package test:p3;
            world command {
                import wasi:sockets/types@0.3.0;
                import wasi:sockets/ip-name-lookup@0.3.0;
                export wasi:cli/run@0.3.0;
            }
            package wasi:cli@0.3.0 {
                interface run {
                    run: async func() -> result;
                }
            }
        ",
        world: "test:p3/command",
        generate_all,
    });
}

use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::task::Poll;

use bindings::exports::wasi::cli::run::Guest;
use bindings::wasi::sockets0_3_0::ip_name_lookup::{self, resolve_addresses};
use bindings::wasi::sockets0_3_0::types::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
    TcpSocket, UdpSocket,
};
use bindings::wit_stream;

type Result<T> = std::result::Result<T, ErrorCode>;

/// More than a call may copy into the host.
const LONG: usize = 9 << 20;

struct Command;

#[allow(unsafe_code, reason = "generated")]
mod export {
    use super::{Command, bindings};
    bindings::export!(Command with_types_in bindings);
}

impl Guest for Command {
    async fn run() -> std::result::Result<(), ()> {
        let args: Vec<String> = std::env::args().skip(1).collect();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let result = match args[..] {
            ["connect", "tcp", host, port] => connect(address(host, port)).await,
            ["connect", "udp", host, port] => connect_datagram(address(host, port)).await,
            ["send", host, port] => send(address(host, port)).await,
            ["send-connected", host, port, other, other_port] => {
                send_connected(address(host, port), address(other, other_port)).await
            }
            ["bind", "tcp", host, port] => bind(address(host, port)).map(drop),
            ["bind", "udp", host, port] => bind_datagram(address(host, port)).map(drop),
            ["listen", "tcp", host, port] => {
                bind(address(host, port)).and_then(|socket| socket.listen().map(drop))
            }
            ["listen-unbound", host] => TcpSocket::create(family(address(host, "0").ip()))
                .and_then(|socket| socket.listen().map(drop)),
            ["look-up", name] => return look_up(name).await,
            ["look-up-long"] => return look_up(&"a".repeat(LONG)).await,
            ["connect-name", name, port] => connect_name(name, port).await,
            ["connect-each", name, port] => return connect_each(name, port).await,
            ["exhaust"] => exhaust(),
            ["trap"] => panic!("on purpose"),
            ["echo-server", host, port, count] => {
                echo_server(address(host, port), number(count)).await
            }
            ["echo-client", host, port, length] => {
                echo_client(address(host, port), number(length)).await
            }
            ["datagram-echo", host, port, count] => {
                datagram_echo(address(host, port), number(count)).await
            }
            ["states", host] => states(address(host, "0")).await,
            ["addresses", host] => addresses(address(host, "0")).await,
            ["options", host] => options(address(host, "0")).await,
            ["streams", host] => streams(address(host, "0")).await,
            ["datagrams", host] => datagrams(address(host, "0")).await,
            ["names"] => names().await,
            ["rebind", host] => rebind(address(host, "0")).await,
            ["shutdown-late", host, port] => shutdown_late(address(host, port)).await,
            _ => panic!("no case {args:?}"),
        };
        match result {
            Ok(()) => println!("ok"),
            Err(error) => println!("{}", name(&error)),
        }
        Ok(())
    }
}

fn number(text: &str) -> usize {
    text.parse().expect("a number")
}

fn address(host: &str, port: &str) -> SocketAddr {
    address_of(host.parse().expect("an address"), port)
}

fn address_of(ip: IpAddr, port: &str) -> SocketAddr {
    SocketAddr::new(ip, port.parse().expect("a port"))
}

/// As POSIX has it.
fn name(error: &ErrorCode) -> String {
    match error {
        ErrorCode::AccessDenied => "EACCES".to_owned(),
        ErrorCode::InvalidArgument => "EINVAL".to_owned(),
        ErrorCode::Other(Some(text)) if text == "too many open files" => "EMFILE".to_owned(),
        error => format!("{error:?}"),
    }
}

async fn connect(peer: SocketAddr) -> Result<()> {
    let socket = TcpSocket::create(family(peer.ip()))?;
    socket.connect(wit(peer)).await?;
    let (mut data, received) = wit_stream::new();
    let sent = socket.send(received);
    data.write_all(b"x".to_vec()).await;
    drop(data);
    sent.await
}

async fn connect_datagram(peer: SocketAddr) -> Result<()> {
    let socket = UdpSocket::create(family(peer.ip()))?;
    socket.connect(wit(peer))?;
    socket.send(b"x".to_vec(), None).await
}

async fn send(peer: SocketAddr) -> Result<()> {
    let socket = UdpSocket::create(family(peer.ip()))?;
    socket.send(b"x".to_vec(), Some(wit(peer))).await
}

/// Connected to one peer, which is granted, to another one.
async fn send_connected(peer: SocketAddr, other: SocketAddr) -> Result<()> {
    let socket = UdpSocket::create(family(peer.ip()))?;
    socket.connect(wit(peer)).expect("the peer is granted");
    socket.send(b"x".to_vec(), Some(wit(other))).await
}

fn bind(local: SocketAddr) -> Result<TcpSocket> {
    let socket = TcpSocket::create(family(local.ip()))?;
    socket.bind(wit(local))?;
    Ok(socket)
}

fn bind_datagram(local: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::create(family(local.ip()))?;
    socket.bind(wit(local))?;
    Ok(socket)
}

/// Prints the addresses, or the error as getaddrinfo(3) has it.
async fn look_up(name: &str) -> std::result::Result<(), ()> {
    match resolve_addresses(name.to_owned()).await {
        Ok(addresses) => {
            for address in addresses {
                println!("{}", ip(&address));
            }
        }
        Err(ip_name_lookup::ErrorCode::AccessDenied) => println!("EACCES"),
        Err(ip_name_lookup::ErrorCode::NameUnresolvable) => println!("EAI_NONAME"),
        Err(ip_name_lookup::ErrorCode::InvalidArgument) => println!("EINVAL"),
        Err(error) => println!("{error:?}"),
    }
    Ok(())
}

/// Connects to the first address of a name that can be reached.
async fn connect_name(name: &str, port: &str) -> Result<()> {
    let addresses = match resolve_addresses(name.to_owned()).await {
        Ok(addresses) => addresses,
        Err(ip_name_lookup::ErrorCode::AccessDenied) => return Err(ErrorCode::AccessDenied),
        Err(error) => return Err(ErrorCode::Other(Some(format!("{error:?}")))),
    };
    let mut outcome = Err(ErrorCode::Other(Some("no address".to_owned())));
    for address in &addresses {
        outcome = connect(address_of(ip(address), port)).await;
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// Connects to each address of a name.
async fn connect_each(name: &str, port: &str) -> std::result::Result<(), ()> {
    let addresses = resolve_addresses(name.to_owned()).await.map_err(|error| {
        println!("{name}: {error:?}");
    })?;
    for address in &addresses {
        let address = address_of(ip(address), port);
        match connect(address).await {
            Ok(()) => println!("{name}: connected to {address}"),
            Err(error) => println!("{name}: {}", crate::name(&error)),
        }
    }
    Ok(())
}

/// Makes sockets until one fails.
fn exhaust() -> Result<()> {
    let mut sockets = Vec::new();
    loop {
        sockets.push(UdpSocket::create(IpAddressFamily::Ipv4)?);
    }
}

/// Answers so many connections, while they send.
async fn echo_server(local: SocketAddr, count: usize) -> Result<()> {
    let socket = bind(local)?;
    let mut connections = socket.listen()?;
    println!("port {}", port(socket.get_local_address()?));
    for _connection in 0..count {
        let connection = connections.next().await.expect("it never ends");
        println!("{}", ip_of(connection.get_remote_address()?));
        let (data, ended) = connection.receive();
        let sent = connection.send(data);
        sent.await?;
        ended.await?;
    }
    Ok(())
}

async fn echo_client(peer: SocketAddr, length: usize) -> Result<()> {
    let socket = TcpSocket::create(family(peer.ip()))?;
    socket.connect(wit(peer)).await?;
    let (mut data, received) = wit_stream::new();
    let sent = socket.send(received);
    let (echo, ended) = socket.receive();
    let pattern = pattern(length);
    let send = async {
        let rest = data.write_all(pattern.clone()).await;
        assert!(rest.is_empty(), "{} bytes are left", rest.len());
        drop(data);
        sent.await
    };
    let (sent, echo) = both(send, echo.collect()).await;
    sent?;
    ended.await?;
    assert!(echo == pattern, "the echo differs");
    println!("{} bytes", echo.len());
    Ok(())
}

async fn datagram_echo(local: SocketAddr, count: usize) -> Result<()> {
    let socket = bind_datagram(local)?;
    println!("port {}", port(socket.get_local_address()?));
    for _datagram in 0..count {
        let (data, sender) = socket.receive().await?;
        println!("{} bytes of {}", data.len(), ip_of(sender));
        socket.send(data, Some(sender)).await?;
    }
    Ok(())
}

/// What WASI says of operations out of their order.
async fn states(local: SocketAddr) -> Result<()> {
    let invalid = |result: Result<()>| {
        assert!(matches!(result, Err(ErrorCode::InvalidState)), "{result:?}");
    };
    let socket = TcpSocket::create(family(local.ip()))?;
    invalid(socket.get_local_address().map(drop));
    invalid(socket.get_remote_address().map(drop));
    invalid(socket.receive().1.await);
    socket.bind(wit(local))?;
    invalid(socket.bind(wit(local)));
    let connections = socket.listen()?;
    assert!(socket.get_is_listening());
    invalid(socket.listen().map(drop));
    invalid(socket.connect(socket.get_local_address()?).await);
    drop(connections);
    let socket = UdpSocket::create(family(local.ip()))?;
    invalid(socket.receive().await.map(drop));
    invalid(socket.disconnect());
    invalid(socket.get_remote_address().map(drop));
    socket.set_unicast_hop_limit(9)?;
    assert_eq!(socket.get_unicast_hop_limit()?, 9);
    let zero = socket.set_unicast_hop_limit(0);
    assert!(matches!(zero, Err(ErrorCode::InvalidArgument)), "{zero:?}");
    Ok(())
}

/// Which addresses can be bound and connected to.
async fn addresses(local: SocketAddr) -> Result<()> {
    let (ip, tcp) = (local.ip(), || TcpSocket::create(family(local.ip())));
    let bind = |ip: &str| tcp()?.bind(wit(address(ip, "0")));
    let (other, unspecified, many, elsewhere) = match ip {
        IpAddr::V4(_) => ("::1", "0.0.0.0", "224.254.0.0", "192.0.2.1"),
        IpAddr::V6(_) => ("127.0.0.1", "::", "ff00::", "2001:db8::1"),
    };
    for ip in [other, many, "::ffff:127.0.0.1"] {
        invalid(bind(ip));
        invalid(tcp()?.connect(wit(address(ip, "47"))).await);
    }
    invalid(tcp()?.connect(wit(address(unspecified, "47"))).await);
    invalid(tcp()?.connect(wit(local)).await);
    let result = bind(elsewhere);
    assert!(
        matches!(result, Err(ErrorCode::AddressNotBindable)),
        "{result:?}"
    );
    let listener = self::bind(local)?;
    let _connections = listener.listen()?;
    let result = tcp()?.bind(listener.get_local_address()?);
    assert!(matches!(result, Err(ErrorCode::AddressInUse)), "{result:?}");
    let to = listener.get_local_address()?;
    drop((_connections, listener));
    let result = tcp()?.connect(to).await;
    assert!(
        matches!(result, Err(ErrorCode::ConnectionRefused)),
        "{result:?}"
    );
    Ok(())
}

/// The bounds of options, and that an accepted socket inherits them.
async fn options(local: SocketAddr) -> Result<()> {
    let socket = TcpSocket::create(family(local.ip()))?;
    invalid(socket.set_listen_backlog_size(0));
    invalid(socket.set_keep_alive_idle_time(0));
    invalid(socket.set_keep_alive_interval(0));
    invalid(socket.set_keep_alive_count(0));
    invalid(socket.set_hop_limit(0));
    invalid(socket.set_receive_buffer_size(0));
    invalid(socket.set_send_buffer_size(0));
    for value in [1, u64::MAX] {
        socket.set_listen_backlog_size(value)?;
        socket.set_keep_alive_idle_time(value)?;
        socket.set_keep_alive_interval(value)?;
        socket.set_receive_buffer_size(value)?;
        socket.set_send_buffer_size(value)?;
    }
    socket.set_keep_alive_count(u32::MAX)?;

    let listener = bind(local)?;
    let mut connections = listener.listen()?;
    let time = 42_000_000_000;
    listener.set_keep_alive_enabled(true)?;
    listener.set_keep_alive_idle_time(time)?;
    listener.set_keep_alive_interval(time)?;
    listener.set_keep_alive_count(42)?;
    listener.set_hop_limit(42)?;
    listener.set_receive_buffer_size(0x10000)?;
    listener.set_send_buffer_size(0x10000)?;
    let client = TcpSocket::create(family(local.ip()))?;
    client.connect(listener.get_local_address()?).await?;
    let accepted = connections.next().await.expect("a connection");
    assert!(accepted.get_keep_alive_enabled()?);
    assert_eq!(accepted.get_keep_alive_idle_time()?, time);
    assert_eq!(accepted.get_keep_alive_interval()?, time);
    assert_eq!(accepted.get_keep_alive_count()?, 42);
    assert_eq!(accepted.get_hop_limit()?, 42);
    assert_eq!(accepted.get_receive_buffer_size()?, 0x10000);
    assert_eq!(accepted.get_send_buffer_size()?, 0x10000);
    Ok(())
}

/// That what a listener had is free once its stream and it are dropped, whatever its
/// reader has done before.
async fn rebind(local: SocketAddr) -> Result<()> {
    let listener = bind(local)?;
    let to = listener.get_local_address()?;
    let again = async |dropped: (_, TcpSocket)| {
        drop(dropped);
        let client = TcpSocket::create(family(local.ip()))?;
        let result = client.connect(to).await;
        assert!(
            matches!(result, Err(ErrorCode::ConnectionRefused)),
            "{result:?}"
        );
        bind(plain(to))
    };
    // It has never read,
    let connections = listener.listen()?;
    let listener = again((connections, listener)).await?;
    // has read one and no more,
    let mut connections = listener.listen()?;
    let client = TcpSocket::create(family(local.ip()))?;
    client.connect(to).await?;
    drop(connections.next().await.expect("a connection"));
    drop(client);
    let listener = again((connections, listener)).await?;
    // or has given a read up that waited.
    let mut connections = listener.listen()?;
    let mut read = Box::pin(connections.next());
    for _turn in 0..9 {
        assert!(poll_once(&mut read).await.is_none());
        wit_bindgen::yield_async().await;
    }
    drop(read);
    let listener = again((connections, listener)).await?;
    // Other sockets can be had while it ends.
    let mut connections = listener.listen()?;
    let mut read = Box::pin(connections.next());
    for _turn in 0..9 {
        assert!(poll_once(&mut read).await.is_none());
        wit_bindgen::yield_async().await;
    }
    drop(read);
    drop((connections, listener));
    for _turn in 0..9 {
        bind(local)?;
        wit_bindgen::yield_async().await;
    }
    bind(plain(to)).map(drop)
}

async fn poll_once<T>(future: &mut std::pin::Pin<Box<impl Future<Output = T>>>) -> Option<T> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(value) => Poll::Ready(Some(value)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// More than a small buffer of the kernel takes at once.
const MUCH: usize = 64 * 1024;

/// How streams end, and that nothing is lost by it.
async fn streams(local: SocketAddr) -> Result<()> {
    let listener = bind(local)?;
    let mut connections = listener.listen()?;
    let client = TcpSocket::create(family(local.ip()))?;
    client.connect(listener.get_local_address()?).await?;
    let server = connections.next().await.expect("a connection");
    client.set_send_buffer_size(1024)?;

    // Each direction ends by itself, with all that was written.
    let (mut data, to_send) = wit_stream::new();
    let sent = client.send(to_send);
    let (received, end) = server.receive();
    let write = async {
        assert!(data.write_all(pattern(MUCH)).await.is_empty());
        drop(data);
        sent.await
    };
    let (sent, all) = both(write, received.collect()).await;
    sent?;
    end.await?;
    assert!(all == pattern(MUCH));
    // Only once.
    let result = server.receive().1.await;
    assert!(matches!(result, Err(ErrorCode::InvalidState)), "{result:?}");
    let (_data, to_send) = wit_stream::new();
    let result = client.send(to_send).await;
    assert!(matches!(result, Err(ErrorCode::InvalidState)), "{result:?}");

    // The other one still goes on, to the end of the socket.
    let (mut data, to_send) = wit_stream::new();
    let sent = server.send(to_send);
    let (received, end) = client.receive();
    assert!(data.write_all(b"answer".to_vec()).await.is_empty());
    drop((data, server));
    sent.await?;
    assert_eq!(received.collect().await, b"answer");
    end.await
}

/// Datagrams, and what a peer changes.
async fn datagrams(local: SocketAddr) -> Result<()> {
    let (one, other) = (bind_datagram(local)?, bind_datagram(local)?);
    let here = plain(one.get_local_address()?);
    let there = plain(other.get_local_address()?);
    for bad in [
        local,
        address("0.0.0.0", "9"),
        address("::", "9"),
        address("::ffff:127.0.0.1", "9"),
    ] {
        invalid(one.connect(wit(bad)));
        invalid(one.send(Vec::new(), Some(wit(bad))).await);
    }
    for _again in 0..3 {
        one.connect(wit(there))?;
        assert_eq!(plain(one.get_remote_address()?), there);
        one.send(b"to the peer".to_vec(), None).await?;
        one.send(b"by its name".to_vec(), Some(wit(there))).await?;
        invalid(one.send(b"to me".to_vec(), Some(wit(here))).await);
        other.send(b"answer".to_vec(), Some(wit(here))).await?;
        assert_eq!(one.receive().await?.0, b"answer");
        // Without a peer again: the address stays.
        one.disconnect()?;
        assert_eq!(plain(one.get_local_address()?), here);
        invalid(one.send(b"to whom".to_vec(), None).await);
        other.send(b"still there".to_vec(), Some(wit(here))).await?;
        assert_eq!(one.receive().await?.0, b"still there");
    }
    let result = one.send(vec![0; 65_530], Some(wit(there))).await;
    assert!(
        matches!(result, Err(ErrorCode::DatagramTooLarge)),
        "{result:?}"
    );
    Ok(())
}

/// Addresses as text, and what is no name.
async fn names() -> Result<()> {
    for (name, address) in [
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("[::1]", "::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ] {
        let addresses = resolve_addresses(name.to_owned()).await.expect(name);
        let [address_of_it] = &addresses[..] else {
            panic!("{name}: {addresses:?}");
        };
        assert_eq!(ip(address_of_it).to_string(), address);
    }
    for no_name in [
        "",
        " ",
        "a.b<&>",
        "127.0.0.1:80",
        "[::]:80",
        "http://a.example/",
    ] {
        let result = resolve_addresses(no_name.to_owned()).await;
        let is_invalid = matches!(result, Err(ip_name_lookup::ErrorCode::InvalidArgument));
        assert!(is_invalid, "{no_name}: {result:?}");
    }
    Ok(())
}

/// Ends sending once the peer says that it has read all.
async fn shutdown_late(to: SocketAddr) -> Result<()> {
    let socket = TcpSocket::create(family(to.ip()))?;
    socket.connect(wit(to)).await?;
    socket.set_send_buffer_size(1024)?;
    let (mut data, to_send) = wit_stream::new();
    let sent = socket.send(to_send);
    assert!(data.write_all(pattern(MUCH)).await.is_empty());
    let (mut received, end) = socket.receive();
    assert_eq!(received.next().await, Some(b'!'));
    drop(data);
    sent.await?;
    assert_eq!(received.next().await, None);
    end.await
}

/// As `capsock_test_programs::pattern` has it.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|index| (index * 31 + index / 251) as u8)
        .collect()
}

fn invalid(result: Result<()>) {
    assert!(
        matches!(result, Err(ErrorCode::InvalidArgument)),
        "{result:?}"
    );
}

/// Waits for both of them at once.
async fn both<A, B>(one: impl Future<Output = A>, other: impl Future<Output = B>) -> (A, B) {
    use std::pin::pin;
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut first, mut second) = (None, None);
    std::future::poll_fn(move |cx| {
        if first.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(cx)
        {
            first = Some(value);
        }
        if second.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(cx)
        {
            second = Some(value);
        }
        match (first.take(), second.take()) {
            (Some(one), Some(other)) => Poll::Ready((one, other)),
            (one, other) => {
                (first, second) = (one, other);
                Poll::Pending
            }
        }
    })
    .await
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

fn ip(address: &IpAddress) -> IpAddr {
    match *address {
        IpAddress::Ipv4((a, b, c, d)) => [a, b, c, d].into(),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => [a, b, c, d, e, f, g, h].into(),
    }
}

fn port(address: IpSocketAddress) -> u16 {
    plain(address).port()
}

fn ip_of(address: IpSocketAddress) -> IpAddr {
    plain(address).ip()
}
