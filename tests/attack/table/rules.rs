//! Denials of the rarer kinds: one thing, however it is written.

use super::{Row, denied, invalid, prints, row, usage, works};

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("an interface by another name of it, or by a name that the kernel cuts", "denied where one of its names is", &[
            denied("--allow-option so-bindtodevice --deny-option so-bindtodevice=secretif", "bind-to-device secretif"),
            denied("--allow-option so-bindtodevice --deny-option so-bindtodevice=secretif", "bind-to-device other-name"),
            denied("--allow-option so-bindtodevice --deny-option so-bindtodevice=other-name", "bind-to-device secretif"),
            // One character more than an interface may have.
            invalid("--allow-option so-bindtodevice --deny-option so-bindtodevice=fifteen-letters", "bind-to-device fifteen-lettersX"),
            prints("ok", "--allow-option so-bindtodevice=secretif", "bind-to-device other-name"),
            prints("ok", "--allow-option so-bindtodevice", "bind-to-device fifteen-letters"),
            prints("ENODEV", "--allow-option so-bindtodevice", "bind-to-device none-such"),
            denied("", "bind-to-device none-such"),
        ]),
        row("a Unix socket by a link to its directory", "denied where it is by any path", &[
            denied("--allow-connect unix:{dir}/alias/ --deny-connect unix:{dir}/granted/inside.sock", "connect-unix {dir}/alias/inside.sock"),
            denied("--allow-connect unix:{dir}/alias/ --deny-connect unix:{dir}/granted/", "connect-unix {dir}/alias/inside.sock"),
            denied("--allow-connect unix:{dir}/alias/inside.sock --deny-connect unix:{dir}/", "connect-unix {dir}/alias/inside.sock"),
            denied("--allow-connect unix:{dir}/granted/ --deny-connect unix:{dir}/alias/", "connect-unix {dir}/granted/inside.sock"),
            denied("--allow-connect unix:{dir}/ --deny-send unix:{dir}/alias/", "connect-unix {dir}/granted/inside.sock"),
            // And a link to the socket itself.
            denied("--allow-connect unix:{dir}/ --deny-connect unix:{dir}/granted/link.sock", "connect-unix {dir}/outside.sock"),
            works("--allow-connect unix:{dir}/ --deny-connect unix:{dir}/granted/inside.sock", "connect-unix {dir}/outside.sock"),
            works("--allow-connect unix:{dir}/alias/ --deny-connect unix:{dir}/granted/other.sock", "connect-unix {dir}/alias/inside.sock"),
        ]),
        row("MPTCP, which falls back to TCP, where TCP is denied", "denied", &[
            denied("--allow-connect mptcp://127.0.0.1:* --deny-connect tcp://127.0.0.1:9", "connect mptcp 127.0.0.1 9"),
            denied("--allow-connect mptcp://[::1]:* --deny-connect ip://[::1]:*", "connect mptcp ::1 9"),
            denied("--allow-listen mptcp://127.0.0.1:ephemeral --deny-listen tcp://127.0.0.1:*", "bind mptcp 127.0.0.1 0"),
            works("--allow-connect mptcp://127.0.0.1:* --deny-connect tcp://127.0.0.1:80", "connect mptcp 127.0.0.1 9"),
        ]),
        row("UDP where connecting is denied for ip; the other way round", "denied", &[
            denied("--allow-send udp://10.0.0.0/8:9 --deny-connect ip://10.0.0.0/8:*", "send 10.0.0.1 9"),
            denied("--allow-send udplite://10.0.0.0/8:9 --deny-connect ip://10.0.0.0/8:*", "connect udplite 10.0.0.1 9"),
            denied("--allow-connect tcp://10.0.0.0/8:9 --deny-send ip://10.0.0.0/8:*", "connect tcp 10.0.0.1 9"),
            works("--allow-send udp://10.0.0.0/8:9 --deny-connect tcp://10.0.0.0/8:*", "send 10.0.0.1 9"),
        ]),
        row("netlink by its number or its name, made where all of it is denied", "denied", &[
            denied("--allow-raw netlink://* --deny-raw netlink://0", "socket netlink"),
            denied("--allow-raw netlink://* --deny-raw netlink://route", "socket netlink"),
            denied("--allow-raw netlink://route --deny-raw netlink://*", "socket netlink"),
            denied("--allow-raw packet://* --deny-raw packet://*", "socket packet"),
            denied("--allow-raw raw/1://* --deny-raw raw/1://*", "socket raw"),
            prints("ok", "--allow-raw netlink://0 --deny-raw netlink://16", "socket netlink"),
        ]),
        row("a denial by an IPv4 address within an IPv6 one", "denied", &[
            denied("--allow-connect tcp://10.0.0.0/8:9 --deny-connect tcp://[::10.0.0.1]:*", "connect tcp 10.0.0.1 9"),
            denied("--allow-connect tcp://10.0.0.0/8:9 --deny-connect tcp://[::ffff:10.0.0.1]:*", "connect tcp 10.0.0.1 9"),
            denied("--allow-connect tcp://10.0.0.0/8:9 --deny-connect tcp://[::10.0.0.0/104]:*", "connect tcp ::ffff:10.0.0.1 9"),
        ]),
        row("a rule that is not written as its target is", "not started; the message says how to write it", &[
            usage("--deny-option ip-transparent=true"),
            usage("--deny-option so-mark=0x7"),
            usage("--deny-connect vsock://2:022"),
            usage("--deny-bind alg://hash/SHA256"),
            usage("--deny-bind alg://hash/sha256"),
            usage("--deny-raw packet://eth*"),
            usage("--deny-connect tcp://[::/96]:*"),
            usage("--deny-bind bluetooth://rfcomm/1:2:3:4:5:6/1"),
        ]),
        row("an address of this machine, or of a broadcast, under *", "denied", &[
            denied("--allow-connect tcp://*:9", "connect tcp 9.9.9.8 9"),
            denied("--allow-connect tcp://public:9 --allow-connect tcp://0.0.0.0/0:9 --allow-connect tcp://9.0.0.0/8:9", "connect tcp 9.9.9.8 9"),
            denied("--allow-connect tcp://own.example:9", "connect-name own.example 9"),
            denied("--allow-send udp://*:9", "send 9.9.9.8 9"),
            denied("--allow-send udp://*:9 --allow-send udp://9.0.0.0/8:*", "send 9.9.8.255 9"),
            works("--allow-connect tcp://9.9.9.8:9", "connect tcp 9.9.9.8 9"),
            works("--allow-connect tcp://*:9", "connect tcp 9.9.9.9 9"),
            // To bind it is another thing.
            prints("ok", "--allow-listen tcp://*:9000", "bind tcp 9.9.9.8 9000"),
        ]),
        row("a metadata service of any cloud", "denied without its class", &[
            denied("--allow-connect tcp://link-local:9 --allow-connect tcp://*:9", "connect tcp 169.254.42.42 9"),
            denied("--allow-connect tcp://link-local:9 --allow-connect tcp://169.254.0.0/16:9", "connect tcp 169.254.0.23 9"),
            denied("--allow-connect tcp://private:9 --allow-connect tcp://[fd00::/8]:9", "connect tcp fd00:42::42 9"),
            denied("--allow-connect tcp://link-local:9 --allow-connect tcp://[fe80::/10]:9", "connect tcp fe80::a9fe:a9fe 9"),
            works("--allow-connect tcp://metadata:9", "connect tcp 169.254.42.42 9"),
            works("--allow-connect tcp://metadata:9", "connect tcp fd00:42::42 9"),
        ]),
        row("to listen on every address where one of them is denied", "denied", &[
            denied("--allow-listen tcp://0.0.0.0:9000 --deny-listen tcp://127.0.0.1:*", "bind tcp 0.0.0.0 9000"),
            denied("--allow-listen tcp://[::]:9000 --deny-bind tcp://[::1]:9000", "bind tcp :: 9000"),
            denied("--allow-listen udp://0.0.0.0:9000 --deny-listen udp://loopback:*", "bind udp 0.0.0.0 9000"),
        ]),
        row("a broadcast of a private net", "denied without the class", &[
            denied("--allow-send udp://private:* --allow-send udp://10.7.0.0/24:*", "send 10.7.0.255 9"),
            denied("--allow-send udp://10.7.0.255:* --deny-send udp://broadcast:*", "send 10.7.0.255 9"),
            works("--allow-send udp://broadcast:9", "send 10.7.0.255 9"),
        ]),
        row("another loopback address where localhost is granted", "denied", &[
            denied("--allow-connect tcp://localhost:9", "connect tcp 127.0.0.2 9"),
            works("--allow-connect tcp://localhost:9", "connect tcp 127.0.0.1 9"),
            works("--allow-connect tcp://localhost:9", "connect tcp ::1 9"),
        ]),
    ]
}
