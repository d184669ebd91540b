//! Any bytes as input of `checkpoint::fuzz::checkpoint`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| checkpoint::fuzz::checkpoint(bytes));
