//! read(2), write(2) and their like, on every kind of descriptor.

use std::ffi::{c_int, c_void};

use capsock_guest::MsgFlag;

use crate::came;
use crate::errno::{self, Errno, Result};
use crate::file::libc;
use crate::memory::{self, Iovec};
use crate::socket;
use crate::table::{self, Kind, Object};

/// How much of several buffers is put together to be sent at once.
const GATHERED: usize = 64 << 10;

/// read(2) into one buffer.
fn read_into(object: &Object, room: &mut [u8]) -> Result<usize> {
    let nonblocking = object.is_nonblocking();
    match &object.kind {
        Kind::Libc(number) => libc::read(*number, room),
        // Also of a socket: recv(2) is another matter.
        _ if room.is_empty() => Ok(0),
        Kind::Socket(socket) => socket.receive(nonblocking, room, MsgFlag::NONE),
        Kind::Stdin(stdin) => stdin.read(room, nonblocking),
        Kind::Pipe(pipe) => pipe.read(room, nonblocking),
        Kind::Event(event) => event.read(room, nonblocking),
        Kind::Timer(timer) => timer.read(room, nonblocking),
        Kind::Epoll(_) => Err(Errno::EINVAL),
        Kind::Special(special) => special.read(room),
        Kind::Directory(_) => Err(Errno::EISDIR),
        Kind::File(file) => file.read(room),
        Kind::Reader(pipe) => came::read(pipe, room, !nonblocking),
        Kind::Writer(_) => Err(Errno::EBADF),
    }
}

/// write(2) of one buffer.
fn write_from(object: &Object, data: &[u8]) -> Result<usize> {
    let nonblocking = object.is_nonblocking();
    match &object.kind {
        Kind::Libc(number) => libc::write(*number, data),
        Kind::Socket(socket) => socket.send(nonblocking, data, MsgFlag::NONE),
        Kind::Stdin(_) => Err(Errno::EBADF),
        Kind::Pipe(pipe) => pipe.write(data, nonblocking),
        Kind::Event(event) => event.write(data, nonblocking),
        Kind::Timer(_) | Kind::Epoll(_) => Err(Errno::EINVAL),
        Kind::Special(special) => special.write(data),
        Kind::Directory(_) => Err(Errno::EBADF),
        Kind::File(file) => file.write(data),
        Kind::Reader(_) => Err(Errno::EBADF),
        Kind::Writer(pipe) => came::write(pipe, data, !nonblocking),
    }
}

/// readv(2). A message goes into all buffers; the rest fills one after the
/// other as long as there is something at once.
fn read_all(object: &Object, rooms: &mut [&mut [u8]]) -> Result<usize> {
    let mut rooms = rooms.iter_mut().filter(|room| !room.is_empty());
    let Some(first) = rooms.next() else {
        return read_into(object, &mut []);
    };
    let rest: Vec<_> = rooms.collect();
    if rest.is_empty() {
        return read_into(object, first);
    }
    let total = rest.iter().fold(first.len(), |sum, room| sum + room.len());
    // A message has at most 64 KiB, or what a buffer of the kernel has.
    let mut whole = vec![0; total.min(1 << 20)];
    let count = read_into(object, &mut whole)?;
    let mut data = &whole[..count];
    for room in std::iter::once(first).chain(rest) {
        let (part, after) = data.split_at(data.len().min(room.len()));
        room[..part.len()].copy_from_slice(part);
        data = after;
    }
    Ok(count)
}

/// writev(2). A message is all buffers; of a stream as many bytes go at once as
/// are worth to be copied.
fn write_all(object: &Object, buffers: &[&[u8]]) -> Result<usize> {
    let filled: Vec<&[u8]> = buffers
        .iter()
        .copied()
        .filter(|data| !data.is_empty())
        .collect();
    let is_message = object.socket().is_ok_and(|socket| !socket.is_stream());
    match filled[..] {
        [] => return write_from(object, &[]),
        [data] => return write_from(object, data),
        _ if is_message => return write_from(object, &filled.concat()),
        _ => {}
    }
    let mut sent = 0;
    let mut gathered = Vec::new();
    let mut filled = filled.into_iter().peekable();
    while let Some(data) = filled.next() {
        let next = filled.peek().map_or(usize::MAX, |next| next.len());
        if gathered.is_empty() && data.len().saturating_add(next) > GATHERED {
            gathered.clear();
            match step(object, data, &mut sent)? {
                true => continue,
                false => return Ok(sent),
            }
        }
        gathered.extend_from_slice(data);
        if gathered.len().saturating_add(next) > GATHERED {
            if !step(object, &gathered, &mut sent)? {
                return Ok(sent);
            }
            gathered.clear();
        }
    }
    if !gathered.is_empty() {
        step(object, &gathered, &mut sent)?;
    }
    Ok(sent)
}

/// Writes one part, and tells whether all of it was taken. An error after the
/// first byte is told by the next call.
fn step(object: &Object, data: &[u8], sent: &mut usize) -> Result<bool> {
    match write_from(object, data) {
        Ok(count) => {
            *sent += count;
            Ok(count == data.len())
        }
        Err(errno) if *sent == 0 => Err(errno),
        Err(_later) => Ok(false),
    }
}

/// read(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_read(fd: c_int, start: *mut c_void, length: usize) -> isize {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { libc::__real_read(fd, start, length) };
    }
    let read = || {
        let object = table::lookup(fd)?;
        // SAFETY: as read(2) says.
        read_into(&object, unsafe { memory::room(start, length)? })
    };
    errno::count(read())
}

/// write(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_write(fd: c_int, start: *const c_void, length: usize) -> isize {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { libc::__real_write(fd, start, length) };
    }
    let write = || {
        let object = table::lookup(fd)?;
        // SAFETY: as write(2) says.
        write_from(&object, unsafe { memory::bytes(start, length)? })
    };
    errno::count(write())
}

/// readv(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_readv(fd: c_int, start: *const Iovec, length: c_int) -> isize {
    let read = || {
        let object = table::lookup(fd)?;
        // SAFETY: as readv(2) says.
        read_all(&object, &mut unsafe { memory::rooms(start, length)? })
    };
    errno::count(read())
}

/// writev(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_writev(fd: c_int, start: *const Iovec, length: c_int) -> isize {
    let write = || {
        let object = table::lookup(fd)?;
        // SAFETY: as writev(2) says.
        write_all(&object, &unsafe { memory::buffers(start, length)? })
    };
    errno::count(write())
}

/// close(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_close(fd: c_int) -> c_int {
    if libc::is_inside() {
        // SAFETY: what libc asks itself for.
        return unsafe { libc::__real_close(fd) };
    }
    errno::nothing(table::remove(fd).and_then(close))
}

fn close(object: std::rc::Rc<Object>) -> Result<()> {
    match object.kind {
        Kind::Libc(number) if table::is_last(&object) => libc::close(number),
        _ => socket::close(object),
    }
}

/// dup(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_dup(fd: c_int) -> c_int {
    errno::int(table::lookup(fd).and_then(|object| table::insert(object, false)))
}

/// dup2(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_dup2(old: c_int, new: c_int) -> c_int {
    errno::int(match table::lookup(old) {
        Ok(_) if old == new => Ok(new),
        _ => duplicate(old, new, false),
    })
}

/// dup3(2)
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_dup3(old: c_int, new: c_int, flags: c_int) -> c_int {
    let close_on_exec = flags & table::O_CLOEXEC != 0;
    errno::int(match flags & !table::O_CLOEXEC {
        0 if old != new => duplicate(old, new, close_on_exec),
        _ => Err(Errno::EINVAL),
    })
}

fn duplicate(old: c_int, new: c_int, close_on_exec: bool) -> Result<c_int> {
    let object = table::lookup(old)?;
    if let Some(closed) = table::replace(new, object, close_on_exec)? {
        // As dup2(2) has it, an error of the close is lost.
        let _lost = close(closed);
    }
    Ok(new)
}

const F_DUPFD: c_int = 0;
const F_GETFD: c_int = 1;
const F_SETFD: c_int = 2;
const F_GETFL: c_int = 3;
const F_SETFL: c_int = 4;
const F_DUPFD_CLOEXEC: c_int = 1030;

/// fcntl(2), of which C has taken the argument out.
#[unsafe(no_mangle)]
pub extern "C" fn __capsock_fcntl(fd: c_int, command: c_int, argument: c_int) -> c_int {
    if libc::is_inside() {
        return errno::int(libc::fcntl(fd, command, argument));
    }
    let control = || {
        let object = table::lookup(fd)?;
        match command {
            F_DUPFD => table::insert_from(argument, object, false),
            F_DUPFD_CLOEXEC => table::insert_from(argument, object, true),
            F_GETFD => Ok(if table::close_on_exec(fd)? {
                table::FD_CLOEXEC
            } else {
                0
            }),
            F_SETFD => {
                table::set_close_on_exec(fd, argument & table::FD_CLOEXEC != 0)?;
                Ok(0)
            }
            F_GETFL => flags(&object),
            F_SETFL => {
                if let Kind::Libc(number) = object.kind {
                    // The terminal and regular files never wait, or always. With any other
                    // flag libc would set none.
                    let settable = argument & (table::O_APPEND | table::O_NONBLOCK);
                    let _kept = libc::fcntl(number, command, settable);
                }
                if let Kind::File(file) = &object.kind {
                    file.set_appends(argument & table::O_APPEND != 0);
                }
                object.set_nonblocking(argument & table::O_NONBLOCK != 0);
                Ok(0)
            }
            _ => Err(Errno::EINVAL),
        }
    };
    errno::int(control())
}

fn flags(object: &Object) -> Result<c_int> {
    let mode = match &object.kind {
        Kind::Libc(number) => return libc::fcntl(*number, F_GETFL, 0),
        Kind::Stdin(_) => table::O_RDONLY,
        Kind::Pipe(pipe) if pipe.writes => table::O_WRONLY,
        Kind::Pipe(_) => table::O_RDONLY,
        Kind::Special(special) => special.mode,
        Kind::Directory(_) => table::O_RDONLY,
        Kind::Reader(_) => table::O_RDONLY,
        Kind::Writer(_) => table::O_WRONLY,
        Kind::File(file) => file.mode(),
        _ => table::O_RDWR,
    };
    let nonblocking = if object.is_nonblocking() {
        table::O_NONBLOCK
    } else {
        0
    };
    Ok(mode | nonblocking)
}

const FIONREAD: c_int = 0x541b;
const FIONBIO: c_int = 0x5421;

/// ioctl(2), of which C has taken the argument out.
///
/// # Safety
/// `argument` is what the request needs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __capsock_ioctl(
    fd: c_int,
    request: c_int,
    argument: *mut c_void,
) -> c_int {
    let control = || {
        let object = table::lookup(fd)?;
        match request {
            FIONREAD => {
                let pending = match &object.kind {
                    Kind::Socket(socket) => socket.pending()?,
                    Kind::Pipe(pipe) => pipe.pending()?,
                    Kind::Libc(number) => libc::rest_of(*number)?,
                    Kind::File(file) => file.rest()?,
                    _ => return Err(Errno::ENOTTY),
                };
                let pending = c_int::try_from(pending).unwrap_or(c_int::MAX);
                // SAFETY: ioctl_tty(2): an int.
                unsafe { memory::put(argument.cast::<c_int>(), pending) }
            }
            FIONBIO => {
                // SAFETY: ioctl(2): an int.
                let on = unsafe { memory::get(argument.cast::<c_int>().cast_const())? };
                object.set_nonblocking(on != 0);
                Ok(())
            }
            // SAFETY: as the caller says.
            _ if object.socket().is_ok() => unsafe { crate::interfaces::ioctl(request, argument) },
            _ => Err(Errno::ENOTTY),
        }
    };
    errno::nothing(control())
}
