//! busybox: one program with wget, nc, telnet and nslookup in it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, UdpSocket};
use std::process::Stdio;

use capsock_tests::{patiently, stderr};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, MX};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{answer, built, command, connect, free_port, run, shout, succeed};

#[test]
fn wget_fetches() {
    let Some(busybox) = built("busybox") else {
        return;
    };
    let body = capsock_test_programs::pattern(3_000_000);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = body.clone();
    let peer = std::thread::spawn(move || answer(listener.accept().unwrap().0, &sent));
    let grant = format!("tcp://127.0.0.1:{port}");
    let url = format!("http://localhost:{port}/");
    let args = ["wget", "-q", "-O", "-", &url];
    let output = run(command(&["--allow-connect", &grant], &busybox, &args), "");
    assert!(output.stdout == body, "{}", stderr(&output));
    peer.join().unwrap();
    let denied = run(command(&[], &busybox, &args), "");
    assert!(
        stderr(&denied).contains("Permission denied"),
        "{}",
        stderr(&denied)
    );
}

#[test]
fn nc_is_a_client_and_a_server() {
    let Some(busybox) = built("busybox") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || shout(listener.accept().unwrap().0));
    let grant = format!("tcp://127.0.0.1:{port}");
    let args = ["nc", "127.0.0.1", &port];
    let client = command(&["--allow-connect", &grant], &busybox, &args);
    let output = run(client, "to the peer\n");
    assert_eq!(output.stdout, b"TO THE PEER\n", "{}", stderr(&output));
    peer.join().unwrap();

    // It listens on every address of both families.
    let port = free_port();
    let grant = format!("tcp://[::]:{port}");
    let args = ["nc", "-l", "-p", &port.to_string()];
    let server = command(&["--allow-listen", &grant], &busybox, &args);
    let server = std::thread::spawn(move || run(server, "from the guest\n"));
    let mut client = connect(port);
    client.write_all(b"from the client\n").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut received = String::new();
    client.read_to_string(&mut received).unwrap();
    assert_eq!(received, "from the guest\n");
    let output = server.join().unwrap();
    assert_eq!(output.stdout, b"from the client\n", "{}", stderr(&output));
}

#[test]
fn telnet_negotiates_and_talks() {
    const INTERPRET_AS_COMMAND: u8 = 255;
    const WONT: u8 = 252;
    const DO: u8 = 253;
    const ECHO: u8 = 1;
    let Some(busybox) = built("busybox") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let peer = std::thread::spawn(move || {
        let mut connection = listener.accept().unwrap().0;
        let asked = [INTERPRET_AS_COMMAND, DO, ECHO];
        connection.write_all(&asked).unwrap();
        connection.write_all(b"welcome\n").unwrap();
        let refused = [INTERPRET_AS_COMMAND, WONT, ECHO];
        let mut received = Vec::new();
        // What was typed may come before.
        while !holds(&received, &refused) || !holds(&received, b"typed\r\n") {
            let mut byte = [0];
            connection.read_exact(&mut byte).unwrap();
            received.extend(byte);
        }
    });
    let grant = format!("tcp://127.0.0.1:{port}");
    let args = ["telnet", "127.0.0.1", &port];
    let mut client = command(&["--allow-connect", &grant], &busybox, &args);
    client.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut client = client.spawn().unwrap();
    // At the end of its input it would end, whatever has come by then.
    let mut input = client.stdin.take().unwrap();
    input.write_all(b"typed\n").unwrap();
    patiently(|| peer.join().unwrap());
    let output = patiently(|| client.wait_with_output().unwrap());
    drop(input);
    assert!(holds(&output.stdout, b"welcome\n"), "{output:?}");
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

/// It writes the messages of DNS itself, and reads what a server answers.
#[test]
fn nslookup_asks_a_server() {
    let Some(busybox) = built("busybox") else {
        return;
    };
    let server = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    // It ends with the process.
    std::thread::spawn(move || {
        let mut room = [0; 512];
        loop {
            let (length, client) = server.recv_from(&mut room).unwrap();
            server.send_to(&resolve(&room[..length]), client).unwrap();
        }
    });
    let grant = format!("udp://127.0.0.1:{port}");
    let flags = ["--allow-send", grant.as_str()];
    let port = format!("-port={port}");
    let look_up = |kind: &str| {
        let args = ["nslookup", &port, kind, "www.example", "127.0.0.1"];
        succeed(&flags, &busybox, &args)
    };
    let told = look_up("-type=a");
    assert!(
        told.contains("Name:\twww.example\nAddress: 192.0.2.7\n"),
        "{told}"
    );
    let told = look_up("-type=mx");
    assert!(
        told.contains("www.example\tmail exchanger = 10 mail.www.example\n"),
        "{told}"
    );
    let args = ["nslookup", &port, "-type=a", "none.example", "127.0.0.1"];
    let output = run(command(&flags, &busybox, &args), "");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("can't find none.example: NXDOMAIN"), "{told}");
    assert!(!output.status.success());
    let denied = run(command(&[], &busybox, &args), "");
    assert!(stderr(&denied).contains("denied"), "{}", stderr(&denied));
}

/// `www.example` has one address and one mail server, and there is no other name.
fn resolve(query: &[u8]) -> Vec<u8> {
    let query = Message::from_vec(query).unwrap();
    let question = query.queries.first().unwrap().clone();
    let name = question.name().clone();
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    let data = match question.query_type() {
        RecordType::A => RData::A(A(Ipv4Addr::new(192, 0, 2, 7))),
        _ => {
            let mail = Name::from_ascii("mail").unwrap();
            RData::MX(MX::new(10, mail.append_domain(&name).unwrap()))
        }
    };
    if name.to_utf8().trim_end_matches('.') == "www.example" {
        answer.add_answers([Record::from_rdata(name, 60, data)]);
    } else {
        answer.metadata.response_code = ResponseCode::NXDomain;
    }
    answer.add_query(question);
    answer.to_vec().unwrap()
}
