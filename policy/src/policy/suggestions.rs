//! What a denial suggests: the parser takes it as it is printed, and it allows
//! what was tried and nothing beside it.

use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::address::host_text;
use crate::class::Class;
use crate::http::Request;
use crate::operation::{Bind, Connect, Listen, Recv, Send};
use crate::{
    AlgAddress, BluetoothAddress, BluetoothDevice, BluetoothProtocol, CanAddress, CanProtocol,
    CanProtocolAddress, NetlinkAddress, PacketAddress, TipcAddress, TipcTarget, VsockAddress,
};
use crate::{Check, DescriptorKind, rule};

/// What is tried, and what is nearly that.
type Attempt = (Check, Vec<Check>);

/// An operation of each kind on one address or another.
fn uses(protocol: Protocol, which: usize, addresses: Vec<Address>) -> Attempt {
    let mut checks = addresses.into_iter().map(|address| {
        let ops: &[fn(Protocol, Address) -> Check] = match protocol.has_connections() {
            true => &[
                Check::of_use::<Connect>,
                Check::of_use::<Listen>,
                Check::of_use::<Bind>,
            ],
            false => &[
                Check::of_use::<Send>,
                Check::of_use::<Recv>,
                Check::of_use::<Bind>,
                Check::of_use::<Listen>,
            ],
        };
        ops[which % ops.len()](protocol, address)
    });
    let tried = checks.next().expect("an address");
    (tried, checks.collect())
}

fn ip() -> impl Strategy<Value = IpAddr> {
    let v4 = any::<u32>().prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let v6 = any::<u128>().prop_map(|bits| IpAddr::V6(Ipv6Addr::from(bits)));
    let known = prop::sample::select(vec![
        "127.0.0.1",
        "10.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "240.0.0.1",
        "::",
        "::1",
        "fe80::1",
        "ff02::1",
        "fd00:ec2::254",
        "2001:db8::1",
    ]);
    let known = known.prop_map(|text| text.parse::<IpAddr>().expect(text));
    let inside = (any::<u32>(), 0..4).prop_map(|(bits, how)| {
        let [a, b, c, d] = bits.to_be_bytes().map(u16::from);
        let (high, low) = (a << 8 | b, c << 8 | d);
        IpAddr::V6(match how {
            0 => Ipv4Addr::from(bits).to_ipv6_mapped(),
            1 => Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low),
            2 => Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1),
            _ => Ipv6Addr::new(0, 0, 0, 0, 0, 0, high, low),
        })
    });
    prop_oneof![v4, v6, known, inside]
}

fn next(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => Ipv4Addr::from(u32::from(ip) ^ 1).into(),
        IpAddr::V6(ip) => Ipv6Addr::from(u128::from(ip) ^ 1).into(),
    }
}

fn internet() -> impl Strategy<Value = Attempt> {
    let protocol = prop::sample::select(vec![
        Protocol::Tcp,
        Protocol::Udp,
        Protocol::Mptcp,
        Protocol::UdpLite,
        Protocol::Icmp,
        Protocol::Raw(1),
        Protocol::Raw(255),
    ]);
    let port = prop_oneof![Just(0), Just(80), any::<u16>()];
    (protocol, ip(), port, 0..3u32, 0..4usize).prop_map(|(protocol, ip, port, scope, which)| {
        let scoped = |ip| match ip {
            IpAddr::V4(_) => SocketAddr::new(ip, port),
            IpAddr::V6(ip) => SocketAddrV6::new(ip, port, 0, scope).into(),
        };
        let mut addresses = vec![Address::from(scoped(ip)), scoped(next(ip)).into()];
        if protocol.has_ports() {
            let other = Address::from(scoped(ip));
            addresses.push(other.clone().with_port(port.wrapping_add(1)));
            addresses.push(other.with_port(port ^ 0x100));
        }
        uses(protocol, which, addresses)
    })
}

fn peers() -> impl Strategy<Value = Attempt> {
    (ip(), ip(), 1..u16::MAX, any::<bool>()).prop_map(|(local, peer, port, accepts)| {
        let local = Address::from(SocketAddr::new(local, port));
        let check = |peer, port| match accepts {
            true => Check::Peer {
                protocol: Protocol::Tcp,
                local: local.clone(),
                peer: SocketAddr::new(peer, port).into(),
            },
            false => Check::Sender {
                protocol: Protocol::Udp,
                local: Some(local.clone()),
                sender: SocketAddr::new(peer, port).into(),
            },
        };
        let near = vec![check(next(peer), port)];
        (check(peer, port), near)
    })
}

/// Bytes with what rules, shells and terminals make something of.
fn bytes(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(vec![
        " ",
        "*",
        "\\",
        "\\x2A",
        "'",
        "\"",
        "$HOME",
        ";",
        "\n",
        "\t",
        "\u{85}",
        "\u{a0}",
        "\u{2028}",
        "\u{202e}",
        "\u{200b}",
        "\u{301}",
        "\u{fc}",
        "\u{1f310}",
        "/",
        "..",
        ".",
        "=",
        ":",
        "-",
        "!",
        "\x7f",
        "\x1b",
    ]);
    let part = prop_oneof![
        odd.prop_map(|text| text.as_bytes().to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
        "[a-z]{1,8}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, length).prop_map(|parts| parts.concat())
}

fn unix() -> impl Strategy<Value = Attempt> {
    let path = ("|/|/|/run/|\\./|//", bytes(0..8)).prop_map(|(start, rest)| {
        let path = [start.as_bytes(), &rest].concat();
        UnixAddress::Pathname(PathBuf::from(OsStr::from_bytes(&path)))
    });
    let address = prop_oneof![
        3 => path,
        2 => bytes(0..8).prop_map(UnixAddress::Abstract),
        1 => Just(UnixAddress::Unnamed),
    ];
    let protocol = prop::sample::select(vec![Protocol::UnixConnection, Protocol::UnixDatagram]);
    (protocol, address, 0..9usize).prop_map(|(protocol, address, which)| {
        let near = |suffix: &[u8]| match &address {
            UnixAddress::Pathname(path) => {
                let path = [path.as_os_str().as_bytes(), suffix].concat();
                UnixAddress::Pathname(PathBuf::from(OsStr::from_bytes(&path)))
            }
            UnixAddress::Abstract(name) => UnixAddress::Abstract([name, suffix].concat()),
            UnixAddress::Unnamed => UnixAddress::Abstract(suffix.to_vec()),
        };
        let mut addresses = vec![address.clone(), near(b"x"), near(b"/x")];
        if let UnixAddress::Pathname(path) = &address
            && let Some(parent) = path.parent()
        {
            addresses.push(UnixAddress::Pathname(parent.to_owned()));
            addresses.push(UnixAddress::Pathname(parent.join("other")));
        }
        let addresses: Vec<Address> = addresses.into_iter().map(Address::Unix).collect();
        let of_descriptors = |over: Address| match which {
            3 => Check::Pass { protocol, over },
            which => Check::Take {
                protocol,
                over,
                kind: DescriptorKind::ALL[which - 4],
            },
        };
        // To be read does not let it be written, and no kind is another one.
        let other_kinds = |over: &Address| {
            let beside = match which {
                4 => &[DescriptorKind::File, DescriptorKind::Pipe][..],
                5 => &[DescriptorKind::Socket, DescriptorKind::WritableFile],
                6 => &[DescriptorKind::Socket, DescriptorKind::WritablePipe],
                7 => &[DescriptorKind::File, DescriptorKind::WritablePipe],
                8 => &[DescriptorKind::Socket, DescriptorKind::WritableFile],
                _ => &[],
            };
            let take = |kind: &DescriptorKind| Check::Take {
                protocol,
                over: over.clone(),
                kind: *kind,
            };
            beside.iter().map(take).collect::<Vec<_>>()
        };
        match which {
            // Of one without a name only the widest rule is.
            3.. if address != UnixAddress::Unnamed => {
                let mut beside = other_kinds(&addresses[0]);
                let mut checks = addresses.into_iter().map(of_descriptors);
                let tried = checks.next().expect("an address");
                beside.extend(checks);
                (tried, beside)
            }
            3.. => {
                let over = Address::Unix(address);
                let beside = other_kinds(&over);
                (of_descriptors(over), beside)
            }
            // A Unix socket receives what is sent to it.
            1 if protocol == Protocol::UnixDatagram => uses(protocol, 0, addresses),
            which => uses(protocol, which, addresses),
        }
    })
}

fn special() -> impl Strategy<Value = Attempt> {
    let text = || bytes(1..4).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let interface = (text(), any::<bool>()).prop_map(|(interface, is_can)| {
        let name = |suffix: &str| format!("{interface}{suffix}");
        let names = [name(""), name("0"), name("*")];
        let address = |interface| match is_can {
            true => Address::Can(CanAddress {
                interface,
                protocol: CanProtocolAddress::None,
            }),
            false => Address::Packet(PacketAddress {
                interface,
                ..PacketAddress::EVERYWHERE
            }),
        };
        let protocol = if is_can {
            Protocol::Can(CanProtocol::Raw)
        } else {
            Protocol::Packet
        };
        (protocol, names.map(address).to_vec())
    });
    let vsock = any::<[u32; 2]>().prop_map(|[cid, port]| {
        let address = |cid, port| Address::Vsock(VsockAddress { cid, port });
        let all = vec![
            address(cid, port),
            address(cid ^ 1, port),
            address(cid, port ^ 1),
        ];
        (Protocol::VsockConnection, all)
    });
    let tipc = (any::<[u32; 3]>(), any::<bool>()).prop_map(|([one, two, three], is_name)| {
        let address = |two, three| {
            Address::Tipc(TipcAddress {
                target: match is_name {
                    true => TipcTarget::Name {
                        service_type: one,
                        instance: two,
                        domain: three,
                    },
                    false => TipcTarget::NameSequence {
                        service_type: one,
                        lower: two,
                        upper: three,
                    },
                },
                scope: 0,
            })
        };
        // A range is beside another one where it is not within it.
        let other = match is_name {
            true => address(two ^ 1, three),
            false => address(two.saturating_sub(1), three),
        };
        let mut all = vec![address(two, three)];
        if all[0] != other {
            all.push(other);
        }
        (Protocol::TipcDatagram, all)
    });
    let bluetooth = any::<([u8; 6], u8)>().prop_map(|(device, channel)| {
        let address = |channel| {
            Address::Bluetooth(BluetoothAddress::Rfcomm {
                device: BluetoothDevice(device),
                channel,
            })
        };
        let all = vec![address(channel), address(channel ^ 1)];
        (
            Protocol::BluetoothConnection(BluetoothProtocol::Rfcomm),
            all,
        )
    });
    let alg = (text(), text()).prop_map(|(kind, name)| {
        let address = |suffix: &str| {
            Address::Alg(AlgAddress {
                algorithm_type: kind.clone(),
                name: format!("{name}{suffix}"),
                feature: 0,
                mask: 0,
            })
        };
        (Protocol::Alg, vec![address(""), address("x"), address("*")])
    });
    let netlink = (0u32..30, 0u32..3).prop_map(|(number, port_id)| {
        let address = |port_id| Address::Netlink(NetlinkAddress { port_id, groups: 0 });
        let all = vec![address(port_id), address(port_id + 1)];
        (Protocol::Netlink(number), all)
    });
    let all = prop_oneof![interface, vsock, tipc, bluetooth, alg, netlink];
    (all, 0..4usize).prop_map(|((protocol, addresses), which)| match protocol {
        // An algorithm is bound, and no more.
        Protocol::Alg => uses(protocol, 2, addresses),
        protocol => uses(protocol, which, addresses),
    })
}

fn name() -> impl Strategy<Value = Attempt> {
    let name = prop_oneof![
        "[a-z0-9_-]{1,5}(\\.[a-z0-9_-]{1,5}){0,2}\\.?",
        "\\PC{0,12}",
        prop::sample::select(vec![
            "public",
            "metadata",
            "10.in-addr.arpa",
            "*",
            "*.com",
            "0x7f.1"
        ])
        .prop_map(str::to_owned),
    ];
    name.prop_map(|name| {
        let near = [format!("a.{name}"), format!("{name}x"), format!("x{name}")];
        (Check::Name(name), near.map(Check::Name).to_vec())
    })
}

fn option() -> impl Strategy<Value = Attempt> {
    let text =
        |length| bytes(length).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let named = |name: &str, value: String, other: String| {
        let check = |value| Check::Option {
            name: name.to_owned(),
            value,
            by_value: false,
        };
        (check(value), vec![check(other)])
    };
    prop_oneof![
        any::<i32>()
            .prop_map(move |mark| { named("so-mark", mark.to_string(), (mark ^ 1).to_string()) }),
        any::<bool>().prop_map(move |on| {
            named(
                "ip-freebind",
                u8::from(on).to_string(),
                u8::from(!on).to_string(),
            )
        }),
        (0..9999u16, 0..9999u16).prop_map(move |(level, name)| {
            named(
                "raw",
                format!("{level}/{name}"),
                format!("{level}/{}", name + 1),
            )
        }),
        text(0..3).prop_map(move |device| {
            let mut device: String = device.chars().take(3).collect();
            device.retain(|character| character != '\0');
            named("so-bindtodevice", device.clone(), format!("{device}0"))
        }),
        text(0..5).prop_map(move |name| { named("sethostname", name.clone(), format!("{name}x")) }),
    ]
}

fn request() -> impl Strategy<Value = Attempt> {
    let host = prop_oneof![
        ip().prop_map(host_text),
        "[a-z_]{1,3}\\.example\\.?",
        prop::sample::select(vec!["localhost", "a.localhost", "public", "db"])
            .prop_map(str::to_owned),
    ];
    let port = prop_oneof![
        Just(String::new()),
        (1..=u16::MAX).prop_map(|port| format!(":{port}"))
    ];
    let path = prop_oneof![
        "(/([a-c0-9]|%[2-7][0-9A-F]|[!-~]){0,3}){0,3}",
        "/(8|32|33|8:80|08)(/|\\*)?",
        "(/[a-c;*%25]{0,3}){0,4}",
    ];
    let sent = prop_oneof![Just(None), ip().prop_map(Some)];
    (host, port, path, "GET|PUT|M-S", any::<bool>(), sent).prop_filter_map(
        "no request",
        |(host, port, path, method, is_https, ip)| {
            let schemes = if is_https {
                ["https", "http"]
            } else {
                ["http", "https"]
            };
            let request = |method: &str, scheme: &str, host: &str, path: &str| {
                Request::of(method, scheme, &format!("{host}{port}"), path).ok()
            };
            let tried = request(&method, schemes[0], &host, &path)?;
            let near = [
                request("POST", schemes[0], &host, &path),
                request(&method, schemes[1], &host, &path),
                request(&method, schemes[0], "other.example", &path),
                request(&method, schemes[0], &host, &format!("{path}x")),
                request(&method, schemes[0], &host, &format!("{path}/x")),
                request(&method, schemes[0], &host, &format!("/x{path}")),
            ];
            let is_address = tried.name().is_none();
            // What is in no class cannot be had by a name, and `localhost` has known ones.
            let has_class = |ip: &IpAddr| {
                let reached = subjects(&SocketAddr::new(*ip, 1).into()).into_iter();
                let mut ips = reached.filter_map(|address| Some(address.canonical()?.ip()));
                ips.all(|ip| Class::of(ip).is_some())
            };
            let ip = ip.filter(|ip| !is_address && host != "localhost" && has_class(ip));
            let near = near.into_iter().flatten();
            let near: Vec<Request> = near
                .filter(|near| near.to_string() != tried.to_string())
                .collect();
            let check = |request| Check::Request { request, ip };
            Some((check(tried), near.into_iter().map(check).collect()))
        },
    )
}

fn opening() -> impl Strategy<Value = Attempt> {
    let protocols = vec![
        Protocol::Mptcp,
        Protocol::UdpLite,
        Protocol::Icmp,
        Protocol::Raw(7),
        Protocol::Rds,
        Protocol::Netlink(0),
        Protocol::Netlink(99),
        Protocol::VsockConnection,
        Protocol::Packet,
        Protocol::Can(CanProtocol::Raw),
        Protocol::TipcDatagram,
        Protocol::BluetoothConnection(BluetoothProtocol::Rfcomm),
        Protocol::Alg,
    ];
    (
        prop::sample::select(protocols.clone()),
        prop::sample::select(protocols),
    )
        .prop_map(|(tried, other)| {
            let near = (tried != other).then_some(Check::Open(other));
            (Check::Open(tried), near.into_iter().collect())
        })
}

/// Whether no rule could name what was tried: a path that is not absolute, or by
/// which the same file has others, or no name at all; a name that is a word of rules.
fn is_unsayable(tried: &Check) -> bool {
    if let Check::Request { request, .. } = tried {
        return request.name() == Some("public");
    }
    let (Check::Use { address, .. }
    | Check::Pass { over: address, .. }
    | Check::Take { over: address, .. }) = tried
    else {
        return false;
    };
    match address {
        Address::Unix(UnixAddress::Pathname(path)) => {
            let relative = path.as_os_str().as_bytes().strip_prefix(b"/");
            !relative.is_some_and(|path| rule::is_plain(path) && !path.contains(&0))
        }
        Address::Unix(UnixAddress::Unnamed) => true,
        Address::Unix(UnixAddress::Abstract(name)) => name.is_empty(),
        // What the kernel gives no interface and no algorithm as a name.
        Address::Packet(PacketAddress { interface, .. })
        | Address::Can(CanAddress { interface, .. }) => {
            let odd = |character: char| {
                matches!(character, '/' | ':' | '\0') || character.is_ascii_whitespace()
            };
            interface.len() > 15 || interface.contains(odd) || matches!(&interface[..], "." | "..")
        }
        Address::Alg(AlgAddress {
            algorithm_type,
            name,
            ..
        }) => [algorithm_type, name].into_iter().any(|part| {
            let odd = |byte: u8| !byte.is_ascii_graphic() || byte.is_ascii_uppercase();
            part.is_empty() || part.bytes().any(odd) || algorithm_type.contains('/')
        }),
        _ => false,
    }
}

/// Whether a terminal shows it as what it is, in one word, with the peer of a
/// listener in another.
fn is_plain(target: &str) -> bool {
    let seen = |character: char| !character.is_control() && character.escape_debug().len() == 1;
    let word = |word: &str| {
        let mut characters = word.chars();
        characters.all(|character| matches!(character, '\\' | '"' | '\'') || seen(character))
    };
    match target
        .split_once(" from=")
        .or(target.split_once(" in="))
        .or(target.split_once(' '))
    {
        None => word(target) && !target.contains(char::is_whitespace),
        Some((target, peer)) => is_plain(target) && is_plain(peer),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8192))]

    #[test]
    fn a_suggestion_allows_what_was_tried_and_nothing_beside_it(
        (tried, near) in prop_oneof![
            4 => internet(), 2 => peers(), 4 => unix(), 2 => special(), 2 => name(), 2 => option(),
            1 => opening(), 4 => request(),
        ],
    ) {
        let Some(mut denial) = tried.asked() else {
            // It makes no sense, or it needs no grant.
            return Ok(());
        };
        let mut policy = Policy::default();
        // An address that leads to another one needs a grant for each.
        for _subject in 0..2 {
            let of_kind = matches!(tried, Check::Open(_)).then(|| denial.lifted_by());
            let Some(grant) = denial.grant().or(of_kind.flatten()) else {
                prop_assert!(denial.reason().starts_with("no grant can allow it: "), "{denial}");
                prop_assert!(policy.rules().is_empty(), "{tried:?}: {denial}");
                prop_assert!(is_unsayable(&tried), "{tried:?}: {denial}");
                return Ok(());
            };
            let target = grant.target();
            let parsed = Rule::parse(Effect::Allow, grant.op(), &target);
            prop_assert_eq!(parsed.as_ref(), Ok(grant), "{}", target);
            if grant.op() != Op::Interfaces {
                let words = vec![format!("--allow-{}", grant.op()), target.clone()];
                prop_assert_eq!(shlex::split(&grant.flag()), Some(words));
            }
            let address = target.split_once(" of=").map_or(&target[..], |(address, _kind)| address);
            prop_assert!(is_plain(address), "{target:?}");
            // On a command line it is no flag.
            prop_assert!(!target.starts_with('-'), "{target:?}");
            policy = policy.with(grant.clone());
            match tried.ask(&policy) {
                Ok(()) => break,
                Err(next) => {
                    prop_assert_ne!(&next, &denial, "{:?}", policy.rules());
                    denial = next;
                }
            }
        }
        prop_assert!(tried.ask(&policy).is_ok(), "{tried:?}: {:?}", policy.rules());
        for near in near {
            // What makes no sense passes here, and is refused before.
            let needs_a_grant = near.asked().is_some();
            let allowed = needs_a_grant && near.ask(&policy).is_ok();
            prop_assert!(!allowed, "{:?} allows {near:?} too", policy.rules());
        }
    }
}
