//! The versions of WASI that are there, and what a component needs of them.

use capsock_seal::payloads;
use wasmparser::{BinaryReaderError, Parser, Payload, Validator, WasmFeatures};

use crate::concurrency::Concurrency;

/// What wasmtime-wasi implements, and with it the oldest versions that are too
/// new: those behind these, and other pairs of the first two numbers.
pub(crate) const VERSIONS: [&str; 2] = ["0.2.12", "0.3.0"];

/// The packages of WASI that are there, each in both versions but `wasi:io`,
/// which 0.3 has no use for.
const PACKAGES: [&str; 7] = [
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:http",
    "wasi:io",
    "wasi:random",
    "wasi:sockets",
];

/// The names of what a component imports and exports, and what it needs to run.
#[derive(Debug, Default)]
pub(crate) struct Surface {
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    pub(crate) concurrency: Concurrency,
}

impl Surface {
    /// Reads them, and does not look at the modules in it.
    pub(crate) fn of(component: &[u8]) -> Result<Self, BinaryReaderError> {
        Self::read(payloads(component))
    }

    /// Reads them of a component that is checked, all but the bodies of functions.
    pub(crate) fn checked(component: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        Self::read(Parser::new(0).parse_all(component).map(|payload| {
            let payload = payload?;
            validator.payload(&payload)?;
            Ok(payload)
        }))
    }

    fn read<'a>(
        payloads: impl Iterator<Item = Result<Payload<'a>, BinaryReaderError>>,
    ) -> Result<Self, BinaryReaderError> {
        let mut surface = Self::default();
        // Modules and components stand within others.
        let mut depth = 0;
        for payload in payloads {
            let payload = payload?;
            surface.concurrency.see(&payload)?;
            match payload {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth -= 1,
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        surface.imports.push(import?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        surface.exports.push(export?.name.name.to_owned());
                    }
                }
                _ => {}
            }
        }
        if surface.has_0_3() {
            surface.concurrency.needs_tasks();
        }
        Ok(surface)
    }

    /// Whether it has anything of WASI 0.3, whose functions are asynchronous.
    fn has_0_3(&self) -> bool {
        let mut names = self.imports.iter().chain(&self.exports);
        names.any(|name| matches!(parts(name), Some((_, _, version)) if is_0_3(version)))
    }

    /// Whether it exports `wasi:cli/run@0.3`.
    pub(crate) fn runs_concurrently(&self) -> bool {
        let mut runs = self.runs();
        runs.any(|name| matches!(parts(name), Some((_, _, version)) if is_0_3(version)))
    }

    /// What it has of WASI that is not there, and what is there instead; `None`
    /// where a version is not the reason why it cannot be used.
    pub(crate) fn unmet(&self) -> Option<String> {
        let mut imports = self.imports.iter();
        let import = imports.find(|name| {
            parts(name).is_some_and(|(package, _, version)| {
                PACKAGES.contains(&package) && !is_there(version)
            })
        });
        let [old, new] = VERSIONS;
        if let Some(import) = import {
            let package = import.split('/').next().unwrap_or_default();
            let there = match package {
                "wasi:io" => old.to_owned(),
                _ => format!("{old} and {new}"),
            };
            return Some(format!(
                "it imports `{import}`, but the versions of {package} here are {there}; \
                 build it for one of them, or use a newer capsock"
            ));
        }
        let runs: Vec<&String> = self.runs().collect();
        match runs.as_slice() {
            [] => None,
            [run, ..] if !runs.iter().any(|run| run_is_there(run)) => Some(format!(
                "it exports `{run}`, but the versions of wasi:cli here are {old} and {new}; \
                 build it for one of them, or use a newer capsock"
            )),
            _ => None,
        }
    }

    /// Whether it exports a handler of requests that is there.
    pub(crate) fn handles(&self) -> bool {
        self.exports.iter().any(|name| match parts(name) {
            Some(("wasi:http", "incoming-handler" | "handler", version)) => is_there(version),
            _ => false,
        })
    }

    fn runs(&self) -> impl Iterator<Item = &String> {
        let exports = self.exports.iter();
        exports.filter(|name| matches!(parts(name), Some(("wasi:cli", "run", _))))
    }
}

/// `PACKAGE/INTERFACE@VERSION`
pub(crate) fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (package, interface) = name.split_once('/')?;
    let (interface, version) = interface.split_once('@')?;
    Some((package, interface, version))
}

/// Whether something that was built with this version finds what it needs.
pub(crate) fn is_there(version: &str) -> bool {
    let Some((major, minor, patch)) = numbers(version) else {
        // An unfinished version is compatible with no other.
        return false;
    };
    VERSIONS
        .into_iter()
        .filter_map(numbers)
        .any(|there| (there.0, there.1) == (major, minor) && patch <= there.2)
}

fn run_is_there(name: &str) -> bool {
    parts(name).is_some_and(|(_, _, version)| is_there(version))
}

fn is_0_3(version: &str) -> bool {
    version.starts_with("0.3.")
}

fn numbers(version: &str) -> Option<(u32, u32, u32)> {
    let mut numbers = version.split('.').map(|number| number.parse().ok());
    let numbers = (numbers.next()??, numbers.next()??, numbers.next()??);
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_are_those_of_the_wit() {
        for (version, wit) in VERSIONS.into_iter().zip([
            include_str!("../../wit/deps/sockets.wit"),
            include_str!("../../wit/deps/sockets-0.3.wit"),
        ]) {
            assert!(wit.starts_with(&format!("package wasi:sockets@{version};")));
        }
    }

    #[test]
    fn versions_are_there_up_to_the_linked_one() {
        for (version, there) in [
            ("0.2.0", true),
            ("0.2.12", true),
            ("0.2.13", false),
            ("0.3.0", true),
            ("0.3.0-rc-2025-09-16", false),
            ("0.3.1", false),
            ("0.4.0", false),
            ("1.0.0", false),
            ("", false),
        ] {
            assert_eq!(is_there(version), there, "{version}");
        }
    }

    #[test]
    fn what_is_too_new_is_named_with_what_is_there() {
        let unmet = |imports: &[&str], exports: &[&str]| {
            let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let surface = Surface {
                imports: owned(imports),
                exports: owned(exports),
                ..Surface::default()
            };
            surface.unmet()
        };
        let too_new = unmet(
            &["wasi:cli/environment@0.2.6", "wasi:sockets/tcp@0.2.99"],
            &[],
        );
        let too_new = too_new.expect("0.2.99 is not there");
        assert!(too_new.contains("`wasi:sockets/tcp@0.2.99`"), "{too_new}");
        assert!(too_new.contains("0.2.12 and 0.3.0"), "{too_new}");
        let too_new = unmet(&[], &["wasi:cli/run@0.4.0"]).expect("0.4.0 is not there");
        assert!(too_new.contains("`wasi:cli/run@0.4.0`"), "{too_new}");
        assert_eq!(
            unmet(&["wasi:nn/tensor@0.9.0"], &["wasi:cli/run@0.2.3"]),
            None
        );
    }
}
