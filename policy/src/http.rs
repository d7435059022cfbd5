//! Requests of HTTP, by the parts of their URLs: for who serves `wasi:http`.
//!
//! Whoever makes a request reads these parts again, in a way of its own, and so does the
//! server. So they are read strictly here: what one reader could take for another host or
//! another path than the next one is refused, and not guessed at.
//!
//! # What rules for requests mean
//!
//! `allow http GET,HEAD https://api.example.com/v1/*` allows requests with one of these
//! methods, this scheme, host and port, and a path that begins so; without methods,
//! those with any. It allows no socket, and no look-up but the one that the request
//! needs. A rule to `connect` to the host and port over TCP allows every request to it.
//!
//! **Paths** are compared in their normal form by RFC 3986, 6.2.2, in which they are to be
//! sent too; what servers decode beyond that is compared decoded. They are compared with
//! their case, and without the query. `/v1/*` is `/v1/` and what is beneath it,
//! `/v1*` also `/v1` and `/v1x`. Paths that servers read in two ways are refused in requests
//! and in rules: those with `%2F`, `%5C` or `\`, with `..` and `.` in percent-encoding or
//! before a `;`, with an empty segment beside `..` or `.`, with two slashes at the
//! beginning, with control characters, with bytes that are no UTF-8, and those that lead
//! above the root.
//!
//! **A denial** wins. One of `http` is about what a server may take for a path that it
//! names: decoded, without what follows a `;` in a segment, and with one slash for several.
//! One of a name fails open: the same server may have other names, and its address is one
//! of them. One by address, of `http` or `connect`, holds for every name; and one to
//! `resolve` a name is one of requests to it.
//!
//! **The floor** holds: `*` and names are of public addresses, unless `in=` says which
//! others. A net stands in brackets, `https://[10.0.0.0/8]/*`, since its slash would begin
//! the path.

mod path;
mod request;
#[cfg(test)]
mod request_tests;
mod vet;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::Invalid;
use crate::address::canonical_ip;
use crate::name::is_name;
use crate::rule::Op;
use crate::text::looks_numeric;
pub(crate) use path::{in_rules, is_like_a_prefix, normal, widest};
pub use request::Request;
pub(crate) use request::method_fault;
pub use vet::VettedRequest;

/// The port of a scheme.
pub(crate) fn port_of(is_https: bool) -> u16 {
    if is_https { 443 } else { 80 }
}

/// An address as rules have it: the IPv4 one within another.
pub(crate) fn canonical(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(ip) => canonical_ip(ip),
        ip => ip,
    }
}

/// The host and the port that a request is sent to, over TCP.
///
/// ```
/// use capsock_policy::http::{Destination, Host};
///
/// let destination = Destination::of("https", "api.example.com")?;
/// assert_eq!(destination.host(), &Host::Name("api.example.com".to_owned()));
/// assert_eq!(destination.port(), 443);
/// assert!(Destination::of("http", "api.example.com@192.0.2.1").is_err());
/// # Ok::<(), capsock_policy::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    host: Host,
    port: u16,
}

/// The host of a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Host {
    /// An address; an IPv4 one within an IPv6 one is that.
    Ip(IpAddr),
    /// A name that is to be looked up, as it is written.
    Name(String),
}

impl Destination {
    /// Where a request with this scheme, `http` or `https`, and this authority goes:
    /// a name, an IPv4 address or an IPv6 one in brackets, and a port after a colon
    /// where it is not the scheme's own.
    ///
    /// # Errors
    /// What is wrong with it, or could be read in more ways than one.
    pub fn of(scheme: &str, authority: &str) -> Result<Self, Invalid> {
        let invalid = |reason| {
            // A user comes with a password, which nobody is told.
            let shown = match authority.rsplit_once('@') {
                Some((_user, host)) => &format!("…@{host}"),
                None => authority,
            };
            Invalid::of_text(Op::Http, &format!("{scheme}://{shown}"), reason)
        };
        let port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(invalid("the scheme of a request is http or https")),
        };
        if authority.contains('@') {
            return Err(invalid("a user in the authority is not taken"));
        }
        // The colon of a port comes behind the bracket.
        let end = authority.rfind(']').map_or(0, |bracket| bracket + 1);
        let (host, port) = match authority[end..].find(':') {
            None => (authority, port),
            Some(colon) => {
                let (host, port) = authority.split_at(end + colon);
                let port = self::port(&port[1..]);
                let wrong = "a port is a number from 1 to 65535, without leading zeros";
                (host, port.ok_or_else(|| invalid(wrong))?)
            }
        };
        let host = self::host(host).ok_or_else(|| {
            invalid(
                "its host is neither a name in ASCII, nor an IPv4 address in four decimal \
                 parts, nor an IPv6 address in brackets",
            )
        })?;
        Ok(Self { host, port })
    }

    /// The host.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port; the scheme's where the authority says none.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn host(text: &str) -> Option<Host> {
    if let Some(text) = text.strip_prefix('[') {
        let ip: Ipv6Addr = text.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Ip(ip.to_canonical()));
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(Host::Ip(ip.into()));
    }
    // By the URL standard, a host whose last label is a number is an address.
    let last = text.strip_suffix('.').unwrap_or(text).rsplit('.').next()?;
    let is_host = text.is_ascii() && is_name(text) && !looks_numeric(last);
    is_host.then(|| Host::Name(text.to_owned()))
}

fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    is_number.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_plainly_is_read() {
        let name = |name: &str| Host::Name(name.to_owned());
        let ip = |ip: &str| Host::Ip(ip.parse().unwrap());
        for (scheme, authority, host, port) in [
            ("http", "example.com", name("example.com"), 80),
            ("https", "example.com", name("example.com"), 443),
            ("https", "Example.COM:8443", name("Example.COM"), 8443),
            ("http", "example.com.", name("example.com."), 80),
            ("http", "my_db:1", name("my_db"), 1),
            (
                "http",
                "xn--bcher-kva.example",
                name("xn--bcher-kva.example"),
                80,
            ),
            ("http", "1.example.com", name("1.example.com"), 80),
            ("http", "localhost:65535", name("localhost"), 65535),
            ("http", "192.0.2.1", ip("192.0.2.1"), 80),
            ("https", "192.0.2.1:80", ip("192.0.2.1"), 80),
            ("http", "[::1]", ip("::1"), 80),
            ("https", "[2001:DB8::1]:8443", ip("2001:db8::1"), 8443),
            ("http", "[::ffff:192.0.2.1]:80", ip("192.0.2.1"), 80),
        ] {
            let destination = Destination::of(scheme, authority).unwrap();
            assert_eq!(destination, Destination { host, port }, "{authority}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for authority in [
            "",
            ":80",
            "example.com:",
            "example.com:0",
            "example.com:080",
            "example.com:+80",
            "example.com:65536",
            "example.com:80:80",
            "example.com:80 ",
            " example.com",
            "example .com",
            "example.com\t",
            "example.com\n",
            "example.com\0",
            "user@example.com",
            "user:password@example.com:80",
            "example.com:80@192.0.2.1",
            "@example.com",
            "example.com/",
            "example.com/@192.0.2.1",
            "example.com?x",
            "example.com#x",
            "example.com\\x",
            "example.com;x",
            "example.com,192.0.2.1",
            "ex%61mple.com",
            "example..com",
            "example.com..",
            ".example.com",
            "-example.com",
            "bücher.example",
            "ⅰ.example",
            "127.0.0.1.",
            "127.1",
            "127.0.0.01",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "2130706433",
            "127.0.0.1.5",
            "example.1",
            "example.0x7f",
            "example.0x",
            "::1",
            "::1:80",
            "2001:db8::1",
            "[::1",
            "::1]",
            "[]",
            "[::1]80",
            "[::1]:",
            "[::1]x:80",
            "[::1]:80]",
            "[::1]:80:80",
            "[[::1]]",
            "x[::1]:80",
            "[fe80::1%eth0]",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[v1.x]",
            "[example.com]",
            "https://example.com",
        ] {
            assert!(Destination::of("http", authority).is_err(), "{authority:?}");
        }
        for scheme in ["", "HTTP", "http:", "ftp", "ws", "file"] {
            assert!(Destination::of(scheme, "example.com").is_err(), "{scheme}");
        }
    }

    #[test]
    fn what_is_refused_is_told_in_few_words() {
        let told = |authority: &str| Destination::of("http", authority).unwrap_err().to_string();
        assert_eq!(
            told("user:secret@192.0.2.1"),
            r#"http "http://…@192.0.2.1": a user in the authority is not taken"#
        );
        assert!(told(&"\u{1b}[2J".repeat(10_000)).len() < 4_000);
        assert!(!told("\u{1b}[2J").contains('\u{1b}'));
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(authority in ".{0,40}", path in ".{0,40}") {
            _ = Destination::of("http", &authority);
            _ = Request::of("GET", "http", "a.example", &path);
        }

        /// What is read is what the authority says, and nothing is left over.
        #[test]
        fn what_is_read_is_all_there_is(authority in "[0-9a-fx.:@\\[\\]%/-]{0,16}") {
            if let Ok(Destination { host, port }) = Destination::of("http", &authority) {
                let again = match host {
                    Host::Name(name) => name,
                    Host::Ip(IpAddr::V4(ip)) => ip.to_string(),
                    Host::Ip(IpAddr::V6(ip)) => format!("[{ip}]"),
                };
                let again = Destination::of("http", &format!("{again}:{port}")).unwrap();
                prop_assert_eq!(again, Destination::of("http", &authority).unwrap());
            }
        }
    }
}
