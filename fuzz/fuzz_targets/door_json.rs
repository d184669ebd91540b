//! Any bytes as input of `transport::fuzz::door_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transport::fuzz::door_json(bytes));
