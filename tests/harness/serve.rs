//! `capsock serve`, as a test uses it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};

use crate::{PATIENCE, capsock, guest};

/// A server with a component, which is ended when it is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    lines: mpsc::Receiver<String>,
    reading: Option<JoinHandle<()>>,
    /// What it said before it listened, and where that is.
    pub place: String,
}

impl Serving {
    /// `capsock serve FLAGS --listen http://127.0.0.1:0 GUEST`
    pub fn start(flags: &[&str], name: &str) -> Self {
        Self::at("http://127.0.0.1:0", flags, name)
    }

    /// The same elsewhere.
    pub fn at(place: &str, flags: &[&str], name: &str) -> Self {
        Self::of(place, flags, &guest(name))
    }

    /// The same with any component.
    pub fn of(place: &str, flags: &[&str], component: &Path) -> Self {
        let mut command = capsock();
        command.arg("serve").args(flags).args(["--listen", place]);
        command.arg(component).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stderr = child.stderr.take().unwrap();
        let (sender, lines) = mpsc::channel();
        let reading = thread::spawn(move || {
            for line in BufReader::new(stderr).lines() {
                // Nobody has to want them.
                _ = sender.send(line.unwrap());
            }
        });
        let mut serving = Self {
            child,
            lines,
            reading: Some(reading),
            place: String::new(),
        };
        let line = serving.expect_line("capsock: listening on ");
        serving.place = line.rsplit(' ').next().unwrap().to_owned();
        serving
    }

    /// Waits for a line of standard error that contains this.
    #[track_caller]
    pub fn expect_line(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it has not said `{part}`"));
            if line.contains(part) {
                return line;
            }
        }
    }

    /// `ADDRESS:PORT`
    pub fn authority(&self) -> &str {
        self.place.split_once("://").unwrap().1
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.authority()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// What it answers to these bytes, until it closes.
    pub fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // It may be reset, having said all.
        _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The status and the body of what it answers to a GET.
    #[track_caller]
    pub fn get(&self, path: &str) -> (u16, String) {
        let authority = self.authority();
        let answer = self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
        ));
        let (head, body) = answer.split_once("\r\n\r\n").expect(&answer);
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = match head.contains("transfer-encoding: chunked") {
            true => unchunked(body),
            false => body.to_owned(),
        };
        (status, body)
    }

    pub fn send(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end; what it said since.
    pub fn end(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        self.reading.take().unwrap().join().unwrap();
        (status, self.lines.try_iter().collect())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        // It may have ended.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The body of a message that has it in chunks (RFC 9112, 7.1).
fn unchunked(mut text: &str) -> String {
    let mut body = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        body.push_str(&rest[..length]);
        text = &rest[length + 2..];
    }
    body
}
