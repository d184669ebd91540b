//! A large record ahead of its body: who signed what, and the hash of each piece.
//!
//! A body is cut into pieces of [`limits::PIECE_BYTES`], all but the last full. What is signed are
//! their hashes, so a head can be checked and passed on before the body is there, and each piece
//! alone when it comes (SIGN-2).

use bytes::Bytes;

use crate::generated;
use crate::record::{check_count, digest};
use crate::{Claim, Class, Digest, NodeId, RecordId, ShortId, Signed, TreeId, WireError, limits};

/// A signed record without its body. Nobody has checked its signature yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// Who claims to have written it.
    pub author: NodeId,
    /// Over label, network id and digest.
    pub signature: [u8; 64],
    /// How urgent the record is; part of the digest, so that nobody on the way can raise it.
    pub class: Class,
    /// Bytes of the body.
    pub size: u32,
    /// One hash for each piece, in order.
    pub hashes: Vec<Digest>,
}

/// A head on its way, with what changes at every hop and is therefore not signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CarriedHead {
    /// The head.
    pub head: Head,
    /// Hops it may still travel; clamped to [`limits::HOPS_MAX`] when read.
    pub ttl: u8,
    /// Hops it has travelled.
    pub hops: u8,
    /// Whose tree it travels on; the default is its author's.
    pub tree: TreeId,
    /// How the pieces get to the receiver.
    pub offer: Offer,
}

/// How the pieces of a body get to the receiver of its head.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Offer {
    /// When it asks.
    Ask,
    /// By themselves, as the sender gets them.
    Follow,
    /// When it asks; and it goes nowhere from there, because a comparison brought it.
    Repair,
}

/// One piece of a body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Piece {
    /// The record, by the receiver's key.
    pub name: ShortId,
    /// Which piece, from 0.
    pub index: u8,
    /// The bytes.
    pub bytes: Bytes,
}

/// How a body stands at the sender. The wish replaces its last one for this record; an empty one
/// takes it back.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pull {
    /// The record, by the receiver's key.
    pub name: ShortId,
    /// Which pieces it wishes, as soon as the receiver has them.
    pub pieces: PieceSet,
    /// Which pieces it has.
    pub held: PieceSet,
}

/// Some pieces of one body.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct PieceSet(u32);

impl Head {
    /// Makes the head of a record whose class is known.
    pub fn of(signed: &Signed, class: Class) -> Self {
        let hashes = signed.body.chunks(limits::PIECE_BYTES).map(hash_of).collect();
        let size = u32::try_from(signed.body.len()).unwrap_or(u32::MAX);
        let Signed { author, signature, .. } = *signed;
        Self { author, signature, class, size, hashes }
    }

    /// Returns what is signed: a hash over class, size and the hashes of the pieces.
    pub fn digest(&self) -> Digest {
        digest_of(self.class, self.size, &self.hashes)
    }

    /// Returns the signature with what it is over.
    pub fn claim(&self) -> Claim {
        Claim { author: self.author, digest: self.digest(), signature: self.signature }
    }

    /// Returns the id of the record.
    pub fn id(&self) -> RecordId {
        self.claim().id()
    }

    /// Returns all pieces there are.
    pub fn all(&self) -> PieceSet {
        PieceSet::first(self.hashes.len())
    }

    /// Says whether this is the piece at `index`.
    pub fn fits(&self, index: u8, piece: &[u8]) -> bool {
        let index = usize::from(index);
        let begin = index * limits::PIECE_BYTES;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        let length = size.saturating_sub(begin).min(limits::PIECE_BYTES);
        let hash = self.hashes.get(index);
        piece.len() == length && hash.is_some_and(|hash| *hash == hash_of(piece))
    }

    /// Returns about how many bytes it takes in a frame, with what travels beside it.
    pub fn size_in_frame(&self) -> usize {
        160 + 32 * self.hashes.len()
    }
}

impl PieceSet {
    /// Returns the first `count` pieces.
    pub fn first(count: usize) -> Self {
        let bits = (1_u64 << count.min(32)) - 1;
        Self(u32::try_from(bits).unwrap_or(u32::MAX))
    }

    /// Returns one piece.
    pub fn one(index: u8) -> Self {
        Self(1_u32.checked_shl(index.into()).unwrap_or(0))
    }

    /// Adds others.
    pub fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    /// Takes others out.
    pub fn remove(&mut self, others: Self) {
        self.0 &= !others.0;
    }

    /// Returns those that are in both.
    pub fn and(self, others: Self) -> Self {
        Self(self.0 & others.0)
    }

    /// Says whether a piece is in.
    pub fn has(self, index: u8) -> bool {
        self.0 & Self::one(index).0 != 0
    }

    /// Returns those that are here and not there.
    pub fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Says whether it is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns how many there are.
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Returns each, in order.
    pub fn iter(self) -> impl Iterator<Item = u8> {
        (0..32).filter(move |index| self.has(*index))
    }
}

impl CarriedHead {
    pub(crate) fn to_schema(&self) -> generated::Head {
        let Self { head, ttl, hops, tree, offer } = self;
        let offer = match offer {
            Offer::Ask => generated::Offer::Ask,
            Offer::Follow => generated::Offer::Follow,
            Offer::Repair => generated::Offer::Repair,
        };
        generated::Head {
            author: Bytes::copy_from_slice(head.author.as_bytes()),
            signature: Bytes::copy_from_slice(&head.signature),
            class: head.class.to_schema(),
            size: head.size,
            hashes: head.hashes.iter().flat_map(|hash| hash.0).collect(),
            ttl: (*ttl).into(),
            hops: (*hops).into(),
            tree: tree.0,
            offer: offer.into(),
        }
    }

    pub(crate) fn from_schema(schema: &generated::Head) -> Result<Self, WireError> {
        let author: [u8; 32] =
            schema.author.as_ref().try_into().map_err(|_| WireError::Field("author"))?;
        let signature =
            schema.signature.as_ref().try_into().map_err(|_| WireError::Field("signature"))?;
        let class = Class::from_schema(schema.class).ok_or(WireError::Field("class"))?;
        let offer = match generated::Offer::try_from(schema.offer) {
            Ok(generated::Offer::Ask) => Offer::Ask,
            Ok(generated::Offer::Follow) => Offer::Follow,
            Ok(generated::Offer::Repair) => Offer::Repair,
            Err(_) => return Err(WireError::Field("offer")),
        };
        let bytes = usize::try_from(schema.size).unwrap_or(usize::MAX);
        check_count("record body bytes", bytes, limits::BODY_BYTES_CEILING)?;
        if bytes <= limits::PIECE_BYTES {
            return Err(WireError::Field("size of a body that fits one piece"));
        }
        if schema.hashes.len() != 32 * bytes.div_ceil(limits::PIECE_BYTES) {
            return Err(WireError::Field("hashes"));
        }
        let hashes: Result<Vec<Digest>, WireError> =
            schema.hashes.chunks(32).map(|hash| digest("hash", hash)).collect();
        let author = NodeId::from_bytes(author);
        let head = Head { author, signature, class, size: schema.size, hashes: hashes? };
        let ttl = u8::try_from(schema.ttl).unwrap_or(u8::MAX).min(limits::HOPS_MAX);
        let hops = u8::try_from(schema.hops).unwrap_or(u8::MAX);
        Ok(Self { head, ttl, hops, tree: TreeId(schema.tree), offer })
    }
}

impl Piece {
    pub(crate) fn to_schema(&self) -> generated::Piece {
        let (name, index) = (self.name.0, self.index.into());
        generated::Piece { name, index, bytes: self.bytes.clone() }
    }

    pub(crate) fn from_schema(schema: generated::Piece) -> Result<Self, WireError> {
        check_count("piece bytes", schema.bytes.len(), limits::PIECE_BYTES)?;
        let index = u8::try_from(schema.index).ok();
        let index = index.filter(|index| usize::from(*index) < limits::PIECES_MAX);
        let index = index.ok_or(WireError::Field("piece index"))?;
        Ok(Self { name: ShortId(schema.name), index, bytes: schema.bytes })
    }
}

impl Pull {
    pub(crate) fn to_schema(self) -> generated::Pull {
        generated::Pull { name: self.name.0, pieces: self.pieces.0, held: self.held.0 }
    }

    pub(crate) fn from_schema(schema: &generated::Pull) -> Result<Self, WireError> {
        let (pieces, held) = (PieceSet(schema.pieces), PieceSet(schema.held));
        let known = PieceSet::first(limits::PIECES_MAX);
        if !pieces.without(known).is_empty() || !held.without(known).is_empty() {
            return Err(WireError::Field("pieces"));
        }
        Ok(Self { name: ShortId(schema.name), pieces, held })
    }
}

/// Returns what is signed of a body.
pub(crate) fn digest_of_body(class: Class, body: &[u8]) -> Digest {
    let hashes: Vec<Digest> = body.chunks(limits::PIECE_BYTES).map(hash_of).collect();
    digest_of(class, u32::try_from(body.len()).unwrap_or(u32::MAX), &hashes)
}

pub(crate) fn digest_of(class: Class, size: u32, hashes: &[Digest]) -> Digest {
    let class = u8::try_from(class.index()).unwrap_or(u8::MAX);
    let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
    Digest::of(LABEL_PIECES, &[&[class], &size.to_be_bytes(), &hashes])
}

pub(crate) fn hash_of(piece: &[u8]) -> Digest {
    Digest::of(LABEL_PIECE, &[piece])
}

const LABEL_PIECE: &str = "trellis-piece-v1";
const LABEL_PIECES: &str = "trellis-pieces-v1";
