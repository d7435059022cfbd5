//! Files that the host trusts.

use super::Outcome::Unaudited;
use super::{Row, Try, denied, prints, row, usage, works};

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("a file that the host trusts beneath a --dir that the guest may write: policy, audit, record, a rule's directory, a denied one", "usage error; read-only it is no matter", &[
            usage("--dir {dir}/granted --audit {dir}/granted/audit"),
            usage("--dir {dir}/granted --audit {dir}/granted/up/audit"),
            usage("--dir {dir} --record {dir}/granted/record"),
            usage("--dir {dir} --dir {dir}/granted:ro"),
            usage("--dir {dir} --allow-connect unix:{dir}/granted/"),
            usage("--dir {dir}/granted --allow-connect unix:{dir}/ --deny-connect unix:{dir}/granted/inside.sock"),
            usage("--dir /"),
            usage("--dir /proc"),
            works("--dir {dir}/granted:ro --audit {dir}/audit --allow-connect tcp://127.0.0.1:9", "connect tcp 127.0.0.1 9"),
            works("--dir {dir}/granted --allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/inside.sock"),
        ]),
        row("--audit or --record by a symbolic link", "usage error", &[
            usage("--audit {dir}/granted/link.sock"),
            usage("--record {dir}/granted/link.sock"),
        ]),
        row("--audit on a full disk", "denied, and the run says so", &[
            unaudited("--allow-connect tcp://127.0.0.1:9", "connect tcp 127.0.0.1 9"),
            unaudited("--allow-connect tcp://[::1]:9", "connect tcp ::1 9"),
            unaudited("--allow-send udp://127.0.0.1:9", "send 127.0.0.1 9"),
            unaudited("--allow-listen tcp://127.0.0.1:80", "listen tcp 127.0.0.1 80"),
            unaudited("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/inside.sock"),
            unaudited("--allow-option so-mark", "option so-mark"),
            unaudited("--allow-connect tcp://mixed.example:9", "connect-name mixed.example 9"),
            unaudited("", "connect tcp 127.0.0.1 9"),
            denied("--audit {dir}/audit", "connect tcp 127.0.0.1 9"),
        ]),
    ]
}

/// `/dev/full` is a disk that is full.
const fn unaudited(grants: &'static str, does: &'static str) -> Try {
    Try {
        outcome: Unaudited,
        ..prints("", grants, does)
    }
}
