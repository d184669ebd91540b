//! Bodies of the fuzz targets; `cargo test` replays their corpora through the same functions.

/// A config file never panics: it is taken whole or refused with its place.
pub fn config_toml(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        crate::settings::fuzz_file(text);
    }
}

/// A line of an import never panics, and one that passes makes a valid draft.
pub fn import_line(bytes: &[u8]) {
    crate::api::fuzz_line(bytes);
}
