//! A checkpoint: what the state was at a moment, as the next link of a chain.

use wire::{Digest, NetworkId};

use crate::CheckpointError;
use crate::bytes::Reader;

/// The state at a moment (CKPT-1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Checkpoint {
    /// The network.
    pub network: NetworkId,
    /// One more than the one before; the first is 1.
    pub height: u64,
    /// The hash of the one before; zeros for the first.
    pub previous: Digest,
    /// The moment, unix milliseconds: the newest version of each entry that was created by then.
    pub cut_ms: u64,
    /// The root of that.
    pub root: Digest,
    /// Its entries, deletions included.
    pub count: u64,
    /// What the rules came to: their number, that of the accepted ones, and the root of these, in one
    /// hash; zeros where there are none.
    pub rules: Digest,
    /// What else is known of it.
    pub statistics: Statistics,
    /// The committee that signs this one.
    pub committee: Digest,
    /// The committee that signs the next one: the same, or the one that comes with it (CKPT-4).
    pub next_committee: Digest,
}

/// Figures of a state that follow from the set alone, so that all attesters count the same.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Statistics {
    /// Collections with an entry in them; 1,024 where there are so many or more.
    pub collections: u64,
}

impl Checkpoint {
    /// Returns its name: what certificates sign and the next one calls `previous`.
    pub fn hash(&self) -> Digest {
        Digest::of("trellis-checkpoint-v1", &[&self.encode()])
    }

    /// Encodes it: 229 bytes in a fixed order.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        out.extend(self.network.0);
        out.extend(self.height.to_be_bytes());
        out.extend(self.previous.0);
        out.extend(self.cut_ms.to_be_bytes());
        out.extend(self.root.0);
        out.extend(self.count.to_be_bytes());
        out.extend(self.rules.0);
        out.extend(self.statistics.collections.to_be_bytes());
        out.extend(self.committee.0);
        out.extend(self.next_committee.0);
        out
    }

    /// Reads what [`Checkpoint::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, CHECKPOINT_BYTES, "checkpoint")?;
        if reader.array()? != *MAGIC {
            return Err(reader.malformed());
        }
        let checkpoint = Self {
            network: reader.digest()?,
            height: reader.number()?,
            previous: reader.digest()?,
            cut_ms: reader.number()?,
            root: reader.digest()?,
            count: reader.number()?,
            rules: reader.digest()?,
            statistics: Statistics { collections: reader.number()? },
            committee: reader.digest()?,
            next_committee: reader.digest()?,
        };
        reader.end()?;
        if checkpoint.height == 0 {
            return Err(CheckpointError::Malformed("checkpoint"));
        }
        Ok(checkpoint)
    }

    /// Says whether the next one is signed by somebody else.
    pub fn hands_over(&self) -> bool {
        self.committee != self.next_committee
    }
}

const MAGIC: &[u8; 5] = b"CKPT\x01";
/// Six digests and four numbers behind the magic.
pub(crate) const CHECKPOINT_BYTES: usize = 5 + 6 * 32 + 4 * 8;
