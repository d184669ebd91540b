//! The chain: which checkpoint may follow which, and files that hold a piece of it.

use std::sync::Arc;

use wire::{Digest, NetworkId};

use crate::bytes::{Reader, put_part};
use crate::certificate::CERTIFICATE_BYTES_MAX;
use crate::checkpoint::CHECKPOINT_BYTES;
use crate::committee::COMMITTEE_BYTES_MAX;
use crate::{Certificate, Checkpoint, CheckpointError, Committee};

/// A final checkpoint: with its certificate, and with the committee of the next if that is another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sealed {
    /// What is final.
    pub checkpoint: Checkpoint,
    /// Why.
    pub certificate: Certificate,
    /// The encoded committee that signs the next one, where it changes.
    pub next: Option<Vec<u8>>,
}

/// How far a chain is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Head {
    /// The network.
    pub network: NetworkId,
    /// The height of the newest checkpoint; 0 before the first.
    pub height: u64,
    /// Its hash; zeros before the first.
    pub hash: Digest,
    /// Its moment, unix milliseconds.
    pub cut_ms: u64,
    /// Its root.
    pub root: Digest,
    /// Who signs the next one.
    pub committee: Arc<Committee>,
}

/// Final checkpoints in rising order: all at which the committee changed, and the newest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Chain(pub Vec<Sealed>);

impl Sealed {
    /// Returns whether the next committee stands where it must, and is the one that was signed.
    pub fn is_whole(&self) -> bool {
        match (&self.next, self.checkpoint.hands_over()) {
            (None, false) => true,
            (Some(next), true) => hash_of(next) == self.checkpoint.next_committee,
            (None, true) | (Some(_), false) => false,
        }
    }

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.checkpoint.encode();
        put_part(&mut out, &self.certificate.encode());
        put_part(&mut out, self.next.as_deref().unwrap_or_default());
        out
    }

    /// Reads what [`Sealed::encode`] wrote. Nothing is proven by that.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, SEALED_BYTES_MAX, "checkpoint with its certificate")?;
        let checkpoint = Checkpoint::decode(&reader.array::<CHECKPOINT_BYTES>()?)?;
        let certificate = Certificate::decode(reader.part()?)?;
        let next = reader.part()?;
        reader.end()?;
        let next = (!next.is_empty()).then(|| next.to_vec());
        let sealed = Self { checkpoint, certificate, next };
        if sealed.is_whole() { Ok(sealed) } else { Err(CheckpointError::WrongCommittee) }
    }
}

impl Head {
    /// Begins with the network file's committee.
    pub fn genesis(network: NetworkId, committee: Arc<Committee>) -> Self {
        let (height, hash, cut_ms, root) = (0, Digest::default(), 0, Digest::default());
        Self { network, height, hash, cut_ms, root, committee }
    }

    /// Goes on to a later checkpoint: the next one, or any that the same committee signed (CKPT-4).
    pub fn follow(&self, sealed: &Sealed) -> Result<Self, CheckpointError> {
        let Sealed { checkpoint, certificate, next } = sealed;
        if checkpoint.network != self.network {
            return Err(CheckpointError::WrongNetwork);
        }
        if checkpoint.committee != self.committee.hash() {
            return Err(CheckpointError::WrongCommittee);
        }
        let is_next = checkpoint.height == self.height + 1;
        let later = self.height < checkpoint.height && self.cut_ms < checkpoint.cut_ms;
        if !later || (is_next && checkpoint.previous != self.hash) {
            return Err(CheckpointError::NotNext);
        }
        certificate.verify(checkpoint, &self.committee)?;
        if !sealed.is_whole() {
            return Err(CheckpointError::WrongCommittee);
        }
        let committee = match next {
            Some(next) => Arc::new(Committee::decode(next)?),
            None => Arc::clone(&self.committee),
        };
        Ok(Self {
            network: self.network,
            height: checkpoint.height,
            hash: checkpoint.hash(),
            cut_ms: checkpoint.cut_ms,
            root: checkpoint.root,
            committee,
        })
    }
}

impl Chain {
    /// Encodes it as a file.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        self.0.iter().for_each(|sealed| put_part(&mut out, &sealed.encode()));
        out
    }

    /// Reads a file. Nothing is proven by that.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed("checkpoint file");
        let bytes = bytes.strip_prefix(MAGIC).ok_or(malformed)?;
        let mut reader = Reader::new(bytes, CHAIN_BYTES_MAX, "checkpoint file")?;
        let mut sealed = Vec::new();
        while !reader.is_empty() {
            sealed.push(Sealed::decode(reader.part()?)?);
        }
        if sealed.is_empty() { Err(malformed) } else { Ok(Self(sealed)) }
    }

    /// Checks every step from what is known to the newest checkpoint. Needs nothing but the file
    /// and the network's first committee (CKPT-4).
    pub fn verify(&self, genesis: &Head) -> Result<Head, CheckpointError> {
        self.0.iter().try_fold(genesis.clone(), |head, sealed| head.follow(sealed))
    }
}

/// Names an encoded committee.
pub(crate) fn hash_of(committee: &[u8]) -> Digest {
    Digest::of("trellis-committee-v1", &[committee])
}

const MAGIC: &[u8] = b"trellis-checkpoints-v1\n";
/// A checkpoint, its certificate and a committee, with two lengths: below 64 KiB.
pub(crate) const SEALED_BYTES_MAX: usize =
    CHECKPOINT_BYTES + 2 + CERTIFICATE_BYTES_MAX + 2 + COMMITTEE_BYTES_MAX;
/// A file: a thousand changes of the largest committee.
const CHAIN_BYTES_MAX: usize = 40 << 20;
