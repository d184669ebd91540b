//! A node's name inside `iroh-gossip`: a small number that is as long on the wire as a real key.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A node by its number.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Peer(pub u32);

impl Peer {
    /// Returns the number as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl From<usize> for Peer {
    fn from(index: usize) -> Self {
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut key = [0; KEY_BYTES];
        key[..4].copy_from_slice(&self.0.to_be_bytes());
        key.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = <[u8; KEY_BYTES]>::deserialize(deserializer)?;
        Ok(Self(u32::from_be_bytes([key[0], key[1], key[2], key[3]])))
    }
}

/// Bytes of an Ed25519 public key, which names a node there.
const KEY_BYTES: usize = 32;
