//! One hash, one domain label per use (SHA-256, so that a browser can check it).

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::Hex;

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest(pub [u8; 32]);

/// Names a record: the hash of label, author and body.
pub type RecordId = Digest;

/// Names a network: the hash of its network file.
pub type NetworkId = Digest;

impl Digest {
    /// Hashes `parts` under `label`. Labels end in a zero byte, and every part but the last has a
    /// fixed length, so no two inputs collide by moving a border.
    pub fn of(label: &str, parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(label.as_bytes());
        hasher.update([0]);
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Reads 32 bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        Hex::read_array(text).map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0[..4]), f)
    }
}
