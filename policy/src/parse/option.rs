//! Socket options in rules.

use bstr::ByteVec;

use super::{Parsed, Parser};
use crate::rule::OPTION_GRANTS;
use crate::rule::Target;

/// The longest name of a network interface, in bytes: `IFNAMSIZ` without its NUL.
const INTERFACE: usize = 15;

/// The longest name of a machine, in bytes: sethostname(2).
const HOST_NAME: usize = 64;

impl<'a> Parser<'a> {
    pub(crate) fn option(&self, text: &'a str) -> Parsed<Target> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        let Some(name) = OPTION_GRANTS.iter().copied().find(|known| *known == name) else {
            let known = OPTION_GRANTS.join("`, `");
            return self.fail(
                text,
                &format!("expected `{known}`; other options need no grant"),
            );
        };
        let Some(value) = value else {
            return Ok(Target::Option { name, value: None });
        };
        if value.contains('*') {
            let message = format!(
                "a `*` is no wildcard in a value: `{name}` alone is every value, and `\\x2A` the character"
            );
            return self.fail(value, &message);
        }
        let Ok(unescaped) = String::from_utf8(Vec::unescape_bytes(value)) else {
            return self.fail(value, "expected a value in UTF-8: no other is asked for");
        };
        if let Err(message) = check_value(name, &unescaped) {
            return self.fail(text, message);
        }
        Ok(Target::Option {
            name,
            value: Some(unescaped),
        })
    }
}

/// A value that is never asked for is a mistake: they are compared as text.
fn check_value(name: &str, value: &str) -> Result<(), &'static str> {
    let fits = |is: bool, message| if is { Ok(()) } else { Err(message) };
    match name {
        "raw" => {
            let numbers = value.split_once('/');
            let is = numbers.is_some_and(|(level, name)| is_u16(level) && is_u16(name));
            fits(
                is,
                "expected `raw=LEVEL/NAME` in decimal, such as `raw=6/11`",
            )
        }
        "so-mark" => {
            let number = value.parse::<i32>();
            let is = number.is_ok_and(|number| number.to_string() == value);
            fits(is, "expected a mark in decimal, such as `so-mark=7`")
        }
        "so-bindtodevice" => fits(
            value.len() <= INTERFACE,
            "the name of an interface has at most 15 bytes",
        ),
        "sethostname" => fits(
            value.len() <= HOST_NAME,
            "the name of a machine has at most 64 bytes",
        ),
        _ => fits(
            matches!(value, "0" | "1"),
            "expected `1`, to switch it on, or `0`",
        ),
    }
}

fn is_u16(text: &str) -> bool {
    text.parse::<u16>()
        .is_ok_and(|number| number.to_string() == text)
}
