//! Steps of fetching a large state in chunks from several peers.

use super::Item;
use super::schema::{prefix_bytes, prefix_of};
use crate::generated::{self, chunk::Step};
use crate::record::{check_count, digest, to_bytes};
use crate::{Digest, Signed, WireError, limits};

/// A step of fetching one chunk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Chunk {
    /// The number that the one who wishes gave it.
    pub wish: u32,
    /// What is said.
    pub step: ChunkStep,
}

/// What is said of a chunk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ChunkStep {
    /// Send me all that you hold under a prefix.
    Wanted {
        /// Unused bits are zero.
        prefix: Digest,
        /// Length of the prefix in bits.
        bits: u16,
        /// The hash of the subtree that is wanted; `None` for whatever is there.
        hash: Option<Digest>,
    },
    /// That is too much for one chunk: it consists of these.
    Parts(Vec<ChunkPart>),
    /// Some of it.
    Records {
        /// What stands there, in any order.
        records: Vec<Signed>,
        /// What stands there, too, and is not sent with it.
        items: Vec<Item>,
        /// Whether this is all.
        last: bool,
        /// How many records and items came before.
        from: u32,
    },
    /// No.
    Refused(ChunkRefusal),
}

/// A subtree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ChunkPart {
    /// What all its keys begin with; unused bits are zero.
    pub prefix: Digest,
    /// Length of the prefix in bits.
    pub bits: u16,
    /// Its hash.
    pub hash: Digest,
    /// Entries in it, as its sender says.
    pub count: u64,
}

/// Why no chunk comes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum ChunkRefusal {
    /// It is not held here, or no longer.
    Absent,
    /// The peer has sent enough for now.
    Exhausted,
}

impl Chunk {
    pub(super) fn to_schema(&self) -> generated::Chunk {
        let step = match &self.step {
            ChunkStep::Wanted { prefix, bits, hash } => Step::Wanted(generated::ChunkWish {
                prefix: prefix_bytes(prefix, *bits),
                bits: (*bits).into(),
                hash: hash.as_ref().map(to_bytes).unwrap_or_default(),
            }),
            ChunkStep::Parts(parts) => {
                let parts = parts.iter().map(|it| generated::ChunkPart {
                    prefix: prefix_bytes(&it.prefix, it.bits),
                    bits: it.bits.into(),
                    hash: to_bytes(&it.hash),
                    count: it.count,
                });
                Step::Parts(generated::ChunkParts { parts: parts.collect() })
            }
            ChunkStep::Records { records, items, last, from } => {
                Step::Records(generated::ChunkRecords {
                    records: records.iter().map(Into::into).collect(),
                    items: items.iter().copied().map(Item::to_schema).collect(),
                    last: *last,
                    from: *from,
                })
            }
            ChunkStep::Refused(refusal) => Step::Refused(match refusal {
                ChunkRefusal::Absent => generated::ChunkRefusal::Absent.into(),
                ChunkRefusal::Exhausted => generated::ChunkRefusal::Exhausted.into(),
            }),
        };
        generated::Chunk { wish: self.wish, step: Some(step) }
    }

    pub(super) fn from_schema(schema: generated::Chunk) -> Result<Self, WireError> {
        let step = match schema.step.ok_or(WireError::Field("chunk step"))? {
            Step::Wanted(it) => {
                let (prefix, bits) = prefix_of(&it.prefix, it.bits)?;
                let has_hash = !it.hash.is_empty();
                let hash = has_hash.then(|| digest("hash", &it.hash)).transpose()?;
                ChunkStep::Wanted { prefix, bits, hash }
            }
            Step::Parts(it) => {
                check_count("parts of a chunk", it.parts.len(), limits::CHUNK_PARTS_MAX)?;
                let parts: Result<Vec<ChunkPart>, WireError> =
                    it.parts.iter().map(ChunkPart::from_schema).collect();
                ChunkStep::Parts(parts?)
            }
            Step::Records(it) => {
                let count = it.records.len() + it.items.len();
                check_count("records of a chunk", count, limits::CHUNK_RECORDS_MAX)?;
                let records: Result<Vec<Signed>, WireError> =
                    it.records.into_iter().map(Signed::try_from).collect();
                let items: Result<Vec<Item>, WireError> =
                    it.items.iter().map(Item::from_schema).collect();
                ChunkStep::Records {
                    records: records?,
                    items: items?,
                    last: it.last,
                    from: it.from,
                }
            }
            Step::Refused(it) => ChunkStep::Refused(match generated::ChunkRefusal::try_from(it) {
                Ok(generated::ChunkRefusal::Absent) => ChunkRefusal::Absent,
                Ok(generated::ChunkRefusal::Exhausted) => ChunkRefusal::Exhausted,
                Err(_) => return Err(WireError::Field("chunk refusal")),
            }),
        };
        Ok(Self { wish: schema.wish, step })
    }
}

impl ChunkPart {
    fn from_schema(schema: &generated::ChunkPart) -> Result<Self, WireError> {
        let (prefix, bits) = prefix_of(&schema.prefix, schema.bits)?;
        Ok(Self { prefix, bits, hash: digest("hash", &schema.hash)?, count: schema.count })
    }
}
