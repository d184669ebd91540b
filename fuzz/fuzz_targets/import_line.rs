//! Any bytes as input of `daemon::fuzz::import_line`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| daemon::fuzz::import_line(bytes));
