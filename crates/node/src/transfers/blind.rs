//! What a blind decision of two has to do, so that its protocol can be replaced.

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use wire::{Digest, NodeId, Side};

/// Whether both said yes, and nothing else, least of all before both have sealed.
///
/// Two rounds: each side seals what it decided, both exchange seals, then each reveals. Whoever sealed
/// no (or nothing yet, which plays as no) learns nothing of the other one's choice; whoever
/// sealed yes learns it.
pub trait BlindAnd {
    /// What a side keeps to itself between its seal and its reveal.
    type Hand: std::fmt::Debug;

    /// Seals a choice for one tick, with new randomness each time.
    fn seal(
        &self,
        tick: &Tick,
        side: Side,
        choice: Choice,
        random: &mut ChaCha20Rng,
    ) -> (Self::Hand, Bytes);

    /// Says whether these can be the seals of both sides: giver, taker.
    fn are_seals(&self, tick: &Tick, seals: [&[u8]; 2]) -> bool;

    /// Reveals what was sealed, as far as the other one's seal allows; `None` if that is none.
    fn reveal(
        &self,
        tick: &Tick,
        side: Side,
        hand: Self::Hand,
        seals: [&[u8]; 2],
        random: &mut ChaCha20Rng,
    ) -> Option<Bytes>;

    /// Says whether these bytes reveal what a side sealed.
    fn is_reveal(&self, tick: &Tick, side: Side, seals: [&[u8]; 2], reveal: &[u8]) -> bool;

    /// Says whether both said yes. All four must have been found right.
    fn both(&self, reveals: [&[u8]; 2]) -> bool;
}

/// What a side plays at a tick.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice {
    /// Yes.
    Yes,
    /// Not yes: no, or not decided yet.
    NotYes,
}

/// What seals and reveals are bound to: those of another tick, transfer or network are refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Tick {
    /// The hash of network and terms, which hold the transfer's id and both nodes.
    pub terms: Digest,
    /// Both nodes.
    pub nodes: [NodeId; 2],
    /// Which.
    pub number: u64,
}

impl Tick {
    /// Returns its bytes, for hashing.
    pub fn bytes(&self) -> [u8; 104] {
        let mut bytes = [0; 104];
        bytes[..32].copy_from_slice(&self.terms.0);
        bytes[32..64].copy_from_slice(self.nodes[0].as_bytes());
        bytes[64..96].copy_from_slice(self.nodes[1].as_bytes());
        bytes[96..].copy_from_slice(&self.number.to_be_bytes());
        bytes
    }
}
