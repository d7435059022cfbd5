//! Addresses of the families beside internet and Unix sockets.

use bstr::ByteVec;

use super::{Parsed, Parser};
use crate::address::{BluetoothProtocol, netlink_number};
use crate::rule::{Channel, Device, Effect, Family, NetlinkPort, PortItem, Special, Target};
use crate::{BluetoothDevice, PacketAddress, VsockAddress};

impl<'a> Parser<'a> {
    pub(super) fn special(&self, effect: Effect, family: Family, text: &'a str) -> Parsed<Target> {
        let address = match (text, family) {
            ("", _) => return self.fail(text, "expected an address, or `*` for every one"),
            ("*", _) => None,
            (_, Family::Netlink) => Some(self.netlink(text)?),
            (_, Family::Vsock) => Some(self.vsock(text)?),
            (_, Family::Packet | Family::Can) => Some(Special::Interface(self.interface(text)?)),
            (_, Family::Tipc) => Some(self.tipc(text)?),
            (_, Family::Bluetooth) => Some(self.bluetooth(text)?),
            (_, Family::Alg) => Some(self.alg(effect, text)?),
        };
        Ok(Target::Special { family, address })
    }

    fn netlink(&self, text: &'a str) -> Parsed<Special> {
        let (name, port) = match text.split_once('/') {
            Some((name, port)) => (name, Some(port)),
            None => (text, None),
        };
        let protocol = match netlink_number(name) {
            Some(number) => number,
            None if name.starts_with(|first: char| first.is_ascii_digit()) => {
                self.number::<u32>(name)?
            }
            None => {
                return self.fail(
                    name,
                    "expected a protocol of netlink such as `route`, `generic` or its number, or `*`",
                );
            }
        };
        let port = match port {
            None => NetlinkPort::Kernel,
            Some("*") => NetlinkPort::Any,
            Some(port) => match self.number(port)? {
                0 => return self.fail(port, "port 0 is the kernel; leave it out"),
                port => NetlinkPort::One(port),
            },
        };
        Ok(Special::Netlink { protocol, port })
    }

    fn vsock(&self, text: &'a str) -> Parsed<Special> {
        let Some((cid, ports)) = text.split_once(':') else {
            return self.fail(text, "expected `CID:PORTS`, such as `2:1024` or `2:*`");
        };
        let cid = match cid {
            "any" => Some(VsockAddress::ANY),
            cid => self.number_or_all(cid)?,
        };
        if cid == Some(VsockAddress::ANY) && !text.starts_with("any:") {
            return self.fail(
                text,
                "this number is every CID of this machine; write `any`",
            );
        }
        let ports = ports.split(',').map(|item| self.vsock_ports(item));
        let ports = ports.collect::<Parsed<_>>()?;
        Ok(Special::Vsock { cid, ports })
    }

    fn vsock_ports(&self, text: &'a str) -> Parsed<PortItem<u32>> {
        let port = |text| match self.number(text)? {
            VsockAddress::ANY => self.fail(
                text,
                "this number asks for an ephemeral port; write `ephemeral`",
            ),
            port => Ok(port),
        };
        match (text, text.split_once('-')) {
            ("*", _) => Ok(PortItem::Any),
            ("ephemeral", _) => Ok(PortItem::Ephemeral),
            (_, None) => port(text).map(|port| PortItem::Range(port, port)),
            (_, Some((first, last))) => {
                let (first, last) = self.in_order(text, port(first)?, port(last)?)?;
                Ok(PortItem::Range(first, last))
            }
        }
    }

    /// The name of a network interface, as it is: escapes are undone.
    pub(super) fn interface(&self, text: &'a str) -> Parsed<String> {
        if text.contains('*') {
            return self.fail(
                text,
                "a `*` alone is every interface, and no part of a name: name each; the character is `\\x2A`",
            );
        }
        // dev_valid_name() of the kernel's net/core/dev.c.
        let name = String::from_utf8(Vec::unescape_bytes(text)).unwrap_or_default();
        let is_name = !matches!(name.as_str(), "" | "." | "..")
            && name.len() <= PacketAddress::LONGEST_INTERFACE
            && !name
                .contains(|c: char| c == '/' || c == ':' || c == '\0' || c.is_ascii_whitespace());
        match is_name {
            true => Ok(name),
            false => self.fail(
                text,
                "no network interface has such a name: 1 to 15 bytes of UTF-8 without white space, `/` and `:`",
            ),
        }
    }

    fn tipc(&self, text: &'a str) -> Parsed<Special> {
        const EVERY: (u32, u32) = (0, u32::MAX);
        let parts: Vec<&str> = text.split(':').collect();
        match parts[..] {
            ["id", "*"] => Ok(Special::TipcId {
                node: None,
                reference: None,
            }),
            ["id", node, reference] => Ok(Special::TipcId {
                node: self.number_or_all(node)?,
                reference: self.number_or_all(reference)?,
            }),
            ["name", "*"] => Ok(Special::TipcName {
                service_type: None,
                instances: EVERY,
            }),
            ["name", service_type, instances] => Ok(Special::TipcName {
                service_type: self.number_or_all(service_type)?,
                instances: match instances.split_once('-') {
                    _ if instances == "*" => EVERY,
                    Some((first, last)) => {
                        self.in_order(instances, self.number(first)?, self.number(last)?)?
                    }
                    None => {
                        let instance = self.number(instances)?;
                        (instance, instance)
                    }
                },
            }),
            _ => self.fail(
                text,
                "expected `name:TYPE:INSTANCES` or `id:NODE:REFERENCE`, in decimal, `*` for all",
            ),
        }
    }

    fn bluetooth(&self, text: &'a str) -> Parsed<Special> {
        let (name, rest) = text.split_once('/').unwrap_or(text.split_at(text.len()));
        let mut known = BluetoothProtocol::ALL.into_iter();
        let Some(protocol) = known.find(|protocol| protocol.name() == name) else {
            return self.fail(name, "expected `rfcomm`, `l2cap`, `hci` or `sco`, or `*`");
        };
        let (device, channel) = match rest.split_once('/') {
            Some((device, channel)) => (device, Some(channel)),
            None => (rest, None),
        };
        let is_all = device == "*";
        let device = match (device, protocol) {
            ("*", _) => None,
            (number, BluetoothProtocol::Hci) => Some(Device::Number(self.number(number)?)),
            (address, _) => Some(Device::Address(self.device(address)?)),
        };
        let channel = match (channel, protocol) {
            (None, BluetoothProtocol::Sco) => None,
            (Some(channel), BluetoothProtocol::Sco) => {
                return self.fail(channel, "SCO has no channels; end it at the device");
            }
            (None, _) if is_all => None,
            (None, _) => {
                return self.fail(text, "expected `/` and a channel, or `/*` for every one");
            }
            (Some("*"), _) if is_all => {
                return self.fail(rest, "write `*` once: it is every device and channel");
            }
            (Some("*"), _) => None,
            (Some(channel), BluetoothProtocol::L2cap) => Some(match channel.strip_prefix("cid-") {
                Some("0") => return self.fail(channel, "expected an identifier from 1"),
                Some(id) => Channel::Fixed(self.number(id)?),
                None => Channel::Number(self.number(channel)?),
            }),
            (Some(channel), BluetoothProtocol::Rfcomm) => {
                Some(Channel::Number(self.number::<u8>(channel)?.into()))
            }
            (Some(channel), BluetoothProtocol::Hci) => Some(Channel::Number(self.number(channel)?)),
        };
        Ok(Special::Bluetooth {
            protocol,
            device,
            channel,
        })
    }

    fn device(&self, text: &'a str) -> Parsed<BluetoothDevice> {
        let byte = |part: &str| {
            let is_hexadecimal = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
            is_hexadecimal.then(|| u8::from_str_radix(part, 16).ok())?
        };
        let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
        match bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok()) {
            Some(bytes) => Ok(BluetoothDevice(bytes)),
            None => self.fail(
                text,
                "expected the address of a device, such as `00:11:22:33:44:55`, or `*`",
            ),
        }
    }

    fn alg(&self, effect: Effect, text: &'a str) -> Parsed<Special> {
        let Some((algorithm_type, name)) = text.split_once('/') else {
            return self.fail(
                text,
                "expected `TYPE/NAME` or `TYPE/*`, such as `hash/sha256`",
            );
        };
        if effect == Effect::Deny && name != "*" {
            return self.fail(
                name,
                "a denial of an algorithm would not hold for the names of its drivers; deny its type, `TYPE/*`",
            );
        }
        let part = |text: &'a str, room: usize| {
            let name = String::from_utf8(Vec::unescape_bytes(text)).unwrap_or_default();
            let is_name = (1..=room).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_graphic())
                && !text.contains('*');
            if !is_name {
                return self.fail(text, "expected a type and a name as /proc/crypto has them");
            }
            let lower = name.to_ascii_lowercase();
            match lower == name {
                true => Ok(name),
                false => self.fail(
                    text,
                    &format!("the kernel's names of algorithms are in lower case; write `{lower}`"),
                ),
            }
        };
        Ok(Special::Alg {
            algorithm_type: part(algorithm_type, 13)?,
            name: match name {
                "*" => None,
                name => Some(part(name, 63)?),
            },
        })
    }

    fn number_or_all(&self, text: &'a str) -> Parsed<Option<u32>> {
        match text {
            "*" => Ok(None),
            text => self.number(text).map(Some),
        }
    }

    /// A number in the one spelling that it is printed in.
    pub(super) fn number<N>(&self, text: &'a str) -> Parsed<N>
    where
        N: std::str::FromStr + std::fmt::Display + Bounded,
    {
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<N>() {
            Ok(number) if number.to_string() == text => Ok(number),
            Ok(number) if is_decimal => self.fail(
                text,
                &format!("a number has no leading zeros; write `{number}`"),
            ),
            _ => self.fail(text, &format!("expected a number from 0 to {}", N::MOST)),
        }
    }

    fn in_order<N: Ord + std::fmt::Display>(
        &self,
        text: &'a str,
        first: N,
        last: N,
    ) -> Parsed<(N, N)> {
        match first <= last {
            true => Ok((first, last)),
            false => self.fail(
                text,
                &format!("the range ends before it starts; write `{last}-{first}`"),
            ),
        }
    }
}

/// A kind of number, with its largest.
pub(super) trait Bounded {
    const MOST: u32;
}

impl Bounded for u8 {
    const MOST: u32 = Self::MAX as u32;
}

impl Bounded for u16 {
    const MOST: u32 = Self::MAX as u32;
}

impl Bounded for u32 {
    const MOST: u32 = Self::MAX;
}
