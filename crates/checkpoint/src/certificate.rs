//! Proof that more than two thirds said the same: who, and the sum of their signatures.

use wire::{Digest, NetworkId};

use crate::bytes::Reader;
use crate::keys::{self, SIGNATURE_BYTES};
use crate::{Ballot, Checkpoint, CheckpointError, Committee, Phase, Signature, Signers};

/// What makes a checkpoint final (CKPT-3): 98 bytes and a bit for each attester.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    /// Who signed.
    pub signers: Signers,
    /// The sum of their signatures.
    pub signature: Signature,
}

/// Proof that a checkpoint was prepared in a view: others may not have seen its set and can still
/// say the same, because more than a third of honest weight did (CKPT-5).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quorum {
    /// The view.
    pub view: u64,
    /// The checkpoint.
    pub hash: Digest,
    /// Who, and their signatures.
    pub certificate: Certificate,
}

impl Certificate {
    /// Adds up ballots that say the same. The caller has checked them, or checks the sum.
    pub fn of(ballots: &[Ballot]) -> Option<Self> {
        let signatures: Vec<Signature> = ballots.iter().map(|ballot| ballot.signature).collect();
        let signers = Signers::new(ballots.iter().map(|ballot| ballot.attester));
        if signers.len() != ballots.len() {
            return None;
        }
        Some(Self { signers, signature: keys::sum(&signatures)? })
    }

    /// Checks that more than two thirds of a committee signed a checkpoint (CKPT-3).
    pub fn verify(
        &self,
        checkpoint: &Checkpoint,
        committee: &Committee,
    ) -> Result<(), CheckpointError> {
        if checkpoint.committee != committee.hash() {
            return Err(CheckpointError::WrongCommittee);
        }
        let at = (checkpoint.height, 0);
        let message = Ballot::message(&checkpoint.network, Phase::Attest, at, &checkpoint.hash());
        self.verify_message(&message, committee)
    }

    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.put(&mut out);
        out
    }

    /// Reads what [`Certificate::encode`] wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, CERTIFICATE_BYTES_MAX, "certificate")?;
        let certificate = Self::take(&mut reader)?;
        reader.end()?;
        Ok(certificate)
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        self.signers.encode(out);
        out.extend(self.signature.0);
    }

    pub(crate) fn take(reader: &mut Reader<'_>) -> Result<Self, CheckpointError> {
        Ok(Self { signers: Signers::decode(reader)?, signature: Signature(reader.array()?) })
    }

    fn verify_message(
        &self,
        message: &Digest,
        committee: &Committee,
    ) -> Result<(), CheckpointError> {
        let keys = committee.quorum(&self.signers)?;
        if keys::verify_sum(&keys, message, &self.signature) {
            Ok(())
        } else {
            Err(CheckpointError::BadSignature)
        }
    }
}

impl Quorum {
    /// Checks that more than two thirds of a committee prepared this at a height.
    pub fn verify(&self, network: &NetworkId, height: u64, committee: &Committee) -> bool {
        let message = Ballot::message(network, Phase::Prepare, (height, self.view), &self.hash);
        self.certificate.verify_message(&message, committee).is_ok()
    }

    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend(self.view.to_be_bytes());
        out.extend(self.hash.0);
        self.certificate.put(out);
    }

    pub(crate) fn take(reader: &mut Reader<'_>) -> Result<Self, CheckpointError> {
        let (view, hash) = (reader.number()?, reader.digest()?);
        Ok(Self { view, hash, certificate: Certificate::take(reader)? })
    }
}

/// Two bytes of length, a bit for each attester, a signature.
pub(crate) const CERTIFICATE_BYTES_MAX: usize =
    2 + crate::committee::COMMITTEE_MAX / 8 + SIGNATURE_BYTES;
