//! Why settings were refused; nothing was started.

use std::path::PathBuf;

use super::Origin;

/// The operator's mistake, with its place.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A value that is not allowed.
    #[error("bad value {value:?} for {key} {place}: allowed is {allowed}")]
    Bad {
        /// The key.
        key: String,
        /// What was said.
        value: String,
        /// Where.
        place: String,
        /// What may be said.
        allowed: String,
    },
    /// No home directory to put a node's directory in.
    #[error("this user has no home directory: name one with --dir")]
    NoHome,
    /// The file is no TOML.
    #[error("{} line {line} is not TOML: {why}", path.display())]
    NotToml {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// What is wrong there.
        why: String,
    },
    /// A key nobody reads.
    #[error("unknown key {key:?} {place}{hint}")]
    Unknown {
        /// The key.
        key: String,
        /// Where.
        place: String,
        /// The nearest known key, as a question.
        hint: String,
    },
    /// The file could not be read.
    #[error("cannot read {}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        why: String,
    },
}

impl SettingsError {
    pub(super) fn bad(key: &str, value: &str, origin: &Origin, allowed: &str) -> Self {
        let value: String = value.chars().take(80).collect();
        let (key, allowed) = (key.to_owned(), allowed.to_owned());
        Self::Bad { key, value, place: origin.place(), allowed }
    }
}
