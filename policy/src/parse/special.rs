//! Addresses of the families beside internet and Unix sockets, which rules name
//! by their text.

use bstr::ByteVec;

use super::{Parsed, Parser};
use crate::rule::{Pattern, Target};
use crate::text::escape;

pub(crate) const SCHEMES: [&str; 7] = [
    "netlink",
    "vsock",
    "packet",
    "can",
    "tipc",
    "bluetooth",
    "alg",
];

impl<'a> Parser<'a> {
    pub(crate) fn special(&self, scheme: &'static str, text: &'a str) -> Parsed<Target> {
        if text.is_empty() {
            return self.fail(text, "expected an address, or `*` for every one");
        }
        let (inner, any) = match text.strip_suffix('*') {
            Some(inner) => (inner, "*"),
            None => (text, ""),
        };
        if inner.contains('*') {
            return self.fail(
                text,
                "a `*` stands at the end, for whatever follows; the character is `\\x2A`",
            );
        }
        // As addresses are printed, with which it is compared.
        let inner = escape(&Vec::unescape_bytes(inner));
        Ok(Target::Special {
            scheme,
            pattern: Pattern(format!("{inner}{any}")),
        })
    }
}
