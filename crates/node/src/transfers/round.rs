//! One tick of a blind decision: two seals, two reveals, each at its time.

use bytes::Bytes;
use engine::{Now, Time};
use wire::{Digest, Side, TransferWord};

use super::blind::{BlindAnd, Choice, Tick};
use super::negotiation::Player;

#[derive(Debug)]
pub(super) struct Round<B: BlindAnd> {
    pub(super) tick: Tick,
    side: Side,
    hand: Option<B::Hand>,
    seals: [Option<Bytes>; 2],
    reveals: [Option<Bytes>; 2],
    /// Their reveal, as long as it cannot be checked.
    unchecked: Option<Bytes>,
    /// When we reveal first all the same, though they left an earlier tick.
    pub(super) half: Time,
}

impl<B: BlindAnd> Round<B> {
    /// Seals a choice.
    pub(super) fn begin(
        tick: Tick,
        side: Side,
        choice: Choice,
        half: Time,
        player: &mut Player<'_, B>,
    ) -> Self {
        let (hand, seal) = player.and.seal(&tick, side, choice, player.random);
        let mut seals = [None, None];
        seals[side.index()] = Some(seal);
        let reveals = [None, None];
        Self { tick, side, hand: Some(hand), seals, reveals, unchecked: None, half }
    }

    pub(super) fn own_seal(&self) -> Bytes {
        self.seals[self.side.index()].clone().unwrap_or_default()
    }

    /// Returns what we have said of it, if something is missing.
    pub(super) fn said(&self) -> Vec<TransferWord> {
        if self.reveals.iter().all(Option::is_some) {
            return Vec::new();
        }
        let number = self.tick.number;
        let reveal = self.reveals[self.side.index()].clone();
        let reveal = reveal.map(|reveal| TransferWord::Reveal(number, reveal));
        [TransferWord::Seal(number, self.own_seal())].into_iter().chain(reveal).collect()
    }

    /// Takes their seal, the first that can be one.
    pub(super) fn hear_seal(&mut self, seal: Bytes, and: &B) {
        let theirs = self.side.other().index();
        if self.seals[theirs].is_some() {
            return;
        }
        self.seals[theirs] = Some(seal);
        if !self.seals().is_some_and(|seals| and.are_seals(&self.tick, seals)) {
            self.seals[theirs] = None;
        }
        if let Some(reveal) = self.unchecked.take() {
            self.hear_reveal(&reveal, and);
        }
    }

    /// Takes their reveal, the first that fits what they sealed.
    pub(super) fn hear_reveal(&mut self, reveal: &Bytes, and: &B) {
        let side = self.side.other();
        let Some(seals) = self.seals() else {
            self.unchecked = Some(reveal.clone());
            return;
        };
        let is_new = self.reveals[side.index()].is_none();
        if is_new && and.is_reveal(&self.tick, side, seals, reveal) {
            self.reveals[side.index()] = Some(reveal.clone());
        }
    }

    /// Reveals if it is our turn: the seals choose who goes first. Who saw a reveal and kept its own
    /// goes first from then on.
    pub(super) fn reveal(
        &mut self,
        wary: bool,
        player: &mut Player<'_, B>,
        now: Now,
    ) -> Option<TransferWord> {
        let seals = self.seals()?;
        let first = self.first(seals) == self.side;
        let in_turn = first && (!wary || self.half <= now.time());
        if !in_turn && self.reveals[self.side.other().index()].is_none() {
            return None;
        }
        let hand = self.hand.take()?;
        let seals = self.seals()?;
        let reveal = player.and.reveal(&self.tick, self.side, hand, seals, player.random)?;
        self.reveals[self.side.index()] = Some(reveal.clone());
        Some(TransferWord::Reveal(self.tick.number, reveal))
    }

    /// Says whether we may still have to reveal first.
    pub(super) fn waits(&self) -> bool {
        let first = self.seals().is_some_and(|seals| self.first(seals) == self.side);
        self.hand.is_some() && first
    }

    /// Says whether they have our reveal, as far as we know, and we lack theirs.
    pub(super) fn was_left(&self) -> bool {
        let [mine, theirs] = [self.side.index(), self.side.other().index()];
        self.reveals[mine].is_some() && self.reveals[theirs].is_none()
    }

    /// Says whether both said yes; checked seals and reveals are here.
    pub(super) fn both(&self, and: &B) -> bool {
        let [Some(giver), Some(taker)] = &self.reveals else { return false };
        and.both([giver, taker])
    }

    /// Returns both seals and both reveals.
    pub(super) fn transcript(&self) -> ([Bytes; 2], [Bytes; 2]) {
        let [giver, taker] = &self.seals;
        let [giver_reveal, taker_reveal] = &self.reveals;
        let whole = |it: &Option<Bytes>| it.clone().unwrap_or_default();
        ([whole(giver), whole(taker)], [whole(giver_reveal), whole(taker_reveal)])
    }

    fn seals(&self) -> Option<[&[u8]; 2]> {
        let [giver, taker] = &self.seals;
        Some([giver.as_deref()?, taker.as_deref()?])
    }

    /// Who reveals first: neither can know before both have sealed.
    fn first(&self, [giver, taker]: [&[u8]; 2]) -> Side {
        let hash = Digest::of("trellis-transfer-first-v1", &[&self.tick.bytes(), giver, taker]);
        if hash.0[0] & 1 == 0 { Side::Giver } else { Side::Taker }
    }
}
