//! What `std::net` does, and files beside it: a native program, and a guest that
//! is linked with the SDK, print the same. `std-net SUBJECT DIRECTORY`

use std::fs::{self, File};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::net::{
    Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket,
};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

#[cfg(target_os = "wasi")]
use capsock_std::unix::{UnixDatagram, UnixListener, UnixStream};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
#[cfg(unix)]
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

type Result = io::Result<()>;

const SHORT: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

fn main() -> Result {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [subject, directory] = &args[..] else {
        panic!("a subject and a directory");
    };
    let directory = Path::new(directory);
    match subject.as_str() {
        "tcp4" => tcp(Ipv4Addr::LOCALHOST.into()),
        "tcp6" => tcp(Ipv6Addr::LOCALHOST.into()),
        "udp4" => udp(Ipv4Addr::LOCALHOST.into()),
        "udp6" => udp(Ipv6Addr::LOCALHOST.into()),
        "errors" => errors(),
        "timeouts" => timeouts(),
        "nonblocking" => nonblocking(),
        "options" => options(),
        "polling" => polling(directory),
        "descriptors" => descriptors(),
        "files" => files(directory),
        "names" => names(),
        "unix-stream" => unix_stream(directory),
        "unix-datagram" => unix_datagram(directory),
        _ => panic!("no subject {subject}"),
    }
}

/// What a result is, without what differs between systems.
fn say<T: std::fmt::Debug>(what: &str, result: io::Result<T>) {
    match result {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!("{what}: {:?}", error.kind()),
    }
}

/// `try_clone` of std does not work on WASI, so the crate has one.
fn clone(stream: &TcpStream) -> io::Result<TcpStream> {
    #[cfg(target_os = "wasi")]
    {
        assert_eq!(
            stream.try_clone().map_err(|error| error.kind()).err(),
            Some(ErrorKind::Unsupported),
            "docs/rust.md says so"
        );
        capsock_std::try_clone(stream)
    }
    #[cfg(not(target_os = "wasi"))]
    stream.try_clone()
}

fn pair(ip: std::net::IpAddr) -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((ip, 0))?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    let (server, _peer) = listener.accept()?;
    Ok((client, server))
}

fn tcp(ip: std::net::IpAddr) -> Result {
    let listener = TcpListener::bind((ip, 0))?;
    let address = listener.local_addr()?;
    println!("listening at {}, {}", address.ip(), address.port() > 0);
    let mut client = TcpStream::connect(address)?;
    let (mut server, peer) = listener.accept()?;
    println!("addresses {}", peer == client.local_addr()?);
    println!("addresses {}", server.peer_addr()? == peer);
    println!("addresses {}", client.peer_addr()? == server.local_addr()?);

    client.write_all(b"hello")?;
    let mut buffer = [0; 16];
    say("peek", server.peek(&mut buffer));
    say("read", server.read(&mut buffer));
    println!("{:?}", buffer[..5].escape_ascii().to_string());

    let parts = [
        IoSlice::new(b"one "),
        IoSlice::new(b""),
        IoSlice::new(b"two"),
    ];
    say("write_vectored", server.write_vectored(&parts));
    let (mut first, mut second) = ([0; 4], [0; 4]);
    let mut rooms = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    let count = client.read_vectored(&mut rooms)?;
    client.read_exact(&mut buffer[..7 - count])?;
    println!("{:?}", first.escape_ascii().to_string());

    let large: Vec<u8> = (0..3_000_000_u32).map(|index| index as u8).collect();
    let (mut sent, mut received) = (0, Vec::<u8>::new());
    client.set_nonblocking(true)?;
    server.set_nonblocking(true)?;
    while received.len() < large.len() {
        match client.write(&large[sent..]) {
            Ok(count) => sent += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let mut piece = vec![0; 100_000];
        match server.read(&mut piece) {
            Ok(count) => received.extend(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    println!("3 MB: {}", received == large);
    client.set_nonblocking(false)?;
    server.set_nonblocking(false)?;

    let mut other = clone(&client)?;
    drop(client);
    other.write_all(b"still open")?;
    say("of a clone", server.read(&mut buffer));
    other.shutdown(Shutdown::Write)?;
    say("the end", server.read(&mut buffer));
    server.write_all(b"back")?;
    say("the other half", other.read(&mut buffer));
    say("no error", other.take_error().map(|error| error.is_none()));
    drop(server);
    say("the end", other.read(&mut buffer));
    drop(other);
    let second = TcpStream::connect(address)?;
    let accepted = listener.incoming().next();
    println!(
        "incoming: {}",
        accepted.is_some_and(|stream| stream.is_ok())
    );
    drop((second, listener));
    say("nobody listens", TcpStream::connect(address).map(drop));
    Ok(())
}

fn udp(ip: std::net::IpAddr) -> Result {
    let first = UdpSocket::bind((ip, 0))?;
    let second = UdpSocket::bind((ip, 0))?;
    let (one, two) = (first.local_addr()?, second.local_addr()?);
    let mut buffer = [0; 64];
    say("send_to", first.send_to(b"datagram", two));
    let (count, sender) = second.peek_from(&mut buffer)?;
    println!("peeked {count} from the first: {}", sender == one);
    let (count, sender) = second.recv_from(&mut buffer[..4])?;
    println!("cut to {count} from the first: {}", sender == one);
    say("not connected", first.send(b"x"));
    say("connect", second.connect(one));
    say("peer", second.peer_addr().map(|peer| peer == one));
    say("send", second.send(b"back"));
    say("send nothing", second.send(b""));
    say("peek", first.peek(&mut buffer));
    say("recv", first.recv(&mut buffer));
    say("recv nothing", first.recv(&mut buffer));
    say("too long", second.send(&vec![0; 70_000]));
    let large = vec![7; 60_000];
    say("large", second.send(&large));
    let mut room = vec![0; 65_536];
    say("large", first.recv(&mut room));
    println!("the same: {}", room[..60_000] == large);
    first.set_read_timeout(Some(SHORT))?;
    say("nothing comes", first.recv_from(&mut buffer));
    drop(first);
    second.send(b"nobody")?;
    say("refused", second.recv(&mut buffer));
    Ok(())
}

fn errors() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    say("in use", TcpListener::bind(address).map(drop));
    say("not ours", TcpListener::bind("192.0.2.1:0").map(drop));
    say("no port", "127.0.0.1".to_socket_addrs().map(drop));
    let unused = UdpSocket::bind("127.0.0.1:0")?;
    say("no peer", unused.peer_addr());
    let (mut client, server) = pair(address.ip())?;
    client.write_all(b"not read")?;
    drop(server);
    let mut buffer = [0; 16];
    say("reset", client.read(&mut buffer));
    let broken = (0..100).find_map(|_time| client.write(b"x").err());
    say("broken", Err::<(), _>(broken.expect("an error")));
    say("shut down twice", client.shutdown(Shutdown::Both));
    let (refused, open) = {
        let gone = TcpListener::bind("127.0.0.1:0")?;
        (gone.local_addr()?, address)
    };
    say(
        "the second of two",
        TcpStream::connect(&[refused, open][..]).map(drop),
    );
    say("refused", TcpStream::connect(refused).map(drop));
    say(
        "no address",
        TcpStream::connect(&[][..] as &[SocketAddr]).map(drop),
    );
    Ok(())
}

fn timeouts() -> Result {
    let (mut client, mut server) = pair(Ipv4Addr::LOCALHOST.into())?;
    say("none", client.read_timeout());
    say("zero", client.set_read_timeout(Some(Duration::ZERO)));
    client.set_read_timeout(Some(SHORT))?;
    say("set", client.read_timeout());
    let start = Instant::now();
    say("nothing comes", client.read(&mut [0; 16]));
    let elapsed = start.elapsed();
    println!("in time: {}", elapsed >= SHORT && elapsed < LONG);
    server.write_all(b"x")?;
    say("something comes", client.read(&mut [0; 16]));
    client.set_read_timeout(None)?;
    say("none", client.read_timeout());
    server.set_write_timeout(Some(SHORT))?;
    say("set", server.write_timeout());
    let full = loop {
        if let Err(error) = server.write(&[0; 65_536]) {
            break error;
        }
    };
    say("full", Err::<(), _>(full));

    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    say(
        "connect",
        TcpStream::connect_timeout(&address, LONG).map(drop),
    );
    say(
        "no time",
        TcpStream::connect_timeout(&address, Duration::ZERO).map(drop),
    );
    drop(listener);
    say(
        "refused",
        TcpStream::connect_timeout(&address, LONG).map(drop),
    );
    Ok(())
}

fn nonblocking() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    say("nobody", listener.accept().map(drop));
    let mut client = TcpStream::connect(listener.local_addr()?)?;
    let mut server = loop {
        match listener.accept() {
            Ok((server, _peer)) => break server,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    };
    // One that was accepted waits, whatever its listener does.
    server.set_read_timeout(Some(SHORT))?;
    let start = Instant::now();
    say("nothing yet", server.read(&mut [0; 16]));
    println!("waited: {}", start.elapsed() >= SHORT);
    server.set_nonblocking(true)?;
    let start = Instant::now();
    say("nothing yet", server.read(&mut [0; 16]));
    println!("waited: {}", start.elapsed() >= SHORT);
    say("nothing yet", server.peek(&mut [0; 16]));
    let full = loop {
        if let Err(error) = server.write(&[0; 65_536]) {
            break error;
        }
    };
    say("full", Err::<(), _>(full));
    client.write_all(b"x")?;
    server.set_nonblocking(false)?;
    server.set_read_timeout(None)?;
    say("something", server.read(&mut [0; 16]));
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_nonblocking(true)?;
    say("no datagram", socket.recv_from(&mut [0; 16]));
    Ok(())
}

fn options() -> Result {
    let (client, _server) = pair(Ipv4Addr::LOCALHOST.into())?;
    say("nodelay", client.nodelay());
    client.set_nodelay(true)?;
    say("nodelay", client.nodelay());
    client.set_nodelay(false)?;
    say("nodelay", client.nodelay());
    say("ttl", client.ttl());
    client.set_ttl(9)?;
    say("ttl", client.ttl());
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    say("broadcast", socket.broadcast());
    socket.set_broadcast(true)?;
    say("broadcast", socket.broadcast());
    say("multicast ttl", socket.multicast_ttl_v4());
    socket.set_multicast_ttl_v4(3)?;
    say("multicast ttl", socket.multicast_ttl_v4());
    say("multicast loop", socket.multicast_loop_v4());
    socket.set_multicast_loop_v4(false)?;
    say("multicast loop", socket.multicast_loop_v4());
    let group = Ipv4Addr::new(239, 255, 0, 1);
    say(
        "join",
        socket.join_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
    );
    say(
        "leave",
        socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
    );
    say(
        "leave again",
        socket.leave_multicast_v4(&group, &Ipv4Addr::LOCALHOST),
    );
    Ok(())
}

/// The events of each, after at most some milliseconds.
fn ready(sockets: &[(&dyn AsFd, PollFlags)], milliseconds: u64) -> String {
    let mut set: Vec<PollFd<'_>> = sockets
        .iter()
        .map(|(socket, events)| PollFd::from_borrowed_fd(socket.as_fd(), *events))
        .collect();
    let time = Duration::from_millis(milliseconds);
    let time = Timespec::try_from(time).expect("a short time");
    let count = poll(&mut set, Some(&time)).expect("poll");
    let events = set.iter().map(|entry| {
        let events = entry.revents();
        let names = [
            (PollFlags::IN, "in"),
            (PollFlags::OUT, "out"),
            (PollFlags::ERR, "err"),
            (PollFlags::HUP, "hup"),
        ];
        let names = names.iter().filter(|(flag, _)| events.contains(*flag));
        names.map(|(_, name)| *name).collect::<Vec<_>>().join("+")
    });
    format!("{count}: {:?}", events.collect::<Vec<_>>())
}

fn polling(directory: &Path) -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", ready(&[(&listener, PollFlags::IN)], 20));
    let client = TcpStream::connect(listener.local_addr()?)?;
    println!("{}", ready(&[(&listener, PollFlags::IN)], 20_000));
    let (mut server, _peer) = listener.accept()?;
    let both = PollFlags::IN | PollFlags::OUT;
    let set: [(&dyn AsFd, PollFlags); 3] =
        [(&listener, both), (&client, both), (&client, PollFlags::IN)];
    println!("{}", ready(&set, 20_000));
    server.write_all(b"x")?;
    let set: [(&dyn AsFd, PollFlags); 2] = [(&listener, PollFlags::IN), (&client, PollFlags::IN)];
    println!("{}", ready(&set, 20_000));
    (&client).read_exact(&mut [0])?;
    println!("{}", ready(&set, 20));
    drop(server);
    println!("{}", ready(&set, 20_000));

    // With what the C library has opened.
    let file = File::create(directory.join("polled"))?;
    let set: [(&dyn AsFd, PollFlags); 2] = [(&file, PollFlags::OUT), (&listener, PollFlags::IN)];
    println!("{}", ready(&set, 20_000));
    let set: [(&dyn AsFd, PollFlags); 1] = [(&file, PollFlags::OUT)];
    println!("{}", ready(&set, 20_000));
    Ok(())
}

fn descriptors() -> Result {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let many: Vec<TcpStream> = (0..100)
        .map(|_index| TcpStream::connect(address))
        .collect::<io::Result<_>>()?;
    let accepted: Vec<TcpStream> = (0..100)
        .map(|_index| listener.accept().map(|(stream, _peer)| stream))
        .collect::<io::Result<_>>()?;
    let middle = many[50].as_raw_fd();
    let mut many = many;
    drop(many.remove(50));
    say("closed", (&accepted[50]).read(&mut [0; 4]));
    let again = TcpStream::connect(address)?;
    println!("the number is taken again: {}", again.as_raw_fd() == middle);

    let (mut peer, _address) = listener.accept()?;
    let again = TcpStream::from(OwnedFd::from(again));
    // A file of it reads and writes as the stream does.
    let mut file = File::from(OwnedFd::from(again));
    file.write_all(b"by write")?;
    let mut buffer = [0; 16];
    say("by write", peer.read(&mut buffer));
    peer.write_all(b"to be read")?;
    say("by read", file.read(&mut buffer));
    let parts = [IoSlice::new(b"a"), IoSlice::new(b"b")];
    say("by writev", file.write_vectored(&parts));
    say("by writev", peer.read(&mut buffer));
    say(
        "no seeking",
        file.seek(SeekFrom::Start(0))
            .map_err(|_why| ErrorKind::Other.into()),
    );
    drop(file);
    say("closed", peer.read(&mut buffer));
    Ok(())
}

fn files(directory: &Path) -> Result {
    let (mut client, mut server) = pair(Ipv4Addr::LOCALHOST.into())?;
    let path = directory.join("file");
    let mut file = File::options()
        .create(true)
        .truncate(true)
        .read(true)
        .write(true)
        .open(&path)?;
    file.write_all(b"a file, ")?;
    say(
        "vectored",
        file.write_vectored(&[IoSlice::new(b"and more")]),
    );
    println!("{}", file.metadata()?.len());
    file.rewind()?;
    io::copy(&mut file, &mut client)?;
    client.shutdown(Shutdown::Write)?;
    let mut text = String::new();
    server.read_to_string(&mut text)?;
    println!("{text}");
    drop((client, server));
    drop(file);
    println!("{}", fs::read_to_string(&path)?);
    let opened: Vec<File> = (0..50)
        .map(|_index| File::open(&path))
        .collect::<io::Result<_>>()?;
    let numbers: Vec<_> = opened.iter().map(AsRawFd::as_raw_fd).collect();
    drop(opened);
    let again: Vec<File> = (0..50)
        .map(|_index| File::open(&path))
        .collect::<io::Result<_>>()?;
    let taken = again.iter().all(|file| numbers.contains(&file.as_raw_fd()));
    println!("closed files give their numbers back: {taken}");
    say("not there", File::open(directory.join("other")).map(drop));
    let names = fs::read_dir(directory)?.count();
    println!("{names} in the directory");
    fs::remove_file(&path)?;
    say("gone", fs::metadata(&path).map(drop));
    Ok(())
}

fn names() -> Result {
    let mut found: Vec<SocketAddr> = ("localhost", 80).to_socket_addrs()?.collect();
    found.retain(SocketAddr::is_ipv4);
    println!("{:?}", found.first());
    say(
        "numbers",
        "[::1]:7".to_socket_addrs().map(Iterator::collect::<Vec<_>>),
    );
    let unknown = ("no-such-name.invalid", 80).to_socket_addrs();
    println!("unknown: {}", unknown.is_err());
    let listener = TcpListener::bind(("localhost", 0))?;
    let port = listener.local_addr()?.port();
    say("connect", TcpStream::connect(("localhost", port)).map(drop));
    Ok(())
}

fn unix_stream(directory: &Path) -> Result {
    let path = directory.join("socket");
    let listener = UnixListener::bind(&path)?;
    println!("{}", listener.local_addr()?.as_pathname() == Some(&path));
    let mut client = UnixStream::connect(&path)?;
    let (mut server, peer) = listener.accept()?;
    println!(
        "unnamed: {}",
        peer.is_unnamed() && client.local_addr()?.is_unnamed()
    );
    println!("{}", client.peer_addr()?.as_pathname() == Some(&path));
    client.write_all(b"hello")?;
    let mut buffer = [0; 16];
    say("read", server.read(&mut buffer));
    let parts = [IoSlice::new(b"one "), IoSlice::new(b"two")];
    say("write_vectored", server.write_vectored(&parts));
    let mut clone = client.try_clone()?;
    say("of a clone", clone.read(&mut buffer));
    client.set_read_timeout(Some(SHORT))?;
    say("set", client.read_timeout());
    say("zero", client.set_read_timeout(Some(Duration::ZERO)));
    say("nothing comes", client.read(&mut buffer));
    client.set_nonblocking(true)?;
    say("nothing comes", client.read(&mut buffer));
    println!(
        "{}",
        ready(&[(&client, PollFlags::IN | PollFlags::OUT)], 20)
    );
    server.shutdown(Shutdown::Write)?;
    say("the end", client.read(&mut buffer));
    say("no error", client.take_error().map(|error| error.is_none()));
    drop((client, clone));
    say("the end", server.read(&mut buffer));
    let broken = server.write(b"x");
    say("broken", broken);
    listener.set_nonblocking(true)?;
    say("nobody", listener.accept().map(drop));
    drop(listener);
    say("refused", UnixStream::connect(&path).map(drop));
    say("in use", UnixListener::bind(&path).map(drop));
    say(
        "not there",
        UnixStream::connect(directory.join("other")).map(drop),
    );
    say("a NUL", UnixStream::connect("/\0").map(drop));
    let (mut one, mut two) = UnixStream::pair()?;
    one.write_all(b"pair")?;
    say("pair", two.read(&mut buffer));
    let mut stream = UnixStream::from(OwnedFd::from(two));
    stream.write_all(b"of a descriptor")?;
    say("of a descriptor", one.read(&mut buffer));
    Ok(())
}

fn unix_datagram(directory: &Path) -> Result {
    let (one, two) = (directory.join("one"), directory.join("two"));
    let first = UnixDatagram::bind(&one)?;
    let second = UnixDatagram::bind(&two)?;
    let mut buffer = [0; 16];
    say("send_to", first.send_to(b"datagram", &two));
    let (count, sender) = second.recv_from(&mut buffer)?;
    println!("{count} {}", sender.as_pathname() == Some(&one));
    say("not connected", first.send(b"x"));
    second.connect(&one)?;
    println!("{}", second.peer_addr()?.as_pathname() == Some(&one));
    say("send", second.send(b"back"));
    say("recv", first.recv(&mut buffer));
    first.set_read_timeout(Some(SHORT))?;
    say("nothing comes", first.recv(&mut buffer));
    let unbound = UnixDatagram::unbound()?;
    say("unbound", unbound.send_to(b"x", &one));
    let (_count, sender) = first.recv_from(&mut buffer)?;
    println!("unnamed: {}", sender.is_unnamed());
    let (left, right) = UnixDatagram::pair()?;
    left.send(b"pair")?;
    say("pair", right.recv(&mut buffer));
    Ok(())
}
