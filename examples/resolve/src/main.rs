//! The addresses of names: `resolve NAME…`, like getent(1). Exits with 1 if a
//! name has none.
//!
//! Each name but `localhost` needs `--allow-resolve NAME`.

use std::process::exit;

use capsock_guest::{AF_UNSPEC, SOCK_STREAM, getaddrinfo};

fn main() {
    let mut failed = false;
    for name in std::env::args().skip(1) {
        match getaddrinfo(name.as_str(), 0, AF_UNSPEC, SOCK_STREAM, 0, 0) {
            Ok(found) => {
                for address in found
                    .iter()
                    .filter_map(|info| info.sockaddr.to_socket_addr())
                {
                    println!("{} {name}", address.ip());
                }
            }
            Err(error) => {
                failed = true;
                match error.gai_errno() {
                    Some(number) => println!("{error} (gaierror {number})"),
                    None => println!("{error}"),
                }
            }
        }
    }
    if failed {
        exit(1);
    }
}
