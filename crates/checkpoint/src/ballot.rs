//! One attester's word in the making of a checkpoint.

use wire::{Digest, NetworkId};

use crate::bytes::Reader;
use crate::{CheckpointError, Committee, Signature};

/// What an attester signs on the way to a checkpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ballot {
    /// What it says.
    pub phase: Phase,
    /// Of which height.
    pub height: u64,
    /// In which view; 0 for [`Phase::Attest`], which holds in all of them.
    pub view: u64,
    /// Of which checkpoint.
    pub hash: Digest,
    /// Who: its number in the committee.
    pub attester: u16,
    /// Its signature.
    pub signature: Signature,
}

/// The four words (CKPT-5).
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Phase {
    /// This could be the checkpoint.
    Propose,
    /// It is what I hold too.
    Prepare,
    /// More than two thirds said that; I stay with it until as many say otherwise later.
    Commit,
    /// It is decided: this one and no other at this height.
    Attest,
}

impl Ballot {
    /// Returns what is signed.
    pub fn message(network: &NetworkId, phase: Phase, at: (u64, u64), hash: &Digest) -> Digest {
        let (height, view) = at;
        let parts: [&[u8]; 5] =
            [&network.0, &[phase.byte()], &height.to_be_bytes(), &view.to_be_bytes(), &hash.0];
        Digest::of("trellis-ballot-v1", &parts)
    }

    /// Checks the signature: about a millisecond.
    pub fn verify(&self, network: &NetworkId, committee: &Committee) -> bool {
        let Some(attester) = committee.attester(self.attester) else { return false };
        attester.key.verify(&self.signed(network), &self.signature)
    }

    /// Returns what this one signs.
    pub fn signed(&self, network: &NetworkId) -> Digest {
        Self::message(network, self.phase, (self.height, self.view), &self.hash)
    }

    /// Says whether both are of one attester and cannot both be honest.
    pub fn contradicts(&self, other: &Self) -> bool {
        let place = |it: &Self| (it.attester, it.phase, it.height, it.view);
        place(self) == place(other) && self.hash != other.hash
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(self.phase.byte());
        out.extend(self.height.to_be_bytes());
        out.extend(self.view.to_be_bytes());
        out.extend(self.hash.0);
        out.extend(self.attester.to_be_bytes());
        out.extend(self.signature.0);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CheckpointError> {
        let phase = match reader.byte()? {
            1 => Phase::Propose,
            2 => Phase::Prepare,
            3 => Phase::Commit,
            4 => Phase::Attest,
            _ => return Err(reader.malformed()),
        };
        let ballot = Self {
            phase,
            height: reader.number()?,
            view: reader.number()?,
            hash: reader.digest()?,
            attester: reader.short()?,
            signature: Signature(reader.array()?),
        };
        let timeless = phase == Phase::Attest;
        if timeless != (ballot.view == 0) || ballot.height == 0 {
            return Err(reader.malformed());
        }
        Ok(ballot)
    }
}

impl Phase {
    fn byte(self) -> u8 {
        match self {
            Self::Propose => 1,
            Self::Prepare => 2,
            Self::Commit => 3,
            Self::Attest => 4,
        }
    }
}
