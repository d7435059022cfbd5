//! What the fuzz targets do with their bytes: not for use by others.
//!
//! The tests do the same with the targets' corpora, so that what was found once
//! stays mended where nobody fuzzes.

use crate::question::{Question, Subject};
use crate::{Effect, Policy, Rule};

/// A rule that is parsed is the same once it is printed and parsed again; an
/// error can be printed.
///
/// # Panics
/// Where it is not.
pub fn rule(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    match text.parse::<Rule>() {
        Ok(rule) => {
            let printed = rule.to_string();
            let again = printed.parse::<Rule>();
            assert_eq!(
                again.as_ref(),
                Ok(&rule),
                "`{text}` is printed as `{printed}`"
            );
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// Two texts of one line each, an operation and a target: where both are about
/// one thing, a denial of either holds for both, or they are two things.
///
/// # Panics
/// Where they are not.
pub fn meaning(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    let (one, other) = text.split_once('\n').unwrap_or((text, text));
    let (Some(one), Some(other)) = (Asked::new(one), Asked::new(other)) else {
        return;
    };
    for (asked, again) in [(&one, &other), (&other, &one)] {
        assert!(asked.forbids(asked), "{} holds for itself", asked.denial);
        if asked.is(again) {
            assert!(asked.forbids(again), "{}: {}", asked.denial, again.question);
        }
        if asked.denial == again.denial {
            assert!(asked.is(again), "{}: {}", asked.question, again.question);
        }
    }
}

/// A denial of one thing, and the question about it.
struct Asked {
    denial: Rule,
    question: Question,
}

impl Asked {
    fn new(text: &str) -> Option<Self> {
        let question: Question = text.parse().ok()?;
        // What no policy could allow is denied by none. A denial of a name, or of
        // an algorithm, is no rule.
        let (op, target) = text.trim_start().split_once(char::is_whitespace)?;
        let op = crate::parse::parse_op(op).ok()?;
        let denial = Rule::parse(Effect::Deny, op, target).ok()?;
        let printed: Rule = denial.to_string().parse().expect("as it is printed");
        assert_eq!(printed, denial);
        let is_peer = matches!(question.subject, Subject::Address { peer: Some(_), .. });
        let answer = Policy::default().explain(&question).to_string();
        (!is_peer && !answer.contains("whatever is granted")).then_some(Self { denial, question })
    }

    fn forbids(&self, other: &Self) -> bool {
        let policy = Policy::default().with(self.denial.clone());
        policy.explain(&other.question).rule() == Some(&self.denial)
    }

    /// Whether it is the same thing.
    fn is(&self, other: &Self) -> bool {
        use Subject::Address;
        let is_subject = match (&self.question.subject, &other.question.subject) {
            (
                Address {
                    protocol,
                    address,
                    peer: None,
                },
                Address {
                    protocol: other_protocol,
                    address: other_address,
                    peer: None,
                },
            ) => {
                let is_address = match (address.canonical(), other_address.canonical()) {
                    (Some(one), Some(other)) => one == other,
                    _ => address == other_address,
                };
                protocol == other_protocol && is_address
            }
            (one, other) => one == other,
        };
        self.question.op() == other.question.op() && is_subject
    }
}

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "the last file is the one that fails")]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_corpora_hold() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for name in ["rule", "meaning"] {
            let target = if name == "rule" { rule } else { meaning };
            let files = std::fs::read_dir(corpora.join(name)).expect(name);
            let mut count = 0;
            for file in files {
                let path = file.expect(name).path();
                println!("{}", path.display());
                target(&std::fs::read(&path).expect("a file"));
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }

    /// One thing of each kind that rules have.
    fn thing() -> impl Strategy<Value = String> {
        let kinds = [
            r"connect (tcp|mptcp)://([0-9]{1,2}\.0\.0\.[0-9]|\[(::ffff:|::)[0-9]{1,2}\.0\.0\.[0-9]\]|\[[0-9a-f]{1,4}::[0-9a-f]\]):[1-9][0-9]?",
            r"(bind|listen) (tcp|udp)://(0\.0\.0\.0|127\.0\.0\.1|\[::\]|\[::1\]):([1-9]|ephemeral)",
            r"send (udp|udplite)://[0-9]\.0\.0\.1:[1-9]",
            r"raw raw/[0-9]://[0-9]\.0\.0\.1",
            r"(connect|send|bind) unix:/[ab]/([a-c]|\\x6[1-3])",
            r"connect unix-abstract:([a-c]|\\x6[1-3])",
            r"raw netlink://(route|generic|[0-9]{1,2}|99)(/[1-9])?",
            r"(connect|send|listen) vsock://([0-3]|any):([0-9]|ephemeral)",
            r"raw (packet|can)://(eth[01]|\\x65th[01]|\*)",
            r"(bind|send|connect) tipc://(name:[0-9]{1,2}:[0-9](-[0-9])?|id:[0-9]:[0-9])",
            r"(connect|bind) bluetooth://(rfcomm|l2cap)/00:1[1a]:22:33:4[Aa]:5[fF]/[0-9]",
            r"bind bluetooth://hci/[0-9]/[0-9]",
            r"(connect|send) bluetooth://sco/00:1[1a]:22:33:4[Aa]:5[fF]",
            r"bind alg://(hash|HASH)/(sha256|SHA256)",
            r"resolve (a|A|\x{e4})\.example\.?",
            r"option (so-mark=-?0?[0-9]|ip-freebind=(1|true)|so-bindtodevice=(eth[01]|\\x65th[01])|raw=0?1/[0-9])",
            r"(pass-fd|take-fd) unix:/[ab]/([a-c]|\\x6[1-3])",
            r"http (GET|PUT) https?://((a|b)\.example|localhost|10\.0\.0\.[1-3]|\[(::ffff:|::)10\.0\.0\.[1-3]\])(:[1-9])?/([a-c8]|%6[1-3]|\./a|a/\.\.|%2a)?",
            r"take-fd unix:/[ab]/[a-c] of=(socket|(writable-)?(file|pipe))",
        ];
        prop::sample::select(kinds.to_vec())
            .prop_flat_map(|kind| prop::string::string_regex(kind).expect("a pattern"))
    }

    /// The same in other letters, or nearly: what another writer may have meant.
    fn respelt(text: &str, how: &[u8]) -> String {
        let (op, target) = text.split_once(' ').expect("an operation");
        let mut respelt = format!("{op} ");
        for (index, character) in target.chars().enumerate() {
            match (how.get(index), character) {
                (Some(0..20), 'a'..='z') => respelt.push(character.to_ascii_uppercase()),
                (Some(20..40), '0'..='9') => respelt.extend(['0', character]),
                (Some(40..60), 'a'..='z') => {
                    respelt.push_str(&format!("\\x{:02x}", character as u32));
                }
                _ => respelt.push(character),
            }
        }
        respelt
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn two_spellings_are_one_thing_or_two(
            one in thing(),
            other in thing(),
            how in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            for other in [&respelt(&one, &how), &other] {
                meaning(format!("{one}\n{other}").as_bytes());
            }
        }

        #[test]
        fn any_bytes_hold(bytes in prop::collection::vec(any::<u8>(), 0..128)) {
            rule(&bytes);
            meaning(&bytes);
        }

        #[test]
        fn any_text_like_a_rule_holds(text in r"(allow|deny) (connect|bind|listen|send|recv|resolve|option|raw|pass-fd|take-fd|interfaces|http) (GET |GET,PUT )?(https?|tcp|udp|ip|unix|unix-abstract|vsock|raw/1|netlink|tipc|bluetooth|alg|can|\PC)?:?/?/?[\[\]a-z0-9.:*/,=\\x -]{0,24}") {
            rule(text.as_bytes());
            let question = text.split_once(' ').expect("an effect").1;
            meaning(format!("{question}\n{question}").as_bytes());
        }
    }
}
