//! What would harm the host.

use super::Outcome::{Ends, Traps};
use super::{Row, Try, denied, invalid, prints, row, works};

const LOOPBACK: &str = "--allow-listen tcp://127.0.0.1:* --allow-connect tcp://127.0.0.1:*";
const WAITING: &str = "--allow-listen tcp://127.0.0.1:* --allow-listen udp://127.0.0.1:*";
const IN_TIME: &str =
    "--allow-listen tcp://127.0.0.1:* --allow-listen udp://127.0.0.1:* --limit time=300ms";

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
        row("threads without end", "EAGAIN at the limit; a program that does not ask is ended", &[
            prints("255, EAGAIN, 255, EAGAIN", "", "threads-flood"),
            prints("4, EAGAIN, 4, EAGAIN", "--limit threads=5", "threads-flood"),
            prints("0, EAGAIN, 0, EAGAIN", "--limit threads=1", "threads-flood"),
            Try { outcome: Traps, ..prints("", "", "threads-flood-raw") },
            Try { outcome: Traps, ..prints("", "--limit threads=1", "threads-flood-raw") },
            // Of a thread's own stack in the host.
            Try { outcome: Traps, ..prints("", "", "threads-recurse") },
        ]),
        row("threads that are in calls when the program or its time ends", "all of them end", &[
            Try { outcome: Ends, ..prints("", IN_TIME, "threads-cut") },
            Try { outcome: Ends, ..prints("", IN_TIME, "threads-wait") },
            Try { outcome: Ends, ..prints("", IN_TIME, "threads-yield") },
            prints("left", WAITING, "threads-left"),
        ]),
        row("a connect by another thread", "the same verdict", &[
            denied("", "threads-connect"),
            works("--allow-connect tcp://127.0.0.1:9", "threads-connect"),
        ]),
        row("20,000 socket files in a granted directory", "ENOSPC; to remove one makes room", &[
            prints("1024, ENOSPC, ok, ENOSPC", "--allow-bind unix:{dir}/granted/", "socket-files {dir}/granted"),
            prints("2, ENOSPC, ok, ENOSPC", "--allow-bind unix:{dir}/granted/ --limit unix-paths=2", "socket-files {dir}/granted"),
        ]),
    ]
}
