//! The end of the program.

use std::process::abort;

use crate::bindings::exit::exit_with_code;

/// What _Exit(3) and a return from main come to. libc's own tells success and failure, and
/// no more.
#[unsafe(no_mangle)]
extern "C" fn __wrap___wasi_proc_exit(code: u32) -> ! {
    exit_with_code(code.to_le_bytes()[0]);
    abort()
}
