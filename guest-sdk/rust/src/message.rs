//! `recvmsg` and `sendmsg`, with ancillary data in the form of Python and C:
//! level, type and bytes.

use crate::address::{Address, ToAddress};
use crate::bindings::messages::{self as wit, MessageFlags, ReceivedControl, SentControl};
use crate::bindings::options::Credentials;
use crate::bindings::types::ErrorCode;
use crate::constants::{MSG_CTRUNC, MSG_EOR, MSG_OOB, MSG_TRUNC, MsgFlag};
use crate::convert::CMSG_SPACE;
use crate::error::{Error, Result};
use crate::numbers::{
    IP_TOS, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP, IPV6_HOPLIMIT, IPV6_PKTINFO,
    IPV6_TCLASS, SCM_CREDENTIALS, SOL_SOCKET,
};
use crate::socket::{Socket, wit_length};

// Not in Python's module.
const IP_PKTINFO: i32 = 8;
const SCM_TIMESTAMPNS: i32 = 35;
const UDP_GRO: i32 = 104;
const UDP_SEGMENT: i32 = 103;

/// One item of ancillary data: level, type and bytes, as cmsg(3) has them.
pub type Ancillary = (i32, i32, Vec<u8>);

/// What `recvmsg` returns: data, ancillary data, flags, and the sender.
pub type ReceivedMessage = (Vec<u8>, Vec<Ancillary>, MsgFlag, Option<Address>);

impl Socket {
    /// Receives at most `bufsize` bytes, and ancillary data that fits
    /// `ancbufsize` bytes ([`CMSG_SPACE`] of each item): `recvmsg(2)`.
    ///
    /// # Errors
    /// Those of [`Socket::recv`].
    pub fn recvmsg(
        &self,
        bufsize: usize,
        ancbufsize: usize,
        flags: MsgFlag,
    ) -> Result<ReceivedMessage> {
        let received = wit::receive(self.host(), wit_length(bufsize), flags.to_receive());
        let message = received.map_err(|code| Error::new("recvmsg", code))?;
        let mut told = flags_of(message.flags);
        let mut room = ancbufsize;
        let mut ancillary = Vec::new();
        for item in message.control.iter().map(ancillary_of) {
            let space = i64::try_from(item.2.len())
                .ok()
                .and_then(|length| CMSG_SPACE(length).ok());
            let space = space
                .and_then(|space| usize::try_from(space).ok())
                .unwrap_or(usize::MAX);
            match room.checked_sub(space) {
                Some(rest) => room = rest,
                None => {
                    told |= MSG_CTRUNC;
                    break;
                }
            }
            ancillary.push(item);
        }
        Ok((
            message.data,
            ancillary,
            told,
            message.sender.map(Address::from),
        ))
    }

    /// Receives into `buffers`, one after the other, and returns the number of
    /// bytes: `recvmsg(2)`.
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
        let (data, ancillary, told, sender) = self.recvmsg(length, ancbufsize, flags)?;
        let mut rest = &data[..];
        for buffer in buffers {
            let (part, after) = rest.split_at(rest.len().min(buffer.len()));
            buffer[..part.len()].copy_from_slice(part);
            rest = after;
        }
        Ok((data.len(), ancillary, told, sender))
    }

    /// Sends `buffers` as one message, with ancillary data, to `address` or to
    /// the connected peer: `sendmsg(2)`. Returns the number of bytes.
    ///
    /// # Errors
    /// Those of [`Socket::send`] and [`Socket::sendto`]; `EINVAL` for ancillary
    /// data that is not known, or has the wrong size.
    pub fn sendmsg(
        &self,
        buffers: &[&[u8]],
        ancdata: &[Ancillary],
        flags: MsgFlag,
        address: Option<&dyn ToAddress>,
    ) -> Result<usize> {
        let failed = |code| Error::new("sendmsg", code);
        let data: Vec<Vec<u8>> = buffers.iter().map(|buffer| buffer.to_vec()).collect();
        let control: Option<Vec<SentControl>> = ancdata.iter().map(control_of).collect();
        let control = control.ok_or(failed(ErrorCode::InvalidArgument))?;
        let send = |remote: Option<&crate::bindings::types::Address>| {
            wit::send(self.host(), &data, &control, flags.to_send(), remote)
        };
        let sent = match address {
            None => send(None).map_err(failed)?,
            Some(address) => {
                self.with_address("sendmsg", address, |address| send(Some(address)))?
            }
        };
        Ok(sent as usize)
    }
}

fn flags_of(flags: MessageFlags) -> MsgFlag {
    let mut told = MsgFlag::NONE;
    for (flag, constant) in [
        (MessageFlags::END_OF_RECORD, MSG_EOR),
        (MessageFlags::TRUNCATED, MSG_TRUNC),
        (MessageFlags::CONTROL_TRUNCATED, MSG_CTRUNC),
        (MessageFlags::OUT_OF_BAND, MSG_OOB),
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
    }
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
        _ => None,
    }
}
