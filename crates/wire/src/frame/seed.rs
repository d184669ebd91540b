//! Steps of fetching the content of a seed, piece by piece, from whoever holds it.

use bytes::Bytes;

use crate::generated::{self, seed::Step};
use crate::record::{check_count, digest};
use crate::{Digest, WireError, limits};

/// Names a seed: what its content hashes to, and how long that is.
pub type SeedId = Digest;

/// A step of fetching a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seed {
    /// Which.
    pub id: SeedId,
    /// What is said.
    pub step: SeedStep,
}

/// What is said of a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SeedStep {
    /// Send me these pieces, in this order.
    Wanted {
        /// The first.
        from: u32,
        /// How many; at least one.
        count: u32,
    },
    /// One of them.
    Piece(SeedPiece),
    /// No.
    Refused(SeedRefusal),
}

/// A piece of a seed, with all that shows that it is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeedPiece {
    /// Its place.
    pub index: u32,
    /// What is there.
    pub bytes: Bytes,
    /// The hashes beside the way from it to the root.
    pub path: Vec<[u8; 32]>,
}

/// Why no piece comes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum SeedRefusal {
    /// It is not held here, or no longer.
    Absent,
    /// The peer has enough to send for now.
    Exhausted,
}

impl Seed {
    pub(super) fn to_schema(&self) -> generated::Seed {
        let step = match &self.step {
            SeedStep::Wanted { from, count } => {
                Step::Wanted(generated::SeedWish { from: *from, count: *count })
            }
            SeedStep::Piece(SeedPiece { index, bytes, path }) => {
                let (bytes, path) = (bytes.clone(), Bytes::from(path.concat()));
                Step::Piece(generated::SeedPiece { index: *index, bytes, path })
            }
            SeedStep::Refused(refusal) => Step::Refused(match refusal {
                SeedRefusal::Absent => generated::SeedRefusal::NotHeld.into(),
                SeedRefusal::Exhausted => generated::SeedRefusal::Later.into(),
            }),
        };
        generated::Seed { id: Bytes::copy_from_slice(&self.id.0), step: Some(step) }
    }

    pub(super) fn from_schema(schema: generated::Seed) -> Result<Self, WireError> {
        let id = digest("seed id", &schema.id)?;
        let step = match schema.step.ok_or(WireError::Field("seed step"))? {
            Step::Wanted(generated::SeedWish { from, count }) => {
                check_count("pieces of a seed", count as usize, limits::SEED_WISH_MAX)?;
                if count == 0 || from.checked_add(count).is_none() {
                    return Err(WireError::Field("seed wish"));
                }
                SeedStep::Wanted { from, count }
            }
            Step::Piece(it) => SeedStep::Piece(SeedPiece::from_schema(it)?),
            Step::Refused(it) => SeedStep::Refused(match generated::SeedRefusal::try_from(it) {
                Ok(generated::SeedRefusal::NotHeld) => SeedRefusal::Absent,
                Ok(generated::SeedRefusal::Later) => SeedRefusal::Exhausted,
                Err(_) => return Err(WireError::Field("seed refusal")),
            }),
        };
        Ok(Self { id, step })
    }
}

impl SeedPiece {
    fn from_schema(schema: generated::SeedPiece) -> Result<Self, WireError> {
        let generated::SeedPiece { index, bytes, path } = schema;
        check_count("bytes of a seed's piece", bytes.len(), limits::SEED_PIECE_BYTES)?;
        let (hashes, rest) = path.as_chunks::<32>();
        check_count("hashes of a seed's piece", hashes.len(), limits::SEED_PATH_MAX)?;
        if !rest.is_empty() || bytes.is_empty() {
            return Err(WireError::Field("seed piece"));
        }
        Ok(Self { index, bytes, path: hashes.to_vec() })
    }
}
