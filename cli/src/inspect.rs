//! `capsock inspect`: what a component imports and exports.

use std::fmt::Write;
use std::path::Path;

use wasmparser::{BinaryReaderError, Parser, Payload, Validator, WasmFeatures};

use crate::{Failure, load, policy};

/// The names of what a component imports and exports.
#[derive(Debug, Default)]
struct Surface {
    imports: Vec<String>,
    exports: Vec<String>,
}

/// Prints what a component imports, and which grants that needs; and what it
/// exports.
pub(crate) fn inspect(path: &Path) -> Result<i32, Failure> {
    let bytes = load::read(path)?;
    let surface = Surface::of(&bytes).map_err(|error| load::unusable(path, &error))?;
    policy::print(format_args!("{}", surface.describe()))?;
    Ok(0)
}

impl Surface {
    /// Reads them, and checks everything but the bodies of functions.
    fn of(component: &[u8]) -> Result<Self, BinaryReaderError> {
        let mut surface = Self::default();
        let mut validator = Validator::new_with_features(WasmFeatures::all());
        // Modules and components stand within others.
        let mut depth = 0;
        for payload in Parser::new(0).parse_all(component) {
            let payload = payload?;
            validator.payload(&payload)?;
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
        Ok(surface)
    }

    fn describe(&self) -> String {
        let mut text = String::new();
        let all = self.imports.iter().chain(&self.exports);
        let width = all.map(String::len).max().unwrap_or_default();
        for (title, names, remark) in [
            ("imports", &self.imports, import as fn(&str) -> &'static str),
            ("exports", &self.exports, export),
        ] {
            text += title;
            text += if names.is_empty() {
                ": nothing\n"
            } else {
                ":\n"
            };
            for name in names {
                let line = format!("  {name:width$}  {}", remark(name));
                // Writing to a string succeeds.
                _ = writeln!(text, "{}", line.trim_end());
            }
        }
        if !self.exports.iter().any(|name| !export(name).is_empty()) {
            text += "it is no command: `capsock run` needs an export `wasi:cli/run`\n";
        }
        text
    }
}

/// What an import needs.
fn import(name: &str) -> &'static str {
    const NOT_PROVIDED: &str = "not provided: `capsock run` cannot run it";
    let Some((package, interface, version)) = parts(name) else {
        return NOT_PROVIDED;
    };
    match (package, interface) {
        ("capsock:sockets", interface) if version.starts_with("0.1.") => match interface {
            "types" | "poller" => "no grant",
            "files" => "--dir, for the files that it sends",
            "inherited" => "--inherit-listen",
            "authority" => "no grant: it can only narrow what is granted",
            "socket" => {
                "--allow-connect, --allow-listen, --allow-bind, --allow-send, --allow-recv, --allow-raw"
            }
            "messages" => "--allow-send, --allow-recv, --allow-pass-fd, --allow-take-fd",
            "names" => "--allow-resolve",
            "options" => "--allow-option, for the few that get around other grants",
            "interfaces" => "--allow-interfaces",
            _ => NOT_PROVIDED,
        },
        ("wasi:sockets", _) if version.starts_with("0.2.") => {
            "not served yet: every address is denied; use capsock:sockets"
        }
        ("wasi:filesystem", _) if version.starts_with("0.2.") => "--dir",
        ("wasi:cli", "environment") if version.starts_with("0.2.") => "--env, for variables",
        ("wasi:cli" | "wasi:clocks" | "wasi:io" | "wasi:random", _)
            if version.starts_with("0.2.") =>
        {
            "no grant"
        }
        (package, _) if package.starts_with("wasi:") && version.starts_with("0.3.") => {
            "not provided yet: WASI 0.3"
        }
        _ => NOT_PROVIDED,
    }
}

/// What an export is for.
fn export(name: &str) -> &'static str {
    match parts(name) {
        Some(("wasi:cli", "run", version)) if version.starts_with("0.2.") => {
            "a command, for `capsock run`"
        }
        _ => "",
    }
}

/// `PACKAGE/INTERFACE@VERSION`
fn parts(name: &str) -> Option<(&str, &str, &str)> {
    let (package, interface) = name.split_once('/')?;
    let (interface, version) = interface.split_once('@')?;
    Some((package, interface, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_interface_of_the_package_is_known() {
        let world = include_str!("../../wit/world.wit");
        let imports = world.lines().filter_map(|line| {
            let name = line.trim().strip_prefix("import ")?;
            name.strip_suffix(';')
        });
        let mut count = 0;
        for interface in imports {
            count += 1;
            let name = format!("capsock:sockets/{interface}@0.1.0");
            assert!(!import(&name).starts_with("not "), "{name}");
        }
        assert!(count >= 6);
    }
}
