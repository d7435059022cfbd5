//! What a guest gives up of its authority, and what it may ask about it.

use crate::explain::Verdict;
use crate::parse::ParseRuleError;
use crate::question::Question;
use crate::{Denial, NameRefusal, Policy, Refusal};

/// Who has narrowed a policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LimitedBy {
    /// The guest itself, as it ran.
    #[default]
    Guest,
    /// Who sealed the component that the guest is.
    Seal,
}

impl LimitedBy {
    /// What a denial says first.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Guest => "the guest gave it up",
            Self::Seal => "the component is sealed",
        }
    }

    /// What has the rules.
    pub(crate) fn rules(self) -> &'static str {
        match self {
            Self::Guest => "limit",
            Self::Seal => "seal",
        }
    }
}

impl Policy {
    /// This policy within the rules that a component is sealed with, as
    /// [`narrowed`](Self::narrowed); its denials say so.
    pub fn sealed(self, mut seal: Self) -> Self {
        seal.limited_by = LimitedBy::Seal;
        self.narrowed(seal)
    }

    /// This policy within a limit: what is allowed from now on is what both
    /// allow. So it never widens, and the order of limits does not matter.
    ///
    /// ```
    /// use capsock_policy::{Op, Policy};
    ///
    /// let policy = Policy::default().allow(Op::Connect, "tcp://*:443")?;
    /// let limit = Policy::default().allow(Op::Connect, "tcp://9.9.9.9:*")?;
    /// let policy = policy.narrowed(limit);
    /// assert!(policy.may("connect", "tcp://9.9.9.9:443")?);
    /// assert!(!policy.may("connect", "tcp://8.8.8.8:443")?);
    /// # Ok::<(), capsock_policy::ParseRuleError>(())
    /// ```
    pub fn narrowed(mut self, mut limit: Self) -> Self {
        let more = std::mem::take(&mut limit.limits);
        limit.set_facts(&self.facts);
        self.limits.push(limit);
        self.limits.extend(more);
        self
    }

    /// Whether an operation on one target is allowed: what [`Policy::explain`]
    /// says of it. `listen` can ask for a peer too, with `from=ADDRESS`.
    ///
    /// # Errors
    /// Where the operation or the target does not follow the grammar, or stands
    /// for more than one: `*`, a net, a range of ports.
    pub fn may(&self, operation: &str, target: &str) -> Result<bool, ParseRuleError> {
        let question: Question = format!("{operation} {target}").parse()?;
        Ok(self.explain(&question).verdict() == Verdict::Allow)
    }

    /// Asks each limit as well.
    pub(crate) fn within_limits(
        &self,
        check: impl Fn(&Self) -> Result<(), Denial>,
    ) -> Result<(), Denial> {
        self.limits.iter().try_for_each(|limit| {
            check(limit).map_err(|denial| denial.limited_by(limit.limited_by))
        })
    }
}

impl Refusal {
    pub(crate) fn limited_by(self, whom: LimitedBy) -> Self {
        match self {
            Self::Invalid(invalid) => Self::Invalid(invalid),
            Self::Denied(denial) => Self::Denied(denial.limited_by(whom)),
        }
    }
}

impl NameRefusal {
    pub(crate) fn limited_by(self, whom: LimitedBy) -> Self {
        match self {
            Self::Invalid(invalid) => Self::Invalid(invalid),
            Self::Denied(denial) => Self::Denied(denial.limited_by(whom)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;
    use crate::operation::Connect;
    use crate::rule::Rule;
    use crate::{Address, Protocol};

    fn policy(rules: &[impl AsRef<str>]) -> Policy {
        rules
            .iter()
            .map(|rule| rule.as_ref().parse::<Rule>().expect("a rule"))
            .fold(Policy::default(), Policy::with)
    }

    fn may(policy: &Policy, question: &str) -> bool {
        let (operation, target) = question.split_once(' ').expect(question);
        policy
            .may(operation, target)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn every_kind_of_operation_can_be_asked_for_and_given_up() {
        for (grant, granted, not) in [
            (
                "connect tcp://127.0.0.0/8:1-9",
                "connect tcp://127.0.0.1:9",
                "connect tcp://127.0.0.1:10",
            ),
            (
                "listen tcp://[::1]:ephemeral",
                "listen tcp://[::1]:ephemeral",
                "listen tcp://[::1]:1",
            ),
            (
                "listen tcp://[::1]:1 from=loopback",
                "listen tcp://[::1]:1 from=127.0.0.1",
                "listen tcp://[::1]:1 from=10.0.0.1",
            ),
            (
                "listen tcp://127.0.0.1:1",
                "bind tcp://127.0.0.1:1",
                "bind udp://127.0.0.1:1",
            ),
            (
                "send udp://9.9.9.9:53",
                "send udp://9.9.9.9:53",
                "send udp://9.9.9.9:54",
            ),
            (
                "send udp://9.9.9.9:53",
                "recv udp://9.9.9.9:53",
                "recv udp://9.9.9.8:53",
            ),
            (
                "connect unix:/run/app/",
                "connect unix:/run/app/s",
                "listen unix:/run/app/s",
            ),
            (
                "send unix-abstract:a",
                "send unix-abstract:a",
                "send unix-abstract:b",
            ),
            (
                "resolve *.example.com",
                "resolve api.example.com",
                "resolve example.com",
            ),
            ("option so-mark=7", "option so-mark=7", "option so-mark=8"),
            ("interfaces *", "interfaces *", "option so-mark=8"),
            (
                "http GET,PUT https://api.example/v1/*",
                "http PUT https://api.example/v1/a",
                "http PUT https://api.example/v2/a",
            ),
            (
                "http GET http://127.0.0.1:8080/a",
                "http GET http://127.0.0.1:8080/a",
                "http GET http://127.0.0.1:8080/b",
            ),
            (
                "take-fd unix:/run/app/ of=file",
                "take-fd unix:/run/app/s of=file",
                "take-fd unix:/run/app/s of=writable-file",
            ),
        ] {
            let granting = policy(&[format!("allow {grant}")]);
            assert!(may(&granting, granted), "{grant}: {granted}");
            assert!(!may(&granting, not), "{grant}: {not}");
            assert!(!may(&Policy::default(), granted), "{granted}");
            // A limit to nothing takes it away, one to the same does not, and
            // one that denies it does.
            let same = granting.clone().narrowed(granting.clone());
            assert!(may(&same, granted), "{granted}");
            let nothing = granting.clone().narrowed(Policy::default());
            assert!(!may(&nothing, granted), "{granted}");
            if granted.split_once(' ').map(|(op, _)| op) == grant.split_once(' ').map(|(op, _)| op)
            {
                let deny = policy(&[format!("allow {grant}"), format!("deny {grant}")]);
                assert!(!may(&granting.narrowed(deny), granted), "{granted}");
            }
        }
    }

    #[test]
    fn what_needs_no_grant_can_be_given_up_by_a_denial() {
        let policy_ = Policy::default();
        assert!(may(&policy_, "resolve localhost"));
        assert!(may(
            &policy_.clone().narrowed(Policy::default()),
            "resolve localhost"
        ));
        let limit = policy(&["deny resolve localhost"]);
        assert!(!may(&policy_.clone().narrowed(limit), "resolve localhost"));
        let family = crate::AddressFamily::Inet;
        let limit = policy(&["deny bind tcp://*:*"]);
        let denial = policy_
            .narrowed(limit)
            .vet_implicit_bind(Protocol::Tcp, family)
            .expect_err("given up");
        assert_eq!(
            denial.to_string(),
            "bind tcp://0.0.0.0:ephemeral: the guest gave it up: its rule `deny bind tcp://*:*` forbids it"
        );
    }

    #[test]
    fn a_question_that_is_not_about_one_thing_says_what_is_expected() {
        let messages: Vec<String> = [
            ("fly", "tcp://127.0.0.1:80"),
            ("connect", "tcp://127.0.0.1"),
            ("connect", "tcp://*:80"),
            ("connect", "tcp://127.0.0.0/8:80"),
            ("connect", "tcp://127.0.0.1:80,81"),
            ("connect", "ip://127.0.0.1:80"),
            ("listen", "tcp://127.0.0.1:80 from=loopback"),
            ("connect", "unix:/run/"),
            ("resolve", "*.example.com"),
            ("option", "so-mark"),
        ]
        .into_iter()
        .map(|(operation, target)| {
            let error = Policy::default().may(operation, target);
            error.expect_err(target).to_string()
        })
        .collect();
        insta::assert_snapshot!(messages.join("\n"));
    }

    #[test]
    fn a_limit_never_decides_where_a_path_is_opened() {
        let granted = policy(&["allow connect unix:/run/"]);
        let narrowed = granted.narrowed(policy(&["allow connect unix:/run/app/s"]));
        let vet = |path: &str| {
            narrowed.vet::<Connect>(Protocol::UnixConnection, Address::from(Path::new(path)))
        };
        let vetted = vet("/run/app/s").expect("allowed by both");
        let path = vetted.unix_path().expect("a path");
        assert_eq!(path.directory, Path::new("/run"));
        assert_eq!(path.name, Path::new("app/s"));
        vet("/run/app/t").expect_err("given up");
        let directories: Vec<_> = narrowed.unix_directories().collect();
        assert_eq!(directories, [Path::new("/run")]);
    }

    const HOST: &str = r"(10\.0\.0\.[0-2]|8\.8\.8\.[0-2]|\[::1\])";
    const HOSTS: &str = r"(10\.0\.0\.[0-2]|8\.8\.8\.[0-2]|\[::1\]|\*|private|10\.0\.0\.0/8)";

    const HTTP_HOSTS: &str =
        r"(10\.0\.0\.[0-2]|8\.8\.8\.[0-2]|\[::1\]|\*|private|localhost|\[10\.0\.0\.0/8\])";

    /// A rule of any kind, of a small world, so that rules often meet.
    fn rule() -> impl Strategy<Value = String> {
        let target = [
            format!("connect tcp://{HOSTS}:([1-2]|\\*)"),
            format!("(listen|bind) (tcp|udp)://{HOSTS}:([1-2]|ephemeral|\\*)"),
            format!("listen tcp://{HOSTS}:\\* from={HOSTS}"),
            format!("(send|recv) udp://{HOSTS}:([1-2]|\\*)"),
            "(connect|listen|bind|send) unix:/run/(a|b|d/)".to_owned(),
            r"(connect|listen) unix-abstract:([ab]|a\*|\*)".to_owned(),
            r"resolve ((\*\.)?(a\.)?(example|localhost)|\*)".to_owned(),
            "option (so-mark(=[12])?|sethostname(=[ab])?)".to_owned(),
            r"take-fd (unix:/run/(a|d/)|\*)( of=(socket|(writable-)?(file|pipe))(,file)?)?"
                .to_owned(),
            r"interfaces \*".to_owned(),
            format!(r"http ((GET|PUT) )?http://{HTTP_HOSTS}(:[1-2])?/([ab]|\*|a/\*)"),
            r"http ((GET|PUT) )?http://(\*\.)?(a\.)?(example|b)/(a|a/\*|\*)".to_owned(),
        ];
        (
            "(allow|allow|deny)",
            prop::sample::select(target.to_vec())
                .prop_flat_map(|pattern| prop::string::string_regex(&pattern).expect("a pattern")),
        )
            .prop_map(|(effect, rest)| format!("{effect} {rest}"))
    }

    fn question() -> impl Strategy<Value = String> {
        let target = [
            format!("connect tcp://{HOST}:[1-2]"),
            format!("(listen|bind) (tcp|udp)://{HOST}:([1-2]|ephemeral)"),
            format!("listen tcp://{HOST}:[1-2] from={HOST}"),
            format!("(send|recv) udp://{HOST}:[1-2]"),
            "(connect|listen|bind|send) unix:/run/(a|b|d/a)".to_owned(),
            "(connect|listen) unix-abstract:([ab]|ab)".to_owned(),
            r"resolve (a\.)?(example|localhost)".to_owned(),
            "option (so-mark=[12]|sethostname=[ab])".to_owned(),
            "take-fd unix:/run/(a|d/a)( of=(socket|(writable-)?(file|pipe)))?".to_owned(),
            r"interfaces \*".to_owned(),
            format!("http (GET|PUT) http://{HOST}(:[1-2])?/([ab]|a/b)"),
            r"http (GET|PUT) http://((a\.)?(example|b)|localhost)(:[1-2])?/(a|a/b)".to_owned(),
        ];
        prop::sample::select(target.to_vec())
            .prop_flat_map(|pattern| prop::string::string_regex(&pattern).expect("a pattern"))
    }

    fn rules() -> impl Strategy<Value = Vec<String>> {
        prop::collection::vec(rule(), 0..12)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn a_narrowed_policy_is_the_intersection_in_any_order(
            granted in rules(),
            limits in prop::collection::vec(rules(), 1..4),
            questions in prop::collection::vec(question(), 1..16),
        ) {
            let granted = policy(&granted);
            let limits: Vec<Policy> = limits.iter().map(|rules| policy(rules)).collect();
            let narrowed = limits.iter().cloned().fold(granted.clone(), Policy::narrowed);
            let backwards = limits.iter().rev().cloned().fold(granted.clone(), Policy::narrowed);
            for question in &questions {
                let all = may(&granted, question) && limits.iter().all(|limit| may(limit, question));
                prop_assert_eq!(may(&narrowed, question), all, "{}", question);
                prop_assert_eq!(may(&backwards, question), all, "{}", question);
            }
        }
    }
}
