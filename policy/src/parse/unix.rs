//! Unix sockets in rules.

use std::path::{Path, PathBuf};

use bstr::{ByteSlice, ByteVec};

use super::{Parsed, Parser};
use crate::rule::{AbstractName, Target, UnixPath, is_plain};

impl<'a> Parser<'a> {
    pub(crate) fn unix_path(&self, text: &'a str) -> Parsed<Target> {
        if let Some((before, _)) = text.split_once('*') {
            let directory = before
                .rsplit_once('/')
                .map_or("", |(directory, _)| directory);
            let message = format!(
                "a `*` is no wildcard in a path: `unix:{directory}/` is every socket beneath the directory, and `\\x2A` the character"
            );
            return self.fail(&text[before.len()..], &message);
        }
        let bytes = Vec::unescape_bytes(text);
        let Some(relative) = bytes.strip_prefix(b"/") else {
            return self.fail(text, "expected an absolute path");
        };
        if bytes.contains(&0) {
            return self.fail(text, "a path has no NUL");
        }
        let (plain, beneath) = match relative.strip_suffix(b"/") {
            Some(directory) => (directory, true),
            None => (relative, relative.is_empty()),
        };
        if !plain.is_empty() && !is_plain(plain) {
            return self.fail(text, "expected a path without `.`, `..` and empty names");
        }
        let Ok(plain) = plain.to_path() else {
            return self.fail(text, "expected a path in UTF-8, as this platform has them");
        };
        let path = Path::new("/").join(plain);
        if beneath {
            return Ok(Target::UnixPath(UnixPath {
                directory: path,
                name: None,
            }));
        }
        match (path.parent(), path.file_name()) {
            (Some(directory), Some(name)) => Ok(Target::UnixPath(UnixPath {
                directory: directory.to_owned(),
                name: Some(PathBuf::from(name)),
            })),
            _ => self.fail(
                text,
                "expected a path to a socket, or to a directory with `/` at its end",
            ),
        }
    }

    pub(crate) fn unix_abstract(&self, text: &'a str) -> Parsed<Target> {
        let (name, more) = match text.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (text, false),
        };
        if let Some((before, _)) = name.split_once('*') {
            return self.fail(
                &text[before.len()..],
                "a `*` stands at the end of a name, for whatever follows; the character is `\\x2A`",
            );
        }
        let bytes = Vec::unescape_bytes(name);
        match bytes.len() {
            0 if !more => self.fail(text, "expected a name, or `*` for every one"),
            0..=107 => Ok(Target::UnixAbstract(AbstractName { name: bytes, more })),
            _ => self.fail(text, "an abstract name has at most 107 bytes"),
        }
    }
}
