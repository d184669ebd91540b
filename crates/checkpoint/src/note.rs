//! What nodes tell each other about checkpoints.

use crate::bytes::{Reader, put_part};
use crate::chain::{SEALED_BYTES_MAX, hash_of};
use crate::checkpoint::CHECKPOINT_BYTES;
use crate::{Ballot, Checkpoint, CheckpointError, Phase, Quorum, Sealed};

/// One thing to tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Note {
    /// An attester's word.
    Ballot(Ballot),
    /// The word of the attester whose turn it is, with all that others need to agree.
    Proposal(Box<Proposal>),
    /// A checkpoint is final.
    Sealed(Box<Sealed>),
}

/// What could become a checkpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proposal {
    /// Who proposes it, in which view.
    pub ballot: Ballot,
    /// What is proposed.
    pub checkpoint: Checkpoint,
    /// Proof that it was prepared before.
    pub quorum: Option<Quorum>,
    /// The encoded committee of the next height, where it changes.
    pub next: Option<Vec<u8>>,
}

impl Proposal {
    /// Says whether its parts belong together. Signatures are another matter.
    pub fn is_whole(&self) -> bool {
        let Self { ballot, checkpoint, quorum, next } = self;
        let own = ballot.phase == Phase::Propose
            && ballot.height == checkpoint.height
            && ballot.hash == checkpoint.hash();
        let prepared =
            quorum.as_ref().is_none_or(|it| it.hash == ballot.hash && it.view < ballot.view);
        let handed_over = match next {
            Some(next) => checkpoint.hands_over() && hash_of(next) == checkpoint.next_committee,
            None => !checkpoint.hands_over(),
        };
        own && prepared && handed_over
    }
}

impl Note {
    /// Encodes it.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Ballot(ballot) => {
                out.push(1);
                ballot.encode(&mut out);
            }
            Self::Proposal(proposal) => {
                out.push(2);
                proposal.ballot.encode(&mut out);
                out.extend(proposal.checkpoint.encode());
                let mut quorum = Vec::new();
                proposal.quorum.iter().for_each(|it| it.put(&mut quorum));
                put_part(&mut out, &quorum);
                put_part(&mut out, proposal.next.as_deref().unwrap_or_default());
            }
            Self::Sealed(sealed) => {
                out.push(3);
                out.extend(sealed.encode());
            }
        }
        out
    }

    /// Reads what [`Note::encode`] wrote. Nothing is proven by that.
    pub fn decode(bytes: &[u8]) -> Result<Self, CheckpointError> {
        let mut reader = Reader::new(bytes, NOTE_BYTES_MAX, "note")?;
        let note = match reader.byte()? {
            1 => Self::Ballot(Ballot::decode(&mut reader)?),
            2 => Self::Proposal(Box::new(proposal(&mut reader)?)),
            3 => return Ok(Self::Sealed(Box::new(Sealed::decode(&bytes[1..])?))),
            _ => return Err(reader.malformed()),
        };
        reader.end()?;
        match &note {
            Self::Ballot(ballot) if ballot.phase == Phase::Propose => {
                Err(CheckpointError::Malformed("note"))
            }
            Self::Ballot(_) | Self::Proposal(_) | Self::Sealed(_) => Ok(note),
        }
    }
}

fn proposal(reader: &mut Reader<'_>) -> Result<Proposal, CheckpointError> {
    let ballot = Ballot::decode(reader)?;
    let checkpoint = Checkpoint::decode(&reader.array::<CHECKPOINT_BYTES>()?)?;
    let quorum = reader.part()?;
    let next = reader.part()?;
    let quorum = match quorum {
        [] => None,
        bytes => {
            let mut reader = Reader::new(bytes, bytes.len(), "note")?;
            let quorum = Quorum::take(&mut reader)?;
            reader.end()?;
            Some(quorum)
        }
    };
    let next = (!next.is_empty()).then(|| next.to_vec());
    let proposal = Proposal { ballot, checkpoint, quorum, next };
    if proposal.is_whole() { Ok(proposal) } else { Err(CheckpointError::Malformed("note")) }
}

/// The largest is a proposal with a quorum and a committee.
const NOTE_BYTES_MAX: usize = SEALED_BYTES_MAX + 512;
