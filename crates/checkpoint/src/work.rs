//! What takes a millisecond or more: done on a worker, as a function of what it is given.

use std::sync::Arc;

use wire::{Digest, NetworkId};

use crate::{
    Ballot, Certificate, CheckpointError, Committee, Evidence, Head, Note, Proposal, Sealed,
    SecretKey, Signature,
};

/// A piece of work.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// Check a word.
    Ballot(NetworkId, Arc<Committee>, Ballot),
    /// Check a proof of a broken word.
    Evidence(NetworkId, Arc<Committee>, Box<Evidence>),
    /// Check that a checkpoint follows what is known.
    Follow(Box<Head>, Box<Sealed>),
    /// Check a proposal.
    Proposal(NetworkId, Arc<Committee>, Box<Proposal>),
    /// Sign.
    Sign(SecretKey, Digest),
    /// Add up words that say the same.
    Sum(Vec<Ballot>),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// Whether it is genuine.
    Checked(bool),
    /// How far the chain is known with it.
    Followed(Result<Box<Head>, CheckpointError>),
    /// The signature.
    Signed(Signature),
    /// The sum, where there is one.
    Summed(Option<Certificate>),
}

impl Work {
    /// Does it.
    pub fn run(&self) -> Done {
        match self {
            Self::Ballot(network, committee, ballot) => {
                Done::Checked(ballot.verify(network, committee))
            }
            Self::Evidence(network, committee, evidence) => {
                Done::Checked(evidence.verify(network, committee).is_ok())
            }
            Self::Follow(head, sealed) => Done::Followed(head.follow(sealed).map(Box::new)),
            Self::Proposal(network, committee, proposal) => {
                Done::Checked(is_genuine(network, committee, proposal))
            }
            Self::Sign(key, message) => Done::Signed(key.sign(message)),
            Self::Sum(ballots) => Done::Summed(Certificate::of(ballots)),
        }
    }

    /// Returns a name that equal work shares, so that many nodes in one process can share the result.
    pub fn name(&self) -> Digest {
        let of = |kind: &str, committee: &Committee, bytes: &[u8]| {
            Digest::of("work", &[kind.as_bytes(), &committee.hash().0, bytes])
        };
        match self {
            Self::Ballot(_, committee, ballot) => {
                of("ballot", committee, &Note::Ballot(*ballot).encode())
            }
            Self::Evidence(_, committee, evidence) => of("evidence", committee, &evidence.encode()),
            Self::Follow(head, sealed) => {
                let known = [head.hash.0.as_slice(), &sealed.encode()].concat();
                of("follow", &head.committee, &known)
            }
            Self::Proposal(_, committee, proposal) => {
                of("proposal", committee, &Note::Proposal(proposal.clone()).encode())
            }
            Self::Sign(key, message) => {
                Digest::of("work", &[b"sign", &key.public().to_bytes(), &message.0])
            }
            Self::Sum(ballots) => {
                let all: Vec<u8> =
                    ballots.iter().flat_map(|it| Note::Ballot(*it).encode()).collect();
                Digest::of("work", &[b"sum", &all])
            }
        }
    }
}

fn is_genuine(network: &NetworkId, committee: &Committee, proposal: &Proposal) -> bool {
    let Proposal { ballot, quorum, next, .. } = proposal;
    ballot.verify(network, committee)
        && quorum.as_ref().is_none_or(|it| it.verify(network, ballot.height, committee))
        && next.as_deref().is_none_or(|next| Committee::decode(next).is_ok())
}
