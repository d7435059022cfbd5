//! Sockets: socket(2), bind(2), listen(2), accept(2), connect(2), and what
//! sends and receives.

use std::ffi::{c_int, c_void};
use std::rc::Rc;

use capsock_guest::{Address, MSG_DONTWAIT, MsgFlag, Socket, ToAddress};
use libc::socklen_t;

use crate::errno::{self, Errno, Result};
use crate::table::{self, Direction, Sock};
use crate::{address, memory, numbers};

/// What one message may have: the kernel's own limit is lower, and the host traps
/// where a call hands over much more.
const LARGEST_MESSAGE: usize = 1 << 20;

/// How much of several buffers is put together to be sent at once.
const GATHERED: usize = 64 << 10;

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

    /// Of several buffers: a whole message, or of a stream as many bytes as are
    /// worth to be copied.
    pub(crate) fn send_all_of(&self, buffers: &[&[u8]]) -> Result<usize> {
        let mut filled = buffers.iter().filter(|buffer| !buffer.is_empty());
        match (filled.next(), filled.next()) {
            (None, _) => self.send(&[], MsgFlag::NONE),
            (Some(only), None) => self.send(only, MsgFlag::NONE),
            (Some(first), _) if self.is_stream() && first.len() >= GATHERED => {
                self.send(first, MsgFlag::NONE)
            }
            _ => {
                let mut gathered = buffers.concat();
                if self.is_stream() {
                    gathered.truncate(GATHERED);
                }
                self.send(&gathered, MsgFlag::NONE)
            }
        }
    }

    /// recvfrom(2)
    pub(crate) fn receive_from(
        &self,
        room: &mut [u8],
        flags: MsgFlag,
    ) -> Result<(usize, Option<Address>)> {
        let host = self.ready_to(Direction::Receive)?;
        Ok(host.recvfrom_into_flags(room, flags)?)
    }

    /// sendto(2)
    pub(crate) fn send_to(
        &self,
        data: &[u8],
        flags: MsgFlag,
        receiver: impl ToAddress,
    ) -> Result<usize> {
        self.check_length(data)?;
        let host = self.ready_to(Direction::Send)?;
        Ok(host.sendto_flags(data, flags, receiver)?)
    }

    /// accept(2)
    pub(crate) fn accept(&self, is_nonblocking: bool) -> Result<(Rc<Self>, Address)> {
        let (host, peer) = self.ready_to(Direction::Receive)?.accept()?;
        let connection = Self::new(host, is_nonblocking);
        // As the kernel has it, which copies the listener.
        connection.receive_timeout.set(self.receive_timeout.get());
        connection.send_timeout.set(self.send_timeout.get());
        Ok((Rc::new(connection), peer))
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
        socket.receive(
            unsafe { memory::room(start, length)? },
            message_flags(flags)?,
        )
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
        let (count, from) = socket.receive_from(room, message_flags(flags)?)?;
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
        socket.send(
            unsafe { memory::bytes(start, length)? },
            message_flags(flags)?,
        )
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
        // SAFETY: as sendto(2) says.
        socket.send_to(data, flags, unsafe {
            address::read(receiver, receiver_length)?
        })
    };
    errno::count(send())
}
