//! Socket addresses in the kernel's layout, byte by byte.
//!
//! rustix and libc know only some of these families. A unit test compares each
//! with what the C compiler makes of the kernel's headers.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::net::addr::SocketAddrArg;
use rustix::net::{SocketAddrAny, SocketAddrUnix};

use super::interfaces::{index_or_any, name_or_any};
use crate::{
    Address, AlgAddress, BluetoothAddress, BluetoothDevice, CanAddress, CanProtocolAddress, Errno,
    NetlinkAddress, PacketAddress, TipcAddress, TipcTarget, UnixAddress, VsockAddress,
};

// Not in the libc crate: linux/socket.h, linux/tipc.h.
const AF_RDS: u16 = 21;
const AF_BLUETOOTH: u16 = 31;
const AF_TIPC: u16 = 30;
const AF_NETLINK: u16 = libc::AF_NETLINK as u16;
const AF_VSOCK: u16 = libc::AF_VSOCK as u16;
const AF_PACKET: u16 = libc::AF_PACKET as u16;
const AF_CAN: u16 = libc::AF_CAN as u16;
const AF_ALG: u16 = libc::AF_ALG as u16;
const AF_INET: u16 = libc::AF_INET as u16;
const AF_INET6: u16 = libc::AF_INET6 as u16;
const AF_UNIX: u16 = libc::AF_UNIX as u16;
const AF_UNSPEC: u16 = libc::AF_UNSPEC as u16;

const TIPC_ADDR_NAMESEQ: u8 = 1;
const TIPC_ADDR_NAME: u8 = 2;
const TIPC_ADDR_ID: u8 = 3;

/// The sizes of `struct sockaddr_l2`, `_rc`, `_hci` and `_sco`, by which the
/// kernel's answers are told apart.
const L2CAP: usize = 14;
const RFCOMM: usize = 10;
const HCI: usize = 6;
const SCO: usize = 8;

/// An address for the kernel.
pub(super) enum Form<'a> {
    Whole(SocketAddrAny),
    /// Given to the kernel only with what keeps links in it from being followed.
    Path(&'a Path),
}

/// How the kernel is given an address.
///
/// # Errors
/// [`Errno::NoDevice`] where a network interface does not exist;
/// [`Errno::NotSupported`] for families of other kernels.
pub(super) fn encode(address: &Address) -> Result<Form<'_>, Errno> {
    let bytes = match address {
        Address::Inet(address) => return Ok(Form::Whole(address.as_any())),
        Address::Inet6(address) => return Ok(Form::Whole(address.as_any())),
        Address::Unix(UnixAddress::Unnamed) => {
            return Ok(Form::Whole(SocketAddrUnix::new_unnamed().as_any()));
        }
        Address::Unix(UnixAddress::Abstract(name)) => {
            return Ok(Form::Whole(
                SocketAddrUnix::new_abstract_name(name)?.as_any(),
            ));
        }
        Address::Unix(UnixAddress::Pathname(path)) => return Ok(Form::Path(path)),
        Address::Netlink(address) => netlink(address),
        Address::Vsock(address) => vsock(address),
        Address::Packet(address) => packet(address, index_or_any(&address.interface)?),
        Address::Can(address) => can(address, index_or_any(&address.interface)?),
        Address::Tipc(address) => tipc(address),
        Address::Bluetooth(address) => bluetooth(address),
        Address::Alg(address) => alg(address),
        Address::Rds(address) => rds(address),
        Address::SystemControl | Address::Link => return Err(Errno::NotSupported),
    };
    Ok(Form::Whole(from_bytes(&bytes)))
}

/// A path for the kernel, with a NUL only if there is room for it: unix(7).
///
/// # Errors
/// [`Errno::NameTooLong`]
pub(super) fn path_address(path: &Path) -> Result<SocketAddrAny, Errno> {
    let path = path.as_os_str().as_bytes();
    if path.len() > UnixAddress::LONGEST_PATH {
        return Err(Errno::NameTooLong);
    }
    Ok(from_bytes(&Writer::new(AF_UNIX).bytes(path).0))
}

/// What the kernel tells.
///
/// # Errors
/// [`Errno::Other`] for a family that is not known here, or bytes that are too
/// few for it.
pub(super) fn decode(address: SocketAddrAny) -> Result<Address, Errno> {
    let bytes = as_bytes(&address);
    let family = bytes.get(..2).and_then(|family| family.try_into().ok());
    match family.map_or(AF_UNSPEC, u16::from_ne_bytes) {
        // rustix panics at fewer bytes than the structures have.
        AF_INET if bytes.len() >= size_of::<libc::sockaddr_in>() => {
            Ok(Address::from(SocketAddr::try_from(address)?))
        }
        AF_INET6 if bytes.len() >= size_of::<libc::sockaddr_in6>() => {
            Ok(Address::from(SocketAddr::try_from(address)?))
        }
        // Not by rustix's `SocketAddrUnix`: it takes an unnamed address for an
        // abstract one, and panics at a path that fills `sun_path`.
        AF_UNIX => Ok(Address::Unix(unix(bytes.get(2..).unwrap_or_default()))),
        family => special(family, bytes)?.ok_or(Errno::Other),
    }
}

fn unix(name: &[u8]) -> UnixAddress {
    match name {
        [] => UnixAddress::Unnamed,
        [0, name @ ..] => UnixAddress::Abstract(name.to_vec()),
        path => {
            let path = path.split(|byte| *byte == 0).next().unwrap_or_default();
            UnixAddress::Pathname(OsStr::from_bytes(path).into())
        }
    }
}

fn special(family: u16, bytes: &[u8]) -> Result<Option<Address>, Errno> {
    let read = Reader(bytes);
    Ok(match family {
        AF_NETLINK => read_netlink(read),
        AF_VSOCK => read_vsock(read),
        AF_PACKET => match read.u32(4) {
            Some(index) => read_packet(read, name_or_any(index)),
            None => None,
        },
        AF_CAN => match read.u32(4) {
            Some(index) => read_can(read, name_or_any(index)),
            None => None,
        },
        AF_TIPC => read_tipc(read),
        AF_BLUETOOTH => read_bluetooth(read),
        AF_ALG => read_alg(read),
        AF_RDS => read_rds(read),
        _ => None,
    })
}

fn netlink(address: &NetlinkAddress) -> Vec<u8> {
    Writer::new(AF_NETLINK)
        .u16(0)
        .u32(address.port_id)
        .u32(address.groups)
        .0
}

fn read_netlink(read: Reader<'_>) -> Option<Address> {
    Some(Address::Netlink(NetlinkAddress {
        port_id: read.u32(4)?,
        groups: read.u32(8)?,
    }))
}

fn vsock(address: &VsockAddress) -> Vec<u8> {
    // The port comes first; flags and padding to the size of `struct sockaddr`.
    Writer::new(AF_VSOCK)
        .u16(0)
        .u32(address.port)
        .u32(address.cid)
        .u32(0)
        .0
}

fn read_vsock(read: Reader<'_>) -> Option<Address> {
    Some(Address::Vsock(VsockAddress {
        port: read.u32(4)?,
        cid: read.u32(8)?,
    }))
}

fn packet(address: &PacketAddress, index: u32) -> Vec<u8> {
    let mut hardware = address.hardware_address.clone();
    let length = u8::try_from(hardware.len()).unwrap_or(u8::MAX);
    hardware.resize(8, 0);
    Writer::new(AF_PACKET)
        .network_u16(address.protocol)
        .u32(index)
        .u16(address.hardware_type)
        .u8(address.packet_type)
        .u8(length)
        .bytes(&hardware)
        .0
}

fn read_packet(read: Reader<'_>, interface: String) -> Option<Address> {
    let length = usize::from(read.u8(11)?);
    Some(Address::Packet(PacketAddress {
        interface,
        protocol: read.network_u16(2)?,
        hardware_type: read.u16(8)?,
        packet_type: read.u8(10)?,
        // Longer ones, such as Infiniband's, go on after the structure.
        hardware_address: read
            .0
            .get(12..)?
            .iter()
            .copied()
            .take(length.min(8))
            .collect(),
    }))
}

fn can(address: &CanAddress, index: u32) -> Vec<u8> {
    let writer = Writer::new(AF_CAN).u16(0).u32(index);
    match address.protocol {
        CanProtocolAddress::None => writer.u64(0).u64(0),
        CanProtocolAddress::Isotp {
            receive_id,
            transmit_id,
        } => writer.u32(receive_id).u32(transmit_id),
        CanProtocolAddress::J1939 {
            name,
            parameter_group_number,
            address,
        } => writer
            .u64(name)
            .u32(parameter_group_number)
            .u8(address)
            .bytes(&[0; 3]),
    }
    .0
}

/// Each protocol tells as much as it has; one that has no more fills with zeros.
fn read_can(read: Reader<'_>, interface: String) -> Option<Address> {
    let rest = read.0.get(8..)?;
    let has_any_of = |length: usize| rest.iter().take(length).any(|byte| *byte != 0);
    let protocol = match rest.len() {
        16.. if has_any_of(13) => CanProtocolAddress::J1939 {
            name: read.u64(8)?,
            parameter_group_number: read.u32(16)?,
            address: read.u8(20)?,
        },
        8..16 if has_any_of(8) => CanProtocolAddress::Isotp {
            receive_id: read.u32(8)?,
            transmit_id: read.u32(12)?,
        },
        _ => CanProtocolAddress::None,
    };
    Some(Address::Can(CanAddress {
        interface,
        protocol,
    }))
}

fn tipc(address: &TipcAddress) -> Vec<u8> {
    let form = |form| {
        Writer::new(AF_TIPC)
            .u8(form)
            .u8(address.scope.cast_unsigned())
    };
    match address.target {
        TipcTarget::NameSequence {
            service_type,
            lower,
            upper,
        } => form(TIPC_ADDR_NAMESEQ)
            .u32(service_type)
            .u32(lower)
            .u32(upper),
        TipcTarget::Name {
            service_type,
            instance,
            domain,
        } => form(TIPC_ADDR_NAME)
            .u32(service_type)
            .u32(instance)
            .u32(domain),
        TipcTarget::Id { reference, node } => form(TIPC_ADDR_ID).u32(reference).u32(node).u32(0),
    }
    .0
}

fn read_tipc(read: Reader<'_>) -> Option<Address> {
    let (first, second, third) = (read.u32(4)?, read.u32(8)?, read.u32(12)?);
    let target = match read.u8(2)? {
        TIPC_ADDR_NAMESEQ => TipcTarget::NameSequence {
            service_type: first,
            lower: second,
            upper: third,
        },
        TIPC_ADDR_NAME => TipcTarget::Name {
            service_type: first,
            instance: second,
            domain: third,
        },
        TIPC_ADDR_ID => TipcTarget::Id {
            reference: first,
            node: second,
        },
        _ => return None,
    };
    Some(Address::Tipc(TipcAddress {
        target,
        scope: read.u8(3)?.cast_signed(),
    }))
}

fn bluetooth(address: &BluetoothAddress) -> Vec<u8> {
    let start = Writer::new(AF_BLUETOOTH);
    match address {
        BluetoothAddress::L2cap {
            device,
            psm,
            cid,
            device_type,
        } => start
            .little_u16(*psm)
            .device(*device)
            .little_u16(*cid)
            .u8(*device_type)
            .u8(0),
        BluetoothAddress::Rfcomm { device, channel } => start.device(*device).u8(*channel).u8(0),
        BluetoothAddress::Hci { device_id, channel } => start.u16(*device_id).u16(*channel),
        BluetoothAddress::Sco(device) => start.device(*device),
    }
    .0
}

fn read_bluetooth(read: Reader<'_>) -> Option<Address> {
    Some(Address::Bluetooth(match read.0.len() {
        L2CAP => BluetoothAddress::L2cap {
            device: read.device(4)?,
            psm: read.little_u16(2)?,
            cid: read.little_u16(10)?,
            device_type: read.u8(12)?,
        },
        RFCOMM => BluetoothAddress::Rfcomm {
            device: read.device(2)?,
            channel: read.u8(8)?,
        },
        HCI => BluetoothAddress::Hci {
            device_id: read.u16(2)?,
            channel: read.u16(4)?,
        },
        SCO => BluetoothAddress::Sco(read.device(2)?),
        _ => return None,
    }))
}

fn alg(address: &AlgAddress) -> Vec<u8> {
    // Validated: each leaves room for its NUL.
    let padded = |text: &str, room: usize| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(room, 0);
        bytes
    };
    Writer::new(AF_ALG)
        .bytes(&padded(&address.algorithm_type, 14))
        .u32(address.feature)
        .u32(address.mask)
        .bytes(&padded(&address.name, 64))
        .0
}

fn read_alg(read: Reader<'_>) -> Option<Address> {
    let text = |bytes: &[u8]| {
        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    };
    Some(Address::Alg(AlgAddress {
        algorithm_type: text(read.0.get(2..16)?),
        feature: read.u32(16)?,
        mask: read.u32(20)?,
        name: text(read.0.get(24..)?),
    }))
}

/// `struct sockaddr_in`, of which RDS wants the family to be its own or
/// internet's; it answers with the latter.
fn rds(address: &SocketAddrV4) -> Vec<u8> {
    Writer::new(AF_INET)
        .network_u16(address.port())
        .bytes(&address.ip().octets())
        .u64(0)
        .0
}

fn read_rds(read: Reader<'_>) -> Option<Address> {
    let ip: [u8; 4] = read.0.get(4..8)?.try_into().ok()?;
    Some(Address::Rds(SocketAddrV4::new(
        Ipv4Addr::from(ip),
        read.network_u16(2)?,
    )))
}

/// A structure, written from its start.
struct Writer(Vec<u8>);

impl Writer {
    fn new(family: u16) -> Self {
        Self(family.to_ne_bytes().to_vec())
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    fn u8(self, value: u8) -> Self {
        self.bytes(&[value])
    }

    fn u16(self, value: u16) -> Self {
        self.bytes(&value.to_ne_bytes())
    }

    fn network_u16(self, value: u16) -> Self {
        self.bytes(&value.to_be_bytes())
    }

    fn little_u16(self, value: u16) -> Self {
        self.bytes(&value.to_le_bytes())
    }

    fn u32(self, value: u32) -> Self {
        self.bytes(&value.to_ne_bytes())
    }

    fn u64(self, value: u64) -> Self {
        self.bytes(&value.to_ne_bytes())
    }

    /// `bdaddr_t`: least significant byte first.
    fn device(self, BluetoothDevice(mut bytes): BluetoothDevice) -> Self {
        bytes.reverse();
        self.bytes(&bytes)
    }
}

/// A structure, read at offsets.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        self.0.get(at..)?.first_chunk().copied()
    }

    fn u8(self, at: usize) -> Option<u8> {
        self.0.get(at).copied()
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_ne_bytes)
    }

    fn network_u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_be_bytes)
    }

    fn little_u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_ne_bytes)
    }

    fn u64(self, at: usize) -> Option<u64> {
        self.array(at).map(u64::from_ne_bytes)
    }

    fn device(self, at: usize) -> Option<BluetoothDevice> {
        let mut bytes: [u8; 6] = self.array(at)?;
        bytes.reverse();
        Some(BluetoothDevice(bytes))
    }
}

#[allow(
    unsafe_code,
    reason = "rustix has no safe way from bytes to an address"
)]
fn from_bytes(bytes: &[u8]) -> SocketAddrAny {
    let mut storage = MaybeUninit::<rustix::net::addr::SocketAddrStorage>::zeroed();
    let length = bytes.len().min(size_of_val(&storage));
    // SAFETY: `length` bytes fit both; the storage is all initialised, and its
    // first two bytes are a family.
    unsafe {
        std::ptr::copy_nonoverlapping(bytes.as_ptr(), storage.as_mut_ptr().cast::<u8>(), length);
        SocketAddrAny::new(storage, length as libc::socklen_t)
    }
}

#[allow(unsafe_code, reason = "rustix has no safe view of an address as bytes")]
fn as_bytes(address: &SocketAddrAny) -> &[u8] {
    // SAFETY: the pointer leads to that many bytes, which the kernel wrote, and
    // which live as long as `address`.
    unsafe {
        std::slice::from_raw_parts(address.as_ptr().cast::<u8>(), address.addr_len() as usize)
    }
}

/// Reads bytes as an address, gives that to the kernel, and reads it again.
///
/// # Panics
/// Where it is another address then.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn round_trip_address(bytes: &[u8]) {
    if bytes.len() < size_of::<u16>() {
        return;
    }
    let Ok(address) = decode(from_bytes(bytes)) else {
        return;
    };
    assert!(!format!("{address} {address:?}").is_empty());
    // The policy passes no others.
    if address.fault().is_some() {
        return;
    }
    if let Address::Unix(UnixAddress::Pathname(path)) = &address {
        let encoded = path_address(path).expect("the policy passes no longer ones");
        assert_eq!(decode(encoded).as_ref(), Ok(&address));
    }
    // No interface is given to the kernel that is not there.
    if let Ok(Form::Whole(encoded)) = encode(&address) {
        let told = match address {
            // An RDS socket takes internet's.
            Address::Rds(address) => Address::Inet(address),
            address => address,
        };
        assert_eq!(decode(encoded), Ok(told));
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn samples() -> Vec<(&'static str, Vec<u8>)> {
        let device = BluetoothDevice([0x01, 0x23, 0x45, 0x67, 0x89, 0xab]);
        let tipc = |target| tipc(&TipcAddress { target, scope: -2 });
        let can = |protocol| {
            let interface = String::new();
            can(
                &CanAddress {
                    interface,
                    protocol,
                },
                7,
            )
        };
        vec![
            (
                "nl",
                netlink(&NetlinkAddress {
                    port_id: 0x0102_0304,
                    groups: 0x0506_0708,
                }),
            ),
            (
                "vm",
                vsock(&VsockAddress {
                    cid: 0x0102_0304,
                    port: 0x0506_0708,
                }),
            ),
            (
                "ll",
                packet(
                    &PacketAddress {
                        interface: String::new(),
                        protocol: 0x0800,
                        hardware_type: 0x0304,
                        packet_type: 4,
                        hardware_address: vec![1, 2, 3, 4, 5, 6],
                    },
                    7,
                ),
            ),
            ("can", can(CanProtocolAddress::None)),
            (
                "isotp",
                can(CanProtocolAddress::Isotp {
                    receive_id: 0x0102_0304,
                    transmit_id: 0x0506_0708,
                }),
            ),
            (
                "j1939",
                can(CanProtocolAddress::J1939 {
                    name: 0x0102_0304_0506_0708,
                    parameter_group_number: 0x090a_0b0c,
                    address: 0x0d,
                }),
            ),
            (
                "tipc_id",
                tipc(TipcTarget::Id {
                    reference: 0x0102_0304,
                    node: 0x0506_0708,
                }),
            ),
            (
                "tipc_name",
                tipc(TipcTarget::Name {
                    service_type: 0x0102_0304,
                    instance: 0x0506_0708,
                    domain: 9,
                }),
            ),
            (
                "tipc_seq",
                tipc(TipcTarget::NameSequence {
                    service_type: 0x0102_0304,
                    lower: 0x0506_0708,
                    upper: 9,
                }),
            ),
            (
                "l2",
                bluetooth(&BluetoothAddress::L2cap {
                    device,
                    psm: 0x0102,
                    cid: 0x0304,
                    device_type: 1,
                }),
            ),
            (
                "rc",
                bluetooth(&BluetoothAddress::Rfcomm { device, channel: 9 }),
            ),
            (
                "hci",
                bluetooth(&BluetoothAddress::Hci {
                    device_id: 0x0102,
                    channel: 0x0304,
                }),
            ),
            ("sco", bluetooth(&BluetoothAddress::Sco(device))),
            (
                "alg",
                alg(&AlgAddress {
                    algorithm_type: "skcipher".to_owned(),
                    name: "cbc(aes)".to_owned(),
                    feature: 0x0102_0304,
                    mask: 0x0506_0708,
                }),
            ),
            (
                "rds",
                rds(&SocketAddrV4::new(Ipv4Addr::new(10, 1, 2, 3), 4000)),
            ),
        ]
    }

    /// The C compiler lays the same values out, from the kernel's headers;
    /// Bluetooth's structures stand in none, so they are written as BlueZ does.
    #[test]
    fn each_family_has_the_layout_of_c() {
        let directory = tempfile::tempdir().expect("a directory");
        let (source, program) = (
            directory.path().join("layout.c"),
            directory.path().join("layout"),
        );
        std::fs::write(&source, LAYOUT).expect("write");
        let built = Command::new("cc")
            .args(["-o".as_ref(), program.as_os_str(), source.as_os_str()])
            .status();
        assert!(built.expect("a C compiler").success());
        let output = Command::new(&program).output().expect("run");
        let theirs = String::from_utf8(output.stdout).expect("text");
        let ours: String = samples()
            .iter()
            .map(|(name, bytes)| format!("{name} {}\n", hex(bytes)))
            .collect();
        assert_eq!(ours, theirs);
    }

    const LAYOUT: &str = r#"
#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/can.h>
#include <linux/if_alg.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/tipc.h>
#include <linux/vm_sockets.h>
typedef struct { uint8_t b[6]; } bdaddr_t;
struct sockaddr_l2 { sa_family_t l2_family; unsigned short l2_psm; bdaddr_t l2_bdaddr; unsigned short l2_cid; uint8_t l2_bdaddr_type; };
struct sockaddr_rc { sa_family_t rc_family; bdaddr_t rc_bdaddr; uint8_t rc_channel; };
struct sockaddr_hci { sa_family_t hci_family; unsigned short hci_dev; unsigned short hci_channel; };
struct sockaddr_sco { sa_family_t sco_family; bdaddr_t sco_bdaddr; };
static const bdaddr_t device = {{0xab, 0x89, 0x67, 0x45, 0x23, 0x01}};
static void show(const char *name, const void *bytes, size_t size) {
    printf("%s ", name);
    for (size_t i = 0; i < size; i++) printf("%02x", ((const unsigned char *)bytes)[i]);
    printf("\n");
}
#define SHOW(name, type, ...) do { struct type a; memset(&a, 0, sizeof a); __VA_ARGS__; show(name, &a, sizeof a); } while (0)
int main(void) {
    SHOW("nl", sockaddr_nl, a.nl_family = AF_NETLINK; a.nl_pid = 0x01020304; a.nl_groups = 0x05060708);
    SHOW("vm", sockaddr_vm, a.svm_family = AF_VSOCK; a.svm_cid = 0x01020304; a.svm_port = 0x05060708);
    SHOW("ll", sockaddr_ll, a.sll_family = AF_PACKET; a.sll_protocol = htons(0x0800); a.sll_ifindex = 7; a.sll_hatype = 0x0304; a.sll_pkttype = 4; a.sll_halen = 6; memcpy(a.sll_addr, "\1\2\3\4\5\6", 6));
    SHOW("can", sockaddr_can, a.can_family = AF_CAN; a.can_ifindex = 7);
    struct sockaddr_can isotp; memset(&isotp, 0, sizeof isotp);
    isotp.can_family = AF_CAN; isotp.can_ifindex = 7; isotp.can_addr.tp.rx_id = 0x01020304; isotp.can_addr.tp.tx_id = 0x05060708;
    /* As long as the kernel has it: ISOTP_MIN_NAMELEN. */
    show("isotp", &isotp, offsetof(struct sockaddr_can, can_addr) + sizeof isotp.can_addr.tp);
    SHOW("j1939", sockaddr_can, a.can_family = AF_CAN; a.can_ifindex = 7; a.can_addr.j1939.name = 0x0102030405060708; a.can_addr.j1939.pgn = 0x090a0b0c; a.can_addr.j1939.addr = 0x0d);
    SHOW("tipc_id", sockaddr_tipc, a.family = AF_TIPC; a.addrtype = TIPC_ADDR_ID; a.scope = -2; a.addr.id.ref = 0x01020304; a.addr.id.node = 0x05060708);
    SHOW("tipc_name", sockaddr_tipc, a.family = AF_TIPC; a.addrtype = TIPC_ADDR_NAME; a.scope = -2; a.addr.name.name.type = 0x01020304; a.addr.name.name.instance = 0x05060708; a.addr.name.domain = 9);
    SHOW("tipc_seq", sockaddr_tipc, a.family = AF_TIPC; a.addrtype = TIPC_ADDR_NAMESEQ; a.scope = -2; a.addr.nameseq.type = 0x01020304; a.addr.nameseq.lower = 0x05060708; a.addr.nameseq.upper = 9);
    SHOW("l2", sockaddr_l2, a.l2_family = AF_BLUETOOTH; a.l2_psm = 0x0102; a.l2_bdaddr = device; a.l2_cid = 0x0304; a.l2_bdaddr_type = 1);
    SHOW("rc", sockaddr_rc, a.rc_family = AF_BLUETOOTH; a.rc_bdaddr = device; a.rc_channel = 9);
    SHOW("hci", sockaddr_hci, a.hci_family = AF_BLUETOOTH; a.hci_dev = 0x0102; a.hci_channel = 0x0304);
    SHOW("sco", sockaddr_sco, a.sco_family = AF_BLUETOOTH; a.sco_bdaddr = device);
    struct sockaddr_alg alg; memset(&alg, 0, sizeof alg);
    alg.salg_family = AF_ALG; strcpy((char *)alg.salg_type, "skcipher"); strcpy((char *)alg.salg_name, "cbc(aes)"); alg.salg_feat = 0x01020304; alg.salg_mask = 0x05060708;
    show("alg", &alg, sizeof alg);
    SHOW("rds", sockaddr_in, a.sin_family = AF_INET; a.sin_port = htons(4000); a.sin_addr.s_addr = htonl(0x0a010203));
}
"#;

    #[test]
    fn what_is_encoded_decodes_to_the_same() {
        for (name, bytes) in samples() {
            if name == "rds" {
                continue; // It looks like IPv4 to whoever does not know the socket.
            }
            let family = u16::from_ne_bytes([bytes[0], bytes[1]]);
            // Interface 7 is unlikely to exist, so these skip its name.
            let read = Reader(&bytes);
            let decoded = match family {
                AF_PACKET => read_packet(read, "x".to_owned()),
                AF_CAN => read_can(read, "x".to_owned()),
                _ => special(family, &bytes).expect(name),
            };
            let again = match decoded.expect(name) {
                Address::Packet(address) => packet(&address, 7),
                Address::Can(address) => can(&address, 7),
                address => match encode(&address).expect(name) {
                    Form::Whole(encoded) => as_bytes(&encoded).to_vec(),
                    Form::Path(_) => panic!("{name}"),
                },
            };
            assert_eq!(hex(&again), hex(&bytes), "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_address_or_an_error(
            family in 0u16..50,
            bytes in proptest::collection::vec(any::<u8>(), 0..126),
        ) {
            let bytes = [&family.to_ne_bytes()[..], &bytes].concat();
            _ = decode(from_bytes(&bytes));
        }
    }
}
