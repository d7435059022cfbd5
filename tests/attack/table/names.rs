//! Names, and what a look-up tells others.

use super::{Row, denied, prints, row};

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![
        row("the name of another address of 127.0.0.0/8, which a guest chooses", "no name server is asked; 127.0.0.1, ::1 and localhost are answered here", &[
            prints("127.1.2.3", "", "name-info 127.1.2.3"),
            denied("", "host-by-address 127.1.2.3"),
            denied("--allow-resolve *.ip6.arpa", "host-by-address 127.1.2.3"),
            prints("asked.example", "--allow-resolve *.in-addr.arpa", "name-info 127.1.2.3"),
            prints("localhost", "", "name-info 127.0.0.1"),
            prints("localhost", "", "name-info ::1"),
            prints("localhost", "--allow-resolve *", "host-by-address 127.0.0.1"),
            denied("", "look-up app.localhost"),
        ]),
        row("a name that a search domain would answer for", "looked up as it is, unless --dns-search says otherwise", &[
            prints("EAI_NONAME", "--allow-resolve *", "look-up two.labels"),
            prints("EAI_NONAME", "--allow-resolve *", "look-up two.labels."),
            prints("EAI_NONAME", "--allow-resolve *", "look-up single."),
            prints("EAI_NONAME", "--allow-resolve * --dns-search search.example", "look-up two.labels."),
            denied("--allow-resolve *.search.example --dns-search search.example", "look-up two.labels"),
            denied("--allow-connect tcp://public.example:9 --dns-search search.example", "look-up single"),
        ]),
        row("names of interfaces, by zones and addresses that have them", "numbers only without the grant interfaces", &[
            prints("EAI_NONAME", "", "look-up fe80::1%lo"),
            prints("EAI_NONAME", "", "look-up fe80::1%none"),
            prints("EAI_NONAME", "--allow-resolve *", "look-up fe80::1%lo"),
            prints("EAI_NONAME", "--allow-interfaces", "look-up fe80::1%none"),
            prints("fe80::1%1", "", "name-info fe80::1%1"),
            prints("fe80::1%lo", "--allow-interfaces", "name-info fe80::1%1"),
            denied("--allow-raw packet://lo", "bind-packet none"),
            prints("ok", "--allow-raw packet://lo", "bind-packet lo"),
            prints("ENODEV", "--allow-raw packet://*", "bind-packet none"),
        ]),
        row("the addresses of interfaces", "denied without the grant interfaces", &[
            denied("", "interface-addresses"),
            denied("--allow-raw packet://* --allow-resolve * --allow-send udp://*:*", "interface-addresses"),
            denied("--allow-interfaces --deny-interfaces", "interface-addresses"),
            prints("ok", "--allow-interfaces", "interface-addresses"),
        ]),
    ]
}
