//! Files and pipes that are passed over Unix sockets: `passed CASE ARGUMENT…`.

use std::io::{Read, Seek, SeekFrom, Write};

use capsock_guest::*;
use capsock_test_programs::args;

fn main() {
    let args = args();
    match args[0].as_str() {
        "own" => own(&args[1]),
        "send" => send(&args[1], &args[2], &args[3]),
        "take" => take(&args[1]),
        "on" => on(&args[1]),
        "denied" => denied(&args[1]),
        case => panic!("no case `{case}`"),
    }
}

fn connect(name: &str) -> Socket {
    let socket = Socket::new(AF_UNIX, SOCK_STREAM).expect("socket");
    socket
        .connect(format!("\0{name}").as_str())
        .expect("connect");
    socket
}

fn pass(over: &Socket, fds: &[i32]) -> Result<usize> {
    send_fds(over, &[b"x"], fds, MsgFlag::NONE, None)
}

fn outcome<T>(result: Result<T>) -> &'static str {
    match result {
        Ok(_) => "ok",
        Err(error) => error.name().expect("an errno"),
    }
}

fn taken(over: &Socket, count: usize) -> Vec<i32> {
    let (data, fds, flags, _) = recv_fds(over, 1, count, MsgFlag::NONE).expect("recv_fds");
    assert_eq!((&data[..], fds.len()), (&b"x"[..], count));
    assert!(!flags.contains(MSG_CTRUNC), "{flags:?}");
    fds
}

fn rest(file: &mut File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).expect("read");
    text
}

/// Over a pair of the guest's own, with what it opened in a directory: `file` of
/// `0123456789`, and `sub`, a directory.
fn own(dir: &str) {
    for kind in [SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET] {
        let (one, other) = socketpair(kind).expect("socketpair");
        let mut file = File::open(format!("{dir}/file")).expect("open");
        file.seek(SeekFrom::Start(3)).expect("seek");
        let socket = Socket::new(AF_INET, SOCK_STREAM).expect("socket");
        pass(&one, &[file.fileno(), socket.fileno(), file.fileno()]).expect("pass");
        let fds = taken(&other, 3);
        assert_eq!(
            Socket::from_fileno(fds[0])
                .map(drop)
                .map_err(|error| error.name()),
            Err(Some("EBADF"))
        );
        Socket::from_fileno(fds[1]).expect("in their order");
        assert!(File::from_fileno(fds[1]).is_err());
        let mut came = File::from_fileno(fds[0]).expect("a file");
        assert_eq!(came.position(), 3);
        assert_eq!(came.access().expect("access"), (true, false));
        assert_eq!(rest(&mut came), "3456789");
        assert_eq!(file.position(), 3, "the guest's own stays");
        came.write(b"x").expect_err("only to read");
        came.set_len(0).expect_err("only to read");
        close(fds[2]).expect("close");
        assert_eq!(outcome(close(fds[2])), "EBADF");

        // What came is sent on, by the number that it has.
        pass(&one, &[came.fileno()]).expect("pass");
        let mut again = File::from_fileno(taken(&other, 1)[0]).expect("a file");
        assert_eq!(again.position(), 10);
        again.rewind().expect("rewind");
        assert_eq!(rest(&mut again), "0123456789");

        let mut both = File::open_to_write(format!("{dir}/file")).expect("open");
        pass(&one, &[both.fileno()]).expect("pass");
        let mut came = File::from_fileno(taken(&other, 1)[0]).expect("a file");
        assert_eq!(came.access().expect("access"), (true, true));
        assert_eq!(came.write(b"abc").expect("write"), 3);
        assert_eq!(rest(&mut both), "abc3456789");
        came.rewind().expect("rewind");
        assert_eq!(came.write(b"012").expect("write"), 3);
    }
    // A directory is not sent, nor a file that is gone.
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let directory = File::open(format!("{dir}/sub")).expect("open");
    assert_eq!(outcome(pass(&one, &[directory.fileno()])), "EACCES");
    let file = File::open(format!("{dir}/file")).expect("open");
    let number = file.fileno();
    drop(file);
    assert_eq!(outcome(pass(&one, &[number])), "EBADF");
    assert_eq!(outcome(other.recv_flags(1, MSG_DONTWAIT)), "EAGAIN");
    let file = File::open(format!("{dir}/file")).expect("open");
    let udp = Socket::new(AF_INET, SOCK_DGRAM).expect("socket");
    assert_eq!(outcome(pass(&udp, &[file.fileno()])), "EINVAL");
    assert_eq!(outcome(pass(&one, &[file.fileno(); 9])), "EINVAL");
    // More than the guest may have at once; nothing leaks.
    for round in 0..400 {
        let file = File::open(format!("{dir}/file")).expect("open");
        pass(&one, &[file.fileno(); 8]).expect("pass");
        match round % 3 {
            0 => taken(&other, 8)
                .into_iter()
                .for_each(|fd| close(fd).expect("close")),
            1 => drop(recv_fds(&other, 1, 0, MsgFlag::NONE).expect("recv_fds")),
            _ => drop(other.recv(1).expect("recv")),
        }
    }
    // They count while they are under way.
    let mut sent = 0;
    let full = loop {
        match pass(&one, &[file.fileno(); 8]) {
            Ok(_) => sent += 8,
            Err(error) => break error,
        }
    };
    assert_eq!(full.name(), Some("EMFILE"));
    assert!((64..1024).contains(&sent), "{sent}");
}

/// Passes a file, opened `r` or `rw`, to a peer at position 2, and prints what it
/// tells of it.
fn send(name: &str, path: &str, mode: &str) {
    let opened = match mode {
        "r" => File::open(path),
        _ => File::open_to_write(path),
    };
    let mut file = opened.expect("open");
    file.seek(SeekFrom::Start(2)).expect("seek");
    let peer = connect(name);
    let passed = pass(&peer, &[file.fileno()]);
    if passed.is_err() {
        println!("{}", outcome(passed));
        return;
    }
    println!(
        "{}",
        String::from_utf8_lossy(&peer.recv(256).expect("recv"))
    );
}

/// Prints what comes with each message, and what can be done with it.
fn take(name: &str) {
    let peer = connect(name);
    loop {
        let (data, fds, flags, _) = recv_fds(&peer, 64, 8, MsgFlag::NONE).expect("recv_fds");
        if data.is_empty() {
            return;
        }
        print!("{}:", String::from_utf8_lossy(&data));
        for fd in fds {
            print!(" {}", used(fd));
        }
        println!(
            "{}",
            if flags.contains(MSG_CTRUNC) {
                " cut"
            } else {
                ""
            }
        );
        peer.send(b"y").expect("send");
    }
}

fn used(fd: i32) -> String {
    if let Ok(mut file) = File::from_fileno(fd) {
        let access = match file.access().expect("access") {
            (true, true) => "rw",
            (true, false) => "r",
            (false, true) => "w",
            (false, false) => "none",
        };
        let position = file.position();
        let mut text = String::new();
        let read = match file.read_to_string(&mut text) {
            Ok(_) => text,
            Err(_) => "unread".to_owned(),
        };
        let wrote = if file.write(b"guest").is_ok() {
            "wrote"
        } else {
            "unwritten"
        };
        let cut = if file.set_len(5).is_ok() {
            "cut"
        } else {
            "uncut"
        };
        return format!("{access}@{position} {read} {wrote} {cut}");
    }
    if let Ok(mut pipe) = PipeReader::from_fileno(fd) {
        let mut text = String::new();
        pipe.read_to_string(&mut text).expect("read");
        return format!("reader {text}");
    }
    if let Ok(mut pipe) = PipeWriter::from_fileno(fd) {
        // More than a pipe holds.
        let wrote = pipe.write_all(&[b'g'; 100_000]);
        return format!("writer {}", wrote.map_or("broken", |()| "wrote"));
    }
    drop(Socket::from_fileno(fd).expect("a socket"));
    "socket".to_owned()
}

/// Takes a file from a peer, and passes it back.
fn on(name: &str) {
    let peer = connect(name);
    loop {
        let (data, fds, _, _) = recv_fds(&peer, 64, 8, MsgFlag::NONE).expect("recv_fds");
        let [fd] = fds[..] else {
            assert!(data.is_empty(), "{fds:?}");
            return;
        };
        println!("{}", outcome(pass(&peer, &[fd])));
        close(fd).expect("close");
    }
}

/// Files go nowhere without a grant, whatever the guest opened.
fn denied(path: &str) {
    let (one, other) = socketpair(SOCK_STREAM).expect("socketpair");
    let file = File::open(path).expect("open");
    pass(&one, &[file.fileno()]).expect("the guest's own pair");
    drop(File::from_fileno(taken(&other, 1)[0]).expect("a file"));
}
