//! Any bytes as input of `wire::fuzz::transfer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::transfer(bytes));
