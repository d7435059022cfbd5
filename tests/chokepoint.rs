//! Only `host/src/os/` calls the kernel with an address, and there only
//! functions that take vetted ones; of the components only `checked/src/outer.rs`, and
//! `p3/outer.rs` for sockets of 0.3, call the host with one, which was checked.

use std::path::{Path, PathBuf};

/// What a file outside of `os/` has no use for: each way to a socket that takes
/// an address, a look-up, and the ways around libraries.
const FORBIDDEN: [&str; 24] = [
    "libc::socket(",
    "libc::bind(",
    "libc::connect(",
    "libc::sendto(",
    "libc::sendmsg(",
    "libc::sendmmsg(",
    "libc::setsockopt(",
    "libc::ioctl(",
    "libc::syscall(",
    "libc::getaddrinfo(",
    "rustix::net",
    "rustix::io_uring",
    "socket2",
    "nix::sys::socket",
    "tokio::net",
    "dns_lookup",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "UnixStream",
    "UnixListener",
    "os::unix::net",
    "ToSocketAddrs",
    "unsafe",
];

/// Files that may, each with the words and the reason.
const EXCEPTIONS: [(&str, &[&str], &str); 7] = [
    (
        "cli/src/inherit.rs",
        &["TcpListener", "UnixListener", "os::unix::net"],
        "opens the listeners of --inherit-listen, which the user names and no guest",
    ),
    (
        "serve/src/listener.rs",
        &[
            "tokio::net",
            "TcpStream",
            "TcpListener",
            "UnixStream",
            "UnixListener",
            "os::unix::net",
        ],
        "opens the listeners of --listen, which the user names and no guest, and accepts there",
    ),
    (
        "host/src/bindings.rs",
        &["UdpSocket"],
        "names the generated traits of a resource of wasi:sockets, and has no code",
    ),
    (
        "cli/src/cache.rs",
        &["unsafe"],
        "maps the compiled code that it has written itself",
    ),
    (
        "cli/src/load.rs",
        &["unsafe"],
        "advises the kernel of the pages of memory that it is about to fill",
    ),
    (
        "host/src/imports/direct/lower.rs",
        &["unsafe"],
        "says that what a guest receives has the ABI of a list of bytes",
    ),
    (
        "host/src/imports/direct/lift.rs",
        &["unsafe"],
        "says that what a guest hands over has the ABI of text and of lists",
    ),
];

/// What only wasmtime-wasi's own sockets are behind: no program gets them.
const OTHER_SOCKETS: [&str; 4] = [
    "socket_addr_check",
    "inherit_network",
    "WasiSockets",
    "bindings::sockets",
];

/// The calls in `os/` that hand an address to the kernel. Whoever adds one sees
/// to it that its address is vetted.
const CALLS: [(&str, &str, &str); 6] = [
    ("socket.rs", "net::bind(", "Vetted<Bind>"),
    ("socket.rs", "net::listen(", "Vetted<Listen>"),
    ("socket.rs", "net::connect(", "Vetted<O>"),
    ("socket.rs", "net::sendto(", "Vetted<O>"),
    ("message.rs", "libc::sendmsg(", "Vetted<O>"),
    ("multicast.rs", "set(fd, OptionNumber", "Vetted<Recv>"),
];

/// What a component has no use for but in `outer.rs`: each way to a socket of the host's
/// and to an answer of its.
const OF_THE_HOST: [&str; 12] = [
    "bindings::wasi::sockets0_3_0",
    "instance_network::instance_network(",
    "tcp_create_socket::create_tcp_socket(",
    "udp_create_socket::create_udp_socket(",
    "ip_name_lookup::resolve_addresses(",
    "outgoing_handler::handle(",
    "TcpStream",
    "TcpListener",
    "net::UdpSocket",
    "ToSocketAddrs",
    "extern ",
    "unsafe ",
];

/// Where that is.
const OUTER: [(&str, &[(&str, &str)]); 2] = [
    ("components/checked/src/outer.rs", &OUTER_CALLS),
    ("components/checked/src/p3/outer.rs", &OUTER_CALLS_P3),
];

/// The calls there with an address, or what an address stands for, and what was checked.
const OUTER_CALLS: [(&str, &str); 9] = [
    ("self.0.start_bind(", "Checked<Bind>"),
    ("self.0.start_connect(", "Checked<Connect>"),
    ("self.0.start_listen(", "Checked<Listen>"),
    ("self.0.stream(", "Checked<Send>"),
    ("OutgoingDatagram {", "Checked<Send>"),
    ("self.0.send(", "CheckedDatagram"),
    ("resolve_addresses(", "CheckedName"),
    ("outgoing_handler::handle(", "CheckedRequest"),
    // The checks' own: they send nothing, and no guest has them.
    ("socket.0.", "fn probe_"),
];
const OUTER_CALLS_P3: [(&str, &str); 6] = [
    ("self.0.bind(", "Checked<Bind>"),
    // TCP's, or UDP's.
    ("self.0.connect(", "Checked<"),
    ("self.0.listen(", "Checked<Listen>"),
    ("self.0.send(data, Some(", "Checked<Send>"),
    ("self.0.send(", "Checked<Send>"),
    ("resolve_addresses(", "CheckedName"),
];

#[test]
fn components_call_the_host_with_what_was_checked() {
    let mut read = 0;
    for file in sources("components")
        .into_iter()
        .filter(|file| OUTER.iter().all(|(outer, _)| file != outer))
    {
        read += 1;
        for (number, line) in code(&file) {
            for word in OF_THE_HOST {
                assert!(
                    !line.contains(word),
                    "{file}:{number} has `{word}`: calls of the host belong in outer.rs, where \
                     they take what was checked\n{line}"
                );
            }
        }
    }
    assert!(read > 20, "{read} files were read");

    for (outer, calls) in OUTER {
        let mut function = String::new();
        let mut found = vec![0; calls.len()];
        for (number, line) in code(outer) {
            if line.contains("fn ") || line.contains("struct ") {
                function.clear();
            }
            function.push_str(&line);
            for ((call, checked), found) in calls.iter().zip(&mut found) {
                if line.contains(call) {
                    *found += 1;
                    assert!(function.contains(checked), "{outer}:{number}: {function}");
                }
            }
        }
        for ((call, _), found) in calls.iter().zip(found) {
            assert!(found > 0, "`{call}` is not in {outer}");
        }
    }
}

#[test]
fn nothing_outside_os_calls_the_kernel_with_an_address() {
    let mut read = 0;
    for file in ["host/src", "serve/src", "cli/src"]
        .into_iter()
        .flat_map(sources)
    {
        if file.starts_with("host/src/os/") {
            continue;
        }
        read += 1;
        let excepted = EXCEPTIONS
            .iter()
            .filter(|(name, ..)| *name == file)
            .flat_map(|(_, words, _reason)| words.iter());
        let excepted: Vec<_> = excepted.collect();
        for (number, line) in code(&file) {
            let forbidden = FORBIDDEN.iter().chain(&OTHER_SOCKETS);
            for word in forbidden.filter(|word| !excepted.contains(word)) {
                assert!(
                    !line.contains(word),
                    "{file}:{number} has `{word}`: calls with addresses belong in host/src/os/, \
                     where they take a `Vetted` one\n{line}"
                );
            }
        }
    }
    assert!(read > 30, "{read} files were read");
    for (file, words, _reason) in EXCEPTIONS {
        let text: String = code(file).map(|(_, line)| line).collect();
        assert!(words.iter().all(|word| text.contains(word)), "{file}");
    }
}

#[test]
fn each_call_with_an_address_takes_a_vetted_one() {
    let words: Vec<&str> = CALLS.iter().map(|(_, call, _)| *call).collect();
    let others = [
        "libc::connect(",
        "libc::bind(",
        "libc::sendto(",
        "libc::sendmmsg(",
    ];
    let mut found = Vec::new();
    for path in sources("host/src/os") {
        let mut function = String::new();
        for (number, line) in code(&path) {
            // A signature, to its brace, is what the call in it has to answer for.
            if line.contains("fn ") {
                function.clear();
            }
            function.push_str(&line);
            let name = path.rsplit('/').next().unwrap();
            for call in words
                .iter()
                .chain(&others)
                .filter(|call| line.contains(**call))
            {
                let known = CALLS
                    .iter()
                    .find(|(file, known, _)| (*file, known) == (name, call));
                let Some((_, _, vetted)) = known else {
                    panic!("{path}:{number}: `{call}` is not in CALLS\n{line}");
                };
                found.push((name.to_owned(), *call));
                // Membership of a group goes through `request`, for all of which
                // `join_group` is the one that needs a grant.
                if *call != "set(fd, OptionNumber" {
                    assert!(function.contains(vetted), "{path}:{number}: {function}");
                }
            }
        }
    }
    for (file, call, _) in CALLS {
        let count = found
            .iter()
            .filter(|(name, found)| (name.as_str(), *found) == (file, call));
        assert_eq!(count.count(), 1, "{file}: `{call}`");
    }
}

/// The Rust files beneath a directory of the project, by their paths in it.
fn sources(directory: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root().join(directory)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{directory}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(sources(&path));
        } else if path.ends_with(".rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of a file that are no comments, to its tests.
fn code(file: &str) -> impl Iterator<Item = (usize, String)> + use<> {
    let text = std::fs::read_to_string(root().join(file)).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| (index + 1, line))
        .take_while(|(_, line)| line.trim() != "mod tests {")
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
