//! nginx, and certificates for it.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::peer::{Server, free_port, program};
use crate::stderr;

/// A directory with `server.pem` and `server.key` of a name, and `ca.pem`, who signed it;
/// `None`, and told, where openssl could not be had.
pub fn certificates(name: &str) -> Option<TempDir> {
    let openssl = program("openssl")?;
    let directory = TempDir::new().unwrap();
    let make = |args: &[&str]| {
        let mut command = Command::new(&openssl);
        command.current_dir(&directory).args(args);
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
    };
    let new = [
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
    ];
    let authority = ["-subj", "/CN=tests", "-keyout", "ca.key", "-out", "ca.pem"];
    let signs = ["-addext", "keyUsage=critical,keyCertSign"];
    make(&[&new[..], &authority, &signs].concat());
    let signed = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-subj",
        "/CN=localhost",
    ];
    let server = ["-keyout", "server.key", "-out", "server.pem"];
    let names = ["-addext", &format!("subjectAltName=DNS:{name}")];
    let is_none = ["-addext", "basicConstraints=critical,CA:FALSE"];
    make(&[&new[..], &signed, &server, &names, &is_none].concat());
    // Started as root, nginx reads files as another user.
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    Some(directory)
}

/// nginx on a port of 127.0.0.1 for HTTP, and one for HTTPS as `localhost`. It is stopped
/// when it is dropped.
#[derive(Debug)]
pub struct Nginx {
    pub plain: u16,
    pub tls: u16,
    directory: TempDir,
    _server: Server,
}

impl Nginx {
    /// With this in its `server` block; `None`, and told, where it could not be had.
    pub fn start(config: &str) -> Option<Self> {
        let (nginx, directory) = (program("nginx")?, certificates("localhost")?);
        let base = directory.path().display();
        let (plain, tls) = (free_port("127.0.0.1"), free_port("127.0.0.1"));
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {base}/{kind};"))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {base}/pid; error_log {base}/error.log;
            events {{}} http {{ access_log off; {temporary} server {{
                listen 127.0.0.1:{plain}; listen 127.0.0.1:{tls} ssl http2; root {base};
                ssl_certificate {base}/server.pem; ssl_certificate_key {base}/server.key;
                {config}
            }} }}"
        );
        fs::write(directory.path().join("nginx.conf"), text).unwrap();
        let mut server = Command::new(nginx);
        server.arg("-e").arg(directory.path().join("error.log"));
        server.arg("-p").arg(directory.path());
        server.arg("-c").arg(directory.path().join("nginx.conf"));
        let server = Server::start(&mut server, || {
            [plain, tls]
                .iter()
                .all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok())
        });
        Some(Self {
            plain,
            tls,
            directory,
            _server: server,
        })
    }

    /// What it serves.
    pub fn root(&self) -> &Path {
        self.directory.path()
    }

    /// Who signed its certificate.
    pub fn authority(&self) -> PathBuf {
        self.root().join("ca.pem")
    }
}
