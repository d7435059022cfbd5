//! Listeners that the guest is given: opened here, or by systemd.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as unix, UnixListener};
use std::path::{Path, PathBuf};

use capsock_host::{CapsockCtx, systemd_sockets};

use crate::Failure;
use crate::args::{Inherit, UsageError};

/// A listener to open.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listen {
    pub(crate) name: String,
    place: Place,
}

#[derive(Debug, PartialEq, Eq)]
enum Place {
    Tcp(SocketAddr),
    Path(PathBuf),
    Abstract(String),
}

impl Listen {
    /// Parses `NAME=ADDRESS`.
    pub(crate) fn parse(input: &str) -> Result<Self, UsageError> {
        let malformed = |why: &str| {
            UsageError(format!(
                "--inherit-listen `{input}`: {why}; expected NAME=tcp://ADDRESS:PORT, \
                 NAME=unix:PATH or NAME=unix-abstract:NAME"
            ))
        };
        let Some((name, address)) = input.split_once('=') else {
            return Err(malformed("no name"));
        };
        // What systemd takes, since guests read the names in its variable.
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b':';
        if name.is_empty() || name.len() > 255 || !name.bytes().all(fits) {
            return Err(malformed(
                "a name is 1 to 255 letters, digits and signs but `:`",
            ));
        }
        let place = match address.split_once(':') {
            Some(("tcp", endpoint)) => endpoint
                .strip_prefix("//")
                .and_then(|endpoint| endpoint.parse().ok())
                .map(Place::Tcp)
                .ok_or_else(|| {
                    malformed(
                        "not an address and a port, such as tcp://127.0.0.1:80 or tcp://[::1]:0",
                    )
                })?,
            Some(("unix", "")) => return Err(malformed("no path")),
            Some(("unix", path)) => Place::Path(path.into()),
            Some(("unix-abstract", name)) => Place::Abstract(name.to_owned()),
            _ => return Err(malformed("neither tcp nor unix")),
        };
        Ok(Self {
            name: name.to_owned(),
            place,
        })
    }

    /// The path that it is bound to, where it is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match &self.place {
            Place::Path(path) => Some(path),
            Place::Tcp(_) | Place::Abstract(_) => None,
        }
    }

    fn open(&self) -> io::Result<OwnedFd> {
        Ok(match &self.place {
            Place::Tcp(address) => TcpListener::bind(address)?.into(),
            Place::Path(path) => UnixListener::bind(path)?.into(),
            Place::Abstract(name) => {
                let address = unix::SocketAddr::from_abstract_name(name)?;
                UnixListener::bind_addr(&address)?.into()
            }
        })
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.name)?;
        match &self.place {
            Place::Tcp(address) => write!(f, "tcp://{address}"),
            Place::Path(path) => write!(f, "unix:{}", path.display()),
            Place::Abstract(name) => write!(f, "unix-abstract:{name}"),
        }
    }
}

/// A listener that is open, and the flag and name that it is there by.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    flag: String,
    socket: OwnedFd,
}

/// Opens the listeners, systemd's first.
///
/// Called before anything else opens descriptors: systemd's have fixed numbers.
pub(crate) fn open(inherit: &Inherit) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    if inherit.systemd {
        let unusable =
            |why: String| Failure::Usage(format!("--inherit-systemd: {why}; see sd_listen_fds(3)"));
        let sockets = systemd_sockets().map_err(|error| unusable(error.to_string()))?;
        if sockets.is_empty() {
            let why = "no sockets were passed to this process in LISTEN_FDS and LISTEN_PID";
            return Err(unusable(why.to_owned()));
        }
        listeners.extend(sockets.into_iter().map(|(name, socket)| Listener {
            flag: format!("--inherit-systemd: `{name}`"),
            name,
            socket,
        }));
    }
    for listen in &inherit.listen {
        let flag = format!("--inherit-listen {listen}");
        let socket = listen
            .open()
            .map_err(|error| Failure::Usage(format!("{flag}: {error}")))?;
        listeners.push(Listener {
            name: listen.name.clone(),
            flag,
            socket,
        });
    }
    Ok(listeners)
}

/// The variables that tell a guest what it was given, as systemd has them.
/// Without LISTEN_PID: a guest has no process id.
pub(crate) fn variables(listeners: &[Listener]) -> Vec<(String, String)> {
    if listeners.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = listeners
        .iter()
        .map(|listener| listener.name.as_str())
        .collect();
    vec![
        ("LISTEN_FDS".to_owned(), listeners.len().to_string()),
        ("LISTEN_FDNAMES".to_owned(), names.join(":")),
    ]
}

/// Gives the listeners to the guest.
pub(crate) fn give(ctx: CapsockCtx, listeners: Vec<Listener>) -> Result<CapsockCtx, Failure> {
    listeners.into_iter().try_fold(ctx, |ctx, listener| {
        let Listener { name, flag, socket } = listener;
        ctx.inherit(name, socket).map_err(|errno| {
            Failure::Usage(format!(
                "{flag}: not a socket that listens for TCP or Unix connections: {errno}"
            ))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_prints_as_it_was_written() {
        for input in [
            "web=tcp://127.0.0.1:8080",
            "web=tcp://[::1]:0",
            "a.b-c=unix:/run/a=b.sock",
            "x=unix-abstract:name",
        ] {
            let listen = Listen::parse(input).expect(input);
            assert_eq!(listen.to_string(), input);
        }
    }

    #[test]
    fn what_is_malformed_is_told_why() {
        for (input, why) in [
            ("tcp://127.0.0.1:80", "no name"),
            ("=tcp://127.0.0.1:80", "a name is"),
            ("a:b=tcp://127.0.0.1:80", "a name is"),
            ("a b=tcp://127.0.0.1:80", "a name is"),
            ("a=127.0.0.1:80", "neither tcp nor unix"),
            ("a=udp://127.0.0.1:80", "neither tcp nor unix"),
            ("a=tcp:127.0.0.1:80", "not an address and a port"),
            ("a=tcp://127.0.0.1", "not an address and a port"),
            ("a=tcp://127.0.0.1:65536", "not an address and a port"),
            ("a=tcp://localhost:80", "not an address and a port"),
            ("a=tcp://::1:80", "not an address and a port"),
            ("a=unix:", "no path"),
            ("a=", "neither tcp nor unix"),
        ] {
            let error = Listen::parse(input).expect_err(input).to_string();
            assert!(error.contains(why), "{input}: {error}");
        }
    }
}
