//! Servers of the SDK, and native clients.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;

use capsock_tests::{PATIENCE, start, target};
use rstest::rstest;

fn ask(mut stream: impl Read + Write, line: &str) -> String {
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer).unwrap();
    answer
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_handler_serves_until_it_stops_the_server(#[case] host: &str) {
    let grant = target("tcp", host, "ephemeral");
    let mut guest = start(&["--allow-listen", &grant], "server", &["tcp", host]);
    let address = guest.address(host);
    let connect = || TcpStream::connect(address).unwrap();
    assert_eq!(ask(connect(), "hello\n"), "1: hello\n");
    let broken = connect();
    let client = broken.local_addr().unwrap();
    assert_eq!(ask(broken, "fail\n"), "");
    assert_eq!(guest.expect_line("failed"), client.to_string());
    assert_eq!(ask(connect(), "again\n"), "3: again\n");
    assert_eq!(ask(connect(), "quit\n"), "4: quit\n");
    guest.succeed();
}

#[test]
fn a_handler_serves_on_a_unix_path() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("s");
    let path = path.to_str().unwrap();
    let grant = format!("unix:{path}");
    let mut guest = start(&["--allow-listen", &grant], "server", &["unix", path]);
    guest.expect_line("listening");
    let connect = || UnixStream::connect(path).unwrap();
    assert_eq!(ask(connect(), "hello\n"), "1: hello\n");
    assert_eq!(ask(connect(), "quit\n"), "2: quit\n");
    guest.succeed();
}

#[rstest]
#[case::ipv4("127.0.0.1")]
#[case::ipv6("::1")]
fn a_handler_serves_datagrams(#[case] host: &str) {
    let client = UdpSocket::bind((host, 0)).unwrap();
    let grants = [
        "--allow-listen",
        &target("udp", host, "ephemeral"),
        "--allow-send",
        &target("udp", host, client.local_addr().unwrap().port()),
    ];
    let mut guest = start(&grants, "server", &["udp", host]);
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    client.connect(guest.address(host)).unwrap();
    for datagram in ["hello", "fail", "", "quit"] {
        client.send(datagram.as_bytes()).unwrap();
        if datagram != "fail" {
            let mut answer = [0; 64];
            let count = client.recv(&mut answer).unwrap();
            assert_eq!(&answer[..count], datagram.as_bytes());
        }
    }
    guest.succeed();
}
