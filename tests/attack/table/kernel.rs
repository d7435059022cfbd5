//! What goes to the kernel unasked.

use super::{Row, denied, prints, row, works};

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a send without an address, on a socket without a peer", "where the kernel would send it is checked; else the kernel's error", &[
            denied("--allow-raw netlink://route/5", "kernel send-nowhere netlink send"),
            denied("--allow-raw netlink://route/5", "kernel send-nowhere netlink sendall"),
            denied("--allow-raw netlink://route/5", "kernel send-nowhere netlink sendmsg"),
            denied("--allow-raw netlink://route/5 --deny-raw netlink://route", "kernel send-nowhere netlink send"),
            prints("ok", "--allow-raw netlink://route", "kernel send-nowhere netlink send"),
            prints("ok", "--allow-raw netlink://route", "kernel send-nowhere netlink sendmsg"),
            denied("--allow-raw packet://lo", "kernel send-given-up eth9"),
            prints("ok", "--allow-raw packet://lo", "kernel send-given-up lo"),
            // Bound to no interface.
            prints("ENXIO", "--allow-raw packet://lo", "kernel send-nowhere packet send"),
            prints("EDESTADDRREQ", "--allow-raw raw/1://*", "kernel send-nowhere raw sendmsg"),
            prints("EDESTADDRREQ", "--allow-raw raw/58://*", "kernel send-nowhere raw6 send"),
            prints("EDESTADDRREQ", "", "kernel send-nowhere udp send"),
            prints("EDESTADDRREQ", "", "kernel send-nowhere udp6 sendmsg"),
            prints("EDESTADDRREQ", "--allow-send udplite://*:9", "kernel send-nowhere udplite send"),
            prints("EDESTADDRREQ", "--allow-send udplite://*:9", "kernel send-nowhere udplite6 sendmsg"),
            prints("ENOTCONN", "", "kernel send-nowhere unix send"),
            prints("ENOTCONN", "", "kernel send-nowhere unix sendmsg"),
            prints("ENOTCONN", "", "kernel send-nowhere unix-stream send"),
            prints("EPIPE", "", "kernel send-nowhere tcp send"),
            prints("EPIPE", "", "kernel send-nowhere tcp6 sendmsg"),
        ]),
        row("two handles of one socket, by dup or sent to oneself: one is bound, the other listens", "what was bound counts for each", &[
            denied("--allow-bind tcp://127.0.0.1:80 --allow-listen tcp://0.0.0.0:ephemeral", "kernel two-handles 127.0.0.1 80 pair"),
            denied("--allow-bind tcp://[::1]:80 --allow-listen tcp://[::]:ephemeral", "kernel two-handles ::1 80 pair"),
            denied("--allow-bind tcp://127.0.0.1:80 --allow-listen tcp://0.0.0.0:ephemeral", "kernel two-handles 127.0.0.1 80 again"),
            denied("--allow-bind tcp://127.0.0.1:80 --allow-listen tcp://0.0.0.0:ephemeral", "kernel two-handles 127.0.0.1 80 dup"),
            prints("ok", "--allow-listen tcp://127.0.0.1:80", "kernel two-handles 127.0.0.1 80 pair"),
            prints("ok", "--allow-listen tcp://[::1]:80", "kernel two-handles ::1 80 again"),
            prints("ok", "--allow-listen tcp://127.0.0.1:ephemeral", "kernel two-handles 127.0.0.1 0 pair"),
            prints("ok", "--allow-listen tcp://127.0.0.1:ephemeral", "kernel two-handles 127.0.0.1 0 again"),
        ]),
        row("a raw, packet or netlink socket sent to others, who could set what the guest may not", "denied", &[
            denied("--allow-raw raw/1://* --allow-pass-fd *", "kernel pass raw"),
            denied("--allow-raw packet://* --allow-pass-fd *", "kernel pass packet"),
            denied("--allow-raw netlink://route --allow-pass-fd *", "kernel pass netlink"),
            prints("ok", "", "kernel pass udp"),
            prints("ok", "", "kernel pass tcp6"),
        ]),
        row("a datagram that is begun for one address and goes on for another", "EINVAL; it goes nowhere", &[
            prints("EINVAL", "--allow-send udp://loopback:9", "send-corked udp 127.0.0.1 127.0.0.2"),
            prints("EINVAL", "--allow-send udp://loopback:9 --allow-send udp://*:9", "send-corked udp 127.0.0.1 9.9.9.9"),
            prints("EINVAL", "--allow-send udplite://loopback:9", "send-corked udplite 127.0.0.1 127.0.0.2"),
            denied("--allow-send udp://loopback:9", "send-corked-given-up 127.0.0.1"),
            denied("--allow-send udp://loopback:9", "send-corked-given-up ::1"),
            works("--allow-send udp://loopback:9", "send-corked udp ::1 ::1"),
        ]),
        row("TCP_FASTOPEN_CONNECT", "denied without the grant of MSG_FASTOPEN", &[
            denied("--allow-connect tcp://127.0.0.1:9 --allow-option raw", "kernel fast-open-connected 127.0.0.1 9"),
            denied("--allow-option raw", "kernel fast-open-connect 1"),
            denied("--allow-option msg-fastopen --deny-option msg-fastopen=1", "kernel fast-open-connect 1"),
            works("--allow-connect tcp://[::1]:9 --allow-option msg-fastopen", "kernel fast-open-connected ::1 9"),
        ]),
        row("a name that the kernel gives for SO_PASSCRED", "nobody is heard there whom no rule names", &[
            prints("EAGAIN", NAMES, "kernel named-by-the-kernel sendto"),
            prints("EAGAIN", NAMES, "kernel named-by-the-kernel connect"),
            prints("EAGAIN", NAMES, "kernel named-by-the-kernel send"),
            prints("EAGAIN", NAMES, "kernel named-by-the-kernel pair"),
            // Who may bind it hears whoever writes there.
            prints("heard intruder", "--allow-bind unix-abstract:* --allow-send unix-abstract:*", "kernel named-by-the-kernel sendto"),
        ]),
    ]
}

/// All abstract names may be sent to, and one be bound.
const NAMES: &str = "--allow-bind unix-abstract:capsock-attack-server --allow-send unix-abstract:*";
