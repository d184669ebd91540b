//! Any bytes as input of `wire::fuzz::letter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::letter(bytes));
