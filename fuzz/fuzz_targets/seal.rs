//! Components that were changed since they were sealed, and what is none.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| capsock_seal::fuzzing::changed(data));
