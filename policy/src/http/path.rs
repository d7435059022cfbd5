//! Paths of requests: in one form, or refused.

use std::borrow::Cow;

/// The longest path, in bytes: as long as servers take a line to be.
const LONGEST: usize = 16 << 10;

const HEX: &str = "a % stands before two hexadecimal digits";

/// A path in its normal form by RFC 3986, 6.2.2: what needs no percent-encoding has none,
/// the digits of others are upper case, and no segment is `.` or `..`.
///
/// # Errors
/// What is wrong with it, or that some servers take it for another path than others do:
/// separators and dots in percent-encoding, a backslash, control characters, `..;`, `..`
/// above the root or beside an empty segment, and bytes that UTF-8 never has.
pub(crate) fn normal(path: &str) -> Result<String, &'static str> {
    if path.is_empty() {
        return Ok("/".to_owned());
    }
    if path.len() > LONGEST {
        return Err("it is longer than 16 KiB");
    }
    let Some(rest) = path.strip_prefix('/') else {
        return Err("the path of a request begins with a slash");
    };
    if rest.starts_with('/') {
        return Err("two slashes at the beginning can be read as another host");
    }
    let mut segments: Vec<String> = Vec::new();
    let (mut has_dots, mut has_empty) = (false, false);
    let count = rest.split('/').count();
    for (place, written) in rest.split('/').enumerate() {
        let is_last = place + 1 == count;
        let segment = normal_segment(written)?;
        match segment.as_str() {
            dots @ ("." | "..") => {
                has_dots = true;
                if dots == ".." && segments.pop().is_none() {
                    return Err("it leads above the root");
                }
                if is_last {
                    segments.push(String::new());
                }
            }
            segment => {
                has_empty |= segment.is_empty() && !is_last;
                segments.push(segment.to_owned());
            }
        }
    }
    if has_dots && has_empty {
        return Err("an empty segment beside `.` or `..` is read in two ways");
    }
    Ok(format!("/{}", segments.join("/")))
}

fn normal_segment(written: &str) -> Result<String, &'static str> {
    let mut segment = String::new();
    let mut has_encoded_dot = false;
    let mut bytes = written.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            let is_plain = byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#' | b'?');
            if !is_plain {
                return Err(
                    "what is no visible character of ASCII, a backslash and a # are \
                            written in percent-encoding there",
                );
            }
            segment.push(char::from(byte));
            continue;
        }
        let mut digit = || Some(char::from(bytes.next()?).to_digit(16)? as u8);
        let (high, low) = (digit().ok_or(HEX)?, digit().ok_or(HEX)?);
        let byte = 16 * high + low;
        match byte {
            b'/' | b'\\' => return Err("a separator in percent-encoding is read in two ways"),
            ..0x20 | 0x7f => return Err("a control character in percent-encoding is refused"),
            0xc0 | 0xc1 | 0xf5.. => return Err("it has bytes that are no UTF-8"),
            _ => {}
        }
        has_encoded_dot |= byte == b'.';
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            segment.push(char::from(byte));
        } else {
            segment.push_str(&format!("%{byte:02X}"));
        }
    }
    let name = segment.split(';').next().unwrap_or_default();
    if matches!(name, "." | "..") && (has_encoded_dot || name != segment) {
        return Err("`.` and `..` in percent-encoding or before a `;` are read in two ways");
    }
    Ok(segment)
}

/// The path as it is compared: with what a server decodes, but for what separates.
pub(crate) fn compared(normal: &str) -> String {
    let mut parts = normal.split('%');
    let mut path = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let byte = part
            .get(..2)
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let is_same = |byte: &u8| byte.is_ascii_graphic() && !b"/\\%?#".contains(byte);
        match byte.filter(is_same) {
            Some(byte) => {
                path.push(char::from(byte));
                path.push_str(&part[2..]);
            }
            None => {
                path.push('%');
                path.push_str(part);
            }
        }
    }
    path
}

/// The path as servers see it that take several slashes for one, and drop what follows a
/// `;` in a segment.
pub(crate) fn widest(path: &str) -> Cow<'_, str> {
    if !path.contains("//") && !path.contains(';') {
        return Cow::Borrowed(path);
    }
    let mut widest = String::new();
    for (place, segment) in path.split('/').enumerate() {
        if place > 0 && !widest.ends_with('/') {
            widest.push('/');
        }
        widest.push_str(segment.split(';').next().unwrap_or_default());
    }
    Cow::Owned(widest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_has_one_form() {
        for (written, form) in [
            ("", "/"),
            ("/", "/"),
            ("/a", "/a"),
            ("/a/", "/a/"),
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/a/b/..", "/a/"),
            ("/a/.", "/a/"),
            ("/%61%7e", "/a~"),
            ("/%2a%c3%a9", "/%2A%C3%A9"),
            ("/a//b", "/a//b"),
            ("/a//", "/a//"),
            ("/...", "/..."),
            ("/a;b=c/.d", "/a;b=c/.d"),
            ("/a%20b", "/a%20b"),
        ] {
            assert_eq!(normal(written).as_deref(), Ok(form), "{written}");
        }
    }

    #[test]
    fn what_is_read_in_two_ways_is_refused() {
        for path in [
            "a",
            "//a",
            "/..",
            "/a/../..",
            "/a%2fb",
            "/a%5Cb",
            "/a\\b",
            "/%2e%2e/a",
            "/a/.%2e/b",
            "/a/%2e",
            "/a/..;/b",
            "/a/.;x",
            "/a//../b",
            "/a/../b//c",
            "/a%00",
            "/a%0a",
            "/a%7f",
            "/a%c0%af",
            "/%",
            "/%6",
            "/%6g",
            "/a b",
            "/é",
            "/a?b",
            "/a#b",
            "/a\nb",
        ] {
            assert!(normal(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn what_a_server_decodes_is_compared_decoded() {
        assert_eq!(compared("/%2A%3B%20%C3"), "/*;%20%C3");
        assert_eq!(widest("/a///b;c//d;e"), "/a/b/d");
        assert_eq!(widest("/;a/b//"), "/b/");
    }

    proptest! {
        #[test]
        fn a_normal_form_is_its_own(path in "/[a-c./%25;2eEfF5C]{0,24}") {
            if let Ok(form) = normal(&path) {
                prop_assert_eq!(normal(&form), Ok(form.clone()));
                let mut segments = form.split('/');
                prop_assert!(segments.all(|segment| !matches!(segment, "." | "..")));
            }
        }

        #[test]
        fn no_path_is_too_strange(path in ".{0,60}") {
            _ = normal(&path).map(|form| compared(&form));
        }
    }
}
