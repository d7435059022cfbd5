//! Network interfaces, beside CPython and under their grant.

use std::process::Command;

use capsock_tests::{Namespace, output, pipe, run, stderr, succeed};

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

/// In a namespace with each kind of address, beside ip(8).
#[test]
fn addresses_are_those_that_ip_tells() {
    const SETUP: &str = "
        ip link add wire type veth peer name other-end
        ip link set wire mtu 1300 up
        ip address add 10.9.0.1/24 broadcast 10.9.0.255 dev wire
        ip address add 10.9.1.1/32 dev wire label wire:1
        ip address add 10.9.2.1/28 broadcast 10.9.2.15 dev wire
        ip address add fd09::1/48 dev wire nodad
        ip address add fe80::9/64 dev wire nodad
        ip tuntap add mode tun name point || exit 0
        ip address add 10.9.3.1 peer 10.9.3.2/32 dev point
        ip link set point up";
    let Some(namespace) = Namespace::new(SETUP) else {
        return;
    };
    let mut theirs = namespace.command("python3");
    let theirs = pipe(theirs.args(["-c", ADDRESSES]), "");
    assert!(
        theirs.contains(" wire:1 1300 100 10.9.1.1/32 0 "),
        "{theirs}"
    );
    let guest = run(&["--allow-interfaces"], "interfaces", &["addresses"]);
    let mut ours = namespace.command(guest.get_program());
    let ours = pipe(ours.args(guest.get_args()), "");
    let sorted = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&ours), sorted(&theirs));
}

/// An address without a broadcast one of its own tells itself there, as the C
/// library has it.
const ADDRESSES: &str = "
import json, subprocess
for link in json.loads(subprocess.check_output(['ip', '-json', 'address'])):
    flags = link['flags']
    start = [link['ifindex'], link['ifname'], link['mtu'],
             ''.join(str(int(flag in flags)) for flag in ('UP', 'LOOPBACK', 'POINTOPOINT'))]
    has_broadcast = 'BROADCAST' in flags
    hardware = link.get('broadcast', '') if has_broadcast else '-'
    print(*start, link.get('address', '-') + '/0', 0, hardware, '-')
    for each in link['addr_info']:
        inet = each['family'] == 'inet'
        name = each.get('label', link['ifname'])
        local = each['local']
        bits = each['prefixlen']
        scope = link['ifindex'] if each['scope'] == 'link' and not inet else 0
        other = each.get('broadcast') or each.get('address') or local
        print(start[0], name, *start[2:], f'{local}/{bits}', scope,
              other if has_broadcast and inet else '-',
              other if 'POINTOPOINT' in flags and inet else '-')
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
