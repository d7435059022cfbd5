//! What C hands over: null where there is nothing, and lengths that are bounded.

use std::ffi::{c_int, c_void};

use libc::iovec;

use crate::errno::{Errno, Result};

/// More than any call takes; it also keeps sums of lengths in their type.
const MOST: usize = isize::MAX as usize / 2;
/// `IOV_MAX` of Linux.
const MOST_BUFFERS: c_int = 1024;

/// The bytes at `start`.
///
/// # Safety
/// `start` has `length` bytes that nobody writes while they are used.
pub(crate) unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Result<&'a [u8]> {
    // SAFETY: by this function's condition.
    unsafe { array(start.cast(), length) }
}

/// The room at `start`.
///
/// # Safety
/// `start` has `length` bytes that nobody else uses meanwhile.
pub(crate) unsafe fn room<'a>(start: *mut c_void, length: usize) -> Result<&'a mut [u8]> {
    // SAFETY: by this function's condition. What was not written yet is only
    // written to.
    unsafe { array_mut(start.cast(), length) }
}

/// The array at `start`.
///
/// # Safety
/// `start` has `length` elements that nobody else uses meanwhile.
pub(crate) unsafe fn array_mut<'a, T>(start: *mut T, length: usize) -> Result<&'a mut [T]> {
    check(start, length)?;
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: by this function's condition.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

unsafe fn array<'a, T>(start: *const T, length: usize) -> Result<&'a [T]> {
    check(start, length)?;
    if length == 0 {
        return Ok(&[]);
    }
    // SAFETY: by the callers' conditions.
    Ok(unsafe { std::slice::from_raw_parts(start, length) })
}

fn check<T>(start: *const T, length: usize) -> Result<()> {
    if length > 0 && (start.is_null() || !start.is_aligned()) || length > MOST / size_of::<T>() {
        return Err(Errno(libc::EFAULT));
    }
    Ok(())
}

/// The first buffer of readv(2) that has room.
///
/// # Safety
/// `start` has `length` elements, and each is as [`room`] has it.
pub(crate) unsafe fn first_room<'a>(start: *const iovec, length: c_int) -> Result<&'a mut [u8]> {
    // SAFETY: by this function's condition.
    let first = unsafe { vectors(start, length)? };
    let first = first.iter().find(|vector| vector.iov_len > 0);
    first.map_or(Ok(&mut []), |first| {
        // SAFETY: by this function's condition.
        unsafe { room(first.iov_base, first.iov_len) }
    })
}

/// The buffers of writev(2).
///
/// # Safety
/// `start` has `length` elements, and each is as [`bytes`] has it.
pub(crate) unsafe fn buffers<'a>(start: *const iovec, length: c_int) -> Result<Vec<&'a [u8]>> {
    // SAFETY: by this function's condition.
    let vectors = unsafe { vectors(start, length)? };
    vectors
        .iter()
        // SAFETY: by this function's condition.
        .map(|vector| unsafe { bytes(vector.iov_base, vector.iov_len) })
        .collect()
}

unsafe fn vectors<'a>(start: *const iovec, length: c_int) -> Result<&'a [iovec]> {
    match usize::try_from(length) {
        // SAFETY: as the callers say.
        Ok(count) if length <= MOST_BUFFERS => unsafe { array(start, count) },
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// A value that has to be there.
///
/// # Safety
/// `at` is null or a value of that type.
pub(crate) unsafe fn get<T: Copy>(at: *const T) -> Result<T> {
    if at.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: by this function's condition.
    Ok(unsafe { at.read_unaligned() })
}

/// Writes a value where C wants one.
///
/// # Safety
/// `at` is null or has room for it.
pub(crate) unsafe fn put<T>(at: *mut T, value: T) -> Result<()> {
    if at.is_null() {
        return Err(Errno(libc::EFAULT));
    }
    // SAFETY: by this function's condition.
    unsafe { at.write_unaligned(value) };
    Ok(())
}
