//! What Python does beside sockets: TLS with its own OpenSSL, and threads.

use std::path::Path;
use std::process::{Command, Stdio};

use super::threads::Repeated;
use crate::contestant::{Arena, Contestant};
use crate::measure::{Plan, Unit, compete};
use crate::results::Case;

const CONTESTANTS: [Contestant; 2] = [Contestant::NativePython, Contestant::CapsockPython];

/// How much goes through TLS at once.
const BULK: usize = 1 << 20;

pub(crate) fn cases(arena: &Arena, plan: &Plan) -> Vec<Case> {
    let certificate = certify(&arena.directory);
    let programs = [
        (
            "python-tls-handshake",
            "tls-handshake",
            "Python: a TLS connection between two threads, made, verified and closed",
            Unit::Microseconds,
        ),
        (
            "python-tls-bulk",
            "tls-bulk",
            "Python: 1 MiB through a TLS connection, from one thread to another",
            Unit::MegabytesPerSecond(BULK),
        ),
        (
            "python-threads",
            "threads",
            "Python: a thousand threads that wait, woken and joined",
            Unit::Microseconds,
        ),
    ];
    let cases = programs.map(|(id, program, title, unit)| {
        compete(plan, (id, title, unit), &CONTESTANTS, |contestant| {
            certificate.clone()?;
            let directory = arena.directory.display().to_string();
            Repeated::new(arena, contestant, |address| {
                vec![program.to_owned(), address, directory]
            })
        })
    });
    cases.into()
}

/// Makes `tls.pem` and `tls.key`, of `localhost`.
fn certify(directory: &Path) -> Result<(), String> {
    let mut make = Command::new("openssl");
    make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
    make.args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]);
    make.args(["-subj", "/CN=localhost"]);
    make.args(["-addext", "subjectAltName=DNS:localhost"]);
    make.arg("-keyout").arg(directory.join("tls.key"));
    make.arg("-out").arg(directory.join("tls.pem"));
    match make.stdin(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("openssl: {status}")),
        Err(error) => Err(format!("openssl: {error}")),
    }
}
