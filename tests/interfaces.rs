//! Network interfaces, beside CPython and under their grant.

use std::process::Command;

use capsock_tests::{output, pipe, run, stderr, succeed};

#[test]
fn interfaces_are_those_that_python_lists() {
    let theirs = pipe(Command::new("python3").args(["-c", LIST]), "");
    assert!(theirs.contains(" lo\n"), "{theirs}");
    assert_eq!(
        succeed(&["--allow-interfaces"], "interfaces", &["list"]),
        theirs
    );
}

const LIST: &str = "
import socket
for index, name in socket.if_nameindex():
    print(index, name)
def attempt(function, argument):
    try:
        print(function(argument))
    except (OSError, ValueError) as error:
        number = getattr(error, 'errno', None)
        print('error', f'Some({number})' if number else None)
for name in ('', 'nope', 'sixteen-letters-', 'a' * 5000, 'l\\0o'):
    attempt(socket.if_nametoindex, name)
for index in (0, 99999, 2**32 - 1):
    attempt(socket.if_indextoname, index)
";

/// Whether there is an interface is not told by what is made of its name, nor
/// what its name is; the number is no secret.
#[test]
fn zones_are_numbers_without_the_grant() {
    const CALLS: [(&str, &str, &str); 5] = [
        (
            "getaddrinfo fe80::1%lo 80 6 stream 0 0",
            "gaierror -2",
            "10 1 6  fe80::1 80 0 1",
        ),
        (
            "getaddrinfo fe80::1%none 80 6 stream 0 0",
            "gaierror -2",
            "gaierror -2",
        ),
        (
            "getaddrinfo fe80::1%1 80 6 stream 0 2",
            "10 1 6 fe80::1%1 fe80::1 80 0 1",
            "10 1 6 fe80::1%1 fe80::1 80 0 1",
        ),
        (
            "getnameinfo fe80::1%1 80 3",
            "fe80::1%1 80",
            "fe80::1%lo 80",
        ),
        (
            "getnameinfo fe80::1%1 80 2",
            "fe80::1%1 80",
            "fe80::1%lo 80",
        ),
    ];
    for (call, without, with) in CALLS {
        let said = |flags: &[&str]| pipe(&mut run(flags, "names", &["look-up"]), call);
        assert_eq!(said(&[]), format!("{without}\n"), "{call}");
        assert_eq!(said(&["--allow-interfaces"]), format!("{with}\n"), "{call}");
    }
}

#[test]
fn interfaces_need_a_grant_and_the_hint_is_that_flag() {
    for flags in [
        &[][..],
        &["--allow-interfaces", "--deny-interfaces"],
        &["--deny-interfaces", "--allow-interfaces=*"],
    ] {
        let output = output(flags, "interfaces", &["denied"]);
        let told = stderr(&output);
        assert!(output.status.success(), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
        let hint = told
            .trim_end()
            .split_once("to allow it: ")
            .map(|(_, flag)| flag);
        match (flags, hint) {
            // What is printed is what can be typed.
            ([], Some(flag)) => _ = succeed(&[flag], "interfaces", &["list"]),
            ([_, ..], None) => assert!(told.contains("`deny interfaces *`"), "{told}"),
            _ => panic!("{flags:?}: {told}"),
        }
    }
}
