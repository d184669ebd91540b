//! A proof that something stands at a key, or that nothing does (STATE-6).
//!
//! A proof is the way from the root to one leaf: the leaf itself, and for each branch its bit and the
//! hash of the side not taken. If the leaf's key is the key asked for, it stands there. If it is
//! another that agrees with it in every branch bit, nothing stands there: the key asked for could be
//! nowhere else.
//!
//! ```text
//! proof    = kind (1) rest
//! kind 0   = nothing: the map is empty
//! kind 1   = present: value (32) path
//! kind 2   = absent:  shared (1) key[shared..] value (32) path      shared: leading bytes as asked
//! path     = from (1) length (1) bitmap (length) siblings (32 each, root first)
//! ```
//!
//! Bit `b` of the path is bit `b` of the bitmap, which begins at byte `from` and whose first and last
//! bytes are not zero; there are as many siblings as bits. So every proof has one encoding.

use wire::Digest;

use crate::hash::{branch_hash, leaf_hash};
use crate::prefix::bit;

/// The way to one leaf.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proof {
    /// The leaf at its end; `None` in an empty map.
    end: Option<(Digest, Digest)>,
    /// Branch bits with the hash of the side not taken, root first.
    pub(crate) path: Vec<(u8, Digest)>,
}

/// The bytes are no proof, or prove something else.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BadProof {
    /// They are no proof in the one encoding it has.
    Malformed,
    /// They prove it of another root, of another key, or not at all.
    Wrong,
}

impl std::fmt::Display for BadProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Malformed => "the bytes are no proof",
            Self::Wrong => "the proof does not lead from this key to this root",
        })
    }
}

impl std::error::Error for BadProof {}

impl Proof {
    pub(crate) fn new(end: Option<(Digest, Digest)>, path: Vec<(u8, Digest)>) -> Self {
        Self { end, path }
    }

    /// Checks the proof and returns what stands at the key: its value, or nothing.
    pub fn verify(&self, root: &Digest, key: &Digest) -> Result<Option<Digest>, BadProof> {
        let Some((leaf, value)) = &self.end else {
            let empty = *root == Digest::default() && self.path.is_empty();
            return if empty { Ok(None) } else { Err(BadProof::Wrong) };
        };
        let rising = self.path.is_sorted_by(|(a, _), (b, _)| a < b);
        let mut hash = leaf_hash(leaf, value);
        for (at, sibling) in self.path.iter().rev() {
            hash = match (bit(key, *at), bit(leaf, *at)) {
                (0, 0) => branch_hash(*at, &hash, sibling),
                (1, 1) => branch_hash(*at, sibling, &hash),
                _ => return Err(BadProof::Wrong),
            };
        }
        if rising && hash == *root {
            Ok((leaf == key).then_some(*value))
        } else {
            Err(BadProof::Wrong)
        }
    }

    /// Returns how many branches lie on the way.
    pub fn depth(&self) -> usize {
        self.path.len()
    }

    /// Encodes the proof for whoever knows the key asked for.
    pub fn encode(&self, key: &Digest) -> Vec<u8> {
        let Some((leaf, value)) = &self.end else { return vec![NOTHING] };
        let mut bytes = Vec::with_capacity(72 + 32 * self.path.len());
        if leaf == key {
            bytes.push(PRESENT);
        } else {
            let shared = shared_bytes(key, leaf);
            bytes.extend([ABSENT, u8::try_from(shared).unwrap_or(31)]);
            bytes.extend(&leaf.0[shared..]);
        }
        bytes.extend(value.0);
        let mut bitmap = [0_u8; 32];
        for (at, _) in &self.path {
            bitmap[usize::from(at / 8)] |= 0x80 >> (at % 8);
        }
        let from = bitmap.iter().position(|byte| *byte != 0).unwrap_or(0);
        let end = bitmap.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.extend([from, end - from].map(|it| u8::try_from(it).unwrap_or(32)));
        bytes.extend(&bitmap[from..end]);
        self.path.iter().for_each(|(_, sibling)| bytes.extend(sibling.0));
        bytes
    }

    /// Reads what [`Proof::encode`] wrote for this key, and nothing else.
    pub fn decode(key: &Digest, bytes: &[u8]) -> Result<Self, BadProof> {
        let proof = Self::read(key, bytes).ok_or(BadProof::Malformed)?;
        // One proof, one encoding: what would be written otherwise is refused.
        if proof.encode(key) == bytes { Ok(proof) } else { Err(BadProof::Malformed) }
    }

    fn read(key: &Digest, mut bytes: &[u8]) -> Option<Self> {
        let mut leaf = *key;
        match take::<1>(&mut bytes)? {
            [NOTHING] => return Some(Self { end: None, path: Vec::new() }),
            [PRESENT] => {}
            [ABSENT] => {
                let [shared] = *take::<1>(&mut bytes)?;
                let own = leaf.0.get_mut(usize::from(shared)..)?;
                let (given, rest) = bytes.split_at_checked(own.len())?;
                own.copy_from_slice(given);
                bytes = rest;
            }
            [_] => return None,
        }
        let value = Digest(*take(&mut bytes)?);
        let [from, length] = (*take::<2>(&mut bytes)?).map(usize::from);
        let (bitmap, siblings) = bytes.split_at_checked(length)?;
        if 32 < from + length {
            return None;
        }
        let bits = (0..=255_u8).filter(|at| {
            let byte = usize::from(at / 8).checked_sub(from).and_then(|byte| bitmap.get(byte));
            byte.is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
        });
        let (siblings, rest) = siblings.as_chunks::<32>();
        let path: Vec<(u8, Digest)> = bits.zip(siblings.iter().map(|it| Digest(*it))).collect();
        (path.len() == siblings.len() && rest.is_empty())
            .then_some(Self { end: Some((leaf, value)), path })
    }
}

fn shared_bytes(a: &Digest, b: &Digest) -> usize {
    a.0.iter().zip(&b.0).take_while(|(a, b)| a == b).count()
}

fn take<'a, const N: usize>(bytes: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (head, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(head)
}

const NOTHING: u8 = 0;
const PRESENT: u8 = 1;
const ABSENT: u8 = 2;
