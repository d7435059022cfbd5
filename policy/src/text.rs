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

/// `2130706433`, `0x7f.1`, `012.0.0.1`: what inet_aton(3) would take.
pub(crate) fn looks_numeric(host: &str) -> bool {
    host.split('.').all(|part| {
        let digits = part.strip_prefix("0x").or(part.strip_prefix("0X"));
        let hexadecimal =
            digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        hexadecimal || (!part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    })
}
