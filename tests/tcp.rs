//! TCP between guests and native peers, under `capsock run` and where only WASI is.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};

use capsock_test_programs::pattern;
use capsock_tests::{Host, PATIENCE, Running, target};
use rstest::rstest;
use rstest_reuse::{apply, template};

#[template]
#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn both_families(#[case] host: &str, #[values(Host::Capsock, Host::Wasi)] on: Host) {}

const MEGABYTE: usize = 1 << 20;

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn listen(host: &str) -> (TcpListener, String) {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    (listener, port)
}

fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _peer) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Starts a guest that may listen on an ephemeral port of `host`.
fn server(on: Host, host: &str, case: &str, number: usize) -> (Running, SocketAddr) {
    let grants = ["--allow-listen", &target("tcp", host, "ephemeral")];
    let mut guest = on.start(&grants, "tcp", &[case, host, &number.to_string()]);
    let address = guest.address(host);
    (guest, address)
}

/// Starts a guest that may connect to `port` of `host`.
fn client(on: Host, host: &str, case: &str, port: &str) -> Running {
    let grants = ["--allow-connect", &target("tcp", host, port)];
    on.start(&grants, "tcp", &[case, host, port])
}

/// The same, which has connected.
fn connected(on: Host, host: &str, case: &str) -> (Running, TcpStream) {
    let (listener, port) = listen(host);
    let guest = client(on, host, case, &port);
    let stream = accept(&listener);
    (guest, stream)
}

#[apply(both_families)]
fn a_hundred_clients_one_after_the_other_are_echoed(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (guest, address) = server(on, host, "serve", 100);
    for index in 0..100 {
        let mut stream = connect(address);
        let message = format!("Hello, world {index}");
        stream.write_all(message.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, message);
    }
    guest.succeed();
}

#[apply(both_families)]
fn a_megabyte_each_way_through_a_server(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (guest, address) = server(on, host, "collect", MEGABYTE);
    let mut stream = connect(address);
    let data = pattern(MEGABYTE);
    stream.write_all(&data).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer == data, "{} bytes came back", answer.len());
    guest.succeed();
}

#[apply(both_families)]
fn a_megabyte_each_way_and_a_half_close_by_a_client(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (guest, mut stream) = connected(on, host, "send-and-read-back");
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert!(data == pattern(MEGABYTE), "received {} bytes", data.len());
    stream.write_all(&data).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn large_receives_are_whole(#[case] host: &str, #[values(Host::Capsock, Host::Wasi)] on: Host) {
    let (guest, mut stream) = connected(on, host, "large");
    stream.write_all(&pattern(MEGABYTE)).unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn std_read_and_write_reach_the_socket(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (guest, mut stream) = connected(on, host, "std-traits");
    let mut buffer = [0; 12];
    stream.read_exact(&mut buffer).unwrap();
    stream.write_all(&buffer).unwrap();
    guest.succeed();
}

#[apply(both_families)]
fn receives_and_sends_wait_as_long_as_they_are_told(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (mut guest, mut stream) = connected(on, host, "timeouts");
    for _ in 0..2 {
        guest.expect_line("speak");
        stream.write_all(b"x").unwrap();
    }
    guest.succeed();
}

/// PEP 475: an interrupted wait goes on, for as long as it was told in all.
#[apply(both_families)]
fn an_interrupted_wait_goes_on(#[case] host: &str, #[values(Host::Capsock, Host::Wasi)] on: Host) {
    let (mut guest, mut stream) = connected(on, host, "interrupted");
    for answer in ["", "x", "x"] {
        guest.expect_line("waiting");
        for _ in 0..5 {
            guest.interrupt();
        }
        stream.write_all(answer.as_bytes()).unwrap();
    }
    guest.succeed();
}

#[apply(both_families)]
fn a_connect_that_nobody_answers_times_out_and_goes_on(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let address: SocketAddr = SocketAddr::new(host.parse().unwrap(), 0);
    let listener = socket2::Socket::new(
        socket2::Domain::for_address(address),
        socket2::Type::STREAM,
        None,
    )
    .unwrap();
    listener.bind(&address.into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    // Linux takes one connection more than the backlog.
    let _filler = connect(address);
    client(on, host, "connect-timeout", &address.port().to_string()).succeed();
}

/// Where only WASI is, pollables are timers.
#[apply(both_families)]
fn accept_waits_as_long_as_it_is_told_and_pollables_say_when(#[case] host: &str) {
    let (mut guest, address) = server(Host::Capsock, host, "accept-modes", 0);
    guest.expect_line("connect");
    let mut stream = connect(address);
    stream.write_all(b"bye").unwrap();
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn data_in_flight_arrives_after_a_close(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (guest, mut stream) = connected(on, host, "close-in-flight");
    guest.succeed();
    let mut data = Vec::new();
    stream.read_to_end(&mut data).unwrap();
    assert!(data == pattern(200_000), "received {} bytes", data.len());
}

#[apply(both_families)]
fn receive_flags_do_what_they_say(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (mut guest, mut stream) = connected(on, host, "flags");
    stream.set_nodelay(true).unwrap();
    stream.write_all(b"abc").unwrap();
    guest.expect_line("go on");
    for byte in [b"d", b"e", b"f", b"g", b"h"] {
        stream.write_all(byte).unwrap();
    }
    drop(stream);
    guest.succeed();
}

#[apply(both_families)]
fn an_error_after_data_is_told_after_the_data(
    #[case] host: &str,
    #[values(Host::Capsock, Host::Wasi)] on: Host,
) {
    let (mut guest, mut stream) = connected(on, host, "reset");
    guest.expect_line("send");
    stream.write_all(b"abc").unwrap();
    // A reset overtakes data that has not been read, so the guest gets the time.
    let mut buffer = [0; 1];
    stream
        .set_read_timeout(Some(std::time::Duration::from_millis(200)))
        .unwrap();
    assert!(stream.read(&mut buffer).is_err());
    socket2::SockRef::from(&stream)
        .set_linger(Some(std::time::Duration::ZERO))
        .unwrap();
    drop(stream);
    guest.succeed();
}
