//! Any bytes as input of `transport::fuzz::gossip_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| transport::fuzz::gossip_json(bytes));
