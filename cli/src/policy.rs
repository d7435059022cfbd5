//! `capsock policy`: policy files read, checked and asked.

use std::path::{Path, PathBuf};

use capsock_host::policy::{Question, Verdict};
use capsock_host::{Effect, Limits, Policy, PolicyFileError, Rule, this_machine};

use crate::Failure;
use crate::terminal::{print, show};

/// Reads a policy file: its rules, and into `limits` its limits.
///
/// # Errors
/// A message that begins with the file's name, and the line and column where it
/// has them.
pub(crate) fn read(path: &Path, limits: &mut Limits) -> Result<Policy, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let unusable = |error: PolicyFileError| format!("{shown}:{error}");
    limits.set_from_toml(&text).map_err(unusable)?;
    Policy::from_toml(&text).map_err(unusable)
}

/// Says of each file how many rules it has, or what is wrong with it, as
/// compilers do.
pub(crate) fn check(files: &[PathBuf]) -> Result<i32, Failure> {
    let mut code = 0;
    for path in files {
        match read(path, &mut Limits::default()) {
            Ok(policy) => print(format_args!("{}: {}\n", path.display(), summary(&policy)))?,
            Err(message) => {
                show(format_args!("{message}"));
                code = 2;
            }
        }
    }
    Ok(code)
}

/// Answers a question, with the flags that would allow what is denied.
pub(crate) fn explain(policy: &Policy, question: &Question) -> Result<i32, Failure> {
    let policy = policy.clone().on(this_machine());
    let answer = policy.explain(question);
    let flags: Vec<String> = answer.grants().iter().map(Rule::flag).collect();
    let advice = match flags.join(" ") {
        flags if flags.is_empty() => String::new(),
        flags => format!("to allow it: {flags}\n"),
    };
    print(format_args!("{answer}\n{advice}"))?;
    Ok(match answer.verdict() {
        Verdict::Allow => 0,
        Verdict::Deny => 1,
    })
}

/// How many rules there are.
pub(crate) fn summary(policy: &Policy) -> String {
    let rules = policy.rules();
    let allow = rules
        .iter()
        .filter(|rule| rule.effect() == Effect::Allow)
        .count();
    let noun = if rules.len() == 1 { "rule" } else { "rules" };
    let deny = rules.len() - allow;
    format!("{} {noun} ({allow} allow, {deny} deny)", rules.len())
}
