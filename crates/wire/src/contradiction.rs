//! Two records that one author signed with one number: proof that it broke its word.
//!
//! Whoever holds both can make it, and everybody makes the same bytes: it is signed with a key that
//! everybody has, the witness's (CONTRA-1). What proves it are the two signatures inside.

use bytes::{Buf, Bytes};

use crate::head::{digest_of, hash_of};
use crate::record::{check_count, digest};
use crate::{
    Claim, Class, Content, Digest, Hlc, Identity, NetworkId, NodeId, Opened, Record, RecordId,
    Signed, WireError, generated, limits,
};

/// Two records of one author with one number.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Contradiction {
    /// Who broke its word.
    pub author: NodeId,
    /// The one with the smaller id first.
    halves: [Half; 2],
}

/// As much of a record as shows its number, and that its author signed it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Half {
    signature: [u8; 64],
    class: Class,
    /// Bytes of the body.
    size: u32,
    /// Its first piece.
    begin: Bytes,
    /// One hash for each other piece, in order.
    hashes: Vec<Digest>,
}

/// What stands first in each body (RECORD-4).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Preamble {
    pub(crate) network: NetworkId,
    pub(crate) seq: u64,
    pub(crate) created: Hlc,
}

impl Contradiction {
    /// Finds out whether two records contradict each other: entries or messages of one author with
    /// one number.
    pub fn of(one: &Opened, other: &Opened) -> Option<Self> {
        let author = one.signed.author;
        let same = author == other.signed.author
            && one.record.network == other.record.network
            && one.record.seq == other.record.seq
            && one.id != other.id;
        if !same || !is_numbered(one) || !is_numbered(other) {
            return None;
        }
        let (first, second) = if one.id < other.id { (one, other) } else { (other, one) };
        Some(Self { author, halves: [Half::of(first), Half::of(second)] })
    }

    /// Writes it down as the record that everybody makes of it (CONTRA-1).
    pub fn seal(self) -> Option<Opened> {
        let [first, second] = self.preambles()?;
        let created = first.created.max(second.created);
        let Preamble { network, seq, .. } = first;
        let content = Content::Contradiction(self);
        let record = Record { network, seq, created, expires_ms: 0, content };
        Signed::seal(&record, &witness()).open().ok()
    }

    /// Checks the two signatures, strictly (70 us). All else was checked when it was read.
    pub fn is_genuine(&self, network: &NetworkId) -> bool {
        self.halves.iter().all(|half| half.claim(&self.author).verify(network))
    }

    /// Returns the ids of the two records.
    pub fn ids(&self) -> [RecordId; 2] {
        self.halves.each_ref().map(|half| half.claim(&self.author).id())
    }

    pub(crate) fn to_schema(&self) -> generated::Contradiction {
        let [first, second] = self.halves.each_ref().map(Half::to_schema);
        let author = Bytes::copy_from_slice(self.author.as_bytes());
        generated::Contradiction { author, first: Some(first), second: Some(second) }
    }

    /// Reads one out of the record that `preamble` begins, and checks that it is what everybody would
    /// have made of the two.
    pub(crate) fn from_schema(
        schema: generated::Contradiction,
        preamble: &Preamble,
    ) -> Result<Self, WireError> {
        let bytes = schema.author.as_ref().try_into();
        let author = NodeId::from_bytes(bytes.map_err(|_| WireError::Field("author"))?);
        let half = |schema: Option<generated::Half>| {
            Half::from_schema(schema.ok_or(WireError::Field("half of a contradiction"))?)
        };
        let halves = [half(schema.first)?, half(schema.second)?];
        let contradiction = Self { author, halves };
        let preambles = contradiction.preambles().ok_or(WireError::Field("begin of a half"))?;
        let [first, second] = contradiction.ids();
        let same = |it: &Preamble| it.network == preamble.network && it.seq == preamble.seq;
        let latest = preambles.iter().map(|it| it.created).max();
        if second <= first || !preambles.iter().all(same) || latest != Some(preamble.created) {
            return Err(WireError::Field("contradiction"));
        }
        Ok(contradiction)
    }

    fn preambles(&self) -> Option<[Preamble; 2]> {
        let [first, second] = self.halves.each_ref();
        Some([Preamble::read(&first.begin)?, Preamble::read(&second.begin)?])
    }
}

impl Half {
    fn of(opened: &Opened) -> Self {
        let Signed { body, signature, .. } = &opened.signed;
        let mut pieces = body.chunks(limits::PIECE_BYTES);
        let begin = Bytes::copy_from_slice(pieces.next().unwrap_or_default());
        let (class, size) = (opened.record.class(), u32::try_from(body.len()).unwrap_or(u32::MAX));
        Self { signature: *signature, class, size, begin, hashes: pieces.map(hash_of).collect() }
    }

    fn claim(&self, author: &NodeId) -> Claim {
        let hashes: Vec<Digest> =
            std::iter::once(hash_of(&self.begin)).chain(self.hashes.iter().copied()).collect();
        let digest = digest_of(self.class, self.size, &hashes);
        Claim { author: *author, digest, signature: self.signature }
    }

    fn to_schema(&self) -> generated::Half {
        generated::Half {
            signature: Bytes::copy_from_slice(&self.signature),
            class: self.class.to_schema(),
            size: self.size,
            begin: self.begin.clone(),
            hashes: self.hashes.iter().flat_map(|hash| hash.0).collect(),
        }
    }

    fn from_schema(schema: generated::Half) -> Result<Self, WireError> {
        let signature =
            schema.signature.as_ref().try_into().map_err(|_| WireError::Field("signature"))?;
        let class = Class::from_schema(schema.class).ok_or(WireError::Field("class"))?;
        let bytes = usize::try_from(schema.size).unwrap_or(usize::MAX);
        check_count("record body bytes", bytes, limits::BODY_BYTES_CEILING)?;
        let others = bytes.div_ceil(limits::PIECE_BYTES).saturating_sub(1);
        let fits = schema.begin.len() == bytes.min(limits::PIECE_BYTES);
        if !fits || schema.hashes.len() != 32 * others {
            return Err(WireError::Field("pieces of a half"));
        }
        let hashes: Result<Vec<Digest>, WireError> =
            schema.hashes.chunks(32).map(|hash| digest("hash", hash)).collect();
        Ok(Self { signature, class, size: schema.size, begin: schema.begin, hashes: hashes? })
    }
}

impl Preamble {
    /// Reads network, number and time where they must stand. What is zero is left out.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let (network, mut rest) = body.strip_prefix(&NETWORK_FIELD)?.split_first_chunk()?;
        let seq = number(&mut rest, SEQ_FIELD)?;
        let created = Hlc(number(&mut rest, CREATED_FIELD)?);
        Some(Self { network: Digest(*network), seq, created })
    }
}

/// The key that everybody has. What it signs is worth what stands inside, and nothing else is taken
/// from it (CONTRA-3).
pub fn witness() -> Identity {
    Identity::from_seed(Digest::of("trellis-witness-v1", &[]).0)
}

/// Its public half.
pub const WITNESS: NodeId = NodeId::from_bytes([
    0xf4, 0xf6, 0xca, 0x2b, 0xe5, 0x8a, 0x0b, 0x66, 0xd9, 0x3a, 0x3c, 0x95, 0x59, 0x28, 0x6a, 0x84,
    0x42, 0x80, 0x17, 0x46, 0x3d, 0x25, 0x5b, 0x63, 0x2c, 0xe3, 0x47, 0xf3, 0x77, 0xc0, 0x72, 0x08,
]);

fn is_numbered(opened: &Opened) -> bool {
    match &opened.record.content {
        Content::Entry(_) | Content::Message(_) => true,
        Content::Contradiction(_) | Content::Profile(_) => false,
    }
}

fn number(rest: &mut &[u8], field: u8) -> Option<u64> {
    if rest.first() != Some(&field) {
        return Some(0);
    }
    rest.advance(1);
    prost::encoding::decode_varint(rest).ok()
}

/// Tags of the first fields of `Record`: 32 bytes, and two numbers.
const NETWORK_FIELD: [u8; 2] = [0x0a, 32];
const SEQ_FIELD: u8 = 0x10;
const CREATED_FIELD: u8 = 0x18;
