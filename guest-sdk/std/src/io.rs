//! What is of any descriptor: read(2), write(2), close(2), fcntl(2), ioctl(2).
//! Those of the C library's are passed on.
//!
//! fcntl(2) and ioctl(2) are variadic: what follows the named parameters is in
//! memory, and its address is the last parameter of the function in WebAssembly
//! (Basic C ABI, of the tool conventions).

use std::ffi::{c_int, c_void};

use capsock_guest::{MSG_PEEK, MSG_TRUNC, MsgFlag, Socket};
use libc::iovec;

use crate::errno::{self, Errno, Result};
use crate::memory;
use crate::table::{self, Sock};

/// `FIONREAD` tells at most this of a stream.
const MOST_PENDING: usize = 1 << 20;

unsafe extern "C" {
    fn __real_close(fd: c_int) -> c_int;
    fn __real_fcntl(fd: c_int, command: c_int, arguments: *const c_int) -> c_int;
    fn __real_ioctl(fd: c_int, request: c_int, arguments: *const *mut c_int) -> c_int;
    fn __real_read(fd: c_int, start: *mut c_void, length: usize) -> isize;
    fn __real_readv(fd: c_int, start: *const iovec, length: c_int) -> isize;
    fn __real_write(fd: c_int, start: *const c_void, length: usize) -> isize;
    fn __real_writev(fd: c_int, start: *const iovec, length: c_int) -> isize;
}

/// What a program that was linked without the arguments of this crate lacks:
/// without this it would be one on wasi:sockets, and not say so.
#[used]
static IS_LINKED: unsafe extern "C" fn(c_int) -> c_int = __real_close;

/// close(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_close(fd: c_int) -> c_int {
    if !table::is_ours(fd) {
        // SAFETY: as close(2) says, here and below.
        return unsafe { __real_close(fd) };
    }
    errno::nothing(table::remove(fd))
}

/// read(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_read(fd: c_int, start: *mut c_void, length: usize) -> isize {
    if !table::is_ours(fd) {
        // SAFETY: as read(2) says.
        return unsafe { __real_read(fd, start, length) };
    }
    let read = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as read(2) says.
        read_into(&socket, unsafe { memory::room(start, length)? })
    };
    errno::count(read())
}

/// readv(2). It fills the first buffer: less than could be had is as good.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_readv(fd: c_int, start: *const iovec, length: c_int) -> isize {
    if !table::is_ours(fd) {
        // SAFETY: as readv(2) says.
        return unsafe { __real_readv(fd, start, length) };
    }
    let read = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as readv(2) says.
        read_into(&socket, unsafe { memory::first_room(start, length)? })
    };
    errno::count(read())
}

/// write(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_write(fd: c_int, start: *const c_void, length: usize) -> isize {
    if !table::is_ours(fd) {
        // SAFETY: as write(2) says.
        return unsafe { __real_write(fd, start, length) };
    }
    let write = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as write(2) says.
        socket.send(unsafe { memory::bytes(start, length)? }, MsgFlag::NONE)
    };
    errno::count(write())
}

/// writev(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_writev(fd: c_int, start: *const iovec, length: c_int) -> isize {
    if !table::is_ours(fd) {
        // SAFETY: as writev(2) says.
        return unsafe { __real_writev(fd, start, length) };
    }
    let write = || {
        let socket = table::lookup(fd)?;
        // SAFETY: as writev(2) says.
        socket.send_all_of(&unsafe { memory::buffers(start, length)? })
    };
    errno::count(write())
}

/// fcntl(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_fcntl(fd: c_int, command: c_int, arguments: *const c_int) -> c_int {
    if !table::is_ours(fd) {
        // SAFETY: the arguments as they are.
        return unsafe { __real_fcntl(fd, command, arguments) };
    }
    let control = || {
        let socket = table::lookup(fd)?;
        match command {
            // There are no other programs to close them in.
            libc::F_GETFD => Ok(libc::FD_CLOEXEC),
            libc::F_SETFD => Ok(0),
            libc::F_GETFL if socket.is_nonblocking.get() => Ok(libc::O_RDWR | libc::O_NONBLOCK),
            libc::F_GETFL => Ok(libc::O_RDWR),
            libc::F_SETFL => {
                // SAFETY: F_SETFL has one.
                let flags = unsafe { memory::get(arguments)? };
                socket.is_nonblocking.set(flags & libc::O_NONBLOCK != 0);
                Ok(0)
            }
            _ => Err(Errno(libc::EINVAL)),
        }
    };
    errno::int(control())
}

/// ioctl(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_ioctl(
    fd: c_int,
    request: c_int,
    arguments: *const *mut c_int,
) -> c_int {
    if !table::is_ours(fd) {
        // SAFETY: the arguments as they are.
        return unsafe { __real_ioctl(fd, request, arguments) };
    }
    let control = || {
        let socket = table::lookup(fd)?;
        match request {
            libc::FIONBIO => {
                // SAFETY: it has a pointer to a number.
                let value = unsafe { memory::get(memory::get(arguments)?)? };
                socket.is_nonblocking.set(value != 0);
                Ok(())
            }
            libc::FIONREAD => {
                let pending = pending(&socket)?;
                // SAFETY: the same.
                unsafe { memory::put(memory::get(arguments)?, pending as c_int) }
            }
            _ => Err(Errno(libc::ENOTTY)),
        }
    };
    errno::nothing(control())
}

/// To read nothing is no operation of the socket, as to receive nothing is.
fn read_into(socket: &Sock, room: &mut [u8]) -> Result<usize> {
    match room {
        [] => Ok(0),
        room => socket.receive(room, MsgFlag::NONE),
    }
}

/// How much could be read.
fn pending(socket: &Sock) -> Result<usize> {
    let peek = |host: &Socket| {
        if socket.is_stream() {
            return host
                .recv_flags(MOST_PENDING, MSG_PEEK)
                .map(|data| data.len());
        }
        host.recv_into_flags(&mut [0; 1], MSG_PEEK | MSG_TRUNC)
    };
    match socket.at_once(peek) {
        Err(Errno(libc::EAGAIN)) => Ok(0),
        pending => pending,
    }
}
