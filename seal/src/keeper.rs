//! The components that keep the rules.

use std::borrow::Cow;

use thiserror::Error;

use crate::imports;

/// A component that stands between a program and the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keeper {
    pub(crate) kind: Kind,
    pub(crate) bytes: Cow<'static, [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Firewall,
    /// It has `wasi:http/outgoing-handler` too.
    FirewallHttp,
    /// It has `wasi:sockets` 0.3 too, together with [`LISTENER`].
    FirewallP3,
    Portable,
}

/// What stands in front of [`Kind::FirewallP3`], and gives a program these types.
pub(crate) const LISTENER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/listener.wasm"));

/// The crate was built without the component.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error(
    "this capsock was built without the component `{0}`; build it again after `just components`"
)]
pub struct NotBuiltIn(&'static str);

impl Keeper {
    /// The firewall: `wasi:sockets` 0.2 for a program, `wasi:http` 0.2 where it makes
    /// requests, and `wasi:sockets` 0.3 where it imports that: [`seal`](crate::seal)
    /// takes the variant that has it.
    ///
    /// # Errors
    /// Where the crate was built without it.
    pub fn firewall() -> Result<Self, NotBuiltIn> {
        Self::built_in(Kind::Firewall)
    }

    /// The portable one: `capsock:sockets` on what WASI has of it, and what the
    /// firewall has.
    ///
    /// # Errors
    /// Where the crate was built without it.
    pub fn portable() -> Result<Self, NotBuiltIn> {
        Self::built_in(Kind::Portable)
    }

    fn built_in(kind: Kind) -> Result<Self, NotBuiltIn> {
        match kind.built_in() {
            [] => Err(NotBuiltIn(kind.name())),
            bytes => Ok(Self {
                kind,
                bytes: Cow::Borrowed(bytes),
            }),
        }
    }

    /// The variant that has what a program with these imports needs, as small as
    /// there is. One that was taken out of a sealed component has none.
    pub(crate) fn variant(&self, program: &[String]) -> Result<Self, NotBuiltIn> {
        let kinds = program.iter().filter_map(|import| Kind::only(import));
        let kind = kinds.into_iter().find(|kind| *kind != Kind::Portable);
        match kind {
            Some(kind) if self.kind == Kind::Firewall && self.is_built_in() => Self::built_in(kind),
            _ => Ok(self.clone()),
        }
    }

    /// Its name: `firewall`, which a variant has in its own, or `portable`.
    pub fn name(&self) -> &'static str {
        self.kind.name()
    }

    /// Whether it is the one that this crate has.
    pub fn is_built_in(&self) -> bool {
        self.bytes == self.kind.built_in()
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [
        Self::Firewall,
        Self::FirewallHttp,
        Self::FirewallP3,
        Self::Portable,
    ];

    /// The one that alone has an import.
    pub(crate) fn only(import: &str) -> Option<Self> {
        match import {
            import if import.starts_with("capsock:sockets/") => Some(Self::Portable),
            import if imports::is_request(import) => Some(Self::FirewallHttp),
            import if imports::is_p3(import) => Some(Self::FirewallP3),
            _ => None,
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Firewall => "firewall",
            Self::FirewallHttp => "firewall-http",
            Self::FirewallP3 => "firewall-p3",
            Self::Portable => "portable",
        }
    }

    fn built_in(self) -> &'static [u8] {
        match self {
            Self::Firewall => include_bytes!(concat!(env!("OUT_DIR"), "/firewall.wasm")),
            Self::FirewallHttp => include_bytes!(concat!(env!("OUT_DIR"), "/firewall-http.wasm")),
            Self::FirewallP3 => include_bytes!(concat!(env!("OUT_DIR"), "/firewall-p3.wasm")),
            Self::Portable => include_bytes!(concat!(env!("OUT_DIR"), "/portable.wasm")),
        }
    }
}
