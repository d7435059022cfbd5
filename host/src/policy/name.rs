//! Host names as rules and look-ups compare them.

use super::parse::looks_numeric;

/// Whether a text is a host name at all, whoever may look it up.
pub(crate) fn is_name(text: &str) -> bool {
    canonical_name(text).is_some()
}

/// A name in its IDNA form (RFC 5891): lower case, without the trailing dot.
/// `None` for what is no host name.
pub(super) fn canonical_name(name: &str) -> Option<String> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let ascii = idna::domain_to_ascii_strict(name).ok()?;
    let fits = (1..=253).contains(&ascii.len())
        && ascii
            .split('.')
            .all(|label| (1..=63).contains(&label.len()));
    // IDNA makes ASCII digits of others, and the C library an address of them.
    (fits && !looks_numeric(&ascii)).then_some(ascii)
}
