//! Names of hosts and services: getaddrinfo(3), getnameinfo(3), and the older
//! functions of netdb.h, whose answers hold until the next call.

use std::cell::RefCell;
use std::ffi::{c_char, c_int, c_void};
use std::net::IpAddr;
use std::ptr::null_mut;

use capsock_guest::{
    AF_INET, AF_INET6, AF_UNSPEC, AddrInfo, Address, AddressFamily, EAI_ADDRFAMILY, EAI_AGAIN,
    EAI_BADFLAGS, EAI_FAIL, EAI_FAMILY, EAI_MEMORY, EAI_NODATA, EAI_NONAME, EAI_OVERFLOW,
    EAI_SERVICE, EAI_SOCKTYPE, EAI_SYSTEM, Error, HostEntry, HostLookup, Lookup, NI_NUMERICHOST,
    NameLookup, SocketKind, UnixAddress, getaddrinfo, gethostname, getnameinfo, getprotobyname,
    getservbyname, getservbyport, sethostname,
};

use crate::address::{self, Length};
use crate::bindings::poll::Pollable;
use crate::errno::{self, Errno, Result};
use crate::memory;
use crate::thread::scheduler::{self, Sources};

/// `struct addrinfo`
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Addrinfo {
    flags: c_int,
    family: c_int,
    kind: c_int,
    protocol: c_int,
    address_length: Length,
    address: *mut c_void,
    canonical_name: *mut c_char,
    next: *mut Addrinfo,
}

/// All that getaddrinfo(3) knows here.
const FLAGS: c_int = 0x3f | 0x400;
/// As much of a name as is needed to see that it is too long.
const LONGEST: usize = 1024;

/// The number of an error; a denial is EAI_SYSTEM with EACCES.
fn failed(error: Error) -> c_int {
    let number = error.gai_errno();
    number.unwrap_or_else(|| {
        errno::set(error.into());
        EAI_SYSTEM
    })
}

/// What `answer` tells of a look-up that is under way. Others run meanwhile. It is no
/// cancellation point: what it has would be lost.
fn among_others<T>(answer: impl Fn() -> Option<T>, subscribe: impl Fn() -> Pollable) -> T {
    loop {
        if let Some(found) = answer() {
            return found;
        }
        Sources::default().and([subscribe()]).wait_on();
    }
}

fn address_info(
    host: Option<&str>,
    service: Option<&str>,
    family: AddressFamily,
    kind: Option<SocketKind>,
    protocol: c_int,
    flags: c_int,
) -> capsock_guest::Result<Vec<AddrInfo>> {
    if !scheduler::are_many() {
        return getaddrinfo(host, service, family, kind, protocol, flags);
    }
    let lookup = Lookup::start(host, service, family, kind, protocol, flags)?;
    among_others(|| lookup.answers(), || lookup.subscribe())
}

fn name_info(address: &Address, flags: c_int) -> capsock_guest::Result<(String, String)> {
    if !scheduler::are_many() {
        return getnameinfo(address, flags);
    }
    let lookup = NameLookup::start(address, flags);
    among_others(|| lookup.answer(), || lookup.subscribe())
}

fn host_entry(lookup: &HostLookup) -> capsock_guest::Result<HostEntry> {
    among_others(|| lookup.answer(), || lookup.subscribe())
}

unsafe fn look_up(
    host: *const c_char,
    service: *const c_char,
    hints: *const Addrinfo,
) -> std::result::Result<*mut Addrinfo, c_int> {
    // SAFETY: as getaddrinfo(3) says.
    let hints = unsafe { hints.as_ref() };
    let (flags, family, kind, protocol) = hints.map_or((0, 0, 0, 0), |hints| {
        (hints.flags, hints.family, hints.kind, hints.protocol)
    });
    // SAFETY: the same.
    let (host, service) = unsafe { (memory::string(host), memory::string(service)) };
    let text = |bytes: &'_ [u8]| match str::from_utf8(bytes) {
        Ok(text) if text.len() <= LONGEST => Ok(text.to_owned()),
        _ => Err(EAI_NONAME),
    };
    let host = host.map(text).transpose()?;
    let service = service.map(text).transpose()?;
    if flags & !FLAGS != 0 {
        return Err(EAI_BADFLAGS);
    }
    let kind = match kind {
        0 => None,
        kind => Some(SocketKind::from_number(kind).ok_or(EAI_SOCKTYPE)?),
    };
    let family = match AddressFamily::from_number(family) {
        family @ (AF_UNSPEC | AF_INET | AF_INET6) => family,
        _ => return Err(EAI_FAMILY),
    };
    let (host, service) = (host.as_deref(), service.as_deref());
    let found = address_info(host, service, family, kind, protocol, flags).map_err(failed)?;
    let mut next: *mut Addrinfo = null_mut();
    for info in found.iter().rev() {
        // One block each, since a program may free a part of the list.
        let address = address::format(&info.sockaddr);
        let start = size_of::<Addrinfo>();
        let mut block = vec![0; start];
        block.extend(&address);
        let name = (!info.canonname.is_empty()).then_some(block.len());
        block.extend(info.canonname.bytes());
        block.push(0);
        let Ok(block) = memory::allocate(&block) else {
            // SAFETY: what was made here.
            unsafe { __wrap_freeaddrinfo(next) };
            return Err(EAI_MEMORY);
        };
        let block = block.cast::<u8>();
        let entry = Addrinfo {
            flags: 0,
            family: info.family.number(),
            kind: info.kind.number(),
            protocol: info.proto,
            address_length: address.len() as Length,
            // SAFETY: both are within the block.
            address: unsafe { block.add(start) }.cast(),
            canonical_name: name.map_or(null_mut(), |at| unsafe { block.add(at) }.cast()),
            next,
        };
        // SAFETY: the block begins with it, and malloc(3) aligned it.
        unsafe { block.cast::<Addrinfo>().write_unaligned(entry) };
        next = block.cast();
    }
    Ok(next)
}

/// getaddrinfo(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getaddrinfo(
    host: *const c_char,
    service: *const c_char,
    hints: *const Addrinfo,
    found: *mut *mut Addrinfo,
) -> c_int {
    // SAFETY: as getaddrinfo(3) says.
    match unsafe { look_up(host, service, hints) } {
        // SAFETY: the same.
        Ok(list) => match unsafe { memory::put(found, list) } {
            Ok(()) => 0,
            Err(_null) => EAI_FAIL,
        },
        Err(number) => number,
    }
}

/// freeaddrinfo(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_freeaddrinfo(mut list: *mut Addrinfo) {
    // SAFETY: as freeaddrinfo(3) says: null, or what getaddrinfo(3) gave.
    while let Some(entry) = unsafe { list.as_ref() } {
        let next = entry.next;
        // SAFETY: the same.
        unsafe { memory::free(list.cast()) };
        list = next;
    }
}

/// gai_strerror(3), as glibc has it
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_gai_strerror(number: c_int) -> *const c_char {
    let text = match number {
        EAI_ADDRFAMILY => c"Address family for hostname not supported",
        EAI_AGAIN => c"Temporary failure in name resolution",
        EAI_BADFLAGS => c"Bad value for ai_flags",
        EAI_FAIL => c"Non-recoverable failure in name resolution",
        EAI_FAMILY => c"ai_family not supported",
        EAI_MEMORY => c"Memory allocation failure",
        EAI_NODATA => c"No address associated with hostname",
        EAI_NONAME => c"Name or service not known",
        EAI_OVERFLOW => c"Argument buffer overflow",
        EAI_SERVICE => c"Servname not supported for ai_socktype",
        EAI_SOCKTYPE => c"ai_socktype not supported",
        EAI_SYSTEM => c"System error",
        _ => c"Unknown error",
    };
    text.as_ptr()
}

/// getnameinfo(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getnameinfo(
    start: *const c_void,
    length: Length,
    host: *mut c_char,
    host_length: Length,
    service: *mut c_char,
    service_length: Length,
    flags: c_int,
) -> c_int {
    // SAFETY: as getnameinfo(3) says.
    let Ok(address) = (unsafe { address::read(start, length) }) else {
        return EAI_FAMILY;
    };
    let names = match &address {
        Address::Inet(_) | Address::Inet6(_) => name_info(&address, flags)
            .map(|(host, service)| (host.into_bytes(), service.into_bytes())),
        Address::Unix(address) => local_names(address, flags),
        _ => return EAI_FAMILY,
    };
    let (host_name, service_name) = match names {
        Ok(names) => names,
        Err(error) => return failed(error),
    };
    for (start, length, name) in [
        (host, host_length, host_name),
        (service, service_length, service_name),
    ] {
        if start.is_null() || length == 0 {
            continue;
        }
        // SAFETY: the same.
        let room = unsafe { memory::room(start.cast(), length as usize) };
        if !room.is_ok_and(|room| memory::copy_string(room, &name)) {
            return EAI_OVERFLOW;
        }
    }
    0
}

/// The names of a Unix socket: this machine's, and the path.
fn local_names(address: &UnixAddress, flags: c_int) -> capsock_guest::Result<(Vec<u8>, Vec<u8>)> {
    let host = match flags & NI_NUMERICHOST {
        0 => gethostname()?.into_bytes(),
        _ => b"localhost".to_vec(),
    };
    let path = match address {
        UnixAddress::Pathname(path) => path.clone(),
        UnixAddress::Unnamed | UnixAddress::Abstract(_) => Vec::new(),
    };
    Ok((host, path))
}

/// `struct hostent`
#[repr(C)]
pub struct Hostent {
    name: *const c_char,
    aliases: *const *const c_char,
    kind: c_int,
    length: c_int,
    addresses: *const *const c_char,
}

/// `struct servent`, and `struct protoent` but for its last member.
#[repr(C)]
pub struct Servent {
    name: *const c_char,
    aliases: *const *const c_char,
    number: c_int,
    protocol: *const c_char,
}

/// What the last answer of a function is made of.
#[derive(Default)]
struct Kept {
    strings: Vec<Vec<u8>>,
    lists: Vec<Vec<*const c_char>>,
    host: Option<Box<Hostent>>,
    service: Option<Box<Servent>>,
}

thread_local! {
    static HOST: RefCell<Kept> = RefCell::default();
    static SERVICE: RefCell<Kept> = RefCell::default();
    static PROTOCOL: RefCell<Kept> = RefCell::default();
}

impl Kept {
    /// The text with its NUL, as long as the answer is kept.
    fn string(&mut self, text: &[u8]) -> *const c_char {
        let mut text = text.to_vec();
        text.push(0);
        self.strings.push(text);
        self.strings
            .last()
            .map_or(std::ptr::null(), |text| text.as_ptr().cast())
    }

    fn list(&mut self, items: &[Vec<u8>]) -> *const *const c_char {
        let mut list: Vec<_> = items.iter().map(|item| self.string(item)).collect();
        list.push(std::ptr::null());
        self.lists.push(list);
        self.lists
            .last()
            .map_or(std::ptr::null(), |list| list.as_ptr())
    }
}

unsafe extern "C" {
    fn __capsock_set_h_errno(number: c_int);
}

/// The numbers of netdb.h, from those of getaddrinfo(3).
fn host_failed(error: &Error) -> *const Hostent {
    const HOST_NOT_FOUND: c_int = 1;
    const TRY_AGAIN: c_int = 2;
    const NO_RECOVERY: c_int = 3;
    const NO_DATA: c_int = 4;
    let number = error.h_errno().unwrap_or(match error.gai_errno() {
        Some(EAI_NONAME) => HOST_NOT_FOUND,
        Some(EAI_AGAIN) => TRY_AGAIN,
        Some(EAI_NODATA | EAI_ADDRFAMILY) => NO_DATA,
        _ => NO_RECOVERY,
    });
    // SAFETY: it writes a variable.
    unsafe { __capsock_set_h_errno(number) };
    std::ptr::null()
}

fn keep_host(family: AddressFamily, (name, aliases, addresses): HostEntry) -> *const Hostent {
    let addresses = addresses
        .iter()
        .filter_map(|address| match address.parse().ok()? {
            IpAddr::V4(ip) if family == AF_INET => Some(ip.octets().to_vec()),
            IpAddr::V6(ip) if family == AF_INET6 => Some(ip.octets().to_vec()),
            _ => None,
        });
    let addresses: Vec<Vec<u8>> = addresses.collect();
    let aliases: Vec<Vec<u8>> = aliases.into_iter().map(String::into_bytes).collect();
    HOST.with_borrow_mut(|kept| {
        *kept = Kept::default();
        let entry = Hostent {
            name: kept.string(name.as_bytes()),
            aliases: kept.list(&aliases),
            kind: family.number(),
            length: if family == AF_INET { 4 } else { 16 },
            addresses: kept.list(&addresses),
        };
        &raw const **kept.host.insert(Box::new(entry))
    })
}

/// gethostbyname(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_gethostbyname(name: *const c_char) -> *const Hostent {
    // SAFETY: as gethostbyname(3) says.
    unsafe { __wrap_gethostbyname2(name, AF_INET.number()) }
}

/// gethostbyname2(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_gethostbyname2(
    name: *const c_char,
    family: c_int,
) -> *const Hostent {
    // SAFETY: as gethostbyname(3) says.
    let name = unsafe { memory::text(name) }.filter(|name| name.len() <= LONGEST);
    let name = name.unwrap_or_default();
    let family = AddressFamily::from_number(family);
    let found = match family {
        AF_INET => host_entry(&HostLookup::by_name(name)),
        _ => address_info(Some(name), None, family, None, 0, 0).map(|found| {
            let addresses = found
                .iter()
                .filter_map(|info| info.sockaddr.to_socket_addr());
            let mut addresses: Vec<_> = addresses.map(|address| address.ip().to_string()).collect();
            addresses.dedup();
            (name.to_owned(), Vec::new(), addresses)
        }),
    };
    match found {
        Ok(entry) => keep_host(family, entry),
        Err(error) => host_failed(&error),
    }
}

/// gethostbyaddr(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_gethostbyaddr(
    address: *const c_void,
    length: Length,
    family: c_int,
) -> *const Hostent {
    // SAFETY: as gethostbyaddr(3) says.
    let bytes = unsafe { memory::bytes(address, length.min(16) as usize) }.unwrap_or_default();
    let family = AddressFamily::from_number(family);
    let ip = match family {
        AF_INET => bytes.first_chunk::<4>().map(|ip| IpAddr::from(*ip)),
        AF_INET6 => bytes.first_chunk::<16>().map(|ip| IpAddr::from(*ip)),
        _ => None,
    };
    match ip.map(|ip| host_entry(&HostLookup::by_address(ip))) {
        Some(Ok(entry)) => keep_host(family, entry),
        Some(Err(error)) => host_failed(&error),
        None => {
            errno::set(Errno::EAFNOSUPPORT);
            // SAFETY: NO_RECOVERY.
            unsafe { __capsock_set_h_errno(3) };
            std::ptr::null()
        }
    }
}

fn keep(
    kept: &'static std::thread::LocalKey<RefCell<Kept>>,
    name: &str,
    number: c_int,
    protocol: &str,
) -> *const Servent {
    kept.with_borrow_mut(|kept| {
        *kept = Kept::default();
        let entry = Servent {
            name: kept.string(name.as_bytes()),
            aliases: kept.list(&[]),
            number,
            protocol: kept.string(protocol.as_bytes()),
        };
        &raw const **kept.service.insert(Box::new(entry))
    })
}

/// In network order, as netdb.h has it.
fn port_for_c(port: u16) -> c_int {
    c_int::from(port.to_be())
}

/// getservbyname(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getservbyname(
    name: *const c_char,
    protocol: *const c_char,
) -> *const Servent {
    // SAFETY: as getservbyname(3) says.
    let (name, protocol) = unsafe { (memory::text(name), memory::text(protocol)) };
    let name = name.unwrap_or_default();
    match getservbyname(name, protocol) {
        Ok(port) => keep(&SERVICE, name, port_for_c(port), protocol.unwrap_or("tcp")),
        Err(_none) => std::ptr::null(),
    }
}

/// getservbyport(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getservbyport(
    port: c_int,
    protocol: *const c_char,
) -> *const Servent {
    // SAFETY: as getservbyport(3) says.
    let protocol = unsafe { memory::text(protocol) };
    let number = u16::from_be(port as u16);
    match getservbyport(number, protocol) {
        Ok(name) => keep(
            &SERVICE,
            &name,
            port_for_c(number),
            protocol.unwrap_or("tcp"),
        ),
        Err(_none) => std::ptr::null(),
    }
}

/// getprotobyname(3)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_getprotobyname(name: *const c_char) -> *const Servent {
    // SAFETY: as getprotobyname(3) says.
    let name = unsafe { memory::text(name) }.unwrap_or_default();
    match getprotobyname(name) {
        Ok(number) => keep(&PROTOCOL, name, number, ""),
        Err(_none) => std::ptr::null(),
    }
}

/// getprotobynumber(3), of those that sockets have: the interface looks up names
/// alone.
#[unsafe(no_mangle)]
pub extern "C" fn __wrap_getprotobynumber(number: c_int) -> *const Servent {
    let names = [
        "ip",
        "icmp",
        "igmp",
        "tcp",
        "udp",
        "ipv6",
        "ipv6-icmp",
        "sctp",
        "udplite",
    ];
    let found = names
        .iter()
        .find(|name| getprotobyname(name).ok() == Some(number));
    found.map_or(std::ptr::null(), |name| keep(&PROTOCOL, name, number, ""))
}

/// gethostname(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_gethostname(start: *mut c_char, length: usize) -> c_int {
    let tell = || -> Result<()> {
        let name = gethostname()?;
        // SAFETY: as gethostname(2) says.
        let room = unsafe { memory::room(start.cast(), length)? };
        match memory::copy_string(room, name.as_bytes()) {
            true => Ok(()),
            false => Err(Errno::ENAMETOOLONG),
        }
    };
    errno::nothing(tell())
}

/// sethostname(2)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn __wrap_sethostname(start: *const c_char, length: usize) -> c_int {
    let set = || -> Result<()> {
        // SAFETY: as sethostname(2) says.
        let name = unsafe { memory::bytes(start.cast(), length)? };
        if name.len() > 64 {
            return Err(Errno::EINVAL);
        }
        let name = str::from_utf8(name).map_err(|_encoding| Errno::EINVAL)?;
        Ok(sethostname(name)?)
    };
    errno::nothing(set())
}
