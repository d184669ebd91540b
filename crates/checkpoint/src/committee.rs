//! Who may sign at a height, and how much each counts.

use wire::Digest;

use crate::bytes::Reader;
use crate::keys::{KEY_BYTES, SIGNATURE_BYTES};
use crate::{CheckpointError, PublicKey, Signature, Signers};

/// One that may sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Attester {
    /// Its key.
    pub key: PublicKey,
    /// Shows that it holds the key.
    pub proof: Signature,
    /// How much it counts.
    pub weight: u64,
}

/// All that may sign, in the order of their keys. Every key was checked, with its proof (CKPT-2).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Committee {
    attesters: Vec<Attester>,
    weight: u64,
    hash: Digest,
}

impl Committee {
    /// Takes attesters in, in any order: 1 to 256 different keys with their proofs and weights.
    pub fn new(mut attesters: Vec<Attester>) -> Result<Self, CheckpointError> {
        if attesters.is_empty() || COMMITTEE_MAX < attesters.len() {
            return Err(CheckpointError::BadCommittee);
        }
        if attesters.iter().any(|it| it.weight == 0 || WEIGHT_MAX < it.weight) {
            return Err(CheckpointError::BadCommittee);
        }
        attesters.sort_by_key(|attester| attester.key.to_bytes());
        if attesters.windows(2).any(|pair| pair[0].key == pair[1].key) {
            return Err(CheckpointError::RepeatedKey);
        }
        attesters.iter().try_for_each(|it| it.key.check_possession(&it.proof))?;
        let weight = attesters.iter().map(|attester| attester.weight).sum();
        let mut committee = Self { attesters, weight, hash: Digest::default() };
        committee.hash = Digest::of("trellis-committee-v1", &[&committee.encode()]);
        Ok(committee)
    }

    /// Returns its name: what a checkpoint calls it (CKPT-4).
    pub fn hash(&self) -> Digest {
        self.hash
    }

    /// Returns everybody, in order.
    pub fn attesters(&self) -> &[Attester] {
        &self.attesters
    }

    /// Returns the one with a number.
    pub fn attester(&self, number: u16) -> Option<&Attester> {
        self.attesters.get(usize::from(number))
    }

    /// Returns the number of a key.
    pub fn number(&self, key: &PublicKey) -> Option<u16> {
        let at = self.attesters.iter().position(|attester| attester.key == *key)?;
        u16::try_from(at).ok()
    }

    /// Returns what all together count.
    pub fn weight(&self) -> u64 {
        self.weight
    }

    /// Returns what some of them count; numbers of nobody count nothing.
    pub fn weight_of(&self, numbers: impl Iterator<Item = u16>) -> u64 {
        numbers.filter_map(|number| self.attester(number)).map(|attester| attester.weight).sum()
    }

    /// Says whether a weight is more than two thirds (CKPT-3).
    pub fn is_quorum(&self, weight: u64) -> bool {
        // Weights are at most 256 million together.
        self.weight * 2 < weight * 3
    }

    /// Checks that signers are of this committee and more than two thirds of it; returns their keys.
    pub(crate) fn quorum(&self, signers: &Signers) -> Result<Vec<&PublicKey>, CheckpointError> {
        let found: Option<Vec<&Attester>> = signers.iter().map(|it| self.attester(it)).collect();
        let found = found.ok_or(CheckpointError::UnknownSigner)?;
        let signed = found.iter().map(|attester| attester.weight).sum();
        if !self.is_quorum(signed) {
            return Err(CheckpointError::TooFew { signed, total: self.weight });
        }
        Ok(found.into_iter().map(|attester| &attester.key).collect())
    }

    /// Encodes it: two bytes of count, then key, proof and weight of each.
    pub fn encode(&self) -> Vec<u8> {
        let count = u16::try_from(self.attesters.len()).expect("at most 256");
        let mut out = count.to_be_bytes().to_vec();
        for attester in &self.attesters {
            out.extend(attester.key.to_bytes());
            out.extend(attester.proof.0);
            out.extend(attester.weight.to_be_bytes());
        }
        out
    }

    /// Reads what [`Committee::encode`] wrote, and checks every key and proof: about 2 ms each.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, COMMITTEE_BYTES_MAX, "committee")?;
        let count = usize::from(reader.short()?);
        if bytes.len() != 2 + count * ATTESTER_BYTES {
            return Err(reader.malformed());
        }
        let mut attesters = Vec::with_capacity(count);
        for _ in 0..count {
            let key = PublicKey::from_bytes(&reader.array()?)?;
            let proof = Signature(reader.array()?);
            attesters.push(Attester { key, proof, weight: reader.number()? });
        }
        reader.end()?;
        let committee = Self::new(attesters)?;
        // One committee has one encoding.
        if committee.encode() == bytes { Ok(committee) } else { Err(CheckpointError::BadCommittee) }
    }
}

/// Attesters in a committee.
pub const COMMITTEE_MAX: usize = 256;
/// The most one attester counts: no sum of weights overflows.
const WEIGHT_MAX: u64 = 1_000_000;
const ATTESTER_BYTES: usize = KEY_BYTES + SIGNATURE_BYTES + 8;
/// The encoding of the largest committee.
pub(crate) const COMMITTEE_BYTES_MAX: usize = 2 + COMMITTEE_MAX * ATTESTER_BYTES;
