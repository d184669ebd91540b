//! Any bytes as input of `daemon::fuzz::config_toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| daemon::fuzz::config_toml(bytes));
