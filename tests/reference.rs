//! Constants and pure functions, beside CPython's own `socket` module.

use std::collections::HashMap;
use std::process::Command;

use capsock_tests::{pipe, run, succeed};

/// Constants that Python's documentation names, where this machine's Python was
/// built without the kernel's headers for them: from linux/rds.h and BlueZ.
const NOT_IN_EVERY_PYTHON: [&str; 6] = [
    "RDS_",
    "SOL_RDS",
    "BTPROTO_",
    "HCI_",
    "SOL_HCI",
    "AF_BLUETOOTH",
];

/// And those that no CPython has.
const NOT_IN_PYTHON: [&str; 4] = [
    "SO_VM_SOCKETS_BUFFER_SIZE",
    "SO_VM_SOCKETS_BUFFER_MIN_SIZE",
    "SO_VM_SOCKETS_BUFFER_MAX_SIZE",
    "IOCTL_VM_SOCKETS_GET_LOCAL_CID",
];

/// The names of CPython 3.14, which has more than this machine's may have.
const NEWEST: &str = include_str!("python/names-of-3.14.txt");

fn python(program: &str, input: &str) -> String {
    let mut python = Command::new("python3");
    pipe(python.args(["-c", program]), input)
}

#[test]
fn constants_have_the_values_of_python() {
    let ours = succeed(&[], "convert", &["constants"]);
    let theirs = python(
        "import socket\nfor name in dir(socket):\n    value = getattr(socket, name)\n    if (name.isupper() or name == 'has_ipv6') and isinstance(value, int): print(name, int(value))",
        "",
    );
    let ours: HashMap<&str, &str> = ours
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    let theirs: HashMap<&str, &str> = theirs
        .lines()
        .map(|line| line.split_once(' ').unwrap())
        .collect();
    for (name, value) in &theirs {
        if !["EAGAIN", "EBADF", "EWOULDBLOCK"].contains(name) {
            assert_eq!(ours.get(name), Some(value), "{name}");
        }
    }
    for name in ours.keys().filter(|name| !theirs.contains_key(*name)) {
        let excused = NOT_IN_EVERY_PYTHON
            .iter()
            .any(|prefix| name.starts_with(prefix))
            || NOT_IN_PYTHON.contains(name);
        let newer = format!("{name} {}", ours[name]);
        assert!(
            excused
                || NEWEST
                    .lines()
                    .any(|line| line.trim_end_matches(" # 3.14") == newer),
            "Python has no {newer}"
        );
    }
}

#[test]
fn functions_give_what_python_gives() {
    let numbers = [
        -1i64,
        0,
        1,
        0x1234,
        0xffff,
        0x1_0000,
        0x1234_5678,
        0xffff_ffff,
        0x1_0000_0000,
    ];
    let sizes = [
        -1i64,
        0,
        1,
        7,
        8,
        9,
        4096,
        0x7fff_ffe7,
        0x7fff_ffe8,
        0x7fff_ffef,
        0x7fff_fff0,
        1 << 40,
    ];
    let texts = [
        "127.0.0.1",
        "127.1",
        "127",
        "1.2.3",
        "0x7f.1",
        "0x7f000001",
        "0177.0.0.1",
        "010.1",
        "08.1",
        "1.2.3.4.5",
        "256.1.1.1",
        "1.256.1.1",
        "1.2.65535",
        "1.2.65536",
        "1.16777215",
        "1.16777216",
        "4294967295",
        "4294967296",
        "",
        ".",
        "1.",
        ".1",
        "1..2",
        "a",
        "1.2.3.4 x",
        "1.2.3.4\tx",
        "1.2.3.4x",
        " 1.2.3.4",
        "+1.2.3.4",
        "-1",
        "0x",
        "0x1g",
        "0X7F.1",
        "00",
        "0.0.0.0",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:1.2.3.4",
        "1::2::3",
        "fe80::1%lo",
        "[::1]",
        "2001:db8:0:0:1:0:0:1",
        "12345::",
        "::1.2.3",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8:9",
        "01.2.3.4",
    ];
    let bytes = [
        "",
        "7f000001",
        "7f0000",
        "ffffffff00",
        "00000000000000000000000000000001",
        "20010db8000000000001000000000001",
        "00000000000000000000ffff01020304",
        "00000000000000000000000001020304",
        "20010db8000100020003000400050006",
        "00010000000000000000000000000000",
        "0000000000000000000000000000000000",
    ];
    let mut calls = String::new();
    for function in ["ntohs", "ntohl", "htons", "htonl"] {
        calls.extend(
            numbers
                .iter()
                .map(|number| format!("{function} {number}\n")),
        );
    }
    for function in ["CMSG_LEN", "CMSG_SPACE"] {
        calls.extend(sizes.iter().map(|size| format!("{function} {size}\n")));
    }
    for function in ["inet_aton", "inet_pton4", "inet_pton6"] {
        calls.extend(texts.iter().map(|text| format!("{function} {text}\n")));
    }
    for function in ["inet_ntoa", "inet_ntop4", "inet_ntop6"] {
        calls.extend(bytes.iter().map(|bytes| format!("{function} {bytes}\n")));
    }
    let ours = pipe(&mut run(&[], "convert", &["functions"]), &calls);
    let theirs = python(FUNCTIONS, &calls);
    for ((call, ours), theirs) in calls.lines().zip(ours.lines()).zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{call}");
    }
    assert_eq!(ours.lines().count(), calls.lines().count());
}

const FUNCTIONS: &str = "
import socket, sys
for line in sys.stdin:
    function, argument = line[:-1].split(' ', 1)
    family = {'4': socket.AF_INET, '6': socket.AF_INET6}.get(function[-1])
    name = function.rstrip('46')
    try:
        if name in ('inet_ntoa', 'inet_ntop'):
            argument = bytes.fromhex(argument)
        elif not name.startswith('inet'):
            argument = int(argument)
        arguments = (argument,) if family is None else (family, argument)
        result = getattr(socket, name)(*arguments)
        print(result.hex() if isinstance(result, bytes) else result)
    except (OSError, OverflowError, ValueError):
        print('error')
";

#[test]
fn files_of_text_give_what_python_gives() {
    let texts: [&[u8]; 14] = [
        b"",
        b"one\ntwo\nthree",
        b"one\r\ntwo\r\n",
        b"one\rtwo\r",
        b"mixed\n\r\n\r\r\n\n\rend",
        b"\r",
        "gr\u{fc}\u{df}e \u{20ac} \u{1f600}\r\n".as_bytes(),
        b"bad \xff\xfe\nnext",
        b"cut \xe2\x82\nnext \xe2\x82\xac",
        b"\xf0\x9f\x98",
        b"\xed\xa0\x80\xc0\x80",
        b"\xff\n\xff",
        b"a\x0bb\x0cc\xc2\x85d\xe2\x80\xa8e",
        b"\xe9t\xe9\r\n",
    ];
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let mut calls = String::new();
    for encoding in [
        "utf-8",
        "ascii",
        "latin-1",
        "UTF8",
        "ISO-8859-1",
        "nonsense",
    ] {
        for errors in ["strict", "replace", "ignore"] {
            for newline in ["None", "=", "=0a", "=0d", "=0d0a", "=78"] {
                for text in texts {
                    let text = hex(text);
                    calls += &format!("r {encoding} {errors} {newline} {text}\n");
                }
                for text in texts.iter().filter_map(|text| str::from_utf8(text).ok()) {
                    let text = hex(text.as_bytes());
                    calls += &format!("w {encoding} {errors} {newline} {text}\n");
                }
            }
        }
    }
    let ours = pipe(&mut run(&[], "text", &[]), &calls);
    let theirs = python(TEXTS, &calls);
    for ((call, ours), theirs) in calls.lines().zip(ours.lines()).zip(theirs.lines()) {
        assert_eq!(ours, theirs, "{call}");
    }
    assert_eq!(ours.lines().count(), calls.lines().count());
}

const TEXTS: &str = "
import socket, sys
for line in sys.stdin:
    direction, encoding, errors, newline, data = line[:-1].split(' ')
    newline = None if newline == 'None' else bytes.fromhex(newline[1:]).decode()
    data = bytes.fromhex(data)
    one, other = socket.socketpair()
    try:
        if direction == 'r':
            with one:
                one.sendall(data)
            with other, other.makefile('r', encoding=encoding, errors=errors, newline=newline) as file:
                lines = list(file)
            print('lines', ' '.join(line.encode().hex() for line in lines))
        else:
            with one, one.makefile('w', encoding=encoding, errors=errors, newline=newline) as file:
                file.write(data.decode())
            one.close()
            with other, other.makefile('rb') as file:
                print('bytes', file.read().hex())
    except (ValueError, LookupError):
        print('error')
";
