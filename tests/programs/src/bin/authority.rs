//! What a guest may do, and gives up: `authority CASE ARGS`.

use std::time::Duration;

use capsock_guest::*;
use capsock_test_programs::{args, bind_and_tell, family_of, tell_port};

fn main() {
    let args = args();
    match args[0].as_str() {
        "may" => {
            for question in &args[1..] {
                let (operation, target) = question.split_once(' ').expect("OPERATION TARGET");
                match authority::may(operation, target) {
                    Ok(allowed) => println!("{allowed}"),
                    Err(error) => println!("{error}"),
                }
            }
        }
        "grants" => println!("{}", authority::grants().join("\n")),
        "connect" => connect(&args[1], port(&args[2]), port(&args[3])),
        "deny" => deny(&args[1], port(&args[2])),
        "accept" => accept(&args[1]),
        "datagrams" => datagrams(&args[1], port(&args[2])),
        "rest" => rest(),
        "too-many" => too_many(),
        case => panic!("no case `{case}`"),
    }
}

fn port(text: &str) -> u16 {
    text.parse().expect("a port")
}

fn target(proto: &str, host: &str, port: u16) -> String {
    match family_of(host) {
        AF_INET6 => format!("{proto}://[{host}]:{port}"),
        _ => format!("{proto}://{host}:{port}"),
    }
}

fn may(operation: &str, target: &str) -> bool {
    authority::may(operation, target).expect("a question")
}

#[track_caller]
fn assert_denied<T>(result: Result<T>) {
    match result {
        Ok(_) => panic!("it was given up"),
        Err(error) => assert_eq!(error.name(), Some("EACCES"), "{error}"),
    }
}

fn stream(host: &str) -> Socket {
    Socket::new(family_of(host), SOCK_STREAM).expect("socket")
}

/// Two ports are granted; the second is given up while a connection to it is
/// open.
fn connect(host: &str, kept: u16, given_up: u16) {
    let (keep, give_up) = (target("tcp", host, kept), target("tcp", host, given_up));
    let open = stream(host);
    open.connect((host, given_up)).expect("connect");

    let rules = [
        format!("allow connect {keep}"),
        "allow connect tcp://x".to_owned(),
    ];
    let error = authority::limit(&rules).expect_err("malformed");
    println!("{error}");
    assert!(may("connect", &give_up), "nothing has changed");

    authority::limit(&rules[..1]).expect("limit");
    assert!(may("connect", &keep) && !may("connect", &give_up));
    assert_denied(stream(host).connect((host, given_up)));
    stream(host).connect((host, kept)).expect("connect");
    open.sendall(b"still").expect("an open connection goes on");
    assert_eq!(open.recv(64).expect("recv"), b"here");

    // A wider limit gives nothing back.
    authority::limit(&["allow connect ip://*:*", "allow connect tcp://loopback:*"]).expect("limit");
    assert!(may("connect", &keep) && !may("connect", &give_up));
    authority::limit(&[] as &[&str]).expect("limit");
    assert!(!may("connect", &keep));
    assert_denied(stream(host).connect((host, kept)));
}

fn deny(host: &str, port: u16) {
    let target = target("tcp", host, port);
    authority::limit(&[
        "allow connect tcp://loopback:*",
        &format!("deny connect {target}"),
    ])
    .expect("limit");
    assert!(!may("connect", &target));
    assert_denied(stream(host).connect((host, port)));
}

/// A listener stays one, and its peers are checked anew.
fn accept(host: &str) {
    let listener = stream(host);
    listener.bind((host, 0)).expect("bind");
    listener.listen(None).expect("listen");
    tell_port(&listener);
    listener.accept().expect("before the limit");
    authority::limit(&["allow listen ip://loopback:* from=127.0.0.2"]).expect("limit");
    println!("limited");
    listener
        .settimeout(Duration::from_secs(60))
        .expect("settimeout");
    let (_connection, peer) = listener.accept().expect("a peer that is left");
    println!("{peer}");
}

/// The test's socket sends at each line.
fn datagrams(host: &str, port: u16) {
    let socket = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    bind_and_tell(&socket, host);
    let connected = Socket::new(family_of(host), SOCK_DGRAM).expect("socket");
    connected.connect((host, port)).expect("connect");
    assert_eq!(socket.recv(64).expect("recv"), b"one");
    socket.sendto(b"answer", (host, port)).expect("sendto");

    authority::limit(&[format!("allow listen {}", target("udp", host, 1))]).expect("limit");
    println!("limited");
    socket
        .settimeout(Duration::from_millis(200))
        .expect("settimeout");
    assert!(socket.recv(64).expect_err("two is dropped").is_timeout());
    assert_denied(socket.sendto(b"answer", (host, port)));
    assert_denied(connected.send(b"answer"));
    assert_denied(connected.sendall(b"answer"));
    assert_denied(connected.sendmsg(&[b"answer"], &[], MsgFlag::NONE, None));
}

/// Names, options and interfaces are given up as well.
fn rest() {
    if_nameindex().expect("granted");
    gethostbyname("localhost").expect("it needs no grant");
    authority::limit(&["deny resolve localhost"]).expect("limit");
    assert_denied(if_nameindex());
    assert_denied(gethostbyname("localhost"));
    let socket = stream("127.0.0.1");
    assert_denied(socket.setsockopt(IPPROTO_IP, 15, 1));
    assert_denied(sethostname("x"));
}

fn too_many() {
    let error = authority::limit(&vec!["allow resolve a.example"; 5000]).expect_err("rules");
    assert_eq!(error.name(), Some("EMFILE"), "{error}");
    let error = authority::limit(&["a".repeat(70_000)]).expect_err("bytes");
    assert_eq!(error.name(), Some("EMFILE"), "{error}");
    authority::may("connect", &"a".repeat(70_000)).expect_err("a long question");
    for _ in 0..64 {
        authority::limit(&["allow connect tcp://loopback:*"]).expect("limit");
    }
    let error = authority::limit(&["allow connect tcp://loopback:*"]).expect_err("limits");
    assert_eq!(error.name(), Some("EMFILE"), "{error}");
    assert!(may("connect", "tcp://127.0.0.1:1"));
}
