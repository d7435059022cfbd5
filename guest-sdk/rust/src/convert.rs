//! Byte order, addresses as text and bytes, and the sizes of ancillary data:
//! what Python's module computes without a system call.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::constants::{AF_INET, AF_INET6, AddressFamily};
use crate::error::{Error, Result};

/// A 16-bit number from network to host order: ntohs(3).
///
/// # Errors
/// Where `x` is negative or does not fit 16 bits.
pub fn ntohs(x: i64) -> Result<u16> {
    fit::<u16>("ntohs", x).map(u16::from_be)
}

/// A 32-bit number from network to host order: ntohl(3).
///
/// # Errors
/// Where `x` is negative or does not fit 32 bits.
pub fn ntohl(x: i64) -> Result<u32> {
    fit::<u32>("ntohl", x).map(u32::from_be)
}

/// A 16-bit number from host to network order: htons(3).
///
/// # Errors
/// Where `x` is negative or does not fit 16 bits.
pub fn htons(x: i64) -> Result<u16> {
    fit::<u16>("htons", x).map(u16::to_be)
}

/// A 32-bit number from host to network order: htonl(3).
///
/// # Errors
/// Where `x` is negative or does not fit 32 bits.
pub fn htonl(x: i64) -> Result<u32> {
    fit::<u32>("htonl", x).map(u32::to_be)
}

/// An IPv4 address from text to its four bytes, in every form that
/// inet_aton(3) takes: `127.1`, `0x7f000001` and `0177.0.0.1` are 127.0.0.1.
///
/// # Errors
/// Where the text is none of them.
pub fn inet_aton(ip_string: &str) -> Result<[u8; 4]> {
    let illegal = || {
        Error::invalid(
            "inet_aton",
            format!("illegal IP address string `{ip_string}`"),
        )
    };
    // glibc takes what follows white space for a comment.
    let text = ip_string
        .split([' ', '\t', '\n', '\r', '\x0b', '\x0c'])
        .next()
        .unwrap_or_default();
    let parts: Option<Vec<u32>> = text.split('.').map(c_number).collect();
    let (last, leading) = parts
        .as_deref()
        .and_then(<[u32]>::split_last)
        .ok_or_else(illegal)?;
    // The last part fills what the ones before it leave.
    let rest = 4usize
        .checked_sub(leading.len())
        .filter(|rest| *rest > 0)
        .ok_or_else(illegal)?;
    let fits = u64::from(*last) < 1 << (8 * rest) && leading.iter().all(|part| *part < 256);
    if !fits {
        return Err(illegal());
    }
    let high = leading
        .iter()
        .fold(0u64, |address, part| (address << 8) | u64::from(*part));
    let address = (high << (8 * rest)) | u64::from(*last);
    Ok((address as u32).to_be_bytes())
}

/// The four bytes of an IPv4 address as text: inet_ntoa(3).
///
/// # Errors
/// Where there are not four.
pub fn inet_ntoa(packed_ip: &[u8]) -> Result<String> {
    let bytes = <[u8; 4]>::try_from(packed_ip);
    let bytes = bytes.map_err(|_length| wrong_length("inet_ntoa", packed_ip, 4))?;
    Ok(Ipv4Addr::from(bytes).to_string())
}

/// An address of `family` from its standard text to bytes: inet_pton(3).
///
/// # Errors
/// Where the text is no such address, or the family has no text form
/// (`EAFNOSUPPORT`).
pub fn inet_pton(family: AddressFamily, ip_string: &str) -> Result<Vec<u8>> {
    let illegal = || {
        Error::invalid(
            "inet_pton",
            format!("illegal IP address string `{ip_string}`"),
        )
    };
    match family {
        AF_INET => {
            let address: Ipv4Addr = ip_string.parse().map_err(|_syntax| illegal())?;
            Ok(address.octets().to_vec())
        }
        AF_INET6 => {
            let address: Ipv6Addr = ip_string.parse().map_err(|_syntax| illegal())?;
            Ok(address.octets().to_vec())
        }
        _ => Err(unknown_family("inet_pton")),
    }
}

/// An address of `family` from bytes to its standard text: inet_ntop(3).
///
/// # Errors
/// Where the number of bytes is not that of the family, or the family has no
/// text form (`EAFNOSUPPORT`).
pub fn inet_ntop(family: AddressFamily, packed_ip: &[u8]) -> Result<String> {
    match family {
        AF_INET => {
            let bytes = <[u8; 4]>::try_from(packed_ip);
            let bytes = bytes.map_err(|_length| wrong_length("inet_ntop", packed_ip, 4))?;
            Ok(Ipv4Addr::from(bytes).to_string())
        }
        AF_INET6 => {
            let bytes = <[u8; 16]>::try_from(packed_ip);
            let bytes = bytes.map_err(|_length| wrong_length("inet_ntop", packed_ip, 16))?;
            Ok(ipv6_text(Ipv6Addr::from(bytes)))
        }
        _ => Err(unknown_family("inet_ntop")),
    }
}

/// The length of an item of ancillary data with `length` bytes, without padding
/// at its end: cmsg(3), as on 64-bit Linux.
///
/// # Errors
/// Where `length` is negative, or the result does not fit a C `int`.
#[allow(non_snake_case, reason = "Python's name")]
pub fn CMSG_LEN(length: i64) -> Result<i64> {
    ancillary("CMSG_LEN", length, 0)
}

/// The room that an item of ancillary data with `length` bytes takes, with
/// padding: cmsg(3), as on 64-bit Linux.
///
/// # Errors
/// Where `length` is negative, or the result does not fit a C `int`.
#[allow(non_snake_case, reason = "Python's name")]
pub fn CMSG_SPACE(length: i64) -> Result<i64> {
    const ALIGNMENT: i64 = 8;
    let length = ancillary("CMSG_SPACE", length, ALIGNMENT)?;
    Ok((length + ALIGNMENT - 1) & -ALIGNMENT)
}

fn ancillary(operation: &'static str, length: i64, padding: i64) -> Result<i64> {
    const HEADER: i64 = 16;
    if (0..=i64::from(i32::MAX) - HEADER - padding).contains(&length) {
        return Ok(HEADER + length);
    }
    Err(Error::invalid(
        operation,
        format!("argument out of range: {length}"),
    ))
}

fn fit<T: TryFrom<i64>>(operation: &'static str, x: i64) -> Result<T> {
    T::try_from(x).map_err(|_range| {
        let bits = 8 * size_of::<T>();
        Error::invalid(operation, format!("{x} is not from 0 to 2^{bits} - 1"))
    })
}

fn wrong_length(operation: &'static str, bytes: &[u8], expected: usize) -> Error {
    Error::invalid(
        operation,
        format!(
            "packed IP wrong length: {} bytes, expected {expected}",
            bytes.len()
        ),
    )
}

fn unknown_family(operation: &'static str) -> Error {
    Error::new(
        operation,
        crate::bindings::types::ErrorCode::AddressFamilyNotSupported,
    )
}

/// As glibc writes it: the deprecated IPv4-compatible form has its dots.
fn ipv6_text(address: Ipv6Addr) -> String {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => {
            format!("::{}", Ipv4Addr::from(address.to_bits() as u32))
        }
        _ => address.to_string(),
    }
}

/// A number as C writes it: decimal, octal after 0, hexadecimal after 0x.
fn c_number(text: &str) -> Option<u32> {
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', _, ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    // `from_str_radix` alone would take a sign.
    let digits = digits
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric())
        .then_some(digits)?;
    u32::from_str_radix(digits, radix).ok()
}
