#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| capsock_policy::fuzzing::meaning(bytes));
