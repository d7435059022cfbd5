//! Signals: those that a guest catches are its own, and others do what they do to any
//! process.

use std::os::unix::process::ExitStatusExt;
use std::process::Output;
use std::thread::sleep;
use std::time::Duration;

use capsock_tests::python::python;
use capsock_tests::{Running, start, stderr};
use rstest::rstest;
use rustix::process::Signal;
use tempfile::TempDir;

fn started(flags: &[&str], caught: &str, wait: &str) -> Running {
    let mut guest = start(flags, "signals", &[caught, wait]);
    assert_eq!(guest.expect_line("ready"), caught);
    guest
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

const LISTEN: [&str; 2] = ["--allow-listen", "tcp://127.0.0.1:ephemeral"];

/// Every call that waits, at once or before the guest has received the signal.
#[rstest]
#[case("receive")]
#[case("timed")]
#[case("receive-again")]
#[case("receive-from")]
#[case("send")]
#[case("accept")]
#[case("poller")]
fn a_call_that_waits_is_interrupted(
    #[case] wait: &str,
    #[values(
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::USR1,
        Signal::USR2,
        Signal::WINCH
    )]
    signal: Signal,
) {
    let name = match signal {
        Signal::INT => "interrupt",
        Signal::TERM => "terminate",
        Signal::HUP => "hangup",
        Signal::USR1 => "user1",
        Signal::USR2 => "user2",
        _ => "window-change",
    };
    let guest = started(&LISTEN, name, wait);
    guest.send(signal);
    assert_eq!(guest.succeed(), format!("came {name}\n"));
}

#[test]
fn a_pollable_tells_of_a_signal() {
    let mut guest = started(&[], "user1", "pollable");
    guest.send(Signal::USR1);
    guest.expect_line("interrupted");
    guest.send(Signal::USR1);
    assert_eq!(guest.succeed(), "came user1\n");
}

#[rstest]
#[case(Signal::INT)]
#[case(Signal::TERM)]
#[case(Signal::HUP)]
#[case(Signal::USR1)]
fn what_is_not_caught_ends_the_process(
    #[case] signal: Signal,
    #[values("user2", "none")] caught: &str,
) {
    let mut guest = start(&[], "signals", &[caught, "receive"]);
    guest.expect_line("ready");
    guest.send(signal);
    let status = guest.output().status;
    assert_eq!(status.signal(), Some(signal.as_raw()));
}

/// One that computes does not receive it, and the user wants the end.
#[test]
fn a_second_interrupt_ends_a_guest_that_computes() {
    // It is meant as a second one if it does not come at once.
    const LATER: Duration = Duration::from_millis(300);
    let guest = started(&[], "interrupt", "compute");
    guest.send(Signal::INT);
    sleep(LATER);
    assert!(!guest.has_ended());
    // Two may become one where the machine is slow.
    while !guest.has_ended() {
        guest.send(Signal::INT);
        sleep(LATER);
    }
    let output = guest.output();
    assert_eq!(output.status.signal(), Some(Signal::INT.as_raw()));
}

/// Others may come as often as they like.
#[test]
fn an_interrupt_that_comes_twice_at_once_is_one() {
    let guest = started(&[], "interrupt user1", "receive");
    for _ in 0..3 {
        guest.send(Signal::USR1);
        guest.send(Signal::INT);
        guest.send(Signal::INT);
    }
    let output = guest.output();
    assert!(output.status.success(), "{output:?}");
    assert!(printed(&output).starts_with("came "));
}

/// The policy is written however a recorded run ends.
#[rstest]
#[case::caught("interrupt", Signal::INT, 0, "came interrupt\n")]
#[case::not_caught("user1", Signal::INT, 130, "")]
#[case::not_caught_either("interrupt", Signal::TERM, 143, "")]
fn a_recorded_guest_catches_signals_too(
    #[case] caught: &str,
    #[case] signal: Signal,
    #[case] code: i32,
    #[case] told: &str,
) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("policy.toml");
    let flags = ["--record", file.to_str().unwrap()];
    let guest = started(&flags, caught, "receive");
    guest.send(signal);
    let output = guest.output();
    assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
    assert_eq!(printed(&output), told);
    assert!(
        std::fs::read_to_string(&file)
            .unwrap()
            .contains("signals.wasm")
    );
}

const WAITS: &str = "
import asyncio, select, signal, socket, sys, threading, time

def receive():
    near, far = socket.socketpair()
    near.recv(1)

def beside_a_thread(wait):
    threading.Thread(target=time.sleep, args=[3600], daemon=True).start()
    wait()

def compute():
    while True:
        pass

def compute_and_tell():
    # The main thread sleeps by then.
    begin = time.monotonic()
    while time.monotonic() < begin + 0.05:
        pass
    print('ready', flush=True)
    compute()

def compute_in_a_thread():
    threading.Thread(target=compute_and_tell, daemon=True).start()
    time.sleep(3600)

async def in_asyncio():
    print('ready', flush=True)
    await asyncio.sleep(3600)

waits = {
    'sleep': lambda: time.sleep(3600),
    'receive': receive,
    'accept': lambda: socket.create_server(('127.0.0.1', 0)).accept(),
    'select': lambda: select.select([], [], []),
    'stdin': lambda: sys.stdin.readline(),
    'thread': lambda: beside_a_thread(receive),
    'event': lambda: beside_a_thread(threading.Event().wait),
    'lock': lambda: threading.Event().wait(),
    'compute': compute,
    'compute-in-thread': compute_in_a_thread,
    'asyncio': lambda: asyncio.run(in_asyncio()),
}
wait = waits[sys.argv[1]]
try:
    if sys.argv[1] not in ('asyncio', 'compute-in-thread'):
        print('ready', flush=True)
    wait()
finally:
    print('finally', flush=True)
";

/// And `finally` runs, whatever the program does meanwhile.
#[rstest]
fn ctrl_c_is_pythons_keyboard_interrupt(
    #[values(
        "sleep",
        "receive",
        "accept",
        "select",
        "stdin",
        "thread",
        "event",
        "lock",
        "compute",
        "compute-in-thread",
        "asyncio"
    )]
    wait: &str,
) {
    let Some(mut command) = python(&LISTEN, &["-c", WAITS, wait]) else {
        return;
    };
    command.stdin(std::process::Stdio::piped());
    let mut guest = Running::spawn(&mut command);
    guest.expect_line("ready");
    guest.send(Signal::INT);
    let output = guest.output();
    assert_eq!(printed(&output), "finally\n");
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(
        stderr(&output).ends_with("\nKeyboardInterrupt\n"),
        "{}",
        stderr(&output)
    );
}

/// `signal.signal`, `add_signal_handler`, `sigwait` and what ends a server in good order.
#[rstest]
#[case::handler(
    "signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))\nready()\ntime.sleep(3600)",
    7,
    ""
)]
#[case::ignored(
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nready()\ntime.sleep(0.3)\nprint('went on')",
    0,
    "went on\n"
)]
#[case::default("ready()\ntime.sleep(3600)", -15, "")]
#[case::asyncio(
    "async def main():
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ready()
    await stop.wait()
    print('stopped')
asyncio.run(main())",
    0,
    "stopped\n"
)]
#[case::sigwait(
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
ready()
print(signal.sigwait([signal.SIGTERM]).name)",
    0,
    "SIGTERM\n"
)]
#[case::sigwait_in_a_thread(
    "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
thread = threading.Thread(target=lambda: print(signal.sigwait([signal.SIGTERM]).name))
thread.start()
ready()
thread.join()",
    0,
    "SIGTERM\n"
)]
#[case::unblocked_later(
    "signal.signal(signal.SIGTERM, lambda number, frame: print('handled'))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
ready()
while not signal.sigpending():
    time.sleep(0.01)
print(signal.sigpending() == {signal.SIGTERM})
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])",
    0,
    "True\nhandled\n"
)]
#[case::pause(
    "signal.signal(signal.SIGTERM, lambda number, frame: print('handled'))\nready()\nsignal.pause()",
    0,
    "handled\n"
)]
fn python_handles_the_signal_that_ends_programs(
    #[case] program: &str,
    #[case] code: i32,
    #[case] told: &str,
) {
    let program = format!(
        "import asyncio, signal, sys, threading, time\n\
         def ready(): print('ready', flush=True)\n{program}"
    );
    let Some(mut command) = python(&[], &["-c", &program]) else {
        return;
    };
    let mut guest = Running::spawn(&mut command);
    guest.expect_line("ready");
    guest.send(Signal::TERM);
    let output = guest.output();
    let status = output.status;
    let ended = status
        .code()
        .or_else(|| status.signal().map(|number| -number));
    assert_eq!(ended, Some(code), "{}", stderr(&output));
    assert_eq!(printed(&output), told);
}
