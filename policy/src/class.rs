//! Classes of internet addresses: who could be reached there.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// A class of addresses, which a rule can name as its host.
///
/// The sets are disjoint. What the registries of RFC 6890 reserve otherwise
/// (documentation, benchmarks, 240.0.0.0/4, …) is in none of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Globally reachable unicast addresses.
    Public,
    /// 127.0.0.0/8 and ::1.
    Loopback,
    /// RFC 1918, unique-local (RFC 4193) and carrier-grade NAT (RFC 6598).
    Private,
    /// 169.254.0.0/16 and fe80::/10, without metadata services.
    LinkLocal,
    /// The addresses at which clouds hand out credentials.
    Metadata,
    /// 224.0.0.0/4 and ff00::/8.
    Multicast,
    /// 255.255.255.255.
    Broadcast,
}

impl Class {
    pub(crate) const ALL: [Self; 7] = [
        Self::Public,
        Self::Loopback,
        Self::Private,
        Self::LinkLocal,
        Self::Metadata,
        Self::Multicast,
        Self::Broadcast,
    ];

    /// The class of an address; `None` for reserved ones.
    pub fn of(ip: IpAddr) -> Option<Self> {
        block_of(ip).and_then(|(_, class)| *class)
    }

    /// The word for it in a rule.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "metadata",
            Self::Multicast => "multicast",
            Self::Broadcast => "broadcast",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        let class = Self::ALL.into_iter().find(|class| class.name() == name);
        class.ok_or(())
    }
}

/// Whether a rule for `net` reaches `ip`, which is inside it: everything that is
/// not public only by a net wholly inside the same block.
pub(crate) fn reached_by(ip: IpAddr, net: IpNet) -> bool {
    block_of(ip).is_some_and(|(block, class)| *class == Some(Class::Public) || block.contains(&net))
}

/// The IPv4 address that a translation mechanism would deliver to, for an IPv6
/// address of NAT64 (RFC 6052), 6to4 (RFC 3056) or Teredo (RFC 4380).
pub(crate) fn embedded_ipv4(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let groups = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match groups {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        [0x2001, 0, .., high, low] => Some(v4(!high, !low)),
        _ => None,
    }
}

fn block_of(ip: IpAddr) -> Option<&'static (IpNet, Option<Class>)> {
    TABLE.iter().find(|(block, _)| block.contains(&ip))
}

/// First match decides, so exceptions stand before what they are taken from.
static TABLE: LazyLock<Vec<(IpNet, Option<Class>)>> = LazyLock::new(|| {
    let v4 = |a, b, c, d, bits| {
        let ip = IpAddr::V4(Ipv4Addr::new(a, b, c, d));
        IpNet::new_assert(ip, bits)
    };
    let v6 = |high: [u16; 4], low: u64, bits| {
        let high = high
            .iter()
            .fold(0u128, |sum, group| (sum << 16) | u128::from(*group));
        let ip = IpAddr::V6(Ipv6Addr::from((high << 64) | u128::from(low)));
        IpNet::new_assert(ip, bits)
    };
    vec![
        // AWS, Google Cloud, Azure, OpenStack and most others.
        (v4(169, 254, 169, 254, 32), Some(Class::Metadata)),
        (
            v6([0xfe80, 0, 0, 0], 0xa9fe_a9fe, 128),
            Some(Class::Metadata),
        ),
        // AWS: container and pod credentials; the same over IPv6.
        (v4(169, 254, 170, 2, 32), Some(Class::Metadata)),
        (v4(169, 254, 170, 23, 32), Some(Class::Metadata)),
        (v6([0xfd00, 0xec2, 0, 0], 0x254, 128), Some(Class::Metadata)),
        (v6([0xfd00, 0xec2, 0, 0], 0x23, 128), Some(Class::Metadata)),
        // Google Cloud over IPv6.
        (v6([0xfd20, 0xce, 0, 0], 0x254, 128), Some(Class::Metadata)),
        // Azure's wire server.
        (v4(168, 63, 129, 16, 32), Some(Class::Metadata)),
        // Alibaba Cloud.
        (v4(100, 100, 100, 200, 32), Some(Class::Metadata)),
        // Oracle Cloud, the classic one and over IPv6.
        (v4(192, 0, 0, 192, 32), Some(Class::Metadata)),
        (
            v6([0xfd00, 0xc1, 0, 0], 0xa9fe_a9fe, 128),
            Some(Class::Metadata),
        ),
        // Scaleway, and over IPv6.
        (v4(169, 254, 42, 42, 32), Some(Class::Metadata)),
        (v6([0xfd00, 0x42, 0, 0], 0x42, 128), Some(Class::Metadata)),
        // Tencent Cloud.
        (v4(169, 254, 0, 23, 32), Some(Class::Metadata)),
        // Akamai (Linode) over IPv6.
        (
            v6([0xfd00, 0xa9fe, 0xa9fe, 0], 1, 128),
            Some(Class::Metadata),
        ),
        // Rancher.
        (v4(169, 254, 169, 250, 32), Some(Class::Metadata)),
        // Equinix Metal.
        (v4(192, 80, 8, 124, 32), Some(Class::Metadata)),
        // IPv4: RFC 6890 and the IANA special-purpose registry.
        (v4(0, 0, 0, 0, 8), None),
        (v4(10, 0, 0, 0, 8), Some(Class::Private)),
        (v4(100, 64, 0, 0, 10), Some(Class::Private)),
        (v4(127, 0, 0, 0, 8), Some(Class::Loopback)),
        (v4(169, 254, 0, 0, 16), Some(Class::LinkLocal)),
        (v4(172, 16, 0, 0, 12), Some(Class::Private)),
        (v4(192, 0, 0, 0, 24), None),
        (v4(192, 0, 2, 0, 24), None),
        (v4(192, 88, 99, 0, 24), None),
        (v4(192, 168, 0, 0, 16), Some(Class::Private)),
        (v4(198, 18, 0, 0, 15), None),
        (v4(198, 51, 100, 0, 24), None),
        (v4(203, 0, 113, 0, 24), None),
        (v4(224, 0, 0, 0, 4), Some(Class::Multicast)),
        (v4(255, 255, 255, 255, 32), Some(Class::Broadcast)),
        (v4(240, 0, 0, 0, 4), None),
        (v4(0, 0, 0, 0, 0), Some(Class::Public)),
        // IPv6: only 2000::/3 and NAT64 are globally reachable.
        (v6([0; 4], 0, 128), None),
        (v6([0; 4], 1, 128), Some(Class::Loopback)),
        (v6([0x64, 0xff9b, 0, 0], 0, 96), Some(Class::Public)),
        // Teredo is reachable through its relay; the rest of the block is not.
        (v6([0x2001, 0, 0, 0], 0, 32), Some(Class::Public)),
        (v6([0x2001, 0, 0, 0], 0, 23), None),
        (v6([0x2001, 0xdb8, 0, 0], 0, 32), None),
        (v6([0x3fff, 0, 0, 0], 0, 20), None),
        (v6([0x2000, 0, 0, 0], 0, 3), Some(Class::Public)),
        (v6([0xfc00, 0, 0, 0], 0, 7), Some(Class::Private)),
        (v6([0xfe80, 0, 0, 0], 0, 10), Some(Class::LinkLocal)),
        (v6([0xff00, 0, 0, 0], 0, 8), Some(Class::Multicast)),
        // What is left is reserved, block by block as IANA lists it, so that a
        // rule has to name a block, not all of IPv6, to reach it.
        (v6([0; 4], 0, 8), None),
        (v6([0x0100, 0, 0, 0], 0, 8), None),
        (v6([0x0200, 0, 0, 0], 0, 7), None),
        (v6([0x0400, 0, 0, 0], 0, 6), None),
        (v6([0x0800, 0, 0, 0], 0, 5), None),
        (v6([0x1000, 0, 0, 0], 0, 4), None),
        (v6([0x4000, 0, 0, 0], 0, 3), None),
        (v6([0x6000, 0, 0, 0], 0, 3), None),
        (v6([0x8000, 0, 0, 0], 0, 3), None),
        (v6([0xa000, 0, 0, 0], 0, 3), None),
        (v6([0xc000, 0, 0, 0], 0, 3), None),
        (v6([0xe000, 0, 0, 0], 0, 4), None),
        (v6([0xf000, 0, 0, 0], 0, 5), None),
        (v6([0xf800, 0, 0, 0], 0, 6), None),
        (v6([0xfe00, 0, 0, 0], 0, 9), None),
        (v6([0xfec0, 0, 0, 0], 0, 10), None),
    ]
});
