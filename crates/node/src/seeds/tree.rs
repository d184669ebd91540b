//! The hash tree of a seed's content: each piece is checked by itself, whoever sends it.
//!
//! The root is the BLAKE3 hash of the content (what `b3sum` says). A piece is a subtree of eight chunks;
//! with the hashes beside its way to the root it proves that it stands at its place (SEED-3).

use blake3::hazmat::{HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};
use wire::{Digest, SeedId, SeedPiece, limits};

/// How long a content is and what it hashes to.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Shape {
    /// Bytes.
    pub size: u64,
    /// Its BLAKE3 hash.
    pub root: [u8; 32],
}

/// All hashes of a tree, level by level: those of the pieces first, the root last.
///
/// Each level is the one below it in pairs; where one is left over it goes up as it is. Bound: 64 bytes for
/// each piece, 8 MiB for the largest seed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tree(Vec<[u8; 32]>);

impl Shape {
    /// Returns the name of the seed of this shape.
    pub fn id(&self) -> SeedId {
        Digest::of("trellis-seed-v1", &[&self.size.to_be_bytes(), &self.root])
    }

    /// Says whether a seed can have this shape.
    pub fn is_whole(&self) -> bool {
        (1..=limits::SEED_BYTES_MAX).contains(&self.size)
    }

    /// Returns how many pieces it has.
    pub fn pieces(&self) -> u32 {
        u32::try_from(self.size.div_ceil(PIECE)).unwrap_or(u32::MAX)
    }

    /// Returns how long a piece is; 0 where there is none.
    pub fn piece_bytes(&self, index: u32) -> usize {
        let left = self.size.saturating_sub(offset(index)).min(PIECE);
        usize::try_from(left).unwrap_or(limits::SEED_PIECE_BYTES)
    }

    /// Says whether a piece is what the root says (SEED-3).
    pub fn proves(&self, piece: &SeedPiece) -> bool {
        let SeedPiece { index, bytes, path } = piece;
        if bytes.is_empty() || bytes.len() != self.piece_bytes(*index) {
            return false;
        }
        if self.pieces() == 1 {
            return path.is_empty() && *blake3::hash(bytes).as_bytes() == self.root;
        }
        let (mut at, mut width) = (*index as usize, self.pieces() as usize);
        let (mut hash, mut path) = (piece_hash(*index, bytes), path.iter());
        while 2 < width {
            if (at ^ 1) < width {
                let Some(other) = path.next() else { return false };
                hash = joined(at, &hash, other, merge_subtrees_non_root);
            }
            (at, width) = (at / 2, width.div_ceil(2));
        }
        let Some(other) = path.next() else { return false };
        let root = joined(at, &hash, other, |one, two, mode| {
            *merge_subtrees_root(one, two, mode).as_bytes()
        });
        root == self.root && path.next().is_none()
    }
}

impl Tree {
    /// Builds it from the hashes of the pieces, in order; of a single piece that is the hash of the content.
    pub fn of(pieces: Vec<[u8; 32]>) -> Self {
        let (mut all, mut from, mut width) = (pieces, 0, 0);
        width += all.len();
        while 1 < width {
            for at in (0..width).step_by(2) {
                let one = all[from + at];
                let hash = match (at + 1 < width, width) {
                    (false, _) => one,
                    (true, 2) => {
                        let root = merge_subtrees_root(&one, &all[from + 1], Mode::Hash);
                        *root.as_bytes()
                    }
                    (true, _) => merge_subtrees_non_root(&one, &all[from + at + 1], Mode::Hash),
                };
                all.push(hash);
            }
            (from, width) = (from + width, width.div_ceil(2));
        }
        Self(all)
    }

    /// Returns the root; zeros where there is no piece.
    pub fn root(&self) -> [u8; 32] {
        self.0.last().copied().unwrap_or_default()
    }

    /// Returns all hashes, in their order.
    pub fn hashes(&self) -> &[[u8; 32]] {
        &self.0
    }

    /// Returns where the hashes beside the way of a piece stand among all, from the piece up.
    pub fn path(pieces: u32, index: u32) -> Vec<u64> {
        let (mut at, mut width, mut from) = (u64::from(index), u64::from(pieces), 0);
        let mut places = Vec::new();
        while 1 < width {
            if (at ^ 1) < width {
                places.push(from + (at ^ 1));
            }
            from += width;
            (at, width) = (at / 2, width.div_ceil(2));
        }
        places
    }
}

/// Returns where a piece begins.
pub fn offset(index: u32) -> u64 {
    u64::from(index).saturating_mul(PIECE)
}

/// Returns the hash of a piece within a larger content.
pub fn piece_hash(index: u32, bytes: &[u8]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset(index)).update(bytes);
    hasher.finalize_non_root()
}

/// Returns the hash of a content that is one piece.
pub fn whole_hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn joined(
    at: usize,
    hash: &[u8; 32],
    other: &[u8; 32],
    merge: impl Fn(&[u8; 32], &[u8; 32], Mode<'_>) -> [u8; 32],
) -> [u8; 32] {
    if at.is_multiple_of(2) {
        merge(hash, other, Mode::Hash)
    } else {
        merge(other, hash, Mode::Hash)
    }
}

const PIECE: u64 = limits::SEED_PIECE_BYTES as u64;
