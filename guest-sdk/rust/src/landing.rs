//! Receiving into a buffer of the caller, without another copy: the host asks
//! the guest where a list is to be, and is told the buffer.

use std::cell::Cell;
use std::ptr::null_mut;

use crate::bindings::socket::{ReceiveFlags, Socket};
use crate::bindings::types::ErrorCode;

thread_local! {
    /// The buffer that the next list is for, while a receive is under way.
    static LANDING: Cell<Landing> = const { Cell::new(Landing::NONE) };
}

#[derive(Clone, Copy)]
#[cfg_attr(not(target_arch = "wasm32"), expect(dead_code, reason = "nobody asks"))]
struct Landing {
    start: *mut u8,
    room: usize,
}

impl Landing {
    const NONE: Self = Self {
        start: null_mut(),
        room: 0,
    };

    #[cfg(target_arch = "wasm32")]
    /// Whether a list of so many bytes that has no place yet may be here.
    fn takes(self, old: *mut u8, align: usize, length: usize) -> bool {
        old.is_null() && align == 1 && (1..=self.room).contains(&length)
    }
}

/// `[method]socket.recv` into `buffer`: how many bytes of it are received.
#[allow(unsafe_code, reason = "the canonical ABI, which is of pointers")]
pub(crate) fn recv(
    socket: &Socket,
    buffer: &mut [u8],
    flags: ReceiveFlags,
) -> Result<usize, ErrorCode> {
    /// `result<list<u8>, error-code>`, as the canonical ABI has it.
    #[repr(C)]
    struct Returned {
        is_error: u8,
        /// The address, or the error in the first byte.
        start: *mut u8,
        length: usize,
    }
    let mut returned = Returned {
        is_error: 0,
        start: null_mut(),
        length: 0,
    };
    LANDING.set(Landing {
        start: buffer.as_mut_ptr(),
        room: buffer.len(),
    });
    // SAFETY: these are the parameters of the import, with room for its result.
    unsafe {
        import(
            socket.handle().cast_signed(),
            u32::try_from(buffer.len())
                .unwrap_or(u32::MAX)
                .cast_signed(),
            i32::from(flags.bits()),
            (&raw mut returned).cast(),
        );
    }
    LANDING.set(Landing::NONE);
    if returned.is_error != 0 {
        // SAFETY: the host wrote the error, of those that the interface has.
        return Err(unsafe { ErrorCode::_lift((&raw const returned.start).cast::<u8>().read()) });
    }
    if returned.start != buffer.as_mut_ptr() && returned.length > 0 {
        // Another allocator was asked. SAFETY: what it gave is the caller's.
        let list = unsafe { Vec::from_raw_parts(returned.start, returned.length, returned.length) };
        buffer[..list.len()].copy_from_slice(&list);
    }
    Ok(returned.length)
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "as wit-bindgen declares it")]
#[link(wasm_import_module = "capsock:sockets/socket@0.1.0")]
unsafe extern "C" {
    #[link_name = "[method]socket.recv"]
    fn import(socket: i32, length: i32, flags: i32, returned: *mut u8);
}

#[cfg(not(target_arch = "wasm32"))]
#[allow(unsafe_code, reason = "in the place of the import")]
unsafe fn import(_socket: i32, _length: i32, _flags: i32, _returned: *mut u8) {
    unreachable!("only a component has a host");
}

/// What the host calls for memory. It is strong, and so replaces the weak one of
/// the C library, which it does the same as for everything else.
#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "the canonical ABI, which is of pointers")]
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(
    old: *mut u8,
    _old_length: usize,
    align: usize,
    length: usize,
) -> *mut u8 {
    let landing = LANDING.get();
    if landing.takes(old, align, length) {
        return landing.start;
    }
    if length == 0 {
        return std::ptr::without_provenance_mut(align);
    }
    // SAFETY: `old` is null or of an earlier call.
    let start = unsafe { realloc(old, length) };
    if start.is_null() {
        std::process::abort();
    }
    start
}

#[cfg(target_arch = "wasm32")]
#[allow(unsafe_code, reason = "the C library's, whose allocator is Rust's too")]
unsafe extern "C" {
    fn realloc(old: *mut u8, length: usize) -> *mut u8;
}
