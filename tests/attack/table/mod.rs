//! The attack table: what is tried under which grants, and what has to come of
//! it. How it is tried is not said here, so that guests over other interfaces
//! can run the same rows.
//!
//! `{dir}` is the directory of the Unix sockets, which all are watched:
//! `{dir}/outside.sock`, `{dir}/granted/inside.sock`, the link
//! `{dir}/granted/link.sock` to the first of them, and the abstract name
//! `watched`. At `{dir}/granted/giver.sock` and `files.sock` beside it descriptors
//! are given away.

mod files;
mod harm;
mod kernel;
mod names;
mod rules;

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) attempt: &'static str,
    /// The verdict, in words.
    pub(crate) expected: &'static str,
    pub(crate) tries: Vec<Try>,
}

/// One run of a guest.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Try {
    /// Flags of `capsock run`.
    pub(crate) grants: &'static str,
    /// The arguments of the guest `attack`.
    pub(crate) does: &'static str,
    pub(crate) outcome: Outcome,
    /// Whether something arrives at a socket that is watched: every address of
    /// the namespace at port 9, TCP and UDP, and the Unix sockets.
    pub(crate) arrives: bool,
    /// A program that the host runs under, with its arguments.
    pub(crate) under: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// What the guest prints.
    Prints(&'static str),
    /// The host ends it, since its time is over.
    Ends,
    Traps,
    /// The guest is not started: the grants are wrong.
    Usage,
    /// It is denied, with `--audit` on a disk that is full, and the run says so.
    Unaudited,
}
use Outcome::{Ends, Prints, Traps, Unaudited, Usage};

/// Rules that name what no rule can make sense of.
const NOWHERE: &str = "--allow-connect tcp://0.0.0.0:* --allow-connect tcp://[::]:* \
    --allow-connect tcp://loopback:* --allow-send udp://0.0.0.0:* --allow-send udp://[::]:* \
    --allow-send udp://loopback:*";
const GROUPS: &str = "--allow-connect tcp://multicast:* --allow-connect tcp://broadcast:* \
    --allow-connect mptcp://multicast:* --allow-connect tcp://*:*";
const WIDE: &str = "--allow-connect tcp://*:* --allow-connect tcp://0.0.0.0/0:* \
    --allow-connect tcp://[::/0]:* --allow-connect tcp://link-local:* --allow-connect tcp://private:* \
    --allow-connect tcp://loopback:* --allow-connect tcp://public:*";

/// What a guest reaches the host's sockets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// `capsock:sockets`
    Capsock,
    /// `wasi:sockets` 0.2, through `std::net`
    P2,
    /// `wasi:sockets` 0.3
    P3,
    /// The program of 0.2 with its grants sealed in, on a host of WASI that grants
    /// everything.
    Sealed,
    /// The same of the one of 0.3.
    SealedP3,
}

impl Interface {
    /// The try over this interface; `None` where there is no such operation.
    pub(crate) fn attempt(self, attempt: &Try) -> Option<Try> {
        match self {
            Self::Sealed => return Self::P2.attempt(attempt).filter(Try::can_be_sealed),
            Self::SealedP3 => return Self::P3.attempt(attempt).filter(Try::can_be_sealed),
            Self::Capsock | Self::P2 | Self::P3 => {}
        }
        let words: Vec<&str> = attempt.does.split_whitespace().collect();
        let there = match (self, &words[..]) {
            (Self::Capsock, _) => return Some(*attempt),
            (
                _,
                ["connect", "tcp" | "udp", ..]
                | ["send" | "look-up" | "connect-name", ..]
                | ["trap" | "look-up-long"],
            ) => true,
            (_, ["listen", "tcp", ..] | ["bind", "udp", ..]) => true,
            // std listens where it binds.
            (Self::P2, ["bind", "tcp", ..]) => attempt.outcome == Prints("EACCES"),
            (Self::P3, ["bind", "tcp", ..] | ["listen-unbound" | "send-connected", ..]) => true,
            // Of a socket that was never bound; and its error is of 0.3 only.
            (Self::P3, ["exhaust"]) => true,
            _ => false,
        };
        // By WASI there are no IPv4 addresses within IPv6 ones, and to look up what
        // is no name is no look-up.
        let holds_ipv4 = words
            .iter()
            .any(|word| word.starts_with("::") && word.contains('.'));
        let is_no_name = match words[..] {
            ["look-up", name] => {
                name.contains('%') || name.starts_with(|first: char| first.is_ascii_digit())
            }
            _ => words == ["look-up-long"],
        };
        let broadcast = words.iter().any(|word| word.ends_with(".255")) && attempt.arrives;
        let attempt = match holds_ipv4 || is_no_name {
            true => Try {
                outcome: Prints("EINVAL"),
                arrives: false,
                ..*attempt
            },
            false => *attempt,
        };
        // WASI has no option that lets a broadcast out.
        (there && !broadcast).then_some(attempt)
    }
}

impl Try {
    /// Whether it is about grants alone, and not about limits or other flags of
    /// `capsock run`.
    fn can_be_sealed(&self) -> bool {
        let mut flags = self.grants.split_whitespace();
        flags.all(|word| !word.starts_with("--") || is_grant(word))
            && self.under.is_empty()
            && !matches!(self.outcome, Ends | Unaudited)
            && self.does != "exhaust"
    }
}

fn is_grant(flag: &str) -> bool {
    flag.starts_with("--allow-") || flag.starts_with("--deny-")
}

/// The table, in its order.
pub(crate) fn rows() -> Vec<Row> {
    let parts = [
        first,
        rules::rows,
        kernel::rows,
        names::rows,
        files::rows,
        harm::rows,
    ];
    parts.into_iter().flat_map(|rows| rows()).collect()
}

#[rustfmt::skip]
fn first() -> Vec<Row> {
    vec![
        row("a public name that resolves to 127.0.0.1 or 10.x", "denied", &[
            denied("--allow-connect tcp://loopback.example:9", "connect-name loopback.example 9"),
            denied("--allow-connect tcp://private.example:9", "connect-name private.example 9"),
            denied("--allow-connect tcp://metadata.example:9", "connect-name metadata.example 9"),
            denied("--allow-connect tcp://mapped.example:9", "connect-name mapped.example 9"),
            denied("--allow-connect tcp://nat64.example:9", "connect-name nat64.example 9"),
            denied("--allow-connect tcp://6to4.example:9", "connect-name 6to4.example 9"),
            denied("--allow-connect tcp://inward.example:9", "connect-name inward.example 9"),
            denied("--allow-connect tcp://*.example:9", "connect-name private.example 9"),
            // Whoever may look it up is told, and may not reach it.
            denied("--allow-resolve private.example --allow-connect tcp://*:9", "connect-name private.example 9"),
            // Of mixed answers those that are public are left.
            works("--allow-connect tcp://mixed.example:9", "connect-name mixed.example 9"),
            works("--allow-connect 'tcp://private.example:9 in=private'", "connect-name private.example 9"),
            works("--allow-connect 'tcp://loopback.example:9 in=loopback'", "connect-name loopback.example 9"),
            denied("--allow-connect 'tcp://private.example:9 in=private' --deny-connect tcp://10.0.0.0/8:*", "connect-name private.example 9"),
        ]),
        row("a name whose answer changes after the check", "only the vetted address is used", &[
            // The look-up, the one with another answer, then both addresses.
            Try { arrives: true, ..prints("ok, EACCES, ok, EACCES", "--allow-connect tcp://rebind.example:9", "rebind 9") },
        ]),
        row("the same address over a second interface (wasi:sockets 0.2, 0.3)", "same verdict", &[
            denied("", "connect tcp 127.0.0.1 9"),
            denied("", "connect tcp ::1 9"),
            denied("--allow-connect tcp://*:*", "connect tcp 127.0.0.1 9"),
            works("--allow-connect tcp://127.0.0.1:9", "connect tcp 127.0.0.1 9"),
            works("--allow-connect tcp://[::1]:9", "connect tcp ::1 9"),
            denied("", "send 127.0.0.1 9"),
            denied("", "send ::1 9"),
            works("--allow-send udp://127.0.0.1:9", "send 127.0.0.1 9"),
            works("--allow-send udp://[::1]:9", "send ::1 9"),
            denied("--allow-connect tcp://127.0.0.1:* --deny-bind tcp://0.0.0.0:ephemeral", "connect tcp 127.0.0.1 9"),
            denied("", "listen tcp 127.0.0.1 80"),
            prints("ok", "--allow-listen tcp://127.0.0.1:80", "listen tcp 127.0.0.1 80"),
        ]),
        row("::ffff:127.0.0.1, ::127.0.0.1, 64:ff9b::7f00:1, 2002:7f00:1::", "the rule for 127.0.0.1", &[
            denied("--allow-connect tcp://*:*", "connect tcp ::ffff:127.0.0.1 9"),
            denied("--allow-connect tcp://*:*", "connect tcp ::127.0.0.1 9"),
            denied("--allow-connect tcp://*:*", "connect tcp 64:ff9b::7f00:1 9"),
            denied("--allow-connect tcp://*:*", "connect tcp 2002:7f00:1:: 9"),
            denied("--allow-send udp://*:*", "send ::ffff:127.0.0.1 9"),
            denied("--allow-send udp://*:*", "send ::127.0.0.1 9"),
            denied("--allow-send udp://*:*", "send 64:ff9b::7f00:1 9"),
            denied("--allow-send udp://*:*", "send 2002:7f00:1:: 9"),
            // The rule for it grants it; those of a translator need their own too.
            works("--allow-connect tcp://127.0.0.1:9", "connect tcp ::ffff:127.0.0.1 9"),
            works("--allow-connect tcp://127.0.0.1:9", "connect tcp ::127.0.0.1 9"),
            denied("--allow-connect tcp://127.0.0.1:9", "connect tcp 64:ff9b::7f00:1 9"),
            works("--allow-connect tcp://127.0.0.1:9 --allow-connect tcp://*:9", "connect tcp 64:ff9b::7f00:1 9"),
            works("--allow-connect tcp://127.0.0.1:9 --allow-connect tcp://*:9", "connect tcp 2002:7f00:1:: 9"),
            // And the rule that denies it denies them.
            denied("--allow-connect tcp://loopback:* --deny-connect tcp://127.0.0.1:*", "connect tcp ::ffff:127.0.0.1 9"),
            denied("--allow-connect tcp://loopback:* --deny-connect tcp://127.0.0.1:*", "connect tcp ::127.0.0.1 9"),
            denied("--allow-connect tcp://loopback:* --allow-connect tcp://*:* --deny-connect tcp://127.0.0.1:*", "connect tcp 64:ff9b::7f00:1 9"),
            denied("--allow-connect tcp://loopback:* --allow-connect tcp://*:* --deny-connect tcp://127.0.0.1:*", "connect tcp 2002:7f00:1:: 9"),
        ]),
        row("2130706433, 0x7f.1, 012.0.0.1 as a host in a rule or a lookup without AI_NUMERICHOST", "rejected, never guessed", &[
            usage("--allow-connect tcp://2130706433:9"),
            usage("--allow-connect tcp://0x7f.1:9"),
            usage("--allow-connect tcp://012.0.0.1:9"),
            usage("--allow-resolve 2130706433"),
            usage("--allow-resolve 0x7f.1"),
            prints("EAI_NONAME", "--allow-connect tcp://loopback:*", "look-up 2130706433"),
            prints("EAI_NONAME", "--allow-connect tcp://loopback:*", "look-up 0x7f.1"),
            prints("EAI_NONAME", "--allow-connect tcp://loopback:*", "look-up 012.0.0.1"),
        ]),
        row("connect to 0.0.0.0, ::, port 0", "invalid-argument", &[
            invalid(NOWHERE, "connect tcp 0.0.0.0 9"),
            invalid(NOWHERE, "connect tcp :: 9"),
            invalid(NOWHERE, "connect tcp ::ffff:0.0.0.0 9"),
            invalid(NOWHERE, "connect tcp 127.0.0.1 0"),
            invalid(NOWHERE, "connect tcp ::1 0"),
            invalid(NOWHERE, "connect udp 0.0.0.0 9"),
            invalid(NOWHERE, "connect udp :: 9"),
            invalid(NOWHERE, "connect udp 127.0.0.1 0"),
            invalid(NOWHERE, "send 0.0.0.0 9"),
            invalid(NOWHERE, "send :: 9"),
        ]),
        row("169.254.169.254 under *", "denied", &[
            denied("--allow-connect tcp://*:*", "connect tcp 169.254.169.254 9"),
            denied(WIDE, "connect tcp 169.254.169.254 9"),
            denied(WIDE, "connect tcp ::ffff:169.254.169.254 9"),
            denied(WIDE, "connect tcp fd00:ec2::254 9"),
            works("--allow-connect tcp://metadata:*", "connect tcp 169.254.169.254 9"),
            works("--allow-connect tcp://metadata:*", "connect tcp fd00:ec2::254 9"),
        ]),
        row("TCP to multicast or broadcast; UDP broadcast without the class", "invalid-argument; denied", &[
            invalid(GROUPS, "connect tcp 224.0.0.1 9"),
            invalid(GROUPS, "connect tcp ff02::1 9"),
            invalid(GROUPS, "connect tcp 255.255.255.255 9"),
            invalid(GROUPS, "connect mptcp 224.0.0.1 9"),
            denied("--allow-send udp://*:*", "send 255.255.255.255 9"),
            denied("--allow-send udp://0.0.0.0/0:*", "send 255.255.255.255 9"),
            denied("--allow-send udp://multicast:*", "send 255.255.255.255 9"),
            works("--allow-send udp://broadcast:9", "send 255.255.255.255 9"),
        ]),
        row("UDP connect with a recv grant; sendto another peer on a connected socket", "denied", &[
            denied("--allow-recv udp://127.0.0.1:9", "connect udp 127.0.0.1 9"),
            denied("--allow-recv udp://[::1]:9", "connect udp ::1 9"),
            works("--allow-send udp://127.0.0.1:9", "connect udp 127.0.0.1 9"),
            denied("--allow-send udp://127.0.0.1:7", "send-connected 127.0.0.1 7 127.0.0.1 9"),
            denied("--allow-send udp://[::1]:7", "send-connected ::1 7 ::1 9"),
        ]),
        row("bind of 0.0.0.0 with a loopback grant, but for port 0; bind of port 0 of an address without ephemeral", "denied", &[
            denied("--allow-bind tcp://loopback:* --allow-listen tcp://127.0.0.1:*", "bind tcp 0.0.0.0 80"),
            denied("--allow-bind tcp://loopback:* --allow-listen tcp://[::1]:*", "bind tcp :: 80"),
            denied("--allow-bind udp://loopback:*", "bind udp 0.0.0.0 80"),
            denied("--allow-bind tcp://127.0.0.1:1-65535", "bind tcp 127.0.0.1 0"),
            denied("--allow-listen tcp://[::1]:1-65535", "listen tcp ::1 0"),
            denied("--allow-bind udp://127.0.0.1:1-65535", "bind udp 127.0.0.1 0"),
            prints("ok", "--allow-bind tcp://127.0.0.1:ephemeral", "bind tcp 127.0.0.1 0"),
        ]),
        row("bind of 0.0.0.0 or :: and port 0 without a grant", "what the kernel does by itself, and no more: no peer is reached, listened for or heard", &[
            prints("ok", "", "bind udp 0.0.0.0 0"),
            prints("ok", "", "bind udp :: 0"),
            prints("ok", "", "bind tcp 0.0.0.0 0"),
            denied("", "listen tcp 0.0.0.0 0"),
            denied("", "listen tcp :: 0"),
            denied("--allow-listen tcp://loopback:* --allow-connect tcp://*:*", "listen tcp 0.0.0.0 0"),
            denied("--allow-bind tcp://0.0.0.0:ephemeral", "listen tcp 0.0.0.0 0"),
            denied("", "connect-bound tcp 127.0.0.1 9"),
            denied("", "connect-bound udp ::1 9"),
            denied("--allow-connect tcp://127.0.0.1:7", "connect-bound tcp 127.0.0.1 9"),
            works("--allow-connect tcp://127.0.0.1:9", "connect-bound tcp 127.0.0.1 9"),
            works("--allow-connect tcp://[::1]:9", "connect-bound tcp ::1 9"),
            works("--allow-send udp://127.0.0.1:9", "connect-bound udp 127.0.0.1 9"),
            denied("--deny-bind udp://*:ephemeral", "bind udp 0.0.0.0 0"),
            denied("--allow-send udp://[::1]:9 --deny-bind udp://[::]:*", "connect-bound udp ::1 9"),
            denied("--allow-connect tcp://127.0.0.1:9 --deny-bind tcp://0.0.0.0:ephemeral", "connect-bound tcp 127.0.0.1 9"),
        ]),
        row("listen on a socket never bound", "the implicit bind is checked", &[
            denied("--allow-listen tcp://loopback:* --allow-bind tcp://0.0.0.0:ephemeral", "listen-unbound 127.0.0.1"),
            denied("--allow-listen tcp://loopback:* --allow-bind tcp://[::]:ephemeral", "listen-unbound ::1"),
            denied("--allow-listen tcp://0.0.0.0:ephemeral --deny-bind tcp://0.0.0.0:ephemeral", "listen-unbound 127.0.0.1"),
            prints("ok", "--allow-listen tcp://0.0.0.0:ephemeral", "listen-unbound 127.0.0.1"),
        ]),
        row("allow and deny of the same", "denied", &[
            denied("--allow-connect tcp://127.0.0.1:9 --deny-connect tcp://127.0.0.1:9", "connect tcp 127.0.0.1 9"),
            denied("--deny-connect tcp://[::1]:9 --allow-connect tcp://[::1]:9", "connect tcp ::1 9"),
            denied("--allow-send udp://127.0.0.1:9 --deny-send udp://127.0.0.1:9", "send 127.0.0.1 9"),
            denied("--allow-listen tcp://127.0.0.1:80 --deny-listen tcp://127.0.0.1:80", "listen tcp 127.0.0.1 80"),
            denied("--allow-connect unix:{dir}/granted/ --deny-connect unix:{dir}/granted/", "connect-unix {dir}/granted/inside.sock"),
        ]),
        row("abstract Unix name without its grant; path with .., a symlink, NUL, more than 108 bytes", "denied; invalid-argument", &[
            denied("--allow-connect unix:/ --allow-connect unix-abstract:other", "connect-abstract watched"),
            works("--allow-connect unix-abstract:watched", "connect-abstract watched"),
            denied("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/../outside.sock"),
            denied("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/outside.sock"),
            denied("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/link.sock"),
            denied("--allow-connect unix:{dir}/granted/link.sock", "connect-unix {dir}/granted/link.sock"),
            denied("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/up/outside.sock"),
            works("--allow-connect unix:{dir}/granted/", "connect-unix {dir}/granted/inside.sock"),
            invalid("--allow-connect unix:{dir}/granted/", "connect-unix-nul {dir}/granted/inside.sock"),
            invalid("--allow-connect unix:/", "connect-unix-long 109"),
            invalid("--allow-connect unix:/", "connect-unix-long 4096"),
        ]),
        row("MSG_FASTOPEN, SO_BINDTODEVICE, IP_TRANSPARENT, IP_FREEBIND, SO_MARK, SO_ATTACH_FILTER", "denied without their option grant", &[
            denied("--allow-connect tcp://127.0.0.1:9 --allow-option raw", "fast-open 127.0.0.1 9"),
            denied("--allow-option raw", "option so-bindtodevice"),
            denied("--allow-option raw", "option ip-transparent"),
            denied("--allow-option raw", "option ip-freebind"),
            denied("--allow-option raw", "option so-mark"),
            denied("--allow-option so-mark=8", "option so-mark"),
            // No grant gives it: its value is a pointer.
            denied("--allow-option raw", "option so-attach-filter"),
            denied("--allow-option raw=1/26", "option so-attach-filter"),
            works("--allow-connect tcp://127.0.0.1:9 --allow-option msg-fastopen", "fast-open 127.0.0.1 9"),
            prints("ok", "--allow-option so-bindtodevice=lo", "option so-bindtodevice"),
            prints("ok", "--allow-option ip-transparent", "option ip-transparent"),
            prints("ok", "--allow-option ip-freebind", "option ip-freebind"),
            prints("ok", "--allow-option so-mark=7", "option so-mark"),
        ]),
        row("raw, packet, netlink sockets", "denied without their own rule", &[
            denied("--allow-connect tcp://*:* --allow-send udp://*:*", "socket raw"),
            denied("--allow-raw netlink://route", "socket packet"),
            denied("--allow-raw raw/1://*", "socket netlink"),
            prints("ok", "--allow-raw raw/1://*", "socket raw"),
            prints("ok", "--allow-raw packet://*", "socket packet"),
            prints("ok", "--allow-raw netlink://route", "socket netlink"),
        ]),
        row("9 descriptors in one message; a descriptor that is no socket", "extra ones closed, flagged control-truncated, nothing leaks", &[
            prints("8 truncated, 0 truncated", "--allow-connect unix:{dir}/granted/ --allow-take-fd unix:{dir}/granted/", "take {dir}/granted/giver.sock"),
        ]),
        row("a file or a pipe that a peer sends; a directory, a device, O_PATH, a file of proc(5), an eventfd", "closed without its kind in the rule; read only, unless the rule says writable; the rest closed always", &[
            prints("none none none none none none none none none", "--allow-connect unix:{dir}/granted/", "take-files {dir}/granted/files.sock"),
            prints("none none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd *", "take-files {dir}/granted/files.sock"),
            prints("none none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/inside.sock of=writable-file,writable-pipe'", "take-files {dir}/granted/files.sock"),
            prints("none none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd '* of=writable-file,writable-pipe' --deny-take-fd unix:{dir}/granted/", "take-files {dir}/granted/files.sock"),
            prints("none none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd '* of=writable-file' --deny-take-fd '* of=file'", "take-files {dir}/granted/files.sock"),
            prints("read none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/ of=file'", "take-files {dir}/granted/files.sock"),
            prints("read none none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd '* of=writable-file' --deny-take-fd '* of=writable-file'", "take-files {dir}/granted/files.sock"),
            prints("none reader none none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/ of=pipe'", "take-files {dir}/granted/files.sock"),
            prints("written reader writer none none none none none none", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/files.sock of=socket,writable-file,writable-pipe'", "take-files {dir}/granted/files.sock"),
        ]),
        row("a file that is only to be read, sent on to be written; a directory that is sent", "not written; denied", &[
            prints("not written", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/ of=file'", "launder {dir}/granted/files.sock"),
            prints("written", "--allow-connect unix:{dir}/granted/ --allow-take-fd 'unix:{dir}/granted/ of=writable-file'", "launder {dir}/granted/files.sock"),
            prints("not written", "--dir {dir}:ro", "launder-own {dir}/given"),
            denied("--dir {dir}:ro --allow-pass-fd *", "pass-directory {dir}/granted"),
            denied("--dir {dir} --allow-pass-fd *", "pass-directory {dir}/granted"),
        ]),
        row("recv(2^32-1), a huge list argument, SO_RCVBUF = max, timeout 0 and u64::MAX ns", "bounded; no panic", &[
            prints("bounded", "", "huge"),
            prints("EMSGSIZE", "", "huge-list"),
        ]),
        row("a name of 9 MiB; messages and streams of more than a call may copy; urgent data that is counted and not given", "no such name; EMSGSIZE; what fits; no trap", &[
            prints("EAI_NONAME", "", "look-up-long"),
            prints("EMSGSIZE", "", "huge-message"),
            prints("what fits", "", "huge-stream"),
            prints("ok", "", "urgent"),
            invalid("--allow-connect unix:/", "connect-unix-huge"),
        ]),
        row("creating sockets in a loop; EMFILE in the host on accept", "quota error; back off, no spin", &[
            prints("EMFILE", "", "exhaust"),
            prints("EMFILE", "--allow-listen tcp://127.0.0.1:* --allow-connect tcp://127.0.0.1:*", "accept-exhausted"),
            // So few that the process's own limit is met before the guest's.
            Try { under: "prlimit --nofile=40", ..prints("EMFILE", "", "exhaust") },
            Try { under: "prlimit --nofile=40", ..prints("EMFILE", "--allow-listen tcp://127.0.0.1:* --allow-connect tcp://127.0.0.1:*", "accept-exhausted") },
        ]),
        row("a busy poll loop; a guest that never yields", "interrupted by the epoch deadline", &[
            Try { outcome: Ends, ..prints("", "--limit time=300ms", "poll-loop") },
            Try { outcome: Ends, ..prints("", "--limit time=300ms", "spin") },
            // And one that waits in a call for what never comes.
            Try { outcome: Ends, ..prints("", "--limit time=300ms", "wait") },
        ]),
        row("a trap or a dropped call in the middle of any operation", "no panic; the host's descriptor count returns to what it was", &[
            Try { outcome: Traps, ..prints("", "", "trap") },
        ]),
        row("a call on a closed socket, a forged or foreign handle", "error code; trap; never another socket", &[
            prints("EBADF", "--allow-send udp://127.0.0.1:9", "closed"),
            Try { outcome: Traps, ..prints("", "", "forged") },
            Try { outcome: Traps, ..prints("", "", "foreign") },
        ]),
    ]
}

fn row(attempt: &'static str, expected: &'static str, tries: &[Try]) -> Row {
    Row {
        attempt,
        expected,
        tries: tries.to_vec(),
    }
}

const fn prints(printed: &'static str, grants: &'static str, does: &'static str) -> Try {
    Try {
        grants,
        does,
        outcome: Prints(printed),
        arrives: false,
        under: "",
    }
}

const fn denied(grants: &'static str, does: &'static str) -> Try {
    prints("EACCES", grants, does)
}

const fn invalid(grants: &'static str, does: &'static str) -> Try {
    prints("EINVAL", grants, does)
}

/// With the right grant it arrives: so it is the grants that keep it away where
/// it is denied.
const fn works(grants: &'static str, does: &'static str) -> Try {
    Try {
        arrives: true,
        ..prints("ok", grants, does)
    }
}

const fn usage(grants: &'static str) -> Try {
    Try {
        outcome: Usage,
        ..prints("", grants, "connect tcp 127.0.0.1 9")
    }
}
