//! What would harm the host.

use super::{Row, Try, invalid, prints, row};

const LOOPBACK: &str = "--allow-listen tcp://127.0.0.1:* --allow-connect tcp://127.0.0.1:*";

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("7 MiB of text for an option, an address or a rule; 100,000 items in a list", "refused by its length, before any rule is asked", &[
            prints("EINVAL, EINVAL, EINVAL", "", "huge-text"),
            prints("EINVAL, EINVAL, EINVAL", "--allow-option so-bindtodevice --allow-option raw", "huge-text"),
            prints("invalid-argument, invalid-argument, no-device", "--allow-bind unix:/ --allow-interfaces", "huge-names"),
            prints("LimitError::TooMany, LimitError::TooMany, the question has more than 4096 bytes", "", "huge-rules"),
            prints("ENOBUFS", "--allow-send udp://*:*", "huge-control"),
            invalid("", "huge-passed"),
        ]),
        row("many pollables on few sockets", "no more descriptors than sockets may be", &[
            // Without descriptors for more than that.
            Try { under: "prlimit --nofile=60", ..prints("waiting\nwaits", "--limit sockets=12 --allow-listen tcp://127.0.0.1:* --allow-connect tcp://127.0.0.1:*", "pollables") },
        ]),
        row("large buffers of many sockets, of accepted ones, of those in flight; a peer that takes nothing", "all together within one limit", &[
            prints("bounded", "", "buffers"),
            prints("bounded", LOOPBACK, "buffers-accepted"),
            prints("bounded", "", "buffers-passed"),
            prints("bounded", LOOPBACK, "buffers-by-themselves"),
        ]),
        row("20,000 socket files in a granted directory", "ENOSPC; to remove one makes room", &[
            prints("1024, ENOSPC, ok, ENOSPC", "--allow-bind unix:{dir}/granted/", "socket-files {dir}/granted"),
            prints("2, ENOSPC, ok, ENOSPC", "--allow-bind unix:{dir}/granted/ --limit unix-paths=2", "socket-files {dir}/granted"),
        ]),
    ]
}
