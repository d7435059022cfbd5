//! Socket options in rules.

use bstr::ByteVec;

use super::{Parsed, Parser};
use crate::rule::{OPTION_GRANTS, OptionValue, Target};

impl<'a> Parser<'a> {
    pub(super) fn option(&self, text: &'a str) -> Parsed<Target> {
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
        match OptionValue::of(name, &unescaped) {
            Ok(value) => Ok(Target::Option {
                name,
                value: Some(value),
            }),
            Err(message) => self.fail(text, message),
        }
    }
}
