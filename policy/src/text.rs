//! How text of others is written, and what it looks like.

use bstr::ByteSlice;

/// A Unix name as rules write it: white space would end it and a `*` mean more,
/// so they are escaped like what cannot be seen as what it is.
pub fn escape(name: &[u8]) -> String {
    let mut text = String::new();
    for character in name.escape_bytes().to_string().chars() {
        let unseen = !character.is_ascii() && character.escape_debug().len() > 1;
        if unseen || character.is_whitespace() || character == '*' {
            let bytes = character
                .encode_utf8(&mut [0; 4])
                .bytes()
                .collect::<Vec<_>>();
            text.extend(bytes.iter().map(|byte| format!("\\x{byte:02X}")));
        } else {
            text.push(character);
        }
    }
    text
}

/// Text of others as a terminal may be given it: what moves the cursor, changes
/// colours, turns the direction of writing or is not seen at all is escaped, line
/// ends too, and what is longer than `longest` bytes is cut, with its length.
///
/// ```
/// use capsock_policy::shown;
///
/// assert_eq!(shown("a\u{1b}[2Jb", 100), "a\\u{1b}[2Jb");
/// assert_eq!(shown("gnp.\u{202e}exe", 100), "gnp.\\u{202e}exe");
/// assert_eq!(shown("abcdef", 3), "abc… (6 bytes)");
/// ```
pub fn shown(text: &str, longest: usize) -> String {
    let kept = &text[..text.floor_char_boundary(longest)];
    let mut shown = String::with_capacity(kept.len());
    for character in kept.chars() {
        match character {
            ' '..='~' => shown.push(character),
            // Of what is not ASCII this escapes all that is not printable.
            character => shown.extend(character.escape_debug()),
        }
    }
    if kept.len() < text.len() {
        shown.push_str(&format!("… ({} bytes)", text.len()));
    }
    shown
}

/// `2130706433`, `0x7f.1`, `012.0.0.1`: what inet_aton(3) would take.
pub(crate) fn looks_numeric(host: &str) -> bool {
    host.split('.').all(|part| {
        let digits = part.strip_prefix("0x").or(part.strip_prefix("0X"));
        let hexadecimal =
            digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        hexadecimal || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_acts_on_a_terminal_is_shown() {
        let acting = (0..=0x10FFFF).filter_map(char::from_u32).filter(|c| {
            c.is_control()
                || matches!(c, '\u{61C}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
                    | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{E0000}'..='\u{E007F}')
        });
        for character in acting {
            let text = shown(&format!("a{character}b"), 100);
            assert!(text.is_ascii(), "{text:?}");
            assert!(!text.contains(char::is_control), "{text:?}");
        }
        for plain in ["a b", "\"\\'", "Grüße", "東京"] {
            assert_eq!(shown(plain, 100), plain);
        }
        assert_eq!(shown("ä", 1), "… (2 bytes)");
    }

    /// Rules are words with white space between them.
    #[test]
    fn what_is_escaped_is_one_word_and_reads_back() {
        use bstr::ByteVec;
        for character in (0..=0x10FFFF).filter_map(char::from_u32) {
            let name = format!("a{character}b");
            let text = escape(name.as_bytes());
            assert!(!text.contains(char::is_whitespace), "{text:?}");
            assert_eq!(Vec::unescape_bytes(&text), name.as_bytes(), "{text:?}");
        }
    }
}
