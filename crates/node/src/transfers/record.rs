//! What is kept of a transfer, and whether it proves that both sides agreed (TRANSFER-6).

use wire::{Digest, NetworkId, Side, Terms, TransferRecord, WireError};

use super::blind::{BlindAnd as _, Tick};
use super::dh_and::DhAnd;

/// How far a transfer is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Status {
    /// One side proposed it; the other node has not answered.
    Offered,
    /// People at both sides may decide.
    Open,
    /// Both said yes; the other side's signature has not come.
    Confirming,
    /// Both have both signatures.
    Agreed,
    /// It ended without an agreement. Nobody says why.
    Ended,
}

/// Why a record proves nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadTranscript {
    /// It cannot be read.
    #[error("the transfer cannot be read: {0}")]
    Unreadable(#[from] WireError),
    /// The terms are not signed by both.
    #[error("the terms are not signed by both sides in this network")]
    Terms,
    /// Seals or reveals are not those of two that said yes.
    #[error("the seals do not show that both sides said yes")]
    Seals,
    /// The agreement is not signed by both.
    #[error("both sides did not sign the agreement: without both signatures there is none")]
    Accepts,
    /// A word that it was handed over or received is forged.
    #[error("the word that it was handed over or received is not signed by the one it names")]
    Done,
}

impl Status {
    /// Returns its name, as the command line and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Open => "open",
            Self::Confirming => "confirming",
            Self::Agreed => "agreed",
            Self::Ended => "ended",
        }
    }

    pub(super) fn number(self) -> u32 {
        match self {
            Self::Offered => 1,
            Self::Open => 2,
            Self::Confirming => 3,
            Self::Agreed => 4,
            Self::Ended => 5,
        }
    }

    pub(super) fn of(number: u32) -> Option<Self> {
        let all = [Self::Offered, Self::Open, Self::Confirming, Self::Agreed, Self::Ended];
        all.into_iter().find(|it| it.number() == number)
    }
}

/// Checks that a record proves an agreement; returns its terms.
pub fn check(network: &NetworkId, record: &TransferRecord) -> Result<Terms, BadTranscript> {
    let terms = Terms::decode(&record.terms)?;
    let hash = Terms::hash(network, &record.terms);
    let signed = |word: &str, side: Side, transcript: Option<&Digest>, by: &Option<[u8; 64]>| {
        let to_sign = to_sign(word, &hash, transcript);
        by.as_ref().is_some_and(|it| terms.node(side).verify(&to_sign, it))
    };
    let (by, other) = (terms.proposer, terms.proposer.other());
    if terms.giver == terms.taker
        || !signed("offer", by, None, &record.offered)
        || !signed("open", other, None, &record.opened)
    {
        return Err(BadTranscript::Terms);
    }
    let nodes = [terms.giver, terms.taker];
    let tick = Tick { terms: hash, nodes, number: record.tick };
    let [seals, reveals] = [&record.seals, &record.reveals].map(|[a, b]| [a.as_ref(), b.as_ref()]);
    let is_reveal = |side: Side| DhAnd.is_reveal(&tick, side, seals, reveals[side.index()]);
    let right = DhAnd.are_seals(&tick, seals) && is_reveal(Side::Giver) && is_reveal(Side::Taker);
    if !right || !DhAnd.both(reveals) {
        return Err(BadTranscript::Seals);
    }
    let transcript = transcript(record);
    for side in [Side::Giver, Side::Taker] {
        let at = side.index();
        if !signed("accept", side, Some(&transcript), &record.accepts[at]) {
            return Err(BadTranscript::Accepts);
        }
        let done = &record.done[at];
        if done.is_some() && !signed(done_word(side), side, Some(&transcript), done) {
            return Err(BadTranscript::Done);
        }
    }
    Ok(terms)
}

/// Hashes what both sealed and revealed, and at which tick.
pub(super) fn transcript(record: &TransferRecord) -> Digest {
    let parts = record.seals.iter().chain(&record.reveals);
    // Each by its own hash: lengths are part of it.
    let hashes: Vec<Digest> =
        parts.map(|it| Digest::of("trellis-transfer-part-v1", &[it])).collect();
    let mut all: Vec<&[u8]> = hashes.iter().map(|it| it.0.as_slice()).collect();
    let tick = record.tick.to_be_bytes();
    all.push(&tick);
    Digest::of("trellis-transfer-transcript-v1", &all)
}

/// Returns what a side signs under a word.
pub(super) fn to_sign(word: &str, terms: &Digest, transcript: Option<&Digest>) -> [u8; 32] {
    let transcript = transcript.copied().unwrap_or_default();
    let label = format!("trellis-transfer-{word}-v1");
    Digest::of(&label, &[&terms.0, &transcript.0]).0
}

/// What a side signs when its part is done.
pub(super) fn done_word(side: Side) -> &'static str {
    match side {
        Side::Giver => "handed",
        Side::Taker => "received",
    }
}
