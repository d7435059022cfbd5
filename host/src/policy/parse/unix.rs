//! Unix sockets in rules.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bstr::ByteVec;

use super::super::rule::{Target, UnixPath, is_plain};
use super::{Parsed, Parser};

impl<'a> Parser<'a> {
    pub(super) fn unix_path(&self, text: &'a str) -> Parsed<Target> {
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
        let path = Path::new("/").join(OsStr::from_bytes(plain));
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

    pub(super) fn unix_abstract(&self, name: &'a str) -> Parsed<Target> {
        let bytes = Vec::unescape_bytes(name);
        match bytes.len() {
            0 => self.fail(name, "expected a name"),
            1..=107 => Ok(Target::UnixAbstract(bytes)),
            _ => self.fail(name, "an abstract name has at most 107 bytes"),
        }
    }
}
