//! Any bytes as input of `transport::fuzz::channel`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transport::fuzz::channel(bytes));
