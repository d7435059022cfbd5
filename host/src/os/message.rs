//! `recvmsg(2)` and `sendmsg(2)`.
//!
//! Ancillary data is taken apart and put together here byte by byte (cmsg(3)):
//! rustix knows only descriptors and credentials.

#![allow(
    unsafe_code,
    reason = "no library has these calls with all kinds of ancillary data"
)]

use std::io::IoSlice;
use std::mem::{MaybeUninit, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags, SocketAddrAny};

use super::option::end_linger;
use super::recorder::Call;
use super::sockaddr::decode;
use super::socket::peer;
use super::{Credentials, UnixDirectories};
use crate::policy::Vetted;
use crate::policy::operation::{Bind, Operation};
use crate::{Address, Errno};

/// Ancillary data that comes with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReceivedControl {
    Credentials(Credentials),
    Timestamp {
        seconds: i64,
        nanoseconds: u32,
    },
    PacketInfo {
        interface_index: u32,
        destination: Ipv4Addr,
    },
    TypeOfService(u8),
    TimeToLive(i32),
    Ipv6PacketInfo {
        interface_index: u32,
        destination: Ipv6Addr,
    },
    Ipv6TrafficClass(i32),
    Ipv6HopLimit(i32),
    UdpSegmentSize(i32),
    ExtendedError(ExtendedError),
    Ipv6ExtendedError(ExtendedError),
}

/// `struct sock_extended_err`, and the address that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ExtendedError {
    pub(crate) error: Errno,
    pub(crate) origin: u8,
    pub(crate) kind: u8,
    pub(crate) code: u8,
    pub(crate) info: u32,
    pub(crate) data: u32,
    pub(crate) offender: Option<SocketAddr>,
}

/// Ancillary data to send, with source addresses in the form of `Source`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SentControl<Source> {
    Credentials(Credentials),
    TypeOfService(u8),
    TimeToLive(i32),
    Ipv6TrafficClass(i32),
    Ipv6HopLimit(i32),
    UdpSegmentSize(u16),
    AlgorithmOperation(u32),
    AlgorithmInitializationVector(Vec<u8>),
    AlgorithmAssociatedLength(u32),
    PacketInfo {
        interface_index: u32,
        source: Option<Source>,
    },
    Ipv6PacketInfo {
        interface_index: u32,
        source: Option<Source>,
    },
}

/// A message that was received.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) data: Vec<u8>,
    /// With `MSG_TRUNC` it may be more than is in `data`.
    pub(crate) length: usize,
    pub(crate) control: Vec<ReceivedControl>,
    pub(crate) descriptors: Vec<OwnedFd>,
    pub(crate) flags: MessageFlags,
    pub(crate) sender: Option<Address>,
}

impl Message {
    /// Who sent it, where the socket asks for that.
    pub(crate) fn credentials(&self) -> Option<&ReceivedControl> {
        let mut control = self.control.iter();
        control.find(|item| matches!(item, ReceivedControl::Credentials(_)))
    }

    /// Takes up what comes after it in a stream. The kernel tells the ancillary
    /// data of the last piece, too.
    pub(crate) fn extend(&mut self, next: Self) {
        self.data.extend(next.data);
        self.length += next.length;
        if !next.control.is_empty() {
            self.control = next.control;
        }
        self.descriptors.extend(next.descriptors);
        self.flags.control_truncated |= next.flags.control_truncated;
    }
}

/// `msg_flags`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct MessageFlags {
    pub(crate) end_of_record: bool,
    pub(crate) truncated: bool,
    pub(crate) control_truncated: bool,
    pub(crate) out_of_band: bool,
    pub(crate) error_queue: bool,
}

/// Room for every kind at once, and a message's 253 descriptors (unix(7)), so
/// that none of them stays open unseen.
const CONTROL: usize = 2048;

/// The control buffer, aligned as `struct cmsghdr` is.
#[repr(C, align(8))]
struct Control([u8; CONTROL]);

/// `recvmsg(2)` of at most `length` bytes.
pub(crate) fn receive(
    fd: BorrowedFd<'_>,
    length: usize,
    flags: RecvFlags,
) -> Result<Message, Errno> {
    let mut data: Vec<u8> = Vec::with_capacity(length);
    let mut control = Control([0; CONTROL]);
    let mut name = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut part = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: length,
    };
    // SAFETY: all zero is a valid `msghdr`: null pointers of no length.
    let mut header: libc::msghdr = unsafe { zeroed() };
    header.msg_name = name.as_mut_ptr().cast();
    header.msg_namelen = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = CONTROL;
    let discards = flags.contains(RecvFlags::TRUNC);
    if discards {
        // A TCP socket then counts bytes that it does not write (tcp(7)).
        data.resize(length, 0);
    }
    // SAFETY: each pointer of the header leads to as many bytes as it says.
    let count = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags.bits() as i32) };
    let count = usize::try_from(count).map_err(|_negative| std::io::Error::last_os_error())?;
    if discards {
        data.truncate(count);
    } else {
        // SAFETY: the kernel wrote `count` bytes, of the `length` that there is
        // room for.
        unsafe { data.set_len(count.min(length)) };
    }
    let items = items(control.0.get(..header.msg_controllen).unwrap_or_default());
    let descriptors = descriptors(&items);
    let has = |flag: i32| header.msg_flags & flag != 0;
    Ok(Message {
        data,
        length: count,
        control: items.into_iter().filter_map(received).collect(),
        descriptors,
        flags: MessageFlags {
            end_of_record: has(libc::MSG_EOR),
            truncated: has(libc::MSG_TRUNC),
            control_truncated: has(libc::MSG_CTRUNC),
            out_of_band: has(libc::MSG_OOB),
            error_queue: has(libc::MSG_ERRQUEUE),
        },
        sender: match header.msg_namelen {
            0 => None,
            // SAFETY: the kernel wrote an address of that length, of the storage
            // that it was given.
            length => Some(decode(unsafe {
                SocketAddrAny::read(name.as_ptr().cast(), length)
            })?),
        },
    })
}

/// `sendmsg(2)`
pub(crate) fn send<O: Operation>(
    fd: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    control: &[SentControl<Vetted<Bind>>],
    descriptors: &[BorrowedFd<'_>],
    flags: SendFlags,
    remote: Option<&Vetted<O>>,
    directories: &UnixDirectories,
) -> Result<usize, Errno> {
    let mut bytes: Vec<u8> = control.iter().flat_map(SentControl::encode).collect();
    if !descriptors.is_empty() {
        let numbers: Vec<i32> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
        bytes.extend(item(libc::SOL_SOCKET, libc::SCM_RIGHTS, &words(&numbers)));
    }
    let remote = remote.map(|remote| peer(remote, directories)).transpose()?;
    let name = remote.as_ref().map(|remote| remote.given_to(Call::Send));
    let name = name.transpose()?;
    // SAFETY: all zero is a valid `msghdr`: null pointers of no length.
    let mut header: libc::msghdr = unsafe { zeroed() };
    if let Some(name) = &name {
        header.msg_name = name.as_ptr().cast_mut().cast();
        header.msg_namelen = name.addr_len();
    }
    // `IoSlice` is laid out as `struct iovec`; the kernel only reads it.
    header.msg_iov = parts.as_ptr().cast_mut().cast();
    header.msg_iovlen = parts.len();
    if !bytes.is_empty() {
        header.msg_control = bytes.as_mut_ptr().cast();
        header.msg_controllen = bytes.len();
    }
    let flags = flags | SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    // SAFETY: each pointer of the header leads to as many bytes as it says.
    retry(|| unsafe { libc::sendmsg(fd.as_raw_fd(), &raw const header, flags.bits() as i32) })
}

fn retry(mut call: impl FnMut() -> isize) -> Result<usize, Errno> {
    loop {
        match usize::try_from(call()) {
            Ok(count) => return Ok(count),
            Err(_negative) => match Errno::from(std::io::Error::last_os_error()) {
                Errno::Interrupted => {}
                errno => return Err(errno),
            },
        }
    }
}

/// One `struct cmsghdr` and its data.
#[derive(Debug, PartialEq, Eq)]
struct Item<'a> {
    level: i32,
    kind: i32,
    data: &'a [u8],
}

const HEADER: usize = size_of::<libc::cmsghdr>();

/// Items start at multiples of the size of a `size_t` (cmsg(3)).
fn aligned(length: usize) -> usize {
    length.next_multiple_of(size_of::<usize>())
}

/// Takes a control buffer apart. What is cut or makes no sense ends it.
fn items(mut bytes: &[u8]) -> Vec<Item<'_>> {
    let mut items = Vec::new();
    while let Some((header, _)) = bytes.split_at_checked(HEADER) {
        let (length, rest) = header.split_at(size_of::<usize>());
        let (level, kind) = rest.split_at(size_of::<i32>());
        let (Some(length), Some(level), Some(kind)) = (
            length.try_into().ok().map(usize::from_ne_bytes),
            integer(level),
            integer(kind),
        ) else {
            break;
        };
        let Some(data) = bytes.get(HEADER..length) else {
            break;
        };
        items.push(Item { level, kind, data });
        bytes = bytes.get(aligned(length)..).unwrap_or_default();
    }
    items
}

/// A descriptor of the sending process. It comes unasked to a socket that was
/// itself received, if its sender set `SO_PASSPIDFD`.
const SCM_PIDFD: i32 = 4;

/// Takes hold of the descriptors that came, so that each is closed whatever
/// happens.
fn descriptors(items: &[Item<'_>]) -> Vec<OwnedFd> {
    items
        .iter()
        .filter(|item| {
            item.level == libc::SOL_SOCKET && matches!(item.kind, libc::SCM_RIGHTS | SCM_PIDFD)
        })
        .flat_map(|item| item.data.chunks_exact(size_of::<i32>()).filter_map(integer))
        // In place of a pidfd there may be an errno.
        .filter(|raw| *raw >= 0)
        // SAFETY: the kernel has just made this descriptor for this process, and
        // nobody else knows of it.
        .map(|raw| unsafe { OwnedFd::from_raw_fd(raw) })
        // Those that nobody takes are closed.
        .inspect(|fd| end_linger(fd.as_fd()))
        .collect()
}

/// `None` for what this version does not know.
fn received(item: Item<'_>) -> Option<ReceivedControl> {
    let word = |at: usize| integer(item.data.get(at..at + 4)?);
    let unsigned = |at: usize| word(at).map(i32::cast_unsigned);
    Some(match (item.level, item.kind) {
        (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => ReceivedControl::Credentials(Credentials {
            pid: word(0)?,
            uid: unsigned(4)?,
            gid: unsigned(8)?,
        }),
        (libc::SOL_SOCKET, libc::SO_TIMESTAMPNS) => {
            let long = |at: usize| {
                item.data
                    .get(at..at + 8)?
                    .try_into()
                    .ok()
                    .map(i64::from_ne_bytes)
            };
            ReceivedControl::Timestamp {
                seconds: long(0)?,
                nanoseconds: u32::try_from(long(8)?).ok()?,
            }
        }
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // `struct in_pktinfo`: interface, local address, destination.
            let destination: [u8; 4] = item.data.get(8..12)?.try_into().ok()?;
            ReceivedControl::PacketInfo {
                interface_index: unsigned(0)?,
                destination: destination.into(),
            }
        }
        (libc::IPPROTO_IP, libc::IP_TOS) => ReceivedControl::TypeOfService(*item.data.first()?),
        (libc::IPPROTO_IP, libc::IP_TTL) => ReceivedControl::TimeToLive(word(0)?),
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            // `struct in6_pktinfo`: destination, interface.
            let destination: [u8; 16] = item.data.get(..16)?.try_into().ok()?;
            ReceivedControl::Ipv6PacketInfo {
                interface_index: unsigned(16)?,
                destination: destination.into(),
            }
        }
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => ReceivedControl::Ipv6TrafficClass(word(0)?),
        (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => ReceivedControl::Ipv6HopLimit(word(0)?),
        (libc::IPPROTO_UDP, libc::UDP_GRO) => ReceivedControl::UdpSegmentSize(word(0)?),
        (libc::IPPROTO_IP, libc::IP_RECVERR) => {
            ReceivedControl::ExtendedError(extended_error(item.data)?)
        }
        (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
            ReceivedControl::Ipv6ExtendedError(extended_error(item.data)?)
        }
        _ => return None,
    })
}

/// `struct sock_extended_err`, and after its 16 bytes a `struct sockaddr_in` or
/// `struct sockaddr_in6`.
fn extended_error(data: &[u8]) -> Option<ExtendedError> {
    let (error, offender) = data.split_at_checked(16)?;
    let unsigned = |at: usize| integer(error.get(at..at + 4)?).map(i32::cast_unsigned);
    Some(ExtendedError {
        error: Errno::from_raw(integer(error.get(..4)?)?),
        origin: *error.get(4)?,
        kind: *error.get(5)?,
        code: *error.get(6)?,
        info: unsigned(8)?,
        data: unsigned(12)?,
        offender: offender_address(offender),
    })
}

/// `None` where the kernel does not know it: the family is `AF_UNSPEC` then.
fn offender_address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match i32::from(family) {
        libc::AF_INET => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some(SocketAddrV4::new(ip.into(), port).into())
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            let scope = integer(bytes.get(24..28)?)?.cast_unsigned();
            Some(SocketAddrV6::new(ip.into(), port, 0, scope).into())
        }
        _ => None,
    }
}

impl SentControl<Vetted<Bind>> {
    fn encode(&self) -> Vec<u8> {
        let (level, kind, data) = match *self {
            Self::Credentials(Credentials { pid, uid, gid }) => (
                libc::SOL_SOCKET,
                libc::SCM_CREDENTIALS,
                words(&[pid, uid.cast_signed(), gid.cast_signed()]),
            ),
            Self::TypeOfService(value) => (libc::IPPROTO_IP, libc::IP_TOS, words(&[value.into()])),
            Self::TimeToLive(value) => (libc::IPPROTO_IP, libc::IP_TTL, words(&[value])),
            Self::Ipv6TrafficClass(value) => {
                (libc::IPPROTO_IPV6, libc::IPV6_TCLASS, words(&[value]))
            }
            Self::Ipv6HopLimit(value) => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, words(&[value])),
            Self::UdpSegmentSize(value) => (
                libc::IPPROTO_UDP,
                libc::UDP_SEGMENT,
                value.to_ne_bytes().to_vec(),
            ),
            Self::AlgorithmOperation(value) => (
                libc::SOL_ALG,
                libc::ALG_SET_OP,
                value.to_ne_bytes().to_vec(),
            ),
            Self::AlgorithmInitializationVector(ref vector) => {
                // `struct af_alg_iv`: the length and the bytes.
                let length = u32::try_from(vector.len()).unwrap_or(u32::MAX);
                let data = [&length.to_ne_bytes()[..], vector].concat();
                (libc::SOL_ALG, libc::ALG_SET_IV, data)
            }
            Self::AlgorithmAssociatedLength(value) => (
                libc::SOL_ALG,
                libc::ALG_SET_AEAD_ASSOCLEN,
                value.to_ne_bytes().to_vec(),
            ),
            Self::PacketInfo {
                interface_index,
                ref source,
            } => {
                let source = match source.as_ref().map(Vetted::address) {
                    Some(Address::Inet(source)) => *source.ip(),
                    _ => Ipv4Addr::UNSPECIFIED,
                };
                // `struct in_pktinfo`: interface, source; the last is not used.
                let mut data = interface_index.to_ne_bytes().to_vec();
                data.extend(source.octets());
                data.extend([0; 4]);
                (libc::IPPROTO_IP, libc::IP_PKTINFO, data)
            }
            Self::Ipv6PacketInfo {
                interface_index,
                ref source,
            } => {
                let source = match source.as_ref().map(Vetted::address) {
                    Some(Address::Inet6(source)) => *source.ip(),
                    _ => Ipv6Addr::UNSPECIFIED,
                };
                let mut data = source.octets().to_vec();
                data.extend(interface_index.to_ne_bytes());
                (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, data)
            }
        };
        item(level, kind, &data)
    }
}

/// A `struct cmsghdr` with its data and padding.
fn item(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
    let length = HEADER + data.len();
    let mut item = length.to_ne_bytes().to_vec();
    item.extend(words(&[level, kind]));
    item.extend(data);
    item.resize(aligned(length), 0);
    item
}

fn words(words: &[i32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn integer(bytes: &[u8]) -> Option<i32> {
    bytes.try_into().ok().map(i32::from_ne_bytes)
}

/// Takes a control buffer apart, puts it together again, and does the same with
/// ancillary data that is made of its words.
///
/// # Panics
/// Where something is lost on the way.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn round_trip_control(bytes: &[u8]) {
    let taken = items(bytes);
    let put: Vec<u8> = taken
        .iter()
        .flat_map(|part| item(part.level, part.kind, part.data))
        .collect();
    assert_eq!(items(&put), taken);
    for item in taken {
        // Of descriptors nothing is made: these are none.
        _ = received(item);
    }
    let word = |at: usize| bytes.get(at..at + 4).and_then(integer);
    let (Some(one), Some(two), Some(three)) = (word(0), word(4), word(8)) else {
        return;
    };
    let credentials = Credentials {
        pid: one,
        uid: two.cast_unsigned(),
        gid: three.cast_unsigned(),
    };
    for (sent, expected) in [
        (
            SentControl::Credentials(credentials),
            ReceivedControl::Credentials(credentials),
        ),
        (
            SentControl::TimeToLive(one),
            ReceivedControl::TimeToLive(one),
        ),
        (
            SentControl::Ipv6TrafficClass(two),
            ReceivedControl::Ipv6TrafficClass(two),
        ),
        (
            SentControl::Ipv6HopLimit(three),
            ReceivedControl::Ipv6HopLimit(three),
        ),
    ] {
        let bytes = sent.encode();
        let items = items(&bytes);
        let parsed: Vec<_> = items.into_iter().filter_map(received).collect();
        assert_eq!(parsed, [expected]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The C library's macros see the same in what is put together here.
    #[test]
    fn control_data_has_the_layout_of_c() {
        let sent = [
            SentControl::TypeOfService(4),
            SentControl::UdpSegmentSize(9),
            SentControl::AlgorithmOperation(1),
            SentControl::AlgorithmInitializationVector(vec![6; 16]),
            SentControl::AlgorithmAssociatedLength(5),
            SentControl::TimeToLive(7),
        ];
        let mut bytes: Vec<u8> = sent.iter().flat_map(SentControl::encode).collect();
        // SAFETY: all zero is a valid `msghdr`.
        let mut header: libc::msghdr = unsafe { zeroed() };
        header.msg_control = bytes.as_mut_ptr().cast();
        header.msg_controllen = bytes.len();
        let mut seen = Vec::new();
        // SAFETY: the header describes `bytes`, which outlives the walk.
        unsafe {
            let mut item = libc::CMSG_FIRSTHDR(&raw const header);
            while !item.is_null() {
                let data = *libc::CMSG_DATA(item);
                seen.push((
                    (*item).cmsg_level,
                    (*item).cmsg_type,
                    (*item).cmsg_len,
                    data,
                ));
                item = libc::CMSG_NXTHDR(&raw const header, item);
            }
        }
        assert_eq!(
            seen,
            [
                (libc::IPPROTO_IP, libc::IP_TOS, 20, 4),
                (libc::IPPROTO_UDP, libc::UDP_SEGMENT, 18, 9),
                (libc::SOL_ALG, libc::ALG_SET_OP, 20, 1),
                (libc::SOL_ALG, libc::ALG_SET_IV, 36, 16),
                (libc::SOL_ALG, libc::ALG_SET_AEAD_ASSOCLEN, 20, 5),
                (libc::IPPROTO_IP, libc::IP_TTL, 20, 7),
            ]
        );
        let parsed: Vec<_> = items(&bytes)
            .into_iter()
            .map(|item| (item.level, item.kind, item.data.len()))
            .collect();
        assert_eq!(
            parsed,
            [
                (libc::IPPROTO_IP, libc::IP_TOS, 4),
                (libc::IPPROTO_UDP, libc::UDP_SEGMENT, 2),
                (libc::SOL_ALG, libc::ALG_SET_OP, 4),
                (libc::SOL_ALG, libc::ALG_SET_IV, 20),
                (libc::SOL_ALG, libc::ALG_SET_AEAD_ASSOCLEN, 4),
                (libc::IPPROTO_IP, libc::IP_TTL, 4),
            ]
        );
    }

    proptest! {
        #[test]
        fn any_control_buffer_is_taken_apart(bytes in proptest::collection::vec(any::<u8>(), 0..200), length in 0usize..64) {
            let mut bytes = bytes;
            if let Some(field) = bytes.first_chunk_mut() {
                *field = length.to_ne_bytes();
            }
            let items = items(&bytes);
            prop_assert!(items.iter().map(|item| item.data.len() + HEADER).sum::<usize>() <= bytes.len());
            for item in items {
                _ = received(item);
            }
        }
    }
}
