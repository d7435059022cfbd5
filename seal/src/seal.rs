//! What a sealed component says of itself, and whether it is so.

use std::borrow::Cow;
use std::fmt::Write;

use capsock_policy::Policy;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::keeper::{Keeper, Kind};
use crate::{compose, policy, sections};

/// The custom section that a sealed component ends with: a line for each part, with
/// its hash.
pub(crate) const SECTION: &str = "capsock-seal";

/// The first line of it.
const VERSION: &str = "capsock-seal 1";

/// What the name of the rules' and the program's part is there.
const RULES: &str = "rules";
const PROGRAM: &str = "program";
const PASSED: &str = "passed";

/// A sealed component, taken apart.
#[derive(Clone, Debug)]
pub struct Seal {
    policy: Option<Policy>,
    keeper: Keeper,
    passed: Vec<String>,
    program: Vec<u8>,
}

/// A component that says that it is sealed, and is not what was sealed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("it says that it is sealed, but {0}; seal the program anew")]
pub struct BrokenSeal(&'static str);

/// What the section says of the parts.
pub(crate) fn mark(rules: &[u8], keeper: &Keeper, program: &[u8], passed: &[String]) -> String {
    let mut mark = format!("{VERSION}\n");
    for (name, part) in [
        (RULES, rules),
        (keeper.name(), &keeper.bytes),
        (PROGRAM, program),
    ] {
        // Writing to a string succeeds.
        _ = writeln!(mark, "{name} sha256:{}", hash(part));
    }
    for name in passed {
        _ = writeln!(mark, "{PASSED} {name}");
    }
    mark
}

fn hash(part: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(part) {
        _ = write!(text, "{byte:02x}");
    }
    text
}

impl Seal {
    /// The seal of a component; `None` where it says nothing of one.
    ///
    /// The parts that stand in it are composed anew, and have to give the very bytes.
    ///
    /// # Errors
    /// Where the component says that it is sealed, and was changed since.
    pub fn of(component: &[u8]) -> Result<Option<Self>, BrokenSeal> {
        let Some(seal) = Self::said_by(component)? else {
            return Ok(None);
        };
        match compose::seal_again(&seal.program, seal.policy(), &seal.keeper, &seal.passed) {
            Ok(again) if again == component => Ok(Some(seal)),
            _ => Err(BrokenSeal(
                "its parts are not put together as this version of capsock does it",
            )),
        }
    }

    /// As [`of`](Self::of), but how the parts are put together is not looked at: for
    /// who does that anew, and runs the program under these rules.
    ///
    /// # Errors
    /// Where a part is not the one that was sealed.
    pub fn said_by(component: &[u8]) -> Result<Option<Self>, BrokenSeal> {
        let Some(mark) = sections::custom(component, SECTION) else {
            return Ok(None);
        };
        let mark = str::from_utf8(mark).map_err(|_bytes| BrokenSeal("its seal is no text"))?;
        let Some(mark) = mark.strip_prefix(VERSION) else {
            return Err(BrokenSeal("its seal is one of another version of capsock"));
        };
        let parts = sections::components(component);
        let parts: Vec<(String, &[u8])> = parts.iter().map(|&part| (hash(part), part)).collect();
        let part = |name: &str| {
            let mut lines = mark.lines().filter_map(|line| line.split_once(" sha256:"));
            let (_, sought) = lines.find(|(is, _)| *is == name)?;
            let found = parts.iter().find(|(hash, _)| hash == sought);
            found.map(|(_, part)| *part)
        };
        let rules = part(RULES).ok_or(BrokenSeal("its rules are not those that were sealed"))?;
        let policy = policy::of(rules).ok_or(BrokenSeal("its rules cannot be read"))?;
        let keeper = Kind::ALL.into_iter().find_map(|kind| {
            let bytes = Cow::Owned(part(kind.name())?.to_vec());
            Some(Keeper { kind, bytes })
        });
        let keeper = keeper.ok_or(BrokenSeal("what keeps its rules is not what was sealed"))?;
        let program =
            part(PROGRAM).ok_or(BrokenSeal("its program is not the one that was sealed"))?;
        let passed = mark.lines().filter_map(|line| line.strip_prefix(PASSED));
        Ok(Some(Self {
            passed: passed.map(|name| name.trim().to_owned()).collect(),
            policy,
            keeper,
            program: program.to_vec(),
        }))
    }

    /// The rules that are sealed in; `None` where the host alone decides.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref()
    }

    /// What keeps them.
    pub fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// The imports that are let through though they are not known.
    pub fn passed(&self) -> &[String] {
        &self.passed
    }

    /// The program as it was before, which may be sealed itself.
    pub fn program(&self) -> &[u8] {
        &self.program
    }
}
