//! Host names as rules and look-ups compare them.

use std::fmt;
use std::str::FromStr;

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

use crate::text::looks_numeric;
use crate::{Invalid, VettedName};

/// The longest text that is looked at: more than any name of 253 bytes of ASCII
/// has in another spelling.
const LONGEST: usize = 4 * 253;

/// What no name has: of ASCII, all but letters, digits, hyphens, dots and, as
/// Docker, Kubernetes and the names of services (RFC 2782) have them,
/// underscores.
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
    // Names of content networks have hyphens in the third and fourth place.
    let hyphens = Hyphens::CheckFirstLast;
    let ascii = Uts46::new().to_ascii(name.as_bytes(), DENIED, hyphens, DnsLength::Verify);
    let ascii = ascii.ok()?.into_owned();
    // IDNA makes ASCII digits of others, and the C library an address of them.
    (!looks_numeric(&ascii)).then_some(ascii)
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
