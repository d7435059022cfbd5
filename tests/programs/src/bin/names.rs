//! Names of hosts and services: `names look-up`, with calls on standard input,
//! a line each; or `names CASE NAME`.

use std::io::stdin;

use capsock_guest::*;
use capsock_test_programs::args;

fn main() {
    let args = args();
    match args[0].as_str() {
        "look-up" => {
            for line in stdin().lines() {
                println!("{}", look_up(&line.expect("a line")));
            }
        }
        "resolve" => println!("{:?}", gethostbyname(&args[1])),
        "never-guessed" => never_guessed(),
        "localhost" => localhost(),
        "set-name" => {
            match sethostname(&args[1]) {
                Ok(()) => println!("ok"),
                Err(error) => println!("{}", error.name().expect("an errno")),
            }
            println!("{}", gethostname().expect("gethostname"));
        }
        "connect" => {
            let port = args[2].parse().expect("a port");
            create_connection((&args[1], port), None, None)
                .expect("connect")
                .sendall(b"found")
                .expect("sendall");
            let socket = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
            socket
                .connect((args[1].as_str(), port))
                .expect("connect looks up too");
        }
        case => panic!("no case `{case}`"),
    }
}

fn failure(error: Error) -> String {
    match (error.gai_errno(), error.h_errno()) {
        (Some(number), _) => format!("gaierror {number}"),
        (_, Some(number)) => format!("herror {number}"),
        _ => "error".to_owned(),
    }
}

fn hosts(found: Result<(String, Vec<String>, Vec<String>)>) -> String {
    found.map_or_else(failure, |(name, aliases, addresses)| {
        format!("{name} {aliases:?} {addresses:?}")
    })
}

/// `-` is none.
fn look_up(call: &str) -> String {
    let words: Vec<&str> = call.split(' ').collect();
    let some = |word: &'static str| Some(word).filter(|word| *word != "-");
    let words: Vec<&'static str> = words
        .into_iter()
        .map(|word| &*word.to_owned().leak())
        .collect();
    match words[..] {
        ["getaddrinfo", host, port, family, kind, proto, flags] => {
            let family = match family {
                "4" => AF_INET,
                "6" => AF_INET6,
                _ => AF_UNSPEC,
            };
            let kind = match kind {
                "stream" => Some(SOCK_STREAM),
                "datagram" => Some(SOCK_DGRAM),
                _ => None,
            };
            let numbers = (
                proto.parse().expect("a number"),
                flags.parse().expect("a number"),
            );
            match getaddrinfo(some(host), some(port), family, kind, numbers.0, numbers.1) {
                Ok(found) => found.iter().map(show).collect::<Vec<_>>().join(";"),
                Err(error) => failure(error),
            }
        }
        ["getnameinfo", host, port, flags] => {
            let address = getaddrinfo(host, port, AF_UNSPEC, SOCK_DGRAM, 0, AI_NUMERICHOST)
                .expect("an address");
            match getnameinfo(&address[0].sockaddr, flags.parse().expect("a number")) {
                Ok((host, service)) => format!("{host} {service}"),
                Err(error) => failure(error),
            }
        }
        ["getservbyname", name, protocol] => {
            getservbyname(name, some(protocol)).map_or("error".to_owned(), |port| port.to_string())
        }
        ["getservbyport", port, protocol] => {
            getservbyport(port.parse().expect("a port"), some(protocol))
                .unwrap_or("error".to_owned())
        }
        ["gethostbyname", name] => gethostbyname(name).unwrap_or_else(failure),
        ["gethostbyname_ex", name] => hosts(gethostbyname_ex(name)),
        ["gethostbyaddr", address] => hosts(gethostbyaddr(address)),
        ["getfqdn", name] => getfqdn(name).expect("getfqdn"),
        ["getprotobyname", name] => {
            getprotobyname(name).map_or("error".to_owned(), |number| number.to_string())
        }
        ["gethostname"] => gethostname().expect("gethostname"),
        _ => panic!("no call `{call}`"),
    }
}

fn show(info: &AddrInfo) -> String {
    let address = match &info.sockaddr {
        Address::Inet(address) => format!("{} {}", address.ip(), address.port()),
        Address::Inet6(address) => {
            format!(
                "{} {} {} {}",
                address.ip(),
                address.port(),
                address.flowinfo(),
                address.scope_id()
            )
        }
        other => panic!("{other}"),
    };
    format!(
        "{} {} {} {} {address}",
        info.family.number(),
        info.kind.number(),
        info.proto,
        info.canonname
    )
}

/// What the C library would take for 127.0.0.1.
fn never_guessed() {
    for host in [
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "012.0.0.1",
        "127.1",
        "127.0.0.1.",
        "１２７.0.0.1",
        "1.2.3.256",
    ] {
        let error = getaddrinfo(host, 80, AF_UNSPEC, None, 0, 0).expect_err(host);
        assert_eq!(error.gai_errno(), Some(EAI_NONAME), "{host}: {error}");
        let socket = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        assert!(socket.connect((host, 80)).is_err(), "{host}");
    }
    for host in ["", "a b", "a..b", "-", "x\0y", &"a".repeat(300)] {
        assert!(
            getaddrinfo(host, 80, AF_UNSPEC, None, 0, 0).is_err(),
            "{host:?}"
        );
    }
}

fn localhost() {
    let address = gethostbyname("localhost").expect("it needs no grant");
    assert!(address.starts_with("127."), "{address}");
    assert_eq!(gethostbyname("").expect("every interface"), "0.0.0.0");
    assert_eq!(
        gethostbyname("<broadcast>").expect("broadcast"),
        "255.255.255.255"
    );
    let (name, aliases, addresses) = gethostbyname_ex("localhost").expect("gethostbyname_ex");
    assert!(!aliases.contains(&name) && addresses.contains(&address));
    let (name, _, addresses) = gethostbyaddr("127.0.0.1").expect("loopback needs no grant");
    assert!(!name.is_empty() && addresses == ["127.0.0.1"]);
    assert!(!getfqdn("").expect("getfqdn").is_empty());
    // Of other addresses the name is not asked for without a grant.
    assert_eq!(getfqdn("192.0.2.1").expect("getfqdn"), "192.0.2.1");
}
