//! A policy as a file: TOML with the tables `[allow]` and `[deny]`, whose keys
//! are operations and whose values are arrays of targets, and `[limits]`, whose
//! keys are limits.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::Limits;
use crate::parse::{nearest, parse_op};
use crate::{Effect, Op, Policy, Rule};

/// The tables that a file may have.
const TABLES: [&str; 3] = ["allow", "deny", "limits"];

/// A policy file that cannot be used: where, and what was expected there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFileError {
    line: usize,
    column: usize,
    message: String,
}

impl PolicyFileError {
    /// The line, from 1.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The character of the line, from 1.
    pub fn column(&self) -> usize {
        self.column
    }

    fn at(text: &str, offset: usize, message: String) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.rsplit('\n').next().unwrap_or_default();
        Self {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
            message,
        }
    }
}

/// `LINE:COLUMN: MESSAGE`, to be put after a file's name and a colon.
impl fmt::Display for PolicyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
        } = self;
        write!(f, "{line}:{column}: {message}")
    }
}

impl std::error::Error for PolicyFileError {}

impl Policy {
    /// Reads a policy file.
    ///
    /// ```
    /// use capsock_policy::Policy;
    ///
    /// let policy = Policy::from_toml(
    ///     r#"
    ///     [allow]
    ///     connect = ["tcp://10.20.0.0/16:5432"]
    ///     listen = ["tcp://[::1]:8080-8090 from=loopback"]
    ///
    ///     [deny]
    ///     connect = ["tcp://10.20.9.0/24:*"]
    ///     "#,
    /// )?;
    /// assert_eq!(policy.rules().len(), 3);
    /// # Ok::<(), capsock_policy::PolicyFileError>(())
    /// ```
    ///
    /// # Errors
    /// The first place where the text is not TOML, has a table or an operation
    /// that is not known, or a target that does not follow the grammar.
    pub fn from_toml(text: &str) -> Result<Self, PolicyFileError> {
        // Read for its errors: a file is usable as a whole or not at all.
        File { text }.limits(&mut Limits::default())?;
        File { text }.policy()
    }

    /// The rules as a file: sorted, so that equal policies give equal files.
    /// [`Policy::from_toml`] reads it back.
    pub fn to_toml(&self) -> String {
        let mut file = BTreeMap::<_, BTreeMap<_, BTreeSet<_>>>::new();
        for rule in &self.rules {
            let table = file.entry(rule.effect.to_string()).or_default();
            let targets = table.entry(rule.op.name()).or_default();
            targets.insert(rule.target());
        }
        toml::to_string_pretty(&file).expect("tables of arrays of strings are TOML")
    }
}

impl Limits {
    /// Sets what the table `[limits]` of a policy file has, as
    /// [`Limits::set`] does: `sockets = 100`, `memory = "64MiB"`.
    ///
    /// ```
    /// use capsock_policy::Limits;
    ///
    /// let mut limits = Limits::default();
    /// limits.set_from_toml("[limits]\nsockets = 100")?;
    /// assert_eq!(limits.sockets, 100);
    /// # Ok::<(), capsock_policy::PolicyFileError>(())
    /// ```
    ///
    /// # Errors
    /// The first place where the text is no policy file, or a limit is not known
    /// or cannot be so. Then none is set.
    pub fn set_from_toml(&mut self, text: &str) -> Result<(), PolicyFileError> {
        let mut limits = self.clone();
        File { text }.policy()?;
        File { text }.limits(&mut limits)?;
        *self = limits;
        Ok(())
    }
}

struct File<'a> {
    text: &'a str,
}

type Parsed<T> = Result<T, PolicyFileError>;

impl File<'_> {
    fn tables(&self) -> Parsed<Spanned<DeTable<'_>>> {
        DeTable::parse(self.text).map_err(|error| {
            let at = error.span().unwrap_or_default();
            PolicyFileError::at(self.text, at.start, error.message().to_owned())
        })
    }

    fn limits(&self, limits: &mut Limits) -> Parsed<()> {
        let file = self.tables()?;
        let Some(table) = file.get_ref().get("limits") else {
            return Ok(());
        };
        let Some(entries) = table.get_ref().as_table() else {
            let found = a(table.get_ref().type_str());
            return self.fail(table.span(), format!("`limits` is a table, found {found}"));
        };
        for (name, value) in entries {
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) => number.to_string(),
                other => {
                    let found = a(other.type_str());
                    return self.fail(
                        value.span(),
                        format!("expected a number, or a value in quotes such as \"64MiB\", found {found}"),
                    );
                }
            };
            limits
                .set(name.get_ref(), &text)
                .or_else(|error| self.fail(name.span(), error.to_string()))?;
        }
        Ok(())
    }

    fn policy(&self) -> Parsed<Policy> {
        let file = self.tables()?;
        let mut policy = Policy::default();
        for (name, table) in file.get_ref() {
            let effect = match name.get_ref().as_ref() {
                "allow" => Effect::Allow,
                "deny" => Effect::Deny,
                "limits" => continue,
                unknown => return self.unknown_table(name.span(), unknown),
            };
            policy = self.rules(policy, effect, table)?;
        }
        Ok(policy)
    }

    fn rules(
        &self,
        mut policy: Policy,
        effect: Effect,
        table: &Spanned<DeValue<'_>>,
    ) -> Parsed<Policy> {
        let Some(operations) = table.get_ref().as_table() else {
            let found = table.get_ref().type_str();
            let message = format!("`{effect}` is a table of operations, found {}", a(found));
            return self.fail(table.span(), message);
        };
        for (key, targets) in operations {
            let op = parse_op(key.get_ref()).or_else(|message| self.fail(key.span(), message))?;
            let Some(array) = targets.get_ref().as_array() else {
                return self.not_a_target(key.span(), targets, "an array of targets");
            };
            for target in array.iter() {
                policy = policy.with(self.rule(effect, op, target)?);
            }
        }
        Ok(policy)
    }

    fn rule(&self, effect: Effect, op: Op, value: &Spanned<DeValue<'_>>) -> Parsed<Rule> {
        let Some(target) = value.get_ref().as_str() else {
            return self.not_a_target(value.span(), value, "a target in quotes");
        };
        Rule::parse(effect, op, target).or_else(|error| {
            let start = self.character(value.span(), target, error.offset());
            let target = target.escape_debug();
            self.fail(
                start..start,
                format!("invalid target `{target}` of `{op}`: {}", error.message()),
            )
        })
    }

    /// Where the byte `offset` of a string stands in the file; its beginning
    /// where it has escapes.
    fn character(&self, span: Range<usize>, string: &str, offset: usize) -> usize {
        let literal = self.text.get(span.clone()).unwrap_or_default();
        let quotes = literal.len().saturating_sub(string.len()) / 2;
        match literal.get(quotes..quotes + string.len()) {
            Some(inner) if inner == string => span.start + quotes + offset,
            _ => span.start,
        }
    }

    fn unknown_table<T>(&self, span: Range<usize>, name: &str) -> Parsed<T> {
        let name_shown = name.escape_debug();
        let expected = match (nearest(name, &TABLES), parse_op(name)) {
            (_, Ok(op)) => {
                format!("an operation stands in a table: `[allow]` or `[deny]`, then `{op} = […]`")
            }
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, _) => "expected `[allow]`, `[deny]` or `[limits]`".to_owned(),
        };
        self.fail(span, format!("unknown table `{name_shown}`: {expected}"))
    }

    fn not_a_target<T>(
        &self,
        span: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
    ) -> Parsed<T> {
        let found = a(value.get_ref().type_str());
        self.fail(
            span,
            format!("expected {expected}, such as `[\"tcp://192.0.2.1:443\"]`, found {found}"),
        )
    }

    fn fail<T>(&self, span: Range<usize>, message: String) -> Parsed<T> {
        Err(PolicyFileError::at(self.text, span.start, message))
    }
}

/// A kind of value with its article.
fn a(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn limits_are_set_by_name_or_not_at_all() {
        let mut limits = Limits::default();
        let text = "[allow]\nresolve = [\"a.example\"]\n[limits]\nsockets = 7\nmemory = \"1MiB\"\n";
        limits.set_from_toml(text).expect("limits");
        assert_eq!((limits.sockets, limits.memory), (7, 1 << 20));
        assert_eq!(Policy::from_toml(text).expect("rules").rules().len(), 1);
        for (text, place) in [
            ("[limits]\nsockets = 1\nsokets = 1", "3:1: "),
            ("[limits]\nsockets = \"many\"", "2:1: "),
            ("[limits]\nsockets = [1]", "2:11: "),
            ("limits = 1", "1:10: "),
        ] {
            let before = limits.clone();
            let error = limits.set_from_toml(text).expect_err(text).to_string();
            assert!(error.starts_with(place), "{error}");
            assert_eq!(Policy::from_toml(text).expect_err(text).to_string(), error);
            assert_eq!(limits, before);
        }
    }

    #[test]
    fn a_file_says_what_the_flags_say() {
        let text = r#"
            # A comment.
            deny.connect = ['tcp://10.20.9.0/24:*']

            [allow]
            connect = [
                "tcp://10.20.0.0/16:5432", # another
                "unix:/run/app/",
            ]
            listen = ["tcp://[::1]:80 from=loopback"]
            pass-fd = ["*"]
            interfaces = ["*"]
            resolve = []
        "#;
        let policy = Policy::from_toml(text).unwrap_or_else(|error| panic!("{error}"));
        let rules: Vec<_> = policy.rules().iter().map(Rule::to_string).collect();
        assert_eq!(
            rules,
            [
                "deny connect tcp://10.20.9.0/24:*",
                "allow connect tcp://10.20.0.0/16:5432",
                "allow connect unix:/run/app/",
                "allow listen tcp://[::1]:80 from=loopback",
                "allow pass-fd *",
                "allow interfaces *",
            ]
        );
        insta::assert_snapshot!(policy.to_toml());
        assert!(Policy::from_toml("").is_ok_and(|policy| policy.rules().is_empty()));
        assert_eq!(Policy::default().to_toml(), "");
    }

    #[test]
    fn what_is_wrong_is_told_with_line_and_column() {
        let messages: Vec<String> = [
            "[allow",
            "[allow]\nconnect = [\"tcp://127.0.0.1:80\"",
            "[allow]\nconnect = []\nconnect = []",
            "[allow]\n\n  [alow]",
            "[grants]",
            "connect = [\"tcp://127.0.0.1:80\"]",
            "allow = 1",
            "allow = []",
            "[allow]\nconect = []",
            "[allow]\nfly = []",
            "[allow]\npass_fd = []",
            "[allow.connect]\ntcp = 1",
            "[allow]\nconnect = \"tcp://127.0.0.1:80\"",
            "[allow]\nconnect = [80]",
            "[allow]\nconnect = [[\"tcp://127.0.0.1:80\"]]",
            "[allow]\nconnect = [\"tcp://127.0.0.1\"]",
            "[allow]\nconnect = [\n  \"tcp://127.0.0.1:80\",\n  'tcp://127.0.0.1:80,0',\n]",
            "[allow]\nlisten = [\"tcp://127.0.0.1:80 form=loopback\"]",
            "[allow]\nconnect = [\"\"\"tcp://127.0.0.1:99999\"\"\"]",
            "[allow]\nresolve = [\"\u{e4}.example\", \"**\"]",
            "[allow]\nconnect = [\"tcp://\\u0031.2.3:80\"]",
            "[allow]\nconnect = [\"\"]",
            "[deny]\nconnect = [\"udp://127.0.0.1:53\"]\n[alow]",
        ]
        .into_iter()
        .map(|text| match Policy::from_toml(text) {
            Ok(_) => panic!("{text}"),
            Err(error) => format!("{text}\n  => {error}\n"),
        })
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    fn rule() -> impl Strategy<Value = Rule> {
        let host =
            r"\*|loopback|private|10\.[0-9]\.0\.0/16|192\.0\.2\.[0-9]|\[2001:db8::[1-9a-f]\]";
        let ports = r"\*|ephemeral|[1-9][0-9]{0,3}|[1-9],80-9[0-9]";
        let net = (
            "connect tcp|listen tcp|bind udp|send udp|recv ip",
            host,
            ports,
        )
            .prop_map(|(op, host, ports)| format!("{op}://{host}:{ports}"));
        let peers = (net.clone(), host).prop_map(|(net, host)| match net.starts_with("listen") {
            true => format!("{net} from={host}"),
            false => net,
        });
        let name = r"(connect|listen|pass-fd) unix(-abstract)?:/[ -~\u{80}-\u{fff}]{1,20}";
        let other = r"resolve (\*\.)?[a-z]{1,9}\.example|option so-mark(=[!-~]{0,9})?|interfaces \*|connect tcp://[a-z]{1,9}\.example:80( in=private,public)?|http (GET,PUT )?https?://([a-z]{1,9}\.example|10\.0\.0\.[1-9])(:[1-9])?/[!-~]{0,9}|raw netlink://[!-~]{1,9}";
        let rule = prop_oneof![net, peers, name, other];
        ("allow|deny", rule).prop_filter_map("no rule", |(effect, rule)| {
            format!("{effect} {rule}").parse().ok()
        })
    }

    proptest! {
        #[test]
        fn print_and_parse_round_trip(rules in proptest::collection::vec(rule(), 0..8)) {
            let policy = rules.into_iter().fold(Policy::default(), Policy::with);
            let text = policy.to_toml();
            let read = Policy::from_toml(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let set = |policy: &Policy| policy.rules().iter().cloned().collect::<HashSet<_>>();
            prop_assert_eq!(set(&read), set(&policy));
            prop_assert_eq!(read.to_toml(), text);
        }

        #[test]
        fn any_text_is_read_or_refused_at_a_place_in_it(text in r#"(\[allow\]\n)?[a-z="\[\]\n\\ :/\u{e4}]{0,60}"#) {
            if let Err(error) = Policy::from_toml(&text) {
                prop_assert!(error.line() <= text.lines().count().max(1) + 1);
            }
        }
    }
}
