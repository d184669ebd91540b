//! Any bytes as input of `wire::fuzz::signed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::signed(bytes));
