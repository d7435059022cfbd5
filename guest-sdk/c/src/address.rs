//! `struct sockaddr`, in Linux's layout.

use std::ffi::c_void;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

use capsock_guest::{
    AF_ALG, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_UNSPEC, AF_VSOCK, Address,
    AddressFamily, AlgAddress, NetlinkAddress, PacketAddress, ToAddress, UnixAddress, VsockAddress,
    if_indextoname, if_nametoindex,
};

use crate::embedded;
use crate::errno::{Errno, Result};
use crate::memory;

/// `socklen_t`
pub(crate) type Length = u32;

/// `sizeof(struct sockaddr_storage)`
const MOST: usize = 128;

/// An address that C hands over.
///
/// # Safety
/// `start` is null or has `length` bytes.
pub(crate) unsafe fn read(start: *const c_void, length: Length) -> Result<Address> {
    if length as usize > MOST {
        return Err(Errno::EINVAL);
    }
    // SAFETY: by this function's condition.
    parse(unsafe { memory::bytes(start, length as usize)? })
}

/// The family alone.
///
/// # Safety
/// As [`read`].
pub(crate) unsafe fn is_unspecified(start: *const c_void, length: Length) -> bool {
    // SAFETY: by this function's condition.
    let bytes = unsafe { memory::bytes(start, (length as usize).min(2)) };
    bytes.is_ok_and(|bytes| bytes.get(..2) == Some(&[0, 0][..]))
}

/// Tells an address as accept(2) and its like do: cut to the room that there
/// is, with its whole length.
///
/// # Safety
/// `start` is null or has `*length` bytes; `length` is null or a length.
pub(crate) unsafe fn write(
    start: *mut c_void,
    length: *mut Length,
    address: Option<&Address>,
) -> Result<()> {
    if start.is_null() {
        return Ok(());
    }
    // SAFETY: by this function's condition.
    let room = unsafe { memory::get(length)? } as usize;
    if room > i32::MAX as usize {
        return Err(Errno::EINVAL);
    }
    let bytes = address.map(format).unwrap_or_default();
    let cut = bytes.len().min(room);
    // SAFETY: by this function's condition.
    unsafe {
        memory::room(start, cut)?.copy_from_slice(&bytes[..cut]);
        memory::put(length, bytes.len() as Length)
    }
}

/// The sender of a message: one without a name is none, as the kernel has it.
pub(crate) fn sender(address: Option<Address>) -> Option<Address> {
    address.filter(|address| *address != Address::Unix(UnixAddress::Unnamed))
}

fn parse(bytes: &[u8]) -> Result<Address> {
    let family = field(bytes, 0)
        .map(u16::from_ne_bytes)
        .ok_or(Errno::EINVAL)?;
    let short = Errno::EINVAL;
    let be16 = |at| field(bytes, at).map(u16::from_be_bytes).ok_or(short);
    let be32 = |at| field(bytes, at).map(u32::from_be_bytes).ok_or(short);
    let ne16 = |at| field(bytes, at).map(u16::from_ne_bytes).ok_or(short);
    let ne32 = |at| field(bytes, at).map(u32::from_ne_bytes).ok_or(short);
    let family = AddressFamily::from_number(i32::from(family));
    Ok(match family {
        AF_INET if bytes.len() >= 16 => {
            let ip: [u8; 4] = field(bytes, 4).ok_or(short)?;
            Address::Inet(SocketAddrV4::new(Ipv4Addr::from(ip), be16(2)?))
        }
        // RFC 2133 had no scope id, and Linux takes what is that short.
        AF_INET6 if bytes.len() >= 24 => {
            let ip: [u8; 16] = field(bytes, 8).ok_or(short)?;
            let scope = field(bytes, 24).map(u32::from_ne_bytes).unwrap_or(0);
            let address = SocketAddrV6::new(Ipv6Addr::from(ip), be16(2)?, be32(4)?, scope);
            Address::Inet6(address)
        }
        AF_UNIX if bytes.len() <= 110 => match &bytes[2..] {
            [] => Address::Unix(UnixAddress::Unnamed),
            [0, name @ ..] => Address::Unix(UnixAddress::Abstract(name.to_vec())),
            path => {
                let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
                // The host knows no working directory of the guest.
                let path = match path {
                    [] | [b'/', ..] => path.to_vec(),
                    relative => embedded::normalised(relative).unwrap_or_default(),
                };
                Address::Unix(UnixAddress::Pathname(path))
            }
        },
        AF_NETLINK if bytes.len() >= 12 => Address::Netlink(NetlinkAddress {
            port_id: ne32(4)?,
            groups: ne32(8)?,
        }),
        AF_VSOCK if bytes.len() >= 16 => Address::Vsock(VsockAddress {
            port: ne32(4)?,
            cid: ne32(8)?,
        }),
        AF_PACKET if bytes.len() >= 12 => {
            let length = usize::from(*bytes.get(11).ok_or(short)?).min(8);
            Address::Packet(PacketAddress {
                protocol: be16(2)?,
                interface: match ne32(4)? {
                    0 => String::new(),
                    index => if_indextoname(index)?,
                },
                hardware_type: ne16(8)?,
                packet_type: *bytes.get(10).ok_or(short)?,
                hardware_address: bytes.get(12..12 + length).ok_or(short)?.to_vec(),
            })
        }
        AF_ALG if bytes.len() >= 88 => Address::Alg(AlgAddress {
            algorithm_type: text(bytes.get(2..16).unwrap_or_default())?,
            feature: ne32(16)?,
            mask: ne32(20)?,
            name: text(bytes.get(24..88).unwrap_or_default())?,
        }),
        AF_INET | AF_INET6 | AF_UNIX | AF_NETLINK | AF_VSOCK | AF_PACKET | AF_ALG => {
            return Err(short);
        }
        _ => return Err(Errno::EAFNOSUPPORT),
    })
}

/// The bytes of an address; none of a family that C does not have here.
pub(crate) fn format(address: &Address) -> Vec<u8> {
    let family = address.family().unwrap_or(AF_UNSPEC).number() as u16;
    let mut bytes = family.to_ne_bytes().to_vec();
    match address {
        Address::Inet(address) => {
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.resize(16, 0);
        }
        Address::Inet6(address) => {
            bytes.extend(address.port().to_be_bytes());
            bytes.extend(address.flowinfo().to_be_bytes());
            bytes.extend(address.ip().octets());
            bytes.extend(address.scope_id().to_ne_bytes());
        }
        Address::Unix(UnixAddress::Unnamed) => {}
        Address::Unix(UnixAddress::Pathname(path)) => {
            bytes.extend(path);
            bytes.push(0);
        }
        Address::Unix(UnixAddress::Abstract(name)) => {
            bytes.push(0);
            bytes.extend(name);
        }
        Address::Netlink(address) => {
            bytes.extend([0, 0]);
            bytes.extend(address.port_id.to_ne_bytes());
            bytes.extend(address.groups.to_ne_bytes());
        }
        Address::Vsock(address) => {
            bytes.extend([0, 0]);
            bytes.extend(address.port.to_ne_bytes());
            bytes.extend(address.cid.to_ne_bytes());
            bytes.resize(16, 0);
        }
        Address::Packet(address) => {
            let index = if_nametoindex(&address.interface).unwrap_or(0);
            bytes.extend(address.protocol.to_be_bytes());
            bytes.extend(index.to_ne_bytes());
            bytes.extend(address.hardware_type.to_ne_bytes());
            let length = address.hardware_address.len().min(8);
            bytes.extend([address.packet_type, length as u8]);
            bytes.extend(&address.hardware_address[..length]);
            bytes.resize(20, 0);
        }
        // The families that C does not have here; the kernel tells none of AF_ALG.
        _ => {}
    }
    bytes
}

/// The family of the address is the one that counts, as in C.
pub(crate) struct Given(pub(crate) Address);

impl ToAddress for Given {
    fn to_address(&self, _family: AddressFamily) -> capsock_guest::Result<Address> {
        Ok(self.0.clone())
    }
}

fn text(bytes: &[u8]) -> Result<String> {
    let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    let text = str::from_utf8(bytes).map_err(|_encoding| Errno::EINVAL)?;
    Ok(text.to_owned())
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}
