//! Catches signals, and waits in one call or another until one comes:
//! `signals CAUGHT WAIT`.

use std::io::Write;

use capsock_guest::signals::{self, Signal};
use capsock_guest::{
    AF_INET, MSG_PEEK, POLLIN, Poller, Result, SOCK_STREAM, Socket, Trigger, socketpair,
};

const NAMES: [(&str, Signal); 6] = [
    ("hangup", Signal::Hangup),
    ("interrupt", Signal::Interrupt),
    ("user1", Signal::User1),
    ("user2", Signal::User2),
    ("terminate", Signal::Terminate),
    ("window-change", Signal::WindowChange),
];

fn names(signals: &[Signal]) -> String {
    let named = NAMES.iter().filter(|(_, signal)| signals.contains(signal));
    named.map(|(name, _)| *name).collect::<Vec<_>>().join(" ")
}

fn say(line: &str) {
    println!("{line}");
    std::io::stdout().flush().expect("standard output");
}

/// Waits, until a signal comes.
fn wait(how: &str) -> Result<()> {
    let (near, far) = socketpair(SOCK_STREAM)?;
    near.settimeout(match how {
        "timed" => Some(std::time::Duration::from_secs(3600)),
        _ => None,
    })?;
    match how {
        "receive" | "timed" => near.recv(1).map(drop),
        "receive-again" => {
            // By then the host waits in the kernel.
            for _ in 0..8 {
                far.sendall(b"x")?;
                near.recv(1)?;
            }
            near.recv(1).map(drop)
        }
        "receive-from" => near.recvfrom(1).map(drop),
        "send" => loop {
            near.send(&[0; 65536])?;
        },
        "accept" => {
            let listener = Socket::new(AF_INET, SOCK_STREAM)?;
            listener.bind(("127.0.0.1", 0))?;
            listener.listen(1)?;
            listener.accept().map(drop)
        }
        "poller" => {
            let poller = Poller::new()?;
            poller.register(&near, POLLIN, Trigger::Level)?;
            poller.wait(1, None).map(drop)
        }
        "pollable" => {
            far.setblocking(false)?;
            far.sendall(b"x")?;
            signals::subscribe().block();
            // What may not wait is not interrupted, and what may is.
            near.setblocking(false)?;
            assert_eq!(near.recv_flags(1, MSG_PEEK)?, b"x");
            near.setblocking(true)?;
            let told = near.recv(1).map(drop);
            assert_eq!(names(&signals::receive()), "user1");
            assert_eq!(near.recv(1)?, b"x");
            say("interrupted");
            signals::subscribe().block();
            told
        }
        "compute" => loop {
            std::hint::spin_loop();
        },
        _ => panic!("{how}"),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (caught, how) = (arguments.next().unwrap(), arguments.next().unwrap());
    let wanted = NAMES.iter().filter(|(name, _)| caught.contains(name));
    let wanted: Vec<Signal> = wanted.map(|(_, signal)| *signal).collect();
    let come = signals::catch(&wanted);
    say(&format!("ready {}", names(&come)));
    const EINTR: i32 = 4;
    let error = wait(&how).unwrap_err();
    assert_eq!(error.errno(), Some(EINTR), "{error}");
    say(&format!("came {}", names(&signals::receive())));
}
