//! sendmsg(2) and recvmsg(2), with ancillary data: cmsg(3).

use std::ffi::{c_int, c_void};

use capsock_guest::{
    Address, File, MSG_CTRUNC, MSG_DONTWAIT, MSG_TRUNC, MsgFlag, PipeReader, PipeWriter, Socket,
    ToAddress, close,
};

use crate::address::{self, Given, Length};
use crate::came::CameFile;
use crate::errno::{self, Errno, Result};
use crate::event::Timespec;
use crate::file;
use crate::memory::{self, Iovec};
use crate::socket::{Direction, Sock};
use crate::table::{self, Kind, Object};

/// `struct msghdr`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Msghdr {
    name: *mut c_void,
    name_length: Length,
    buffers: *mut Iovec,
    buffer_count: c_int,
    control: *mut c_void,
    control_length: Length,
    flags: c_int,
}

/// `struct mmsghdr`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Mmsghdr {
    header: Msghdr,
    length: u32,
}

/// The levels that some protocol has items of: SOL_IP, SOL_SOCKET, SOL_UDP, SOL_IPV6 and
/// SOL_ALG. The kernel passes over the rest.
const LEVELS: [c_int; 5] = [0, SOL_SOCKET, 17, 41, 279];

/// `sizeof(struct cmsghdr)`: length, level and type.
const HEADER: usize = 12;
const SOL_SOCKET: c_int = 1;
const IPPROTO_IP: c_int = 0;
const IPPROTO_IPV6: c_int = 41;
const SCM_RIGHTS: c_int = 1;
const RECVERR: c_int = 11;
const IPV6_RECVERR: c_int = 25;
/// Linux's for 64-bit machines, and for `time_t` of 64 bits on others.
const SCM_TIMESTAMPNS: c_int = 35;
const SCM_TIMESTAMPNS_NEW: c_int = 64;
const SCM_TIMESTAMP_NEW: c_int = 63;
/// More than a message ever has.
const CONTROL_OF_HOST: usize = 64 << 10;
/// What one message receives at most: the host's own limit is as large.
const LARGEST: usize = 1 << 20;

type Item = (c_int, c_int, Vec<u8>);

/// CMSG_ALIGN
fn aligned(length: usize) -> usize {
    length.next_multiple_of(size_of::<u32>())
}

/// The items of ancillary data that C hands over.
fn parse(control: &[u8]) -> Result<Vec<Item>> {
    let word = |at: usize| -> Option<c_int> {
        Some(c_int::from_ne_bytes(
            control.get(at..at + 4)?.try_into().ok()?,
        ))
    };
    let mut items = Vec::new();
    let mut at = 0;
    // As the kernel walks it: what is too short for a header ends it.
    while control.len() - at >= HEADER {
        let (Some(length), Some(level), Some(kind)) = (word(at), word(at + 4), word(at + 8)) else {
            break;
        };
        let length = usize::try_from(length).map_err(|_negative| Errno::EINVAL)?;
        if length < HEADER || length > control.len() - at {
            return Err(Errno::EINVAL);
        }
        items.push((level, kind, control[at + HEADER..at + length].to_vec()));
        at += aligned(length).min(control.len() - at);
    }
    Ok(items)
}

/// Numbers of the program are those of the Rust SDK there, which has the sockets
/// and files. `opened` are those that are open only to be sent.
fn sent_rights(data: &[u8], opened: &mut Vec<File>) -> Result<Vec<u8>> {
    let numbers = data.chunks_exact(4).filter_map(|word| word.try_into().ok());
    let numbers = numbers.map(c_int::from_ne_bytes);
    let mut sent = Vec::new();
    for fd in numbers {
        let object = table::lookup(fd)?;
        let number = match &object.kind {
            Kind::Socket(socket) => socket.host.fileno(),
            Kind::File(file) => file.number_to_send().ok_or(Errno::EACCES)?,
            Kind::Libc(number) => {
                let file = file::to_send(*number)?;
                let number = file.fileno();
                opened.push(file);
                number
            }
            // Sockets and files alone can be sent.
            _ => return Err(Errno::EACCES),
        };
        sent.extend(number.to_ne_bytes());
    }
    Ok(sent)
}

/// What came under a number of the Rust SDK.
fn came(number: c_int) -> Option<Kind> {
    let socket = || Some(Kind::Socket(Sock::new(Socket::from_fileno(number).ok()?)));
    let file = || {
        let file = CameFile::new(File::from_fileno(number).ok()?);
        Some(Kind::File(Box::new(file)))
    };
    let reader = || Some(Kind::Reader(PipeReader::from_fileno(number).ok()?));
    let writer = || Some(Kind::Writer(PipeWriter::from_fileno(number).ok()?));
    socket().or_else(file).or_else(reader).or_else(writer)
}

/// Gives what came numbers of the program's, and closes that which has no room or
/// no number.
fn received_rights(data: &[u8], room: usize) -> (Vec<u8>, bool) {
    let mut numbers = Vec::new();
    let mut is_cut = false;
    for word in data.chunks_exact(4).filter_map(|word| word.try_into().ok()) {
        let number = c_int::from_ne_bytes(word);
        if numbers.len() + 4 > room {
            let _lost = close(number);
            is_cut = true;
            continue;
        }
        let fd = came(number).map(|kind| table::insert(Object::new(kind, false), false));
        match fd {
            Some(Ok(fd)) => numbers.extend(fd.to_ne_bytes()),
            _ => is_cut = true,
        }
    }
    (numbers, is_cut)
}

/// What C is told of an item.
fn item_for_c(socket: &Sock, (level, kind, mut data): Item) -> Item {
    match (level, kind) {
        (SOL_SOCKET, SCM_TIMESTAMPNS) if socket.wants_timeval.get() => {
            if let Some(nanoseconds) = data.get(8..16).and_then(|part| part.try_into().ok()) {
                let microseconds = i64::from_ne_bytes(nanoseconds) / 1000;
                data[8..16].copy_from_slice(&microseconds.to_ne_bytes());
            }
            (level, SCM_TIMESTAMP_NEW, data)
        }
        (SOL_SOCKET, SCM_TIMESTAMPNS) => (level, SCM_TIMESTAMPNS_NEW, data),
        (IPPROTO_IP, RECVERR) | (IPPROTO_IPV6, IPV6_RECVERR) => {
            if let Some(number) = data.first_chunk_mut::<4>() {
                *number = Errno::of_linux(i32::from_ne_bytes(*number)).0.to_ne_bytes();
            }
            (level, kind, data)
        }
        _ => (level, kind, data),
    }
}

/// Writes the items as far as there is room, and tells how many bytes they are
/// and whether some were cut.
fn format(socket: &Sock, items: Vec<Item>, room: &mut [u8]) -> (usize, bool) {
    let mut at = 0;
    let mut is_cut = false;
    for item in items {
        let left = room.len() - at;
        let (level, kind, data) = if (item.0, item.1) == (SOL_SOCKET, SCM_RIGHTS) {
            let (numbers, some_cut) = received_rights(&item.2, left.saturating_sub(HEADER));
            is_cut |= some_cut;
            if numbers.is_empty() {
                continue;
            }
            (item.0, item.1, numbers)
        } else {
            item_for_c(socket, item)
        };
        let length = HEADER + data.len();
        if length > left {
            // The kernel cuts the last one; what is whole is more use.
            is_cut = true;
            continue;
        }
        let header = [length as c_int, level, kind];
        for (place, word) in header.iter().enumerate() {
            room[at + place * 4..at + place * 4 + 4].copy_from_slice(&word.to_ne_bytes());
        }
        room[at + HEADER..at + length].copy_from_slice(&data);
        at = (at + aligned(length)).min(room.len());
    }
    (at, is_cut)
}

unsafe fn send(object: &Object, header: &Msghdr, flags: MsgFlag) -> Result<usize> {
    let socket = object.socket()?;
    // SAFETY: as sendmsg(2) says.
    let buffers = unsafe { memory::buffers(header.buffers, header.buffer_count)? };
    // SAFETY: the same.
    let control = unsafe { memory::bytes(header.control, header.control_length as usize)? };
    let control = if header.control.is_null() {
        &[]
    } else {
        control
    };
    let mut items = parse(control)?;
    items.retain(|(level, ..)| LEVELS.contains(level));
    let mut opened = Vec::new();
    for (level, kind, data) in &mut items {
        if (*level, *kind) == (SOL_SOCKET, SCM_RIGHTS) {
            *data = sent_rights(data, &mut opened)?;
        }
    }
    let total: usize = buffers.iter().map(|data| data.len()).sum();
    if !socket.is_stream() && total > LARGEST {
        return Err(Errno::EMSGSIZE);
    }
    let remote = match header.name.is_null() || header.name_length == 0 {
        true => None,
        // SAFETY: the same.
        false => Some(Given(unsafe {
            address::read(header.name, header.name_length)?
        })),
    };
    let nonblocking = object.is_nonblocking();
    if items.is_empty() && remote.is_none() {
        return match buffers[..] {
            [data] => socket.send(nonblocking, data, flags),
            _ => socket.send(nonblocking, &buffers.concat(), flags),
        };
    }
    let remote = remote.as_ref().map(|remote| remote as &dyn ToAddress);
    let nonblocking = nonblocking || flags.contains(MSG_DONTWAIT);
    let sent = socket.blocking(nonblocking, Direction::Send, |host| {
        Ok(host.sendmsg(&buffers, &items, flags, remote)?)
    })?;
    if sent < total && socket.is_stream() {
        let data = buffers.concat();
        // What is cut at a megabyte is no less than the kernel takes.
        let more = match nonblocking && sent.is_multiple_of(LARGEST) {
            true => socket.send(true, &data[sent..], flags).unwrap_or(0),
            false => 0,
        };
        return socket.send_rest(nonblocking, &data, sent + more, flags);
    }
    Ok(sent)
}

unsafe fn receive(object: &Object, header: &mut Msghdr, flags: MsgFlag) -> Result<usize> {
    let socket = object.socket()?;
    // SAFETY: as recvmsg(2) says.
    let mut rooms = unsafe { memory::rooms(header.buffers, header.buffer_count)? };
    let control = if header.control.is_null() {
        &mut []
    } else {
        // SAFETY: the same.
        unsafe { memory::room(header.control, header.control_length as usize)? }
    };
    let total = rooms
        .iter()
        .map(|room| room.len())
        .sum::<usize>()
        .min(LARGEST);
    let room_of_host = if control.is_empty() {
        0
    } else {
        CONTROL_OF_HOST
    };
    let mut whole = vec![0; total];
    let nonblocking = object.is_nonblocking() || flags.contains(MSG_DONTWAIT);
    let (count, items, mut told, sender) =
        socket.blocking(nonblocking, Direction::Receive, |host| {
            Ok(host.recvmsg_into(&mut [&mut whole], room_of_host, flags)?)
        })?;
    let mut data = &whole[..count.min(total)];
    for room in &mut rooms {
        let (part, rest) = data.split_at(data.len().min(room.len()));
        room[..part.len()].copy_from_slice(part);
        data = rest;
    }
    let (control_length, is_cut) = format(socket, items, control);
    if is_cut {
        told |= MSG_CTRUNC;
    }
    header.control_length = control_length as Length;
    header.flags = told.bits();
    if !header.name.is_null() {
        // SAFETY: the same: the name has so many bytes.
        header.name_length = unsafe { name(header, address::sender(sender).as_ref())? };
    }
    // With MSG_TRUNC the whole length, as asked for.
    Ok(if flags.contains(MSG_TRUNC) {
        count
    } else {
        count.min(total)
    })
}

unsafe fn name(header: &Msghdr, sender: Option<&Address>) -> Result<Length> {
    let mut length = header.name_length;
    // SAFETY: as the caller says.
    unsafe { address::write(header.name, &raw mut length, sender)? };
    Ok(length)
}

/// sendmsg(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sendmsg(fd: c_int, header: *const Msghdr, flags: c_int) -> isize {
    let act = || {
        let object = table::lookup(fd)?;
        // SAFETY: as sendmsg(2) says.
        let header = unsafe { memory::get(header)? };
        // SAFETY: the same.
        unsafe { send(&object, &header, MsgFlag::from_bits(flags)) }
    };
    errno::count(act())
}

/// recvmsg(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recvmsg(fd: c_int, header: *mut Msghdr, flags: c_int) -> isize {
    let act = || {
        let object = table::lookup(fd)?;
        // SAFETY: as recvmsg(2) says.
        let mut told = unsafe { memory::get(header)? };
        // SAFETY: the same.
        let count = unsafe { receive(&object, &mut told, MsgFlag::from_bits(flags))? };
        // SAFETY: the same.
        unsafe { memory::put(header, told)? };
        Ok(count)
    };
    errno::count(act())
}

/// Linux's UIO_MAXIOV
const MOST_MESSAGES: u32 = 1024;

/// sendmmsg(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sendmmsg(
    fd: c_int,
    messages: *mut Mmsghdr,
    count: u32,
    flags: c_int,
) -> c_int {
    let act = || {
        let object = table::lookup(fd)?;
        // SAFETY: as sendmmsg(2) says.
        let messages = unsafe { memory::array(messages, count.min(MOST_MESSAGES) as usize)? };
        let mut sent = 0;
        for message in messages {
            // SAFETY: the same.
            match unsafe { send(&object, &message.header, MsgFlag::from_bits(flags)) } {
                Ok(length) => message.length = length as u32,
                Err(errno) if sent == 0 => return Err(errno),
                Err(_later) => break,
            }
            sent += 1;
        }
        Ok(sent)
    };
    errno::int(act())
}

const MSG_WAITFORONE: c_int = 0x1_0000;

/// recvmmsg(2). As on Linux, the time is looked at after each message only.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_recvmmsg(
    fd: c_int,
    messages: *mut Mmsghdr,
    count: u32,
    flags: c_int,
    timeout: *const Timespec,
) -> c_int {
    let act = || {
        let object = table::lookup(fd)?;
        // SAFETY: as recvmmsg(2) says.
        let timeout = unsafe { crate::poll::timespec(timeout)? };
        // SAFETY: the same.
        let messages = unsafe { memory::array(messages, count.min(MOST_MESSAGES) as usize)? };
        let start = std::time::Instant::now();
        let mut received = 0;
        for message in messages {
            let mut each = MsgFlag::from_bits(flags & !MSG_WAITFORONE);
            if received > 0 && flags & MSG_WAITFORONE != 0 {
                each |= MSG_DONTWAIT;
            }
            // SAFETY: the same.
            match unsafe { receive(&object, &mut message.header, each) } {
                Ok(length) => message.length = length as u32,
                Err(errno) if received == 0 => return Err(errno),
                Err(_later) => break,
            }
            received += 1;
            if timeout.is_some_and(|timeout| start.elapsed() >= timeout) {
                break;
            }
        }
        Ok(received)
    };
    errno::int(act())
}
