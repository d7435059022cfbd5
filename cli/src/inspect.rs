//! `capsock inspect`: what a component imports and exports, and what is sealed in.

use std::fmt::Write;
use std::path::Path;

use capsock_host::policy::shown;
use capsock_host::{Limits, Policy};
use capsock_seal::Seal;

use crate::seal::{MOST, sealed_in};
use crate::terminal::print;
use crate::wasi::{self, Surface, parts};
use crate::{Failure, guard, load};

/// Prints what a component imports, and which grants that needs; and what it
/// exports.
pub(crate) fn inspect(path: &Path) -> Result<i32, Failure> {
    let bytes = load::read(path, &Limits::default())?;
    let surface =
        guard::caught(|| Surface::checked(&bytes)).map_err(|fault| load::unusable(path, &fault))?;
    let surface = surface.map_err(|error| load::unusable(path, &error))?;
    let seals = seals(path, bytes)?;
    print(format_args!("{}{}", describe(&surface), seals))?;
    Ok(0)
}

/// The grants that are sealed in, from the outermost seal to the innermost.
fn seals(path: &Path, mut component: Vec<u8>) -> Result<String, Failure> {
    let mut text = String::new();
    for number in 0.. {
        let seal = match guard::silently(|| Seal::of(&component)) {
            Ok(Some(seal)) => seal,
            Ok(None) => break,
            Err(error) if number == 0 => return Err(load::unusable(path, &error)),
            // What is inside may say of itself what it likes.
            Err(error) => {
                _ = writeln!(
                    text,
                    "the program inside, which is sealed by the above: {error}"
                );
                break;
            }
        };
        if number == MOST {
            text += "further seals, which are not looked at\n";
            break;
        }
        let keeper = seal.keeper();
        let whose = match keeper.is_built_in() {
            true => "",
            false => " of another build of capsock, for which this one cannot vouch",
        };
        let rules = sealed_in(seal.policy());
        // Writing to a string succeeds.
        _ = writeln!(
            text,
            "sealed with {rules}, by the {} component{whose}:",
            keeper.name()
        );
        for rule in seal.policy().into_iter().flat_map(Policy::rules) {
            _ = writeln!(text, "  {rule}");
        }
        for name in seal.passed() {
            _ = writeln!(text, "  passed {}, whatever it reaches", shown(name, NAME));
        }
        component = seal.program().to_vec();
    }
    Ok(text)
}

/// How much of a name is shown, in bytes.
const NAME: usize = 200;

/// What there is, and which grants it needs.
fn describe(surface: &Surface) -> String {
    let mut text = String::new();
    let all = surface.imports.iter().chain(&surface.exports);
    let width = all
        .map(|name| name.len().min(NAME))
        .max()
        .unwrap_or_default();
    for (title, names, remark) in [
        (
            "imports",
            &surface.imports,
            import as fn(&str) -> &'static str,
        ),
        ("exports", &surface.exports, export),
    ] {
        text += title;
        text += if names.is_empty() {
            ": nothing\n"
        } else {
            ":\n"
        };
        for name in names {
            let line = format!("  {:width$}  {}", shown(name, NAME), remark(name));
            // Writing to a string succeeds.
            _ = writeln!(text, "{}", line.trim_end());
        }
    }
    if !surface.exports.iter().any(|name| !export(name).is_empty()) {
        text += "it is no command: `capsock run` needs an export `wasi:cli/run`, and `capsock serve` \
                 one of `wasi:http/incoming-handler` or `wasi:http/handler`\n";
    }
    text
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
            "signals" => "no grant: ctrl-c and the like, which it may catch",
            "trust" => "no grant; --tls-ca FILE, for authorities beside the system's",
            "files" => "--dir DIR:ro, for the files that it sends",
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
        ("capsock:python", "script") if version.starts_with("0.1.") => {
            "no grant: the file that an argument names"
        }
        (package, _) if package.starts_with("wasi:") && !wasi::is_there(version) => NOT_PROVIDED,
        ("wasi:sockets", "tcp") => "--allow-connect, --allow-listen, --allow-bind",
        ("wasi:sockets", "udp") => "--allow-bind, --allow-send, --allow-recv",
        // All of 0.3.
        ("wasi:sockets", "types") => {
            "--allow-connect, --allow-listen, --allow-bind, --allow-send, --allow-recv"
        }
        ("wasi:sockets", "ip-name-lookup") => "--allow-resolve",
        ("wasi:http", "outgoing-handler" | "client") => "--allow-http, or --allow-connect",
        ("wasi:http", "types") => "no grant",
        ("wasi:filesystem", _) => "--dir DIR:ro to read, --dir DIR to write too",
        ("wasi:cli", "environment") => "--env, for variables",
        ("wasi:cli" | "wasi:clocks" | "wasi:io" | "wasi:random" | "wasi:sockets", _) => "no grant",
        _ => NOT_PROVIDED,
    }
}

/// What an export is for.
fn export(name: &str) -> &'static str {
    match parts(name) {
        Some(("wasi:cli", "run", version)) if wasi::is_there(version) => {
            "a command, for `capsock run`"
        }
        Some(("wasi:http", "incoming-handler" | "handler", version)) if wasi::is_there(version) => {
            "a handler of requests, for `capsock serve`"
        }
        _ => "",
    }
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
