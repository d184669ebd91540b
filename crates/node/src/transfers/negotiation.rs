//! One transfer as one side sees it: offered, open, both said yes, agreed, or ended (TRANSFER).
//!
//! A choice is never on disk: after a crash nobody has said yes.

use bytes::Bytes;
use engine::{Now, Time};
use rand_chacha::ChaCha20Rng;
use wire::{Digest, Identity, NodeId, Side, Terms, TransferRecord, TransferWord};

use super::blind::{BlindAnd, Choice, Tick};
use super::record::{self, Status};
use super::round::Round;

/// One transfer.
#[derive(Debug)]
pub(super) struct Negotiation<B: BlindAnd> {
    pub(super) terms: Terms,
    /// The hash of network and terms.
    pub(super) hash: Digest,
    /// Which side we are.
    pub(super) side: Side,
    pub(super) status: Status,
    pub(super) record: TransferRecord,
    pub(super) choice: Choice,
    /// When the tick `base` begins or began here, and the last tick that has begun.
    opened: Time,
    base: u64,
    tick: u64,
    round: Option<Round<B>>,
    /// A tick of ours that the other side left when it had our reveal: its own may still come.
    unfinished: Option<Round<B>>,
    /// Their seal of a tick that has not begun here.
    early: Option<(u64, Bytes)>,
    /// Their signature, if it came before we knew that both said yes.
    early_accept: Option<(u64, Digest, [u8; 64])>,
    /// Whether they left a tick when they had our reveal: from then on we wait for theirs.
    pub(super) wary: bool,
    /// When what has no answer is said again.
    again: Time,
    /// How often what may have been lost behind the receipt is still said again.
    repeats_left: u8,
}

/// What a negotiation wants done.
#[derive(Debug, Default)]
pub(super) struct Acts {
    /// Words for the other side, in order.
    pub(super) words: Vec<TransferWord>,
    /// Whether the row changed; it is written before the words leave.
    pub(super) changed: bool,
}

/// Who plays.
#[derive(Debug)]
pub(super) struct Player<'a, B> {
    pub(super) identity: &'a Identity,
    pub(super) and: &'a B,
    pub(super) random: &'a mut ChaCha20Rng,
}

impl<B: BlindAnd> Negotiation<B> {
    /// A transfer whose terms are in the record.
    pub(super) fn new(
        terms: Terms,
        hash: Digest,
        side: Side,
        status: Status,
        record: TransferRecord,
        now: Now,
    ) -> Self {
        Self {
            terms,
            hash,
            side,
            status,
            record,
            choice: Choice::NotYes,
            opened: now.time(),
            base: 0,
            tick: 0,
            round: None,
            unfinished: None,
            early: None,
            early_accept: None,
            wary: false,
            again: now.time(),
            repeats_left: REPEATS,
        }
    }

    /// Returns the node on the other side.
    pub(super) fn peer(&self) -> NodeId {
        self.terms.node(self.side.other())
    }

    /// Says whether it can still be decided on.
    pub(super) fn is_undecided(&self) -> bool {
        matches!(self.status, Status::Offered | Status::Open)
    }

    /// Both sides have signed the terms: ticks begin.
    pub(super) fn open(&mut self, now: Now) {
        (self.status, self.opened) = (Status::Open, now.time());
        (self.base, self.tick) = (0, 0);
    }

    /// Ends it, here and there, without a reason (TRANSFER-5).
    pub(super) fn close(&mut self, acts: &mut Acts) {
        self.end(acts);
        acts.words.push(TransferWord::Close);
    }

    /// Ends it here.
    pub(super) fn end(&mut self, acts: &mut Acts) {
        self.status = Status::Ended;
        (self.round, self.unfinished, self.early) = (None, None, None);
        self.choice = Choice::NotYes;
        self.record.seals = Default::default();
        self.record.reveals = Default::default();
        self.record.accepts = Default::default();
        acts.changed = true;
    }

    /// Says what is due.
    pub(super) fn turn(&mut self, player: &mut Player<'_, B>, acts: &mut Acts, now: Now) {
        if self.is_undecided() && self.terms.decide_by_ms <= now.unix_ms {
            return self.close(acts);
        }
        match self.status {
            Status::Ended => {}
            Status::Offered => {
                if self.again <= now.time() {
                    self.again = now.after(self.tick_ms());
                    acts.words.extend(self.offer());
                }
            }
            Status::Open => self.turn_tick(player, acts, now),
            Status::Confirming => {
                if self.again <= now.time() {
                    self.again = now.after(self.tick_ms());
                    self.repeat(acts);
                }
            }
            Status::Agreed => {
                if self.again <= now.time() && 0 < self.repeats_left {
                    self.again = now.after(self.tick_ms());
                    self.repeats_left -= 1;
                    acts.words.extend(self.record.done[self.side.index()].map(TransferWord::Done));
                }
            }
        }
    }

    /// Returns when something is due.
    pub(super) fn deadline(&self, now: Now) -> Option<Time> {
        let by = now.after(self.terms.decide_by_ms.saturating_sub(now.unix_ms));
        match self.status {
            Status::Ended => None,
            Status::Offered => Some(self.again.min(by)),
            Status::Open => {
                let tick = self.tick_at(self.tick + 1);
                let half = self.round.as_ref().filter(|it| it.waits()).map(|it| it.half);
                Some(half.unwrap_or(tick).min(tick).min(self.again.max(self.opened)).min(by))
            }
            Status::Confirming => Some(self.again),
            Status::Agreed => {
                let said = self.record.done[self.side.index()].is_some();
                (said && 0 < self.repeats_left).then_some(self.again)
            }
        }
    }

    /// Hears what the other side says of it.
    pub(super) fn hear(
        &mut self,
        word: TransferWord,
        player: &mut Player<'_, B>,
        acts: &mut Acts,
        now: Now,
    ) {
        match (word, self.status) {
            // Never answered: two that ended would go on for ever.
            (TransferWord::Close, Status::Ended) => {}
            (_, Status::Ended) => acts.words.push(TransferWord::Close),
            (TransferWord::Close, Status::Offered | Status::Open | Status::Confirming) => {
                self.end(acts);
            }
            (TransferWord::Close, Status::Agreed) => {}
            // Ours was lost.
            (TransferWord::Offer(..), _) => {
                acts.words.extend(self.record.opened.map(TransferWord::Open));
            }
            (TransferWord::Open(signature), Status::Offered) => {
                let to_sign = record::to_sign("open", &self.hash, None);
                if self.peer().verify(&to_sign, &signature) {
                    self.record.opened = Some(signature);
                    self.open(now);
                    acts.changed = true;
                }
            }
            (TransferWord::Open(_), _) => {}
            (TransferWord::Seal(tick, seal), Status::Open) => {
                self.hear_seal(tick, seal, player, acts, now);
            }
            (TransferWord::Reveal(tick, reveal), Status::Open) => {
                self.hear_reveal(tick, &reveal, player, acts, now);
            }
            // They do not know yet that both said yes.
            (TransferWord::Seal(tick, _), Status::Confirming) if self.record.tick < tick => {
                self.repeat(acts);
            }
            (TransferWord::Seal(..) | TransferWord::Reveal(..), _) => {}
            (TransferWord::Accept(tick, transcript, signature), Status::Open) => {
                self.early_accept = Some((tick, transcript, signature));
            }
            (TransferWord::Accept(tick, transcript, signature), Status::Confirming) => {
                self.accepted(tick, transcript, signature, acts);
            }
            (TransferWord::Accept(..), Status::Agreed) if 0 < self.repeats_left => {
                // They have not heard ours.
                self.repeats_left -= 1;
                self.repeat(acts);
            }
            (TransferWord::Accept(..), _) => {}
            (TransferWord::Done(signature), Status::Agreed) => self.done(signature, acts),
            (TransferWord::Done(_), _) => {}
        }
    }

    /// Signs that we handed it over, or have it.
    pub(super) fn say_done(&mut self, identity: &Identity, acts: &mut Acts, now: Now) {
        let to_sign = self.done_to_sign(self.side);
        let signature =
            *self.record.done[self.side.index()].get_or_insert_with(|| identity.sign(&to_sign));
        (self.repeats_left, self.again) = (REPEATS, now.after(self.tick_ms()));
        acts.changed = true;
        acts.words.push(TransferWord::Done(signature));
    }

    /// Returns our offer, if it is ours.
    pub(super) fn offer(&self) -> Option<TransferWord> {
        Some(TransferWord::Offer(self.record.terms.clone(), self.record.offered?))
    }

    fn tick_ms(&self) -> u64 {
        u64::from(self.terms.tick_ms)
    }

    fn tick_at(&self, tick: u64) -> Time {
        let ticks = tick.saturating_sub(self.base);
        Time(self.opened.0.saturating_add(ticks.saturating_mul(self.tick_ms())))
    }

    fn tick_of(&self, number: u64) -> Tick {
        Tick { terms: self.hash, nodes: [self.terms.giver, self.terms.taker], number }
    }

    /// A tick begins: whatever was decided since the last one is sealed now, and not before (TRANSFER-3).
    fn turn_tick(&mut self, player: &mut Player<'_, B>, acts: &mut Acts, now: Now) {
        let passed = now.mono_ms.saturating_sub(self.opened.0) / self.tick_ms().max(1);
        let number = self.base.saturating_add(passed);
        if self.tick < number {
            if let Some(round) = self.round.take().filter(Round::was_left) {
                self.wary = true;
                self.unfinished = Some(round);
            }
            self.tick = number;
            let tick = self.tick_of(number);
            let half = Time(now.mono_ms.saturating_add(self.tick_ms() / 2));
            let round = Round::begin(tick, self.side, self.choice, half, player);
            acts.words.push(TransferWord::Seal(number, round.own_seal()));
            self.round = Some(round);
            self.again = now.after(self.tick_ms() / 3);
            if let Some((_, seal)) = self.early.take_if(|(of, _)| *of == number) {
                self.hear_seal(number, seal, player, acts, now);
            }
        } else if self.again <= now.time() {
            self.again = now.after(self.tick_ms() / 3);
            acts.words.extend(self.round.iter().flat_map(Round::said));
        }
        self.play(player, acts, now);
    }

    fn hear_seal(
        &mut self,
        tick: u64,
        seal: Bytes,
        player: &mut Player<'_, B>,
        acts: &mut Acts,
        now: Now,
    ) {
        if tick == self.tick + 1 {
            // One for each tick: a second one cannot be chosen for what came meanwhile.
            self.early.get_or_insert((tick, seal));
            return;
        }
        if self.tick < tick && tick <= TICK_NUMBER_MAX {
            // Its ticks began earlier: ours join them. What we seal was decided before this came.
            (self.base, self.opened, self.early) = (tick, now.time(), Some((tick, seal)));
            return self.turn_tick(player, acts, now);
        }
        if let Some(round) = self.round.as_mut().filter(|it| it.tick.number == tick) {
            round.hear_seal(seal, player.and);
        }
        self.play(player, acts, now);
    }

    fn hear_reveal(
        &mut self,
        tick: u64,
        reveal: &Bytes,
        player: &mut Player<'_, B>,
        acts: &mut Acts,
        now: Now,
    ) {
        let rounds = self.round.as_mut().into_iter().chain(self.unfinished.as_mut());
        for round in rounds.filter(|it| it.tick.number == tick) {
            round.hear_reveal(reveal, player.and);
        }
        self.play(player, acts, now);
    }

    /// Reveals when it is our turn, and looks whether both said yes.
    fn play(&mut self, player: &mut Player<'_, B>, acts: &mut Acts, now: Now) {
        if let Some(round) = &mut self.round {
            let word = round.reveal(self.wary, player, now);
            acts.words.extend(word);
        }
        let rounds = self.round.iter().chain(&self.unfinished);
        let Some(round) = rounds.into_iter().find(|it| it.both(player.and)) else { return };
        let (seals, reveals) = round.transcript();
        self.record.tick = round.tick.number;
        (self.record.seals, self.record.reveals) = (seals, reveals);
        (self.status, self.again) = (Status::Confirming, now.after(self.tick_ms()));
        (self.round, self.unfinished, self.early) = (None, None, None);
        let transcript = record::transcript(&self.record);
        let to_sign = record::to_sign("accept", &self.hash, Some(&transcript));
        let signature = player.identity.sign(&to_sign);
        self.record.accepts[self.side.index()] = Some(signature);
        acts.changed = true;
        acts.words.push(TransferWord::Accept(self.record.tick, transcript, signature));
        if let Some((tick, transcript, signature)) = self.early_accept.take() {
            self.accepted(tick, transcript, signature, acts);
        }
    }

    /// Their signature: with ours it is the proof for both (TRANSFER-4).
    fn accepted(&mut self, tick: u64, transcript: Digest, signature: [u8; 64], acts: &mut Acts) {
        let ours = record::transcript(&self.record);
        let to_sign = record::to_sign("accept", &self.hash, Some(&ours));
        let same = tick == self.record.tick && transcript == ours;
        if !same || !self.peer().verify(&to_sign, &signature) {
            return;
        }
        self.record.accepts[self.side.other().index()] = Some(signature);
        self.status = Status::Agreed;
        acts.changed = true;
    }

    /// Says again what the other side may lack: our reveal, and our signature.
    fn repeat(&self, acts: &mut Acts) {
        let (tick, at) = (self.record.tick, self.side.index());
        let Some(signature) = self.record.accepts[at] else { return };
        acts.words.push(TransferWord::Reveal(tick, self.record.reveals[at].clone()));
        let transcript = record::transcript(&self.record);
        acts.words.push(TransferWord::Accept(tick, transcript, signature));
    }

    fn done_to_sign(&self, side: Side) -> [u8; 32] {
        let transcript = record::transcript(&self.record);
        record::to_sign(record::done_word(side), &self.hash, Some(&transcript))
    }

    fn done(&mut self, signature: [u8; 64], acts: &mut Acts) {
        let side = self.side.other();
        let to_sign = self.done_to_sign(side);
        if self.peer().verify(&to_sign, &signature) && self.record.done[side.index()].is_none() {
            self.record.done[side.index()] = Some(signature);
            acts.changed = true;
        }
    }
}

/// More than a second's ticks of all the time there is to decide: nobody leads us farther.
const TICK_NUMBER_MAX: u64 = 1_000_000;
/// How often something is said again of an agreed transfer.
const REPEATS: u8 = 8;
