//! Sockets: socket(2), bind(2), listen(2), accept(2), connect(2), and what
//! sends and receives.

use std::ffi::{c_int, c_void};
use std::rc::Rc;

use capsock_guest::{Address, MSG_DONTWAIT, MsgFlag, Socket};
use libc::socklen_t;

use crate::errno::{self, Errno, Result};
use crate::table::{self, Direction, Sock};
use crate::{address, memory, numbers};

/// What one message may have: the kernel's own limit is lower, and the host traps
/// where a call hands over much more.
const LARGEST_MESSAGE: usize = 1 << 20;

impl Sock {
    /// recv(2)
    pub(crate) fn receive(&self, room: &mut [u8], flags: MsgFlag) -> Result<usize> {
        let host = self.ready_to(Direction::Receive)?;
        if room.is_empty() {
            // It waits, takes a message, and tells errors, as any other.
            return Ok(host.recvfrom_flags(0, flags)?.0.len());
        }
        Ok(host.recv_into_flags(room, flags)?)
    }

    /// send(2). Of a stream, what the kernel takes at once.
    pub(crate) fn send(&self, data: &[u8], flags: MsgFlag) -> Result<usize> {
        self.check_length(data)?;
        Ok(self.ready_to(Direction::Send)?.send_flags(data, flags)?)
    }

    fn check_length(&self, data: &[u8]) -> Result<()> {
        if !self.is_stream() && data.len() > LARGEST_MESSAGE {
            return Err(Errno(libc::EMSGSIZE));
        }
        Ok(())
    }
}

/// `MSG_*` are Linux's.
fn message_flags(flags: c_int) -> Result<MsgFlag> {
    let flags = MsgFlag::from_bits(flags);
    if flags.contains(MSG_DONTWAIT) {
        // The C library has no such flag.
        return Err(Errno(libc::EOPNOTSUPP));
    }
    Ok(flags)
}

/// socket(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_socket(family: c_int, kind: c_int, protocol: c_int) -> c_int {
    let make = || {
        let (kind, is_nonblocking) = numbers::kind(kind)?;
        let host = Socket::with_proto(numbers::family(family)?, kind, protocol)?;
        Ok(table::insert(Rc::new(Sock::new(host, is_nonblocking))))
    };
    errno::int(make())
}

/// bind(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_bind(fd: c_int, start: *const c_void, length: socklen_t) -> c_int {
    let bind = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as bind(2) says.
        Ok(socket.host.bind(unsafe { address::read(start, length)? })?)
    };
    errno::nothing(bind())
}

/// listen(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_listen(fd: c_int, backlog: c_int) -> c_int {
    let listen = || Ok(table::lookup(fd)?.host.listen(backlog)?);
    errno::nothing(listen())
}

/// accept(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_accept(
    fd: c_int,
    start: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    // SAFETY: as accept(2) says.
    unsafe { __wrap_accept4(fd, start, length, 0) }
}

/// accept4(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_accept4(
    fd: c_int,
    start: *mut c_void,
    length: *mut socklen_t,
    flags: c_int,
) -> c_int {
    let accept = || {
        let (_kind, is_nonblocking) = numbers::kind(flags | libc::SOCK_STREAM)?;
        let (connection, peer) = table::lookup(fd)?.accept(is_nonblocking)?;
        // SAFETY: as accept(2) says.
        unsafe { address::write(start, length, peer.to_socket_addr())? };
        Ok(table::insert(connection))
    };
    errno::int(accept())
}

impl Sock {
    pub(crate) fn accept(&self, is_nonblocking: bool) -> Result<(Rc<Self>, Address)> {
        let (host, peer) = self.ready_to(Direction::Receive)?.accept()?;
        let connection = Self::new(host, is_nonblocking);
        // As the kernel has it, which copies the listener.
        connection.receive_timeout.set(self.receive_timeout.get());
        connection.send_timeout.set(self.send_timeout.get());
        Ok((Rc::new(connection), peer))
    }
}

/// connect(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_connect(
    fd: c_int,
    start: *const c_void,
    length: socklen_t,
) -> c_int {
    let connect = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as connect(2) says.
        let remote = unsafe { address::read(start, length)? };
        let connected = socket.ready_to(Direction::Send)?.connect(remote);
        connected.map_err(|error| match error.is_timeout() {
            // It goes on: SO_SNDTIMEO of socket(7).
            true => Errno(libc::EINPROGRESS),
            false => error.into(),
        })
    };
    errno::nothing(connect())
}

/// shutdown(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_shutdown(fd: c_int, how: c_int) -> c_int {
    let shutdown = || Ok(table::lookup(fd)?.host.shutdown(numbers::shutdown(how)?)?);
    errno::nothing(shutdown())
}

/// getsockname(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getsockname(
    fd: c_int,
    start: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let tell = || {
        let local = table::lookup(fd)?.host.getsockname()?;
        // SAFETY: as getsockname(2) says.
        unsafe { address::write(start, length, local.to_socket_addr()) }
    };
    errno::nothing(tell())
}

/// getpeername(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getpeername(
    fd: c_int,
    start: *mut c_void,
    length: *mut socklen_t,
) -> c_int {
    let tell = || {
        let peer = table::lookup(fd)?.host.getpeername()?;
        // SAFETY: as getpeername(2) says.
        unsafe { address::write(start, length, peer.to_socket_addr()) }
    };
    errno::nothing(tell())
}

/// recv(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recv(
    fd: c_int,
    start: *mut c_void,
    length: usize,
    flags: c_int,
) -> isize {
    let receive = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as recv(2) says.
        socket.receive(unsafe { memory::room(start, length)? }, message_flags(flags)?)
    };
    errno::count(receive())
}

/// recvfrom(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recvfrom(
    fd: c_int,
    start: *mut c_void,
    length: usize,
    flags: c_int,
    sender: *mut c_void,
    sender_length: *mut socklen_t,
) -> isize {
    let receive = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as recvfrom(2) says.
        let room = unsafe { memory::room(start, length)? };
        let flags = message_flags(flags)?;
        let host = socket.ready_to(Direction::Receive)?;
        let (count, from) = host.recvfrom_into_flags(room, flags)?;
        let from = from.and_then(|from| from.to_socket_addr());
        // SAFETY: as recvfrom(2) says.
        unsafe { address::write(sender, sender_length, from)? };
        Ok(count)
    };
    errno::count(receive())
}

/// send(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_send(
    fd: c_int,
    start: *const c_void,
    length: usize,
    flags: c_int,
) -> isize {
    let send = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as send(2) says.
        socket.send(unsafe { memory::bytes(start, length)? }, message_flags(flags)?)
    };
    errno::count(send())
}

/// sendto(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sendto(
    fd: c_int,
    start: *const c_void,
    length: usize,
    flags: c_int,
    receiver: *const c_void,
    receiver_length: socklen_t,
) -> isize {
    let send = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as sendto(2) says.
        let data = unsafe { memory::bytes(start, length)? };
        let flags = message_flags(flags)?;
        if receiver.is_null() || receiver_length == 0 {
            return socket.send(data, flags);
        }
        socket.check_length(data)?;
        // SAFETY: as sendto(2) says.
        let receiver = unsafe { address::read(receiver, receiver_length)? };
        let host = socket.ready_to(Direction::Send)?;
        Ok(host.sendto_flags(data, flags, receiver)?)
    };
    errno::count(send())
}
