//! Which imports a keeper stands before, and which need none.

/// Packages that reach no network: what a program may have of the host as it is.
const HARMLESS: [&str; 6] = [
    "capsock:python",
    "wasi:cli",
    "wasi:clocks",
    "wasi:filesystem",
    "wasi:io",
    "wasi:random",
];

/// Interfaces of other packages of which that is true: what only makes and reads the
/// values that others send.
const HARMLESS_INTERFACES: [&str; 1] = ["wasi:http/types"];

/// What makes requests of HTTP, as the firewall has it.
const REQUESTS: &str = "wasi:http/outgoing-handler@0.2.12";

/// What 0.3 has of sockets.
const P3: [&str; 2] = [TYPES, "wasi:sockets/ip-name-lookup@0.3.0"];

/// The sockets of 0.3 themselves.
pub(crate) const TYPES: &str = "wasi:sockets/types@0.3.0";

/// Whether an import is `wasi:sockets` 0.3.
pub(crate) fn is_p3(import: &str) -> bool {
    P3.into_iter().any(|interface| is_same(interface, import))
}

/// Whether an import makes requests of HTTP.
pub(crate) fn is_request(import: &str) -> bool {
    is_same(REQUESTS, import)
}

/// What is done about an import of a program.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Import<'a> {
    /// The keeper's export of this name is in its place.
    Kept(&'a str),
    /// The host gives it.
    Harmless,
    /// It could be another way to the network.
    Unknown,
}

/// What is done about an import, where a keeper has these exports, and `passed`
/// names what the user lets through.
pub(crate) fn of<'a>(
    import: &str,
    mut exports: impl Iterator<Item = &'a str>,
    passed: &[String],
) -> Import<'a> {
    if let Some(export) = exports.find(|export| is_same(export, import)) {
        return Import::Kept(export);
    }
    let package = import.split_once('/').map(|(package, _interface)| package);
    match package {
        Some(package) if HARMLESS.contains(&package) => Import::Harmless,
        _ if HARMLESS_INTERFACES.contains(&unversioned(import).unwrap_or(import)) => {
            Import::Harmless
        }
        _ if passed.iter().any(|name| is_named(import, name)) => Import::Harmless,
        _ => Import::Unknown,
    }
}

/// Whether one is the other, of a version that is compatible.
fn is_same(one: &str, other: &str) -> bool {
    one == other || wac_graph::types::are_semver_compatible(one, other)
}

/// Whether a user means an import by a name: its own, with or without a version, or its
/// package's.
pub(crate) fn is_named(import: &str, name: &str) -> bool {
    let package = import.split_once('/').map(|(package, _interface)| package);
    name == import || Some(name) == package || unversioned(import) == Some(name)
}

fn unversioned(name: &str) -> Option<&str> {
    Some(name.split_once('@')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_the_sockets_are_told_apart() {
        for (import, is) in [
            ("wasi:sockets/types@0.3.0", true),
            ("wasi:sockets/types@0.3.7", true),
            ("wasi:sockets/ip-name-lookup@0.3.0", true),
            ("wasi:sockets/ip-name-lookup@0.2.12", false),
            ("wasi:sockets/types@0.3.0-rc-2025-09-16", false),
            ("wasi:sockets/types@0.4.0", false),
            ("wasi:sockets/tcp@0.2.12", false),
        ] {
            assert_eq!(is_p3(import), is, "{import}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_let_through() {
        let exports = ["wasi:sockets/tcp@0.2.12", "wasi:sockets/udp@0.2.12"];
        for (import, is) in [
            (
                "wasi:sockets/tcp@0.2.12",
                Import::Kept("wasi:sockets/tcp@0.2.12"),
            ),
            (
                "wasi:sockets/tcp@0.2.0",
                Import::Kept("wasi:sockets/tcp@0.2.12"),
            ),
            (
                "wasi:sockets/udp@0.2.99",
                Import::Kept("wasi:sockets/udp@0.2.12"),
            ),
            ("wasi:sockets/types@0.3.0", Import::Unknown),
            ("wasi:sockets/tcp@0.2.0-rc", Import::Unknown),
            ("wasi:sockets/new@0.2.12", Import::Unknown),
            ("wasi:sockets/tcp", Import::Unknown),
            ("wasi:http/outgoing-handler@0.2.0", Import::Unknown),
            ("wasi:http/incoming-handler@0.2.0", Import::Unknown),
            ("wasi:http/client@0.3.0", Import::Unknown),
            ("wasi:http/types@0.2.0", Import::Harmless),
            ("wasi:tls/types@0.2.0-draft", Import::Unknown),
            ("capsock:sockets/socket@0.1.0", Import::Unknown),
            ("fermyon:spin/redis@2.0.0", Import::Unknown),
            ("wasi:io-net/x@0.2.0", Import::Unknown),
            ("connect", Import::Unknown),
            ("wasi:io/poll@0.2.6", Import::Harmless),
            ("wasi:cli/stdout@0.3.0", Import::Harmless),
        ] {
            assert_eq!(of(import, exports.into_iter(), &[]), is, "{import}");
        }
        for name in ["example:log", "example:log/sink", "example:log/sink@1.0.0"] {
            let passed = [name.to_owned()];
            let import = |import| of(import, exports.into_iter(), &passed);
            assert_eq!(import("example:log/sink@1.0.0"), Import::Harmless, "{name}");
            assert_eq!(
                import("example:logger/sink@1.0.0"),
                Import::Unknown,
                "{name}"
            );
        }
        // Not even then is it let by the keeper that has it.
        let passed = ["wasi:sockets".to_owned()];
        let import = of("wasi:sockets/tcp@0.2.6", exports.into_iter(), &passed);
        assert_eq!(import, Import::Kept("wasi:sockets/tcp@0.2.12"));
    }
}
