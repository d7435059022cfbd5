//! Names that an attacker answers for: `dns CASE ARGS`.

use capsock_guest::*;
use capsock_test_programs::args;

fn main() {
    let args = args();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["lookup", ref names @ ..] => names.iter().for_each(|name| lookup(name)),
        ["byname", name] => match gethostbyname_ex(name) {
            Ok((_, _, addresses)) => println!("{}", addresses.join(" ")),
            Err(error) => println!("{error}"),
        },
        ["connect", port, ref names @ ..] => {
            let port = port.parse().expect("a port");
            names.iter().for_each(|name| connect(name, port));
        }
        ["plain", address, port] => plain(address, port.parse().expect("a port")),
        ["rebind", port] => rebind(port.parse().expect("a port")),
        _ => panic!("no case {args:?}"),
    }
}

fn addresses(name: &str) -> Result<Vec<String>> {
    let found = getaddrinfo(name, 0, AF_UNSPEC, SOCK_STREAM, 0, 0)?;
    let ips = found
        .iter()
        .filter_map(|info| info.sockaddr.to_socket_addr());
    Ok(ips.map(|address| address.ip().to_string()).collect())
}

/// Prints what a name resolves to, or why it does not.
fn lookup(name: &str) {
    match addresses(name) {
        Ok(mut found) if found.len() <= 4 => {
            found.sort();
            println!("{name}: {}", found.join(" "));
        }
        Ok(found) => println!("{name}: {} addresses", found.len()),
        Err(error) => println!("{name}: {error}"),
    }
}

/// Connects by name, as programs do.
fn connect(name: &str, port: u16) {
    match create_connection((name, port), None, None) {
        Ok(socket) => {
            let peer = socket.getpeername().expect("getpeername");
            println!("{name}: connected to {peer}");
        }
        Err(error) => println!("{name}: {error}"),
    }
}

/// Connects to an address that nobody resolved.
fn plain(address: &str, port: u16) {
    let family = capsock_test_programs::family_of(address);
    let socket = Socket::new(family, SOCK_STREAM).expect("socket");
    match socket.connect((address, port)) {
        Ok(()) => println!("connected"),
        Err(error) => println!("{error}"),
    }
}

/// The answer changes: only what was checked is used.
fn rebind(port: u16) {
    connect("rebind.example", port);
    connect("rebind.example", port);
    // The first answer is good for as long as its pin.
    plain("9.9.9.9", port);
    plain("127.0.0.1", port);
}
