//! Host names as rules and look-ups compare them.

use std::fmt;
use std::str::FromStr;

#[cfg(feature = "idna")]
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::text::looks_numeric;
use crate::{Invalid, VettedName};

/// The longest text that is looked at: more than any name of 253 bytes of ASCII
/// has in another spelling.
const LONGEST: usize = 4 * NAME;

/// The longest name and label, in bytes (RFC 1035, 2.3.4).
const NAME: usize = 253;
const LABEL: usize = 63;

/// What a label in its IDNA form begins with where it stands for another.
const ACE: &str = "xn--";

/// What no name has: of ASCII, all but letters, digits, hyphens, dots and, as
/// Docker, Kubernetes and the names of services (RFC 2782) have them,
/// underscores.
#[cfg(feature = "idna")]
const DENIED: AsciiDenyList = AsciiDenyList::new(true, "!\"#$%&'()*+,/:;<=>?@[\\]^`{|}~");

/// Whether a text is a host name at all, whoever may look it up.
pub fn is_name(text: &str) -> bool {
    canonical_name(text).is_some()
}

/// A name in its IDNA form (RFC 5891): lower case, without the trailing dot.
/// `None` for what is no host name.
pub(crate) fn canonical_name(name: &str) -> Option<String> {
    if name.len() > LONGEST {
        return None;
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let ascii = match name.is_ascii().then(|| ascii_name(name)) {
        Some(name) => name?,
        None => idna_form(name)?,
    };
    // IDNA makes ASCII digits of others, and the C library an address of them.
    (!looks_numeric(&ascii)).then_some(ascii)
}

/// The IDNA form of a name in ASCII: lower case, and what stands for another form
/// has to stand for a right one.
fn ascii_name(name: &str) -> Option<String> {
    let is_label = |label: &str| {
        let mut bytes = label.bytes();
        (1..=LABEL).contains(&label.len())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() > NAME || !name.split('.').all(is_label) {
        return None;
    }
    let name = name.to_ascii_lowercase();
    match cfg!(feature = "idna") && name.split('.').any(|label| label.starts_with(ACE)) {
        true => idna_form(&name),
        false => Some(name),
    }
}

#[cfg(feature = "idna")]
fn idna_form(name: &str) -> Option<String> {
    // Names of content networks have hyphens in the third and fourth place.
    let hyphens = Hyphens::CheckFirstLast;
    let ascii = Uts46::new().to_ascii(name.as_bytes(), DENIED, hyphens, DnsLength::Verify);
    Some(ascii.ok()?.into_owned())
}

/// Without the tables of Unicode, which are most of what a component would be.
#[cfg(not(feature = "idna"))]
fn idna_form(_name: &str) -> Option<String> {
    None
}

/// Whether a name is one of the machine itself, whose addresses are 127.0.0.1
/// and ::1 whatever a name server says: `localhost`, and what is beneath it
/// (RFC 6761, 6.3).
pub fn is_localhost(name: &VettedName) -> bool {
    let name = name.as_str();
    name == "localhost" || name.ends_with(".localhost")
}

/// What the answer to a question about a name says of how it is looked up.
pub(crate) fn note_of_search(name: &str) -> Option<String> {
    let name = canonical_name(name)?;
    let is_label = !name.contains('.') && name != "localhost";
    is_label.then(|| {
        format!(
            "as a single label it may be found within the search list of resolv.conf, or the \
             domains of --dns-search: the rule is about `{name}`, whatever name answers"
        )
    })
}

/// A domain within which names may be looked up, in its IDNA form.
///
/// ```
/// use capsock_policy::Domain;
///
/// let domain: Domain = "SVC.cluster.local.".parse()?;
/// assert_eq!(domain.as_str(), "svc.cluster.local");
/// assert!("10.0.0.1".parse::<Domain>().is_err());
/// # Ok::<(), capsock_policy::Invalid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Domain(String);

impl Domain {
    /// The domain, without a dot at either end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        canonical_name(text)
            .map(Self)
            .ok_or_else(|| Invalid::of_name(text))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_in_their_idna_form() {
        let long = format!("{}.com", "a".repeat(63));
        let longest = ["a".repeat(63).as_str(); 4].join(".")[..253].to_owned();
        for (name, canonical) in [
            ("Example.COM.", "example.com"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example"),
            ("\u{ff41}\u{3002}example", "a.example"),
            ("target_service", "target_service"),
            ("_sip._tcp.Example", "_sip._tcp.example"),
            ("r3---sn-4g5e6nzz.example", "r3---sn-4g5e6nzz.example"),
            ("1e100.net", "1e100.net"),
            (&long, &long),
            (&longest, &longest),
        ] {
            assert_eq!(canonical_name(name).as_deref(), Some(canonical), "{name}");
        }
    }

    proptest::proptest! {
        /// What is ASCII needs no tables: then it is as with them.
        #[test]
        fn names_in_ascii_are_as_idna_has_them(
            labels in proptest::collection::vec("[!-~]{0,3}|[a-zA-Z0-9_-]{0,65}|xn--[a-z0-9-]{1,8}", 1..6),
        ) {
            let name = labels.join(".");
            assert_eq!(ascii_name(&name), idna_form(&name), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_has_no_such_form() {
        let (label, name) = ("a".repeat(64), ["a".repeat(63).as_str(); 4].join("."));
        for name in [
            "",
            ".",
            "a..b",
            ".a",
            "a..",
            "-a",
            "a-",
            "a.-b",
            "x y",
            "x\ty",
            "a\0b",
            "*",
            "*.com",
            "a/b",
            "a:1",
            "[::1]",
            "a@b",
            "a\u{200b}b.\u{0}",
            "127.0.0.1",
            "0x7f.1",
            "1",
            "\u{ff11}\u{ff12}\u{ff17}.1",
            "xn--\u{ff0d}",
            &label,
            &name,
            &"a.".repeat(5000),
        ] {
            assert_eq!(canonical_name(name), None, "{name}");
        }
    }
}
