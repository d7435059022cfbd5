//! if_nameindex(3), getifaddrs(3) and the requests of netdevice(7), where the host
//! grants `interfaces`.

use std::ffi::{c_char, c_int, c_void};
use std::net::SocketAddr;
use std::ptr::null_mut;

use capsock_guest::{Address, InterfaceAddress};

use crate::address;
use crate::errno::{self, Errno, Result};
use crate::memory;

/// `struct if_nameindex`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct NameIndex {
    index: u32,
    name: *mut c_char,
}

/// The index of an interface. The Rust SDK's error for a name that nothing has
/// is one without an errno, as Python's.
pub(crate) fn index(name: &str) -> Result<u32> {
    capsock_guest::if_nametoindex(name).map_err(|error| match error.name() {
        Some(_) => error.into(),
        None => Errno::ENODEV,
    })
}

/// if_nametoindex(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_nametoindex(name: *const c_char) -> u32 {
    // SAFETY: as if_nametoindex(3) says.
    let name = unsafe { memory::text(name) }.ok_or(Errno::ENODEV);
    name.and_then(index).unwrap_or_else(|errno| {
        errno::set(errno);
        0
    })
}

/// if_indextoname(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_indextoname(index: u32, name: *mut [u8; 16]) -> *mut c_char {
    let tell = || {
        let found = capsock_guest::if_indextoname(index)?;
        let mut padded = [0; 16];
        memory::copy_string(&mut padded, found.as_bytes());
        // SAFETY: as if_indextoname(3) says: IF_NAMESIZE bytes.
        unsafe { memory::put(name, padded) }
    };
    match tell() {
        Ok(()) => name.cast(),
        Err(errno) => {
            errno::set(errno);
            null_mut()
        }
    }
}

/// if_nameindex(3): one block, with the names after the array.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_if_nameindex() -> *mut NameIndex {
    let make = || -> Result<*mut NameIndex> {
        let found = capsock_guest::if_nameindex()?;
        let array = (found.len() + 1) * size_of::<NameIndex>();
        let mut block = vec![0; array];
        let mut places = Vec::new();
        for (_, name) in &found {
            places.push(block.len());
            block.extend(name.as_bytes());
            block.push(0);
        }
        let start = memory::allocate(&block)?.cast::<u8>();
        for (at, ((index, _), place)) in found.iter().zip(places).enumerate() {
            let entry = NameIndex {
                index: *index,
                // SAFETY: within the block.
                name: unsafe { start.add(place) }.cast(),
            };
            // SAFETY: the block begins with that many.
            unsafe { memory::put(start.cast::<NameIndex>().add(at), entry)? };
        }
        Ok(start.cast())
    };
    make().unwrap_or_else(|errno| {
        errno::set(errno);
        null_mut()
    })
}

/// if_freenameindex(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_if_freenameindex(start: *mut NameIndex) {
    // SAFETY: what if_nameindex(3) gave, which is one block.
    unsafe { memory::free(start.cast::<c_void>()) };
}

/// `struct ifaddrs`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Ifaddrs {
    next: *mut Ifaddrs,
    name: *mut c_char,
    flags: u32,
    address: *mut c_void,
    netmask: *mut c_void,
    /// The broadcast address, or the other end's.
    other: *mut c_void,
    data: *mut c_void,
}

/// getifaddrs(3): one block, with the names and addresses after the array.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getifaddrs(first: *mut *mut Ifaddrs) -> c_int {
    let tell = || {
        let found = capsock_guest::getifaddrs()?;
        let start = match found.is_empty() {
            true => null_mut(),
            false => list(&found)?,
        };
        // SAFETY: as getifaddrs(3) says.
        unsafe { memory::put(first, start) }
    };
    errno::nothing(tell())
}

fn list(found: &[InterfaceAddress]) -> Result<*mut Ifaddrs> {
    let mut block = vec![0; found.len() * size_of::<Ifaddrs>()];
    // Places within the block, whose start is known last; 0 is none.
    let mut put = |bytes: &[u8]| {
        block.resize(block.len().next_multiple_of(align_of::<u64>()), 0);
        let place = block.len();
        block.extend(bytes);
        place
    };
    let mut put_address = |address: &Option<Address>| match address {
        Some(address) => put(&address::format(address)),
        None => 0,
    };
    let places: Vec<[usize; 3]> = found
        .iter()
        .map(|item| {
            let other = item.peer.as_ref().or(item.broadcast.as_ref()).cloned();
            [&item.address, &item.netmask, &other].map(&mut put_address)
        })
        .collect();
    let names: Vec<usize> = found
        .iter()
        .map(|item| put(&[item.name.as_bytes(), &[0]].concat()))
        .collect();
    let start = memory::allocate(&block)?.cast::<u8>();
    let at = |place: usize| match place {
        0 => null_mut(),
        // SAFETY: within the block.
        place => unsafe { start.add(place) }.cast::<c_void>(),
    };
    let entries = start.cast::<Ifaddrs>();
    for (number, item) in found.iter().enumerate() {
        let [address, netmask, other] = places[number].map(at);
        let next = match number + 1 < found.len() {
            // SAFETY: the block begins with that many.
            true => unsafe { entries.add(number + 1) },
            false => null_mut(),
        };
        let entry = Ifaddrs {
            next,
            name: at(names[number]).cast(),
            flags: item.flags,
            address,
            netmask,
            other,
            data: null_mut(),
        };
        // SAFETY: the same.
        unsafe { memory::put(entries.add(number), entry)? };
    }
    Ok(entries)
}

/// freeifaddrs(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_freeifaddrs(start: *mut Ifaddrs) {
    // SAFETY: what getifaddrs(3) gave, which is one block or null.
    unsafe { memory::free(start.cast::<c_void>()) };
}

/// `struct ifreq`: a name, and 16 bytes that each request has otherwise.
#[repr(C)]
#[derive(Clone, Copy)]
struct Ifreq {
    name: [u8; 16],
    told: [u8; 16],
}

/// `struct ifconf`
#[repr(C)]
#[derive(Clone, Copy)]
struct Ifconf {
    length: c_int,
    start: *mut Ifreq,
}

const SIOCGIFNAME: c_int = 0x8910;
const SIOCGIFCONF: c_int = 0x8912;
const SIOCGIFFLAGS: c_int = 0x8913;
const SIOCGIFADDR: c_int = 0x8915;
const SIOCGIFBRDADDR: c_int = 0x8919;
const SIOCGIFNETMASK: c_int = 0x891b;
const SIOCGIFMTU: c_int = 0x8921;
const SIOCGIFHWADDR: c_int = 0x8927;
const SIOCGIFINDEX: c_int = 0x8933;
/// Routes, and what administrators set of an interface: flags, addresses, metric, MTU,
/// name, hardware address and the length of its queue.
const ADMINISTRATION: [c_int; 12] = [
    0x890b, 0x890c, 0x8914, 0x8916, 0x8918, 0x891a, 0x891c, 0x891e, 0x8922, 0x8923, 0x8924, 0x8943,
];

impl Ifreq {
    /// The interface that it names, or the address by its label.
    fn wanted(&self) -> Result<&str> {
        let name = self.name.split(|byte| *byte == 0).next();
        str::from_utf8(name.unwrap_or_default()).map_err(|_encoding| Errno::ENODEV)
    }

    fn tell(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.told.len());
        self.told = [0; 16];
        self.told[..length].copy_from_slice(&bytes[..length]);
    }

    fn set_name(&mut self, name: &str) -> Result<()> {
        self.name = [0; 16];
        match memory::copy_string(&mut self.name, name.as_bytes()) {
            true => Ok(()),
            false => Err(Errno::ENODEV),
        }
    }

    /// Does what the request asks for.
    fn answer(&mut self, request: c_int) -> Result<()> {
        match request {
            SIOCGIFINDEX => {
                let index = index(self.wanted()?)?;
                self.tell(&index.to_ne_bytes());
                return Ok(());
            }
            SIOCGIFNAME => {
                let [a, b, c, d, ..] = self.told;
                let name = capsock_guest::if_indextoname(u32::from_ne_bytes([a, b, c, d]))?;
                return self.set_name(&name);
            }
            _ => {}
        }
        let wanted = self.wanted()?.to_owned();
        let all = capsock_guest::getifaddrs()?;
        let interface = wanted.split(':').next().unwrap_or_default();
        let link = all.iter().find(|item| item.name == interface);
        let link = link.ok_or(Errno::ENODEV)?;
        let inet = all
            .iter()
            .find(|item| item.name == wanted && is_inet(item))
            .ok_or(Errno::EADDRNOTAVAIL);
        // An interface without broadcasts has the address of none.
        let none = || address::format(&Address::from(SocketAddr::from(([0, 0, 0, 0], 0))));
        let told = |address: &Option<Address>| address.as_ref().map_or_else(none, address::format);
        match request {
            SIOCGIFFLAGS => self.tell(&(link.flags as u16).to_ne_bytes()),
            SIOCGIFMTU => self.tell(&link.mtu.to_ne_bytes()),
            SIOCGIFHWADDR => match &link.address {
                Some(Address::Packet(address)) => {
                    let kind = address.hardware_type.to_ne_bytes();
                    self.tell(&[&kind[..], &address.hardware_address].concat());
                }
                _ => return Err(Errno::EADDRNOTAVAIL),
            },
            SIOCGIFADDR => self.tell(&told(&inet?.address)),
            SIOCGIFNETMASK => self.tell(&told(&inet?.netmask)),
            SIOCGIFBRDADDR => self.tell(&told(&inet?.broadcast)),
            _ => return Err(Errno::ENOTTY),
        }
        Ok(())
    }
}

fn is_inet(item: &InterfaceAddress) -> bool {
    matches!(item.address, Some(Address::Inet(_)))
}

/// The requests of netdevice(7), of a socket.
///
/// # Safety
/// `argument` is what the request needs.
pub(crate) unsafe fn ioctl(request: c_int, argument: *mut c_void) -> Result<()> {
    match request {
        // SAFETY: as the caller says.
        SIOCGIFCONF => unsafe { configuration(argument.cast()) },
        SIOCGIFNAME | SIOCGIFFLAGS | SIOCGIFADDR | SIOCGIFBRDADDR | SIOCGIFNETMASK | SIOCGIFMTU
        | SIOCGIFHWADDR | SIOCGIFINDEX => {
            let argument = argument.cast::<Ifreq>();
            // SAFETY: the same: a struct ifreq.
            let mut wanted = unsafe { memory::get(argument.cast_const())? };
            wanted.answer(request)?;
            // SAFETY: the same.
            unsafe { memory::put(argument, wanted) }
        }
        // As of every process without CAP_NET_ADMIN.
        _ if ADMINISTRATION.contains(&request) => Err(Errno::EPERM),
        _ => Err(Errno::ENOTTY),
    }
}

/// `SIOCGIFCONF`: the IPv4 addresses that there is room for, or the length of all.
unsafe fn configuration(argument: *mut Ifconf) -> Result<()> {
    // SAFETY: as the caller says.
    let mut wanted = unsafe { memory::get(argument.cast_const())? };
    let all = capsock_guest::getifaddrs()?;
    let all: Vec<_> = all.iter().filter(|item| is_inet(item)).collect();
    let count = match wanted.start.is_null() {
        true => all.len(),
        false => all
            .len()
            .min(usize::try_from(wanted.length).unwrap_or(0) / size_of::<Ifreq>()),
    };
    if !wanted.start.is_null() {
        // SAFETY: the same: so many of them fit.
        let room = unsafe { memory::array(wanted.start, count)? };
        for (entry, item) in room.iter_mut().zip(all) {
            entry.set_name(&item.name)?;
            entry.tell(
                &item
                    .address
                    .as_ref()
                    .map(address::format)
                    .unwrap_or_default(),
            );
        }
    }
    wanted.length = (count * size_of::<Ifreq>()) as c_int;
    // SAFETY: the same.
    unsafe { memory::put(argument, wanted) }
}
