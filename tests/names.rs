//! Names of hosts and services, beside CPython and under grants.

use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::process::{Command, Stdio};

use capsock_tests::{output, pipe, run, start, stderr, succeed, unshared};

/// `getaddrinfo HOST PORT FAMILY TYPE PROTO FLAGS` and the like; `-` is none.
const CALLS: &str = "\
getaddrinfo 127.0.0.1 80 - - 0 0
getaddrinfo 127.0.0.1 80 4 stream 0 0
getaddrinfo 127.0.0.1 80 4 stream 6 0
getaddrinfo 127.0.0.1 80 4 stream 17 0
getaddrinfo 127.0.0.1 80 6 stream 0 0
getaddrinfo 127.0.0.1 80 6 stream 0 8
getaddrinfo 127.0.0.1 http - datagram 0 0
getaddrinfo 127.0.0.1 domain - datagram 0 2
getaddrinfo 127.0.0.1 no-such-service - stream 0 0
getaddrinfo 127.0.0.1 http - stream 0 1024
getaddrinfo 127.0.0.1 - - stream 0 0
getaddrinfo ::1 443 - stream 0 0
getaddrinfo ::1 443 4 stream 0 0
getaddrinfo fe80::1%lo 443 - stream 0 0
getaddrinfo ::ffff:1.2.3.4 443 - stream 0 0
getaddrinfo - 80 - stream 0 0
getaddrinfo - 80 - stream 0 1
getaddrinfo - 80 6 stream 0 1
getaddrinfo - - - - 0 0
getaddrinfo fe80::1%1 443 - stream 0 2
getaddrinfo 2001:db8::1%7 443 - stream 0 0
getaddrinfo 2001:db8::1%lo 443 - stream 0 0
getaddrinfo fe80::1%none 443 - stream 0 0
getaddrinfo fe80::1% 443 - stream 0 0
getaddrinfo fe80::1%4294967296 443 - stream 0 0
getaddrinfo ff02::1%lo 443 - stream 0 0
getaddrinfo 127.0.0.1%1 443 - stream 0 0
getaddrinfo localhost 80 4 stream 0 4
getaddrinfo localhost 80 4 stream 0 0
getnameinfo 127.0.0.1 80 3
getnameinfo 127.0.0.1 80 1
getnameinfo 127.0.0.1 53 17
getnameinfo 192.0.2.1 65000 1
getnameinfo ::1 443 3
getnameinfo fe80::1%lo 443 3
getnameinfo fe80::1%999 443 3
getnameinfo 2001:db8::1%7 443 3
getnameinfo ff02::1%1 443 3
getnameinfo fe80::1 443 3
getservbyname http -
getservbyname http tcp
getservbyname domain udp
getservbyname http udp
getservbyname no-such-service -
getservbyname 80 -
getservbyname http sctp
getservbyport 80 -
getservbyport 80 tcp
getservbyport 53 udp
getservbyport 64999 -
getservbyname 80 -
getservbyname http dccp
getservbyname www tcp
getservbyport 0 -
getprotobyname tcp
getprotobyname TCP
getprotobyname icmp
getprotobyname no-such-protocol
gethostbyname_ex 127.0.0.1
gethostbyname_ex 127.0.0.1.
gethostbyname localhost
gethostbyname 127.0.0.1
gethostname
";

#[test]
fn look_ups_give_what_python_gives() {
    let flags = ["--allow-interfaces"];
    let ours = pipe(&mut run(&flags, "names", &["look-up"]), CALLS);
    let theirs = pipe(Command::new("python3").args(["-c", LOOK_UP]), CALLS);
    for ((call, ours), theirs) in CALLS.lines().zip(ours.lines()).zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{call}");
    }
    assert_eq!(ours.lines().count(), CALLS.lines().count());
}

/// The C library asks DNS about the IPv4 address inside.
#[test]
fn a_grant_of_ipv6_names_is_none_of_the_ipv4_address_inside() {
    for address in ["::192.0.2.1", "::ffff:192.0.2.1"] {
        let mut command = run(&["--allow-resolve", "*.ip6.arpa"], "names", &["look-up"]);
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let call = format!("getnameinfo {address} 65000 0\n");
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(call.as_bytes()).unwrap();
        drop(stdin);
        let told = stderr(&child.wait_with_output().unwrap());
        let hint = "to allow it: --allow-resolve 1.2.0.192.in-addr.arpa\n";
        assert!(told.ends_with(hint), "{address}: {told}");
    }
}

const LOOK_UP: &str = "
import json, socket, sys
none = lambda word: None if word == '-' else word
families = {'4': socket.AF_INET, '6': socket.AF_INET6, '-': 0}
kinds = {'stream': socket.SOCK_STREAM, 'datagram': socket.SOCK_DGRAM, '-': 0}
def look_up(name, *words):
    if name == 'getaddrinfo':
        host, port, family, kind, proto, flags = words
        found = socket.getaddrinfo(none(host), none(port), families[family], kinds[kind], int(proto), int(flags))
        return ';'.join(f'{int(f)} {int(t)} {p} {c} ' + ' '.join(map(str, (a[0].split('%')[0],) + a[1:])) for f, t, p, c, a in found)
    if name == 'getnameinfo':
        host, port, flags = words
        address = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM, 0, socket.AI_NUMERICHOST)[0][4]
        return ' '.join(socket.getnameinfo(address, int(flags)))
    if name == 'getservbyport':
        words = (int(words[0]), words[1])
    if name in ('gethostbyname_ex', 'gethostbyaddr'):
        host, aliases, addresses = getattr(socket, name)(*words)
        return f'{host} {json.dumps(aliases)} {json.dumps(addresses)}'
    return str(getattr(socket, name)(*[word for word in words if word != '-']))
for line in sys.stdin:
    try:
        print(look_up(*line.split()))
    except socket.gaierror as error:
        print('gaierror', error.errno)
    except socket.herror as error:
        print('herror', error.errno)
    except OSError:
        print('error')
";

#[test]
fn a_name_that_only_looks_like_an_address_is_never_guessed() {
    succeed(
        &[
            "--allow-connect",
            "tcp://127.0.0.1:80",
            "--allow-resolve",
            "*.example",
        ],
        "names",
        &["never-guessed"],
    );
}

/// Files of names that no machine has, for a mount namespace of their own.
const FILES: [(&str, &str); 4] = [
    (
        "/etc/hosts",
        "127.0.0.1 localhost loop\n::1 localhost six-loop\n\
         192.0.2.7 server.example server srv\n192.0.2.8 server.example\n\
         2001:db8::7 six.example six\n",
    ),
    (
        "/etc/services",
        "http 80/tcp www\nhttp 81/sctp\ngame 4000/dccp quake\nmixed 5000/udplite\n",
    ),
    ("/etc/protocols", "ip 0 IP\ntcp 6 TCP\nodd 253 Odd oddity\n"),
    (
        "/etc/nsswitch.conf",
        "hosts: files\nservices: files\nprotocols: files\n",
    ),
];

/// Whatever else nsswitch.conf(5) names, a server say, is not asked.
#[test]
fn services_and_protocols_are_those_of_the_files() {
    let directory = tempfile::tempdir().unwrap();
    let mut setup = String::new();
    for (path, text) in FILES {
        let text = match path {
            "/etc/nsswitch.conf" => "hosts: files\nservices: nis\nprotocols: nis\n",
            _ => text,
        };
        let own = directory.path().join(path.trim_start_matches("/etc/"));
        std::fs::write(&own, text).unwrap();
        setup += &format!("mount --bind {} {path}\n", own.display());
    }
    let calls = [
        ("getservbyname mixed -", "5000"),
        ("getservbyport 4000 -", "game"),
        ("getprotobyname odd", "253"),
        (
            "getaddrinfo 127.0.0.1 www 4 stream 0 0",
            "2 1 6  127.0.0.1 80",
        ),
        ("getnameinfo 127.0.0.1 80 1", "127.0.0.1 http"),
    ];
    for (call, expected) in calls {
        let guest = run(&[], "names", &["look-up"]);
        let Some(mut guest) = unshared("--mount", &setup, &guest) else {
            return;
        };
        assert_eq!(pipe(&mut guest, call), format!("{expected}\n"), "{call}");
    }
}

const CALLS_IN_FILES: &str = "\
gethostbyname_ex server.example
gethostbyname_ex server
gethostbyname_ex srv
gethostbyname_ex six.example
gethostbyname_ex no.example
gethostbyaddr 192.0.2.7
gethostbyaddr 192.0.2.8
gethostbyaddr 192.0.2.9
gethostbyaddr 2001:db8::7
gethostbyaddr 2001:db8::8
gethostbyaddr server.example
gethostbyaddr six.example
gethostbyaddr no.example
gethostbyaddr 127.0.0.2
getfqdn 192.0.2.7
getfqdn server
getfqdn no.example
getservbyname http -
getservbyname http tcp
getservbyname http sctp
getservbyname http dccp
getservbyname game -
getservbyname quake dccp
getservbyname quake tcp
getservbyname mixed udplite
getservbyport 80 -
getservbyport 81 -
getservbyport 81 sctp
getservbyport 81 tcp
getservbyport 4000 dccp
getservbyport 5000 udplite
getprotobyname odd
getprotobyname oddity
getprotobyname Odd
getprotobyname ODD
getprotobyname sctp
";

#[test]
fn aliases_and_every_protocol_are_what_python_gives() {
    let dir = tempfile::tempdir().unwrap();
    let mut setup = String::new();
    for (path, text) in FILES {
        let own = dir.path().join(path.trim_start_matches("/etc/"));
        std::fs::write(&own, text).unwrap();
        setup += &format!("mount --bind {} {path}\n", own.display());
    }
    let grants: Vec<&str> = ["*.example", "server", "srv", "*.in-addr.arpa", "*.ip6.arpa"]
        .iter()
        .flat_map(|name| ["--allow-resolve", name])
        .collect();
    let ours = run(&grants, "names", &["look-up"]);
    let mut python = Command::new("python3");
    python.args(["-c", LOOK_UP]);
    let (Some(mut ours), Some(mut theirs)) = (
        unshared("--mount", &setup, &ours),
        unshared("--mount", &setup, &python),
    ) else {
        return;
    };
    let ours = pipe(&mut ours, CALLS_IN_FILES);
    let theirs = pipe(&mut theirs, CALLS_IN_FILES);
    for ((call, ours), theirs) in CALLS_IN_FILES.lines().zip(ours.lines()).zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{call}");
    }
    assert_eq!(ours.lines().count(), CALLS_IN_FILES.lines().count());
    let aliases = r#"server.example ["server", "srv"] ["192.0.2.7", "192.0.2.8"]"#;
    assert_eq!(ours.lines().next(), Some(aliases));
}

#[test]
fn the_name_of_the_machine_is_set_only_as_granted() {
    const NAME: &str = "capsock-renamed";
    let set = |flags: &[&str], name: &str| {
        let guest = run(flags, "names", &["set-name", name]);
        let output = unshared("--uts", "", &guest)?.output().unwrap();
        Some((
            String::from_utf8(output.stdout.clone()).unwrap(),
            stderr(&output),
        ))
    };
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let any = ["--allow-option", "sethostname"];
    let Some((said, _)) = set(&any, NAME) else {
        return;
    };
    assert_eq!(said, format!("ok\n{NAME}\n"));
    let one = ["--allow-option", &format!("sethostname={NAME}")];
    assert_eq!(set(&one, NAME).unwrap().0, format!("ok\n{NAME}\n"));

    let unchanged = |why: &str| format!("{why}\n{own}");
    for flags in [&[][..], &["--allow-option", "sethostname=other"]] {
        let (said, told) = set(flags, NAME).unwrap();
        assert_eq!(said, unchanged("EACCES"));
        let hint = format!("to allow it: --allow-option 'sethostname={NAME}'\n");
        assert!(told.ends_with(&hint), "{told}");
    }
    assert_eq!(set(&any, &"a".repeat(65)).unwrap().0, unchanged("EINVAL"));
    assert_eq!(
        set(&any, &"a".repeat(64)).unwrap().0,
        format!("ok\n{}\n", "a".repeat(64))
    );
    assert_eq!(
        std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap(),
        own
    );
}

#[test]
fn localhost_and_loopback_need_no_grant() {
    let output = output(&[], "names", &["localhost"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let hint = "to allow it: --allow-resolve 1.2.0.192.in-addr.arpa\n";
    assert!(stderr(&output).contains(hint), "{}", stderr(&output));
}

#[test]
fn other_names_are_looked_up_only_as_granted() {
    let resolve = |flags: &[&str], name: &str| {
        let output = output(flags, "names", &["resolve", name]);
        (
            String::from_utf8(output.stdout.clone()).unwrap(),
            stderr(&output),
        )
    };
    let (result, hint) = resolve(&[], "API.Example.");
    assert!(result.contains("Permission denied (EACCES)"), "{result}");
    assert!(
        hint.ends_with("to allow it: --allow-resolve api.example\n"),
        "{hint}"
    );
    for (flags, denied) in [
        (&["--allow-resolve", "api.example"][..], false),
        (&["--allow-resolve", "*.example"], false),
        (&["--allow-resolve", "example"], true),
        (&["--allow-resolve", "*.api.example"], true),
        (&["--allow-resolve", "pi.example"], true),
        (
            &[
                "--allow-resolve",
                "*.example",
                "--deny-resolve",
                "api.example",
            ],
            true,
        ),
    ] {
        let (result, hint) = resolve(flags, "api.example");
        // Granted, it fails all the same: `example` is reserved (RFC 2606).
        assert_eq!(result.contains("EACCES"), denied, "{flags:?}: {result}");
        assert_eq!(hint.contains("denied"), denied, "{flags:?}: {hint}");
    }
}

#[test]
fn a_connection_by_name_needs_the_address_too() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let grant = format!("tcp://127.0.0.1:{port}");
    let guest = start(
        &["--allow-connect", &grant],
        "names",
        &["connect", "localhost", &port],
    );
    let mut said = String::new();
    listener
        .accept()
        .unwrap()
        .0
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "found");
    guest.succeed();
    let output = output(&[], "names", &["connect", "localhost", &port]);
    assert!(
        stderr(&output).contains(&format!("--allow-connect {grant}\n")),
        "{}",
        stderr(&output)
    );
}
