//! What C hands over: null where there is nothing, and lengths that are bounded.

use std::ffi::{CStr, c_char, c_int, c_void};

use crate::errno::{Errno, Result};

/// More than any call takes; it also keeps sums of lengths in their type.
const MOST: usize = isize::MAX as usize / 2;
/// IOV_MAX of Linux.
const MOST_BUFFERS: usize = 1024;

/// `struct iovec`
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Iovec {
    pub(crate) base: *mut c_void,
    pub(crate) length: usize,
}

/// The bytes at `start`.
///
/// # Safety
/// `start` has `length` bytes that nobody writes while they are used.
pub(crate) unsafe fn bytes<'a>(start: *const c_void, length: usize) -> Result<&'a [u8]> {
    if length == 0 {
        return Ok(&[]);
    }
    if start.is_null() || length > MOST {
        return Err(Errno::EFAULT);
    }
    // SAFETY: by this function's condition.
    Ok(unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

/// The room at `start`.
///
/// # Safety
/// `start` has `length` bytes that nobody else uses meanwhile.
pub(crate) unsafe fn room<'a>(start: *mut c_void, length: usize) -> Result<&'a mut [u8]> {
    if length == 0 {
        return Ok(&mut []);
    }
    if start.is_null() || length > MOST {
        return Err(Errno::EFAULT);
    }
    // SAFETY: by this function's condition. What C has not written yet is only
    // written to.
    Ok(unsafe { std::slice::from_raw_parts_mut(start.cast(), length) })
}

/// The array at `start`.
///
/// # Safety
/// `start` has `length` elements that nobody else uses meanwhile.
pub(crate) unsafe fn array<'a, T: Copy>(start: *mut T, length: usize) -> Result<&'a mut [T]> {
    if length == 0 {
        return Ok(&mut []);
    }
    if start.is_null() || length > MOST / size_of::<T>() {
        return Err(Errno::EFAULT);
    }
    // SAFETY: by this function's condition.
    Ok(unsafe { std::slice::from_raw_parts_mut(start, length) })
}

/// The buffers of readv(2) and its like.
///
/// # Safety
/// `start` has `length` elements, and each is as [`room`] has it.
pub(crate) unsafe fn rooms<'a>(start: *const Iovec, length: c_int) -> Result<Vec<&'a mut [u8]>> {
    // SAFETY: by this function's condition.
    let vectors = unsafe { vectors(start, length)? };
    vectors
        .iter()
        // SAFETY: by this function's condition.
        .map(|vector| unsafe { room(vector.base, vector.length) })
        .collect()
}

/// The buffers of writev(2) and its like.
///
/// # Safety
/// `start` has `length` elements, and each is as [`bytes`] has it.
pub(crate) unsafe fn buffers<'a>(start: *const Iovec, length: c_int) -> Result<Vec<&'a [u8]>> {
    // SAFETY: by this function's condition.
    let vectors = unsafe { vectors(start, length)? };
    vectors
        .iter()
        // SAFETY: by this function's condition.
        .map(|vector| unsafe { bytes(vector.base, vector.length) })
        .collect()
}

unsafe fn vectors<'a>(start: *const Iovec, length: c_int) -> Result<&'a [Iovec]> {
    let length = usize::try_from(length).map_err(|_negative| Errno::EINVAL)?;
    if length > MOST_BUFFERS {
        return Err(Errno::EINVAL);
    }
    // SAFETY: as the callers say.
    let vectors = unsafe { array(start.cast_mut(), length)? };
    let total = vectors
        .iter()
        .try_fold(0_usize, |sum, vector| sum.checked_add(vector.length));
    match total {
        Some(total) if total <= MOST => Ok(vectors),
        _ => Err(Errno::EINVAL),
    }
}

/// A value that has to be there.
///
/// # Safety
/// `at` is null or a value of that type.
pub(crate) unsafe fn get<T: Copy>(at: *const T) -> Result<T> {
    if at.is_null() {
        return Err(Errno::EFAULT);
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
        return Err(Errno::EFAULT);
    }
    // SAFETY: by this function's condition.
    unsafe { at.write_unaligned(value) };
    Ok(())
}

/// A string; `None` where there is none.
///
/// # Safety
/// `at` is null or ends with a NUL.
pub(crate) unsafe fn string<'a>(at: *const c_char) -> Option<&'a [u8]> {
    // SAFETY: by this function's condition.
    (!at.is_null()).then(|| unsafe { CStr::from_ptr(at) }.to_bytes())
}

/// A string that names something: only UTF-8 does.
///
/// # Safety
/// As [`string`].
pub(crate) unsafe fn text<'a>(at: *const c_char) -> Option<&'a str> {
    // SAFETY: by this function's condition.
    str::from_utf8(unsafe { string(at) }?).ok()
}

/// Copies a string and its NUL, if they fit.
pub(crate) fn copy_string(to: &mut [u8], text: &[u8]) -> bool {
    if to.len() <= text.len() {
        return false;
    }
    to[..text.len()].copy_from_slice(text);
    to[text.len()] = 0;
    true
}

unsafe extern "C" {
    fn malloc(length: usize) -> *mut c_void;
    pub(crate) fn free(start: *mut c_void);
}

/// A copy that C frees, aligned for every type.
pub(crate) fn allocate(data: &[u8]) -> Result<*mut c_void> {
    // SAFETY: malloc(3); what it gave has that many bytes.
    unsafe {
        let start = malloc(data.len().max(1));
        if start.is_null() {
            return Err(Errno::ENOMEM);
        }
        start
            .cast::<u8>()
            .copy_from_nonoverlapping(data.as_ptr(), data.len());
        Ok(start)
    }
}

/// A value that has to be there, to be changed in its place.
///
/// # Safety
/// `at` is null or a value of that type, which nobody else uses meanwhile.
pub(crate) unsafe fn mutable<'a, T>(at: *mut T) -> Result<&'a mut T> {
    if !at.is_aligned() {
        return Err(Errno::EINVAL);
    }
    // SAFETY: by this function's condition.
    unsafe { at.as_mut() }.ok_or(Errno::EFAULT)
}
