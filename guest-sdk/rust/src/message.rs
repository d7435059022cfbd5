//! `recvmsg` and `sendmsg`, with ancillary data in the form of Python and C:
//! level, type and bytes.

use std::sync::Arc;

use crate::address::{Address, ToAddress};
use crate::bindings::messages::{
    self as wit, ExtendedError, FileDescription, Ipv6PacketSource, MessageFlags, PacketSource,
    PassedDescriptor, ReceivedControl, ReceivedDescriptor, SentControl,
};
use crate::bindings::options::Credentials;
use crate::bindings::types::ErrorCode;
use crate::constants::{
    AF_ALG, AF_INET, AF_INET6, AddressFamily, MSG_CTRUNC, MSG_EOR, MSG_ERRQUEUE, MSG_OOB,
    MSG_TRUNC, MsgFlag, SocketKind,
};
use crate::convert::{CMSG_LEN, CMSG_SPACE};
use crate::descriptor::{self, Came, Detached, Passable};
use crate::errno::Errno;
use crate::error::{Error, Result};
use crate::file::OpenFile;
use crate::numbers::{
    IP_PKTINFO, IP_RECVERR, IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPV6_HOPLIMIT,
    IPV6_PKTINFO, IPV6_RECVERR, IPV6_TCLASS, SCM_CREDENTIALS, SCM_RIGHTS, SOL_SOCKET,
};
use crate::pipe::{PipeReader, PipeWriter};
use crate::socket::{Socket, wit_length};

// Not in Python's module.
const SCM_TIMESTAMPNS: i32 = 35;
const UDP_GRO: i32 = 104;
const UDP_SEGMENT: i32 = 103;

/// One item of ancillary data: level, type and bytes, as cmsg(3) has them.
pub type Ancillary = (i32, i32, Vec<u8>);

/// What `recvmsg` returns: data, ancillary data, flags, and the sender.
pub type ReceivedMessage = (Vec<u8>, Vec<Ancillary>, MsgFlag, Option<Address>);

/// What [`recv_fds`] returns: data, the numbers of descriptors, flags, and the
/// sender.
pub type ReceivedFds = (Vec<u8>, Vec<i32>, MsgFlag, Option<Address>);

impl Socket {
    /// Receives at most `bufsize` bytes, and ancillary data that fits
    /// `ancbufsize` bytes ([`CMSG_SPACE`] of each item): `recvmsg(2)`.
    ///
    /// Descriptors that a peer sends (`SCM_RIGHTS`) are numbers of this guest, for
    /// [`close`](crate::close), and as what they are for [`Socket::from_fileno`],
    /// [`File::from_fileno`](crate::File::from_fileno),
    /// [`PipeReader::from_fileno`] or [`PipeWriter::from_fileno`]. The host closes
    /// what it does not grant and what is none of these, and tells that by
    /// `MSG_CTRUNC`.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvmsg(
        &self,
        bufsize: usize,
        ancbufsize: usize,
        flags: MsgFlag,
    ) -> Result<ReceivedMessage> {
        let (received, _length) = self.receive_message(bufsize, ancbufsize, flags)?;
        Ok(received)
    }

    fn receive_message(
        &self,
        bufsize: usize,
        ancbufsize: usize,
        flags: MsgFlag,
    ) -> Result<(ReceivedMessage, usize)> {
        let received = wit::receive(self.host(), wit_length(bufsize), flags.to_receive());
        let message = received.map_err(|code| Error::new("recvmsg", code))?;
        let mut told = flags_of(message.flags);
        let mut room = ancbufsize;
        let mut ancillary = Vec::new();
        for item in message.control.iter().map(ancillary_of) {
            if room < item_length(item.2.len()) {
                told |= MSG_CTRUNC;
                break;
            }
            room = room.saturating_sub(item_space(item.2.len()));
            ancillary.push(item);
        }
        // Of these the kernel gives as many as fit.
        let fitting = room.saturating_sub(item_length(0)) / size_of::<i32>();
        if fitting < message.descriptors.len() {
            told |= MSG_CTRUNC;
        }
        let descriptors = message.descriptors.into_iter().take(fitting);
        let numbers: Vec<i32> = descriptors.map(number_of).collect();
        if !numbers.is_empty() {
            ancillary.push((SOL_SOCKET, SCM_RIGHTS, words(&numbers)));
        }
        let sender = message.sender.map(Address::from);
        let length = message.length as usize;
        Ok(((message.data, ancillary, told, sender), length))
    }

    /// Receives into `buffers`, one after the other, and returns the number of
    /// bytes: `recvmsg(2)`. `MSG_TRUNC` is as in [`Socket::recv_into_flags`].
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvmsg_into(
        &self,
        buffers: &mut [&mut [u8]],
        ancbufsize: usize,
        flags: MsgFlag,
    ) -> Result<(usize, Vec<Ancillary>, MsgFlag, Option<Address>)> {
        let length = buffers.iter().map(|buffer| buffer.len()).sum();
        let (received, length) = self.receive_message(length, ancbufsize, flags)?;
        let (data, ancillary, told, sender) = received;
        let mut rest = &data[..];
        for buffer in buffers {
            let (part, after) = rest.split_at(rest.len().min(buffer.len()));
            buffer[..part.len()].copy_from_slice(part);
            rest = after;
        }
        Ok((length, ancillary, told, sender))
    }

    /// Sends `buffers` as one message, with ancillary data, to `address` or to
    /// the connected peer: `sendmsg(2)`. Returns the number of bytes.
    ///
    /// Over a Unix socket, an item `SCM_RIGHTS` sends the sockets and files whose
    /// numbers it has ([`Socket::fileno`], [`File::fileno`](crate::File::fileno)),
    /// as C's `int`s.
    ///
    /// # Errors
    /// Those of [`Socket::send`] and [`Socket::sendto`]; `EINVAL` for ancillary
    /// data that is not known, or has the wrong size; for descriptors `EBADF` where
    /// a number has none, `EACCES` without a `pass-fd` grant and for a directory or
    /// a pipe, and `EINVAL` for more than the host takes, which is 8.
    pub fn sendmsg(
        &self,
        buffers: &[&[u8]],
        ancdata: &[Ancillary],
        flags: MsgFlag,
        address: Option<&dyn ToAddress>,
    ) -> Result<usize> {
        let failed = |code| Error::new("sendmsg", code);
        let data = self.first_of(buffers);
        let mut control = Vec::new();
        let mut passable = Vec::new();
        for item in ancdata {
            if let (SOL_SOCKET, SCM_RIGHTS, numbers) = item {
                passable.extend(passable_of(numbers).map_err(failed)?);
            } else {
                control.push(control_of(item).ok_or(failed(ErrorCode::InvalidArgument))?);
            }
        }
        let files = passable.iter().filter_map(Passable::file);
        let files: Vec<_> = files
            .map(description_of)
            .collect::<std::result::Result<_, _>>()
            .map_err(failed)?;
        let mut files = files.iter();
        let passed: Vec<_> = passable
            .iter()
            .filter_map(|passable| match passable {
                Passable::Socket(socket) => Some(PassedDescriptor::Socket(socket)),
                Passable::File(_) => files.next().map(PassedDescriptor::File),
            })
            .collect();
        let send = |remote: Option<&crate::bindings::types::Address>| {
            let flags = flags.to_send();
            wit::send(self.host(), &data, &control, &passed, flags, remote)
        };
        let sent = match address {
            None => send(None).map_err(failed)?,
            Some(address) => {
                self.with_address("sendmsg", address, |address| send(Some(address)))?
            }
        };
        Ok(sent as usize)
    }

    /// Sends `buffers` to the kernel's cryptography, with the operation
    /// (`ALG_OP_*`), and where they are given the initialization vector and the
    /// length of the associated data: Python's `sendmsg_afalg`, `sendmsg(2)`.
    ///
    /// # Errors
    /// Where the socket is not of `AF_ALG`, as in Python; those of
    /// [`Socket::sendmsg`].
    pub fn sendmsg_afalg(
        &self,
        buffers: &[&[u8]],
        op: u32,
        iv: Option<&[u8]>,
        assoclen: Option<u32>,
        flags: MsgFlag,
    ) -> Result<usize> {
        const OPERATION: &str = "sendmsg_afalg";
        if self.family() != AF_ALG {
            let message = "algset is only supported for AF_ALG".to_owned();
            return Err(Error::invalid(OPERATION, message));
        }
        let mut control = vec![SentControl::AlgorithmOperation(op)];
        control.extend(iv.map(|iv| SentControl::AlgorithmInitializationVector(iv.to_vec())));
        control.extend(assoclen.map(SentControl::AlgorithmAssociatedLength));
        let data: Vec<Vec<u8>> = buffers.iter().map(|buffer| buffer.to_vec()).collect();
        let sent = wit::send(self.host(), &data, &control, &[], flags.to_send(), None);
        sent.map(|count| count as usize)
            .map_err(|code| Error::new(OPERATION, code))
    }
}

/// Sends `buffers` and the sockets and files with the numbers `fds` over a Unix
/// socket: Python's `send_fds`.
///
/// # Errors
/// Those of [`Socket::sendmsg`].
pub fn send_fds(
    sock: &Socket,
    buffers: &[&[u8]],
    fds: &[i32],
    flags: MsgFlag,
    address: Option<&dyn ToAddress>,
) -> Result<usize> {
    sock.sendmsg(
        buffers,
        &[(SOL_SOCKET, SCM_RIGHTS, words(fds))],
        flags,
        address,
    )
}

/// Receives at most `bufsize` bytes and the numbers of at most `maxfds`
/// descriptors over a Unix socket: Python's `recv_fds`. Returns the data, the
/// numbers, the flags and the sender; [`Socket::from_fileno`] makes a socket of a
/// number, [`File::from_fileno`](crate::File::from_fileno) a file.
///
/// # Errors
/// Those of [`Socket::recvmsg`].
pub fn recv_fds(
    sock: &Socket,
    bufsize: usize,
    maxfds: usize,
    flags: MsgFlag,
) -> Result<ReceivedFds> {
    let room = item_length(maxfds.saturating_mul(size_of::<i32>()));
    let (data, ancillary, told, sender) = sock.recvmsg(bufsize, room, flags)?;
    let fds = ancillary
        .iter()
        .filter(|item| (item.0, item.1) == (SOL_SOCKET, SCM_RIGHTS))
        .flat_map(|item| numbers(&item.2))
        .collect();
    Ok((data, fds, told, sender))
}

/// [`CMSG_LEN`] of what may be too long to be told.
fn item_length(length: usize) -> usize {
    sized(CMSG_LEN, length)
}

/// [`CMSG_SPACE`] of what may be too long to be told.
fn item_space(length: usize) -> usize {
    sized(CMSG_SPACE, length)
}

fn sized(size: fn(i64) -> Result<i64>, length: usize) -> usize {
    let size = i64::try_from(length)
        .ok()
        .and_then(|length| size(length).ok());
    size.and_then(|size| usize::try_from(size).ok())
        .unwrap_or(usize::MAX)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = i32> {
    bytes
        .chunks_exact(size_of::<i32>())
        .filter_map(|word| word.try_into().ok().map(i32::from_ne_bytes))
}

fn passable_of(bytes: &[u8]) -> std::result::Result<Vec<Passable>, ErrorCode> {
    if !bytes.len().is_multiple_of(size_of::<i32>()) {
        return Err(ErrorCode::InvalidArgument);
    }
    numbers(bytes).map(descriptor::lookup_passable).collect()
}

fn description_of(file: &OpenFile) -> std::result::Result<FileDescription, ErrorCode> {
    FileDescription::open(file.descriptor(), file.position())
}

fn number_of(received: ReceivedDescriptor) -> i32 {
    descriptor::insert_came(match received {
        ReceivedDescriptor::Socket(received) => {
            return descriptor::insert(Detached {
                host: Arc::new(received.socket),
                family: AddressFamily::from_wit(received.family),
                kind: SocketKind::from_wit(received.type_),
                proto: received.protocol.cast_signed(),
            });
        }
        ReceivedDescriptor::File(received) => {
            let file = OpenFile::new(received.file, received.position);
            Came::File(Arc::new(file))
        }
        ReceivedDescriptor::PipeInput(stream) => Came::Reader(PipeReader::new(stream)),
        ReceivedDescriptor::PipeOutput(stream) => Came::Writer(PipeWriter::new(stream)),
    })
}

fn flags_of(flags: MessageFlags) -> MsgFlag {
    let mut told = MsgFlag::NONE;
    for (flag, constant) in [
        (MessageFlags::END_OF_RECORD, MSG_EOR),
        (MessageFlags::TRUNCATED, MSG_TRUNC),
        (MessageFlags::CONTROL_TRUNCATED, MSG_CTRUNC),
        (MessageFlags::OUT_OF_BAND, MSG_OOB),
        (MessageFlags::ERROR_QUEUE, MSG_ERRQUEUE),
    ] {
        if flags.contains(flag) {
            told |= constant;
        }
    }
    told
}

fn words(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

/// As the kernel lays it out.
fn ancillary_of(control: &ReceivedControl) -> Ancillary {
    match control {
        ReceivedControl::Credentials(Credentials { pid, uid, gid }) => (
            SOL_SOCKET,
            SCM_CREDENTIALS,
            words(&[*pid, uid.cast_signed(), gid.cast_signed()]),
        ),
        ReceivedControl::Timestamp(arrival) => {
            let longs = [arrival.seconds, i64::from(arrival.nanoseconds)];
            (
                SOL_SOCKET,
                SCM_TIMESTAMPNS,
                longs.iter().flat_map(|long| long.to_ne_bytes()).collect(),
            )
        }
        ReceivedControl::PacketInfo(info) => {
            let (a, b, c, d) = info.destination;
            // The local address is the destination, but for broadcasts.
            let bytes = [
                info.interface_index.to_ne_bytes(),
                [a, b, c, d],
                [a, b, c, d],
            ]
            .concat();
            (IPPROTO_IP, IP_PKTINFO, bytes)
        }
        ReceivedControl::TypeOfService(value) => (IPPROTO_IP, IP_TOS, vec![*value]),
        ReceivedControl::TimeToLive(value) => (IPPROTO_IP, IP_TTL, words(&[*value])),
        ReceivedControl::Ipv6PacketInfo(info) => {
            let (a, b, c, d, e, f, g, h) = info.destination;
            let mut bytes: Vec<u8> = [a, b, c, d, e, f, g, h]
                .iter()
                .flat_map(|group| group.to_be_bytes())
                .collect();
            bytes.extend(info.interface_index.to_ne_bytes());
            (IPPROTO_IPV6, IPV6_PKTINFO, bytes)
        }
        ReceivedControl::Ipv6TrafficClass(value) => (IPPROTO_IPV6, IPV6_TCLASS, words(&[*value])),
        ReceivedControl::Ipv6HopLimit(value) => (IPPROTO_IPV6, IPV6_HOPLIMIT, words(&[*value])),
        ReceivedControl::UdpSegmentSize(value) => (IPPROTO_UDP, UDP_GRO, words(&[*value])),
        ReceivedControl::ExtendedError(error) => {
            (IPPROTO_IP, IP_RECVERR, extended_error(error, AF_INET))
        }
        ReceivedControl::Ipv6ExtendedError(error) => {
            (IPPROTO_IPV6, IPV6_RECVERR, extended_error(error, AF_INET6))
        }
    }
}

/// `struct sock_extended_err`, and after it the offender's `struct sockaddr_in`
/// or `struct sockaddr_in6`, which is all zero where it is not known.
fn extended_error(error: &ExtendedError, family: AddressFamily) -> Vec<u8> {
    let number = Errno::of(error.error).map_or(0, |errno| errno.number);
    let mut bytes = words(&[number]);
    bytes.extend([error.origin, error.type_, error.code, 0]);
    bytes.extend(words(&[error.info.cast_signed(), error.data.cast_signed()]));
    let length = bytes.len() + if family == AF_INET { 16 } else { 28 };
    let start = |family: AddressFamily, port: u16| {
        let family = (family.number() as u16).to_ne_bytes();
        [family, port.to_be_bytes()].concat()
    };
    match error.offender.clone().map(Address::from) {
        Some(Address::Inet(offender)) => {
            bytes.extend(start(AF_INET, offender.port()));
            bytes.extend(offender.ip().octets());
        }
        Some(Address::Inet6(offender)) => {
            bytes.extend(start(AF_INET6, offender.port()));
            bytes.extend(offender.flowinfo().to_be_bytes());
            bytes.extend(offender.ip().octets());
            bytes.extend(offender.scope_id().to_ne_bytes());
        }
        _ => {}
    }
    bytes.resize(length, 0);
    bytes
}

/// `None` for what the interface cannot send.
fn control_of((level, kind, data): &Ancillary) -> Option<SentControl> {
    let word = |at: usize| Some(i32::from_ne_bytes(data.get(at..at + 4)?.try_into().ok()?));
    let only = || (data.len() == 4).then(|| word(0)).flatten();
    match (*level, *kind) {
        (SOL_SOCKET, SCM_CREDENTIALS) if data.len() == 12 => {
            Some(SentControl::Credentials(Credentials {
                pid: word(0)?,
                uid: word(4)?.cast_unsigned(),
                gid: word(8)?.cast_unsigned(),
            }))
        }
        // The kernel takes a byte or an int.
        (IPPROTO_IP, IP_TOS) => match data[..] {
            [value] => Some(SentControl::TypeOfService(value)),
            _ => u8::try_from(only()?).ok().map(SentControl::TypeOfService),
        },
        (IPPROTO_IP, IP_TTL) => only().map(SentControl::TimeToLive),
        (IPPROTO_IPV6, IPV6_TCLASS) => only().map(SentControl::Ipv6TrafficClass),
        (IPPROTO_IPV6, IPV6_HOPLIMIT) => only().map(SentControl::Ipv6HopLimit),
        (IPPROTO_UDP, UDP_SEGMENT) => {
            let bytes = data[..].try_into().ok()?;
            Some(SentControl::UdpSegmentSize(u16::from_ne_bytes(bytes)))
        }
        // `struct in_pktinfo`: interface, source; the last is not used.
        (IPPROTO_IP, IP_PKTINFO) if data.len() == 12 => {
            let [a, b, c, d] = data.get(4..8)?.try_into().ok()?;
            Some(SentControl::PacketInfo(PacketSource {
                interface_index: word(0)?.cast_unsigned(),
                source: (a, b, c, d),
            }))
        }
        // `struct in6_pktinfo`: source, interface.
        (IPPROTO_IPV6, IPV6_PKTINFO) if data.len() == 20 => {
            let ip: [u8; 16] = data.get(..16)?.try_into().ok()?;
            let [a, b, c, d, e, f, g, h] = std::net::Ipv6Addr::from(ip).segments();
            Some(SentControl::Ipv6PacketInfo(Ipv6PacketSource {
                interface_index: word(16)?.cast_unsigned(),
                source: (a, b, c, d, e, f, g, h),
            }))
        }
        _ => None,
    }
}
