//! Any bytes as input of `wire::fuzz::link_word`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| wire::fuzz::link_word(bytes));
