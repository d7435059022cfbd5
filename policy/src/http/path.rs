//! Paths of requests: in one form, or refused.

/// The longest path, in bytes: as long as servers take a line to be.
const LONGEST: usize = 16 << 10;

const NO_HEX: &str = "a % stands before two hexadecimal digits";

/// A path in its normal form by RFC 3986, 6.2.2: what needs no percent-encoding has none,
/// the digits of others are upper case, and no segment is `.` or `..`. What a path has in
/// percent-encoding only (3.3), and is written without, is encoded.
///
/// Whoever asks a server takes the normal form for the same path. What is refused is what
/// some take for another one:
///
/// - `%2F`, `%5C` and `\`, since some separate segments there;
/// - `..` and `.` that are told only by who decodes, once or more than once, or who drops
///   what follows a `;`: others keep them as names;
/// - an empty segment beside `.` or `..`: `/a//../b` is `/a/b` by the RFC, and `/b` where
///   several slashes are one. An empty segment alone stays, as it leads nowhere else;
/// - two slashes at the beginning, where a reader of URLs sees a host;
/// - `..` above the root, which some stop at and others refuse;
/// - control characters and what is not UTF-8, with which some end a path or see a `/` in
///   a longer form of it.
///
/// # Errors
/// What is wrong with it.
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
    let mut written = rest.split('/').peekable();
    while let Some(segment) = written.next() {
        let is_last = written.peek().is_none();
        if !matches!(segment, "." | "..") {
            let segment = normal_segment(segment)?;
            has_empty |= !is_last && (segment.is_empty() || segment.starts_with(';'));
            segments.push(segment);
            continue;
        }
        has_dots = true;
        if segment == ".." && segments.pop().is_none() {
            return Err("it leads above the root");
        }
        if is_last {
            segments.push(String::new());
        }
    }
    if has_dots && has_empty {
        return Err("an empty segment beside `.` or `..` is read in two ways");
    }
    Ok(format!("/{}", segments.join("/")))
}

fn normal_segment(written: &str) -> Result<String, &'static str> {
    let mut segment = String::new();
    let mut means = Vec::new();
    let mut bytes = written.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => encoded(&mut bytes)?,
            b'\\' => return Err("some take a backslash for a slash"),
            b'#' | b'?' => return Err("a # and a ? end a path"),
            byte if byte.is_ascii_graphic() => {
                if is_plain(byte) {
                    means.push(byte);
                    segment.push(char::from(byte));
                    continue;
                }
                byte
            }
            _ => {
                return Err(
                    "a path is of visible characters of ASCII; others are written in percent-encoding",
                );
            }
        };
        means.push(byte);
        match is_unreserved(byte) {
            true => segment.push(char::from(byte)),
            false => segment.push_str(&format!("%{byte:02X}")),
        }
    }
    if std::str::from_utf8(&means).is_err() {
        return Err("it has bytes that are no UTF-8");
    }
    let means = decoded(&segment);
    let mut parts = means.split(|byte| b"/\\".contains(byte)).map(name);
    match parts.any(|part| matches!(part, b"." | b"..")) {
        true => Err("`.` and `..` in percent-encoding, or before a `;`, are read in two ways"),
        false => Ok(segment),
    }
}

/// The byte that is in percent-encoding.
fn encoded(bytes: &mut std::str::Bytes<'_>) -> Result<u8, &'static str> {
    let mut digit = || char::from(bytes.next()?).to_digit(16);
    let (high, low) = (digit().ok_or(NO_HEX)?, digit().ok_or(NO_HEX)?);
    match u8::try_from(16 * high + low).map_err(|_never| NO_HEX)? {
        b'/' | b'\\' => Err("a separator in percent-encoding is read in two ways"),
        byte if byte.is_ascii_control() => Err("a control character is refused"),
        byte => Ok(byte),
    }
}

/// What stands in a path as itself: RFC 3986, 3.3.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// What a path or a segment in its normal form is to who decodes it, however often.
fn decoded(normal: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = normal;
    while let Some(percent) = rest.find('%') {
        bytes.extend_from_slice(&rest.as_bytes()[..percent]);
        rest = &rest[percent + 1..];
        // `%25` is a `%`, which the next one decodes with what follows.
        while let Some(after) = rest.strip_prefix("25") {
            rest = after;
        }
        let byte = rest.get(..2).filter(|hex| !hex.starts_with('+'));
        match byte.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[2..];
            }
            None => bytes.push(b'%'),
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// A segment without its parameters.
fn name(segment: &[u8]) -> &[u8] {
    segment
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or(segment)
}

/// The widest that a server may take a path to be: decoded, without parameters, and with
/// one slash for several. Two paths that are the same so may be the same to it.
pub(crate) fn widest(normal: &str) -> Vec<u8> {
    let decoded = decoded(normal);
    let mut path = Vec::new();
    let mut segments = decoded.split(|byte| b"/\\".contains(byte)).map(name);
    let last = segments.next_back().unwrap_or_default();
    for segment in segments.filter(|segment| !segment.is_empty()) {
        path.push(b'/');
        path.extend_from_slice(segment);
    }
    path.push(b'/');
    path.extend_from_slice(last);
    path
}

/// A path as it is compared and written in rules: without percent-encoding where servers
/// decode to what a path may have. It stays for a `*`, which would stand for more.
pub(crate) fn in_rules(normal: &str) -> String {
    let mut parts = normal.split('%');
    let mut path = parts.next().unwrap_or_default().replace('*', "%2A");
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).unwrap_or((part, ""));
        let byte = u8::from_str_radix(hex, 16).ok();
        match byte.filter(|byte| is_plain(*byte) && *byte != b'*') {
            Some(byte) => path.push(char::from(byte)),
            None => path.extend(["%", hex]),
        }
        path.push_str(&rest.replace('*', "%2A"));
    }
    path
}

/// Whether a path would be read, behind an IPv4 address without a port, as the prefix of a
/// net: `10.0.0.0/8`.
pub(crate) fn is_like_a_prefix(path: &str) -> bool {
    let first = path.trim_start_matches('/').split(['/', ':', '*']).next();
    let digits = first.filter(|first| first.bytes().all(|byte| byte.is_ascii_digit()));
    let prefix = digits.and_then(|digits| digits.parse::<u8>().ok());
    prefix.is_some_and(|prefix| prefix <= 32)
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
            ("/a/..", "/"),
            ("/%61%7e%2D%5F", "/a~-_"),
            ("/%2a%c3%a9", "/%2A%C3%A9"),
            ("/a*b", "/a*b"),
            ("/a//b", "/a//b"),
            ("/a//", "/a//"),
            ("/...", "/..."),
            ("/..a/.b", "/..a/.b"),
            ("/a%2e%2eb", "/a..b"),
            ("/a;b=c/.d", "/a;b=c/.d"),
            ("/a;..", "/a;.."),
            ("/a%20b", "/a%20b"),
            ("/a%3Bb:c@d", "/a%3Bb:c@d"),
            ("/\"<>[]^`{|}", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D"),
            ("/job/feature%252Fx", "/job/feature%252Fx"),
            ("/100%25", "/100%25"),
            ("/%2541", "/%2541"),
        ] {
            assert_eq!(normal(written).as_deref(), Ok(form), "{written}");
        }
    }

    #[test]
    fn what_is_read_in_two_ways_is_refused() {
        for (path, why) in [
            ("a", "begins with a slash"),
            ("*", "begins with a slash"),
            ("//a", "another host"),
            ("/../a", "above the root"),
            ("/a/../..", "above the root"),
            ("/a%2fb", "a separator"),
            ("/a%2Fb", "a separator"),
            ("/a%5Cb", "a separator"),
            ("/a\\b", "a backslash"),
            ("/a/..\\b", "a backslash"),
            ("/%2e%2e/a", "in percent-encoding"),
            ("/a/.%2e/b", "in percent-encoding"),
            ("/a/%2E./b", "in percent-encoding"),
            ("/a/%2e", "in percent-encoding"),
            ("/a/%252e%252e/b", "in percent-encoding"),
            ("/a/%25252e./b", "in percent-encoding"),
            ("/a/%25%32%65.", "in percent-encoding"),
            ("/a/b%252F..%252Fc", "in percent-encoding"),
            ("/a/b%255c..", "in percent-encoding"),
            ("/a/..;/b", "before a `;`"),
            ("/a/..;x=y", "before a `;`"),
            ("/a/..%3b/b", "before a `;`"),
            ("/a/.;x", "before a `;`"),
            ("/a//../b", "an empty segment"),
            ("/a/../b//c", "an empty segment"),
            ("/a//./b", "an empty segment"),
            ("/.//b", "an empty segment"),
            ("/a/;x/../b", "an empty segment"),
            ("/a%00", "a control character"),
            ("/a%0a", "a control character"),
            ("/a%7f", "a control character"),
            ("/a\0", "visible characters"),
            ("/a\nb", "visible characters"),
            ("/a b", "visible characters"),
            ("/é", "visible characters"),
            ("/a%c0%af", "no UTF-8"),
            ("/a%e0%80%af", "no UTF-8"),
            ("/a%ff", "no UTF-8"),
            ("/a%c3/%a9", "no UTF-8"),
            ("/%", "hexadecimal"),
            ("/%6", "hexadecimal"),
            ("/%6g", "hexadecimal"),
            ("/%+6", "hexadecimal"),
            ("/%u002e", "hexadecimal"),
            ("/a?b", "end a path"),
            ("/a#b", "end a path"),
        ] {
            let error = normal(path).expect_err(path);
            assert!(error.contains(why), "{path}: {error}");
        }
        let long = format!("/{}", "a".repeat(LONGEST));
        assert_eq!(normal(&long), Err("it is longer than 16 KiB"));
    }

    #[test]
    fn what_servers_may_take_for_one_path_is_one_at_its_widest() {
        for (path, widest_) in [
            ("/", "/"),
            ("/a/", "/a/"),
            ("/a///b//", "/a/b/"),
            ("/a;x=y/;z/b;", "/a/b"),
            ("/%2A%3Bx", "/*"),
            ("/a%252Fb%255Cc", "/a/b/c"),
            ("/%2541%25", "/A%"),
            ("/100%252", "/100%2"),
            ("/a/%C3%A9", "/a/é"),
        ] {
            assert_eq!(widest(path), widest_.as_bytes(), "{path}");
        }
    }

    #[test]
    fn what_servers_decode_is_compared_decoded() {
        for (path, in_rules_) in [
            ("/%2B%3B%40:*", "/+;@:%2A"),
            ("/%2A%20%C3%A9%22%25", "/%2A%20%C3%A9%22%25"),
            ("/%252B", "/%252B"),
        ] {
            assert_eq!(in_rules(path), in_rules_, "{path}");
            assert_eq!(in_rules(&normal(in_rules_).unwrap()), in_rules_, "{path}");
        }
    }

    /// As RFC 3986, 5.2.4 has it, word for word.
    fn without_dot_segments(path: &str) -> String {
        let (mut input, mut output) = (path.to_owned(), String::new());
        while !input.is_empty() {
            if let Some(rest) = input.strip_prefix("../").or(input.strip_prefix("./")) {
                input = rest.to_owned();
            } else if let Some(rest) = input.strip_prefix("/./") {
                input = format!("/{rest}");
            } else if input == "/." {
                input = "/".to_owned();
            } else if let Some(rest) = input.strip_prefix("/../") {
                input = format!("/{rest}");
                output.truncate(output.rfind('/').unwrap_or(0));
            } else if input == "/.." {
                input = "/".to_owned();
                output.truncate(output.rfind('/').unwrap_or(0));
            } else if matches!(&input[..], "." | "..") {
                input.clear();
            } else {
                let end = input[1..].find('/').map_or(input.len(), |at| at + 1);
                output.push_str(&input[..end]);
                input.drain(..end);
            }
        }
        output
    }

    /// Each character as itself, or in percent-encoding.
    fn all_decoded(path: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = path.bytes();
        while let Some(byte) = rest.next() {
            let mut digit = || char::from(rest.next().unwrap()).to_digit(16).unwrap() as u8;
            bytes.push(if byte == b'%' {
                16 * digit() + digit()
            } else {
                byte
            });
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn a_normal_form_is_its_own(path in "/([a-c./;]|%2[5eEfF]|%5[cC]|%61|%[cC]3%[aA]9){0,24}") {
            if let Ok(form) = normal(&path) {
                prop_assert_eq!(normal(&form), Ok(form.clone()));
                let mut segments = form.split('/');
                prop_assert!(segments.all(|segment| !matches!(segment, "." | "..")));
            }
        }

        /// A server that follows the RFC finds what the normal form says, whether it
        /// decodes before or after it removes dot segments.
        #[test]
        fn a_normal_form_is_the_path_that_the_rfc_has(
            path in "/([a-c]|\\.|\\.\\.|/|;|%2[5eEfF]|%5[cC]|%6[1-3]|%25(2[eEfF]|5c)|%C3%A9|[<>{}]){0,16}",
        ) {
            if let Ok(form) = normal(&path) {
                let resolved = without_dot_segments(&path);
                prop_assert_eq!(all_decoded(&resolved), all_decoded(&form), "{}", form);
                let decoded = String::from_utf8(all_decoded(&path)).unwrap();
                prop_assert_eq!(without_dot_segments(&decoded).into_bytes(), all_decoded(&form));
            }
        }

        #[test]
        fn no_path_is_too_strange(path in ".{0,60}") {
            _ = normal(&path).map(|form| widest(&form));
        }
    }
}
