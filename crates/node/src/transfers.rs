//! Transfers: two nodes agree on a gift if the people at both said yes, and else nobody learns who did
//! not (TRANSFER).
//!
//! A value: letters and commands in; letters and rows out. Rows are on disk before the letters that
//! follow them leave.

pub mod blind;
pub mod dh_and;
mod negotiation;
mod record;
mod round;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use engine::{Now, Time};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wire::{
    Digest, Identity, NetworkId, NodeId, Side, Terms, TransferId, TransferRecord, TransferStep,
    TransferWord,
};

pub use record::{BadTranscript, Status, check};

use crate::levels::{Amount, is_kind, is_unit};
use blind::{BlindAnd, Choice};
use dh_and::DhAnd;
use negotiation::{Acts, Negotiation, Player};

/// All transfers of one node.
#[derive(Debug)]
pub struct Transfers<B: BlindAnd = DhAnd> {
    identity: Identity,
    network: NetworkId,
    and: B,
    random: ChaCha20Rng,
    all: BTreeMap<TransferId, Negotiation<B>>,
    /// Rows that differ from the disk.
    changed: BTreeSet<TransferId>,
    /// Rows that go.
    gone: BTreeSet<TransferId>,
    /// Letters in order.
    letters: Vec<(NodeId, Bytes)>,
    /// Whether anything was done since it was asked last.
    stirred: bool,
}

/// A transfer to be.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proposal {
    /// The other node.
    pub with: NodeId,
    /// Which side this node would be.
    pub side: Side,
    /// Of what.
    pub kind: String,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub unit: String,
    /// How long people have to decide.
    pub decide_ms: u64,
    /// How often the decisions are compared.
    pub tick_ms: u32,
    /// The proposal it takes the place of.
    pub replaces: Option<TransferId>,
}

/// What somebody who says yes has to say again.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Confirmation {
    /// The other node.
    pub with: NodeId,
    /// How much.
    pub amount: Amount,
    /// In what.
    pub unit: String,
}

/// A transfer as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferView {
    /// The terms.
    pub terms: Terms,
    /// Which side this node is.
    pub side: Side,
    /// How far it is.
    pub status: Status,
    /// Whether this node's people have said yes. Of the other side nothing is known.
    pub said_yes: bool,
    /// Whether the other node once left a comparison after it had our half of it.
    pub was_left: bool,
    /// What is kept of it: the proof, once it is agreed.
    pub record: TransferRecord,
}

/// Why nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TransferError {
    /// The amount is 0.
    #[error("an amount of nothing cannot be transferred")]
    Amount,
    /// What was said again is not what is proposed.
    #[error("that is not what is proposed: it is {amount} {unit} with {with}; say exactly that")]
    Confirmation {
        /// How much.
        amount: Amount,
        /// In what.
        unit: String,
        /// With whom.
        with: NodeId,
    },
    /// It is decided.
    #[error("both sides have said yes to this transfer: it can no longer be refused")]
    Decided,
    /// It ended.
    #[error("this transfer has ended: propose another one")]
    Ended,
    /// The kind or the unit is no name.
    #[error("{0:?} is no kind or unit: use short names such as water and L")]
    Name(String),
    /// It is not agreed.
    #[error("this transfer is not agreed: there is nothing to hand over or to receive")]
    NotAgreed,
    /// Too many.
    #[error("{0} transfers are open at this node: decide on one first")]
    Many(usize),
    /// One with this node is open.
    #[error(
        "a transfer with this node is open ({0}): decide on it, or answer it with another proposal"
    )]
    Open(TransferId),
    /// The other node is this one.
    #[error("that is this node itself: name another one")]
    Self_,
    /// The times make no sense.
    #[error("people need 1 min to 7 d to decide, and decisions are compared every 1 s to 10 min")]
    Times,
    /// There is none of this name.
    #[error("no transfer {0} here: see `trellis transfer list`")]
    Unknown(TransferId),
}

impl<B: BlindAnd + Default> Transfers<B> {
    /// Wakes up with the rows that were kept. What was not agreed by both has ended: nobody's yes
    /// outlives a crash (TRANSFER-5).
    pub fn new(
        rows: &[(String, Vec<u8>)],
        identity: Identity,
        network: NetworkId,
        seed: [u8; 32],
        now: Now,
    ) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        // Another part of the node draws from the same seed.
        random.set_stream(STREAM);
        let mut transfers = Self {
            identity,
            network,
            and: B::default(),
            random,
            all: BTreeMap::new(),
            changed: BTreeSet::new(),
            gone: BTreeSet::new(),
            letters: Vec::new(),
            stirred: true,
        };
        for (name, value) in rows {
            let Some(id) = name.strip_prefix(PREFIX) else { continue };
            match transfers.wake(value, now) {
                Some(woken) if woken.terms.id.to_string() == id => {
                    transfers.all.insert(woken.terms.id, woken);
                }
                Some(_) | None => {
                    tracing::error!(id, "the row of a transfer cannot be read: it is not shown");
                }
            }
        }
        let ids: Vec<TransferId> = transfers.all.keys().copied().collect();
        for id in ids {
            transfers.act(id, |negotiation, _, acts| {
                if negotiation.is_undecided() {
                    negotiation.close(acts);
                }
            });
        }
        transfers
    }

    /// Proposes a transfer; the other node's people hear of it. It is no yes.
    pub fn propose(&mut self, proposal: Proposal, now: Now) -> Result<TransferId, TransferError> {
        self.check(&proposal)?;
        let Proposal { with, side, kind, amount, unit, decide_ms, tick_ms, replaces } = proposal;
        let me = self.identity.id();
        let mut id = [0; 32];
        self.random.fill_bytes(&mut id);
        let (giver, taker) = match side {
            Side::Giver => (me, with),
            Side::Taker => (with, me),
        };
        let terms = Terms {
            id: Digest(id),
            giver,
            taker,
            proposer: side,
            kind,
            amount: amount.0,
            unit,
            tick_ms,
            decide_by_ms: now.unix_ms.saturating_add(decide_ms),
            replaces,
        };
        if let Some(old) = replaces {
            self.act(old, |negotiation, _, acts| negotiation.close(acts));
        }
        let bytes = terms.encode();
        let hash = Terms::hash(&self.network, &bytes);
        let offered = Some(self.identity.sign(&record::to_sign("offer", &hash, None)));
        let record = TransferRecord { terms: bytes, offered, ..TransferRecord::default() };
        let negotiation = Negotiation::new(terms, hash, side, Status::Offered, record, now);
        let id = negotiation.terms.id;
        self.make_room(&with);
        self.all.insert(id, negotiation);
        self.act(id, |negotiation, player, acts| {
            acts.changed = true;
            negotiation.turn(player, acts, now);
        });
        Ok(id)
    }

    /// Says yes, if whoever says it names what is proposed. It counts from the next tick on.
    pub fn yes(&mut self, id: &TransferId, said: &Confirmation) -> Result<(), TransferError> {
        self.check_yes(id, said)?;
        if let Some(negotiation) = self.all.get_mut(id) {
            negotiation.choice = Choice::Yes;
        }
        Ok(())
    }

    /// Says whether yes can be said in these words.
    pub fn check_yes(&self, id: &TransferId, said: &Confirmation) -> Result<(), TransferError> {
        let negotiation = self.all.get(id).ok_or(TransferError::Unknown(*id))?;
        match negotiation.status {
            Status::Ended => return Err(TransferError::Ended),
            Status::Agreed | Status::Confirming => return Err(TransferError::Decided),
            Status::Offered | Status::Open => {}
        }
        let terms = &negotiation.terms;
        let (amount, unit, with) = (Amount(terms.amount), &terms.unit, negotiation.peer());
        if said.amount != amount || said.unit != *unit || said.with != with {
            return Err(TransferError::Confirmation { amount, unit: unit.clone(), with });
        }
        Ok(())
    }

    /// Says no: it ends at once, for both, without a reason.
    pub fn no(&mut self, id: &TransferId) -> Result<(), TransferError> {
        self.check_no(id)?;
        self.act(*id, |negotiation, _, acts| negotiation.close(acts));
        Ok(())
    }

    /// Says whether no can still be said.
    pub fn check_no(&self, id: &TransferId) -> Result<(), TransferError> {
        match self.all.get(id).map(|it| it.status) {
            None => Err(TransferError::Unknown(*id)),
            Some(Status::Ended) => Err(TransferError::Ended),
            Some(Status::Agreed | Status::Confirming) => Err(TransferError::Decided),
            Some(Status::Offered | Status::Open) => Ok(()),
        }
    }

    /// Signs that our part of an agreed transfer is done: handed over, or received.
    pub fn done(&mut self, id: &TransferId, now: Now) -> Result<(), TransferError> {
        self.check_done(id)?;
        self.act(*id, |negotiation, player, acts| {
            negotiation.say_done(player.identity, acts, now);
        });
        Ok(())
    }

    /// Says whether there is something to hand over or to receive.
    pub fn check_done(&self, id: &TransferId) -> Result<(), TransferError> {
        match self.all.get(id).map(|it| it.status) {
            None => Err(TransferError::Unknown(*id)),
            Some(Status::Agreed) => Ok(()),
            Some(Status::Confirming | Status::Ended | Status::Offered | Status::Open) => {
                Err(TransferError::NotAgreed)
            }
        }
    }

    /// Hears a letter of another node's.
    pub fn hear(&mut self, from: NodeId, body: &[u8], now: Now) {
        // Who sends no step is not answered.
        let Ok(TransferStep { id, what }) = TransferStep::decode(body) else { return };
        if let TransferWord::Offer(terms, signature) = &what
            && !self.all.contains_key(&id)
        {
            return self.hear_offer(from, id, terms, signature, now);
        }
        if self.all.get(&id).is_none_or(|it| it.peer() != from) {
            // To us there is no such thing, whatever they think.
            if what != TransferWord::Close {
                self.say(from, id, TransferWord::Close);
            }
            return;
        }
        self.act(id, |negotiation, player, acts| negotiation.hear(what, player, acts, now));
    }

    /// Does what is due.
    pub fn turn(&mut self, now: Now) {
        let due =
            self.all.iter().filter(|(_, it)| it.deadline(now).is_some_and(|at| at <= now.time()));
        let due: Vec<TransferId> = due.map(|(id, _)| *id).collect();
        // Whoever asked for this turn wants to know of the next.
        self.stirred = true;
        for id in due {
            self.act(id, |negotiation, player, acts| negotiation.turn(player, acts, now));
        }
    }

    /// Returns when something is due.
    pub fn deadline(&self, now: Now) -> Option<Time> {
        self.all.values().filter_map(|it| it.deadline(now)).min()
    }

    /// Takes the rows that must be on disk before the letters leave.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let (changed, gone) = (std::mem::take(&mut self.changed), std::mem::take(&mut self.gone));
        let row = |id: TransferId| {
            let value = self.all.get(&id).map(|it| {
                TransferRecord { status: it.status.number(), ..it.record.clone() }.encode()
            });
            (format!("{PREFIX}{id}"), value)
        };
        changed.union(&gone).copied().map(row).collect()
    }

    /// Says whether anything happened since it was asked last: rows, letters, another deadline.
    pub fn stirred(&mut self) -> bool {
        std::mem::take(&mut self.stirred)
    }

    /// Takes the letters, in order.
    pub fn letters(&mut self) -> Vec<(NodeId, Bytes)> {
        std::mem::take(&mut self.letters)
    }

    /// Counts those on which nobody here has said yes or no.
    pub fn undecided_len(&self) -> usize {
        let undecided = |it: &&Negotiation<B>| it.is_undecided() && it.choice != Choice::Yes;
        self.all.values().filter(undecided).count()
    }

    /// Returns all transfers, those that can be decided on first.
    pub fn views(&self) -> Vec<TransferView> {
        let mut views: Vec<TransferView> = self.all.values().map(view).collect();
        views.sort_by_key(|it| (it.status, it.terms.decide_by_ms, it.terms.id));
        views
    }

    /// Returns how far all transfers are, without looking closely.
    pub fn states(&self) -> impl Iterator<Item = (TransferId, Status)> {
        self.all.iter().map(|(id, it)| (*id, it.status))
    }

    fn wake(&self, value: &[u8], now: Now) -> Option<Negotiation<B>> {
        let record = TransferRecord::decode(value).ok()?;
        let terms = Terms::decode(&record.terms).ok()?;
        let (status, me) = (Status::of(record.status)?, self.identity.id());
        let side = [Side::Giver, Side::Taker].into_iter().find(|it| terms.node(*it) == me)?;
        let hash = Terms::hash(&self.network, &record.terms);
        Some(Negotiation::new(terms, hash, side, status, record, now))
    }

    /// Says whether a transfer can be proposed (TRANSFER-2).
    pub fn check(&self, proposal: &Proposal) -> Result<(), TransferError> {
        let Proposal { with, kind, amount, unit, decide_ms, tick_ms, replaces, .. } = proposal;
        if *with == self.identity.id() {
            return Err(TransferError::Self_);
        }
        if !is_kind(kind) {
            return Err(TransferError::Name(kind.chars().take(40).collect()));
        }
        if !is_unit(unit) {
            return Err(TransferError::Name(unit.chars().take(40).collect()));
        }
        if amount.0 == 0 {
            return Err(TransferError::Amount);
        }
        let times = (DECIDE_MS_MIN..=DECIDE_MS_MAX).contains(decide_ms);
        if !times || !(TICK_MS_MIN..=TICK_MS_MAX).contains(tick_ms) {
            return Err(TransferError::Times);
        }
        if let Some(old) = replaces {
            let old = self.all.get(old).ok_or(TransferError::Unknown(*old))?;
            if old.peer() != *with {
                return Err(TransferError::Unknown(old.terms.id));
            }
            if !old.is_undecided() {
                return Err(TransferError::Ended);
            }
            return Ok(());
        }
        if let Some(open) = self.open_with(with) {
            return Err(TransferError::Open(open));
        }
        let open = self.all.values().filter(|it| is_open(it.status)).count();
        if OPEN_MAX <= open { Err(TransferError::Many(open)) } else { Ok(()) }
    }

    fn open_with(&self, with: &NodeId) -> Option<TransferId> {
        let mut open = self.all.iter().filter(|(_, it)| is_open(it.status) && it.peer() == *with);
        open.next().map(|(id, _)| *id)
    }

    fn hear_offer(
        &mut self,
        from: NodeId,
        id: TransferId,
        bytes: &Bytes,
        signature: &[u8; 64],
        now: Now,
    ) {
        let Some((terms, hash)) = self.read_offer(from, id, bytes, signature, now) else {
            return self.say(from, id, TransferWord::Close);
        };
        if let Some(old) = terms.replaces.filter(|old| {
            self.all.get(old).is_some_and(|it| it.peer() == from && it.is_undecided())
        }) {
            self.act(old, |negotiation, _, acts| negotiation.end(acts));
        }
        let open = self.all.values().filter(|it| is_open(it.status)).count();
        if self.open_with(&from).is_some() || OPEN_MAX <= open {
            return self.say(from, id, TransferWord::Close);
        }
        let opened = self.identity.sign(&record::to_sign("open", &hash, None));
        let record = TransferRecord {
            terms: bytes.clone(),
            offered: Some(*signature),
            opened: Some(opened),
            ..TransferRecord::default()
        };
        let side = terms.proposer.other();
        let negotiation = Negotiation::new(terms, hash, side, Status::Open, record, now);
        self.make_room(&from);
        self.all.insert(id, negotiation);
        self.act(id, |negotiation, _, acts| {
            negotiation.open(now);
            acts.changed = true;
            acts.words.push(TransferWord::Open(opened));
        });
    }

    /// Reads an offer that is one: signed by the one it comes from, for us, and not over (TRANSFER-1).
    fn read_offer(
        &self,
        from: NodeId,
        id: TransferId,
        bytes: &Bytes,
        signature: &[u8; 64],
        now: Now,
    ) -> Option<(Terms, Digest)> {
        let terms = Terms::decode(bytes).ok()?;
        let hash = Terms::hash(&self.network, bytes);
        let me = self.identity.id();
        let sides = terms.node(terms.proposer) == from && terms.node(terms.proposer.other()) == me;
        let left_ms = terms.decide_by_ms.saturating_sub(now.unix_ms);
        let times = 0 < left_ms && left_ms <= DECIDE_MS_MAX.saturating_add(CLOCKS_MS);
        let names = is_kind(&terms.kind) && is_unit(&terms.unit) && 0 < terms.amount;
        let ticks = (TICK_MS_MIN..=TICK_MS_MAX).contains(&terms.tick_ms);
        let whole = terms.id == id && sides && times && names && ticks;
        let amount = terms.amount <= Amount::MAX.0;
        let signed = from.verify(&record::to_sign("offer", &hash, None), signature);
        (whole && amount && signed && from != me).then_some((terms, hash))
    }

    /// Lets a negotiation act, and takes what it wants done.
    fn act(
        &mut self,
        id: TransferId,
        play: impl FnOnce(&mut Negotiation<B>, &mut Player<'_, B>, &mut Acts),
    ) {
        self.stirred = true;
        let Some(negotiation) = self.all.get_mut(&id) else { return };
        let (identity, and, random) = (&self.identity, &self.and, &mut self.random);
        let mut acts = Acts::default();
        play(negotiation, &mut Player { identity, and, random }, &mut acts);
        let peer = negotiation.peer();
        if acts.changed {
            self.changed.insert(id);
        }
        acts.words.into_iter().for_each(|word| self.say(peer, id, word));
    }

    fn say(&mut self, to: NodeId, id: TransferId, what: TransferWord) {
        self.stirred = true;
        self.letters.push((to, TransferStep { id, what }.encode()));
    }

    /// Forgets what ended with this node long ago: its id comes back only if that node says so, and then its
    /// decisions are made anew. What was agreed is never forgotten for what was not.
    fn make_room(&mut self, with: &NodeId) {
        let of = |status: Status, peer: Option<&NodeId>, max: usize| {
            let all = self.all.iter().filter(|(_, it)| it.status == status);
            let all = all.filter(|(_, it)| peer.is_none_or(|peer| it.peer() == *peer));
            let mut all: Vec<_> = all.map(|(id, it)| (it.terms.decide_by_ms, *id)).collect();
            all.sort_unstable();
            let excess = (all.len() + 1).saturating_sub(max);
            all.into_iter().take(excess).map(|(_, id)| id).collect::<Vec<_>>()
        };
        let mut gone = of(Status::Ended, Some(with), ENDED_PER_NODE_MAX);
        gone.extend(of(Status::Ended, None, ENDED_MAX));
        gone.extend(of(Status::Agreed, None, AGREED_MAX));
        for id in gone {
            self.all.remove(&id);
            self.gone.insert(id);
        }
    }
}

fn is_open(status: Status) -> bool {
    match status {
        Status::Confirming | Status::Offered | Status::Open => true,
        Status::Agreed | Status::Ended => false,
    }
}

fn view<B: BlindAnd>(negotiation: &Negotiation<B>) -> TransferView {
    TransferView {
        terms: negotiation.terms.clone(),
        side: negotiation.side,
        status: negotiation.status,
        said_yes: negotiation.choice == Choice::Yes,
        was_left: negotiation.wary,
        record: negotiation.record.clone(),
    }
}

/// Transfers that can be decided on, at once.
pub const OPEN_MAX: usize = 32;
/// Ended ones remembered of one node, and in all; those whose time ends first make room.
const ENDED_PER_NODE_MAX: usize = 64;
const ENDED_MAX: usize = 1_024;
/// Agreed ones kept; the oldest makes room.
const AGREED_MAX: usize = 4_096;
/// How long people may take to decide.
pub const DECIDE_MS_MIN: u64 = 60_000;
/// See [`DECIDE_MS_MIN`].
pub const DECIDE_MS_MAX: u64 = 7 * 24 * 3_600_000;
/// How often decisions are compared.
pub const TICK_MS_MIN: u32 = 1_000;
/// See [`TICK_MS_MIN`].
pub const TICK_MS_MAX: u32 = 600_000;
/// How often unless told: 30 s.
pub const TICK_MS: u32 = 30_000;
/// By so much two clocks may differ.
const CLOCKS_MS: u64 = 600_000;
const PREFIX: &str = "transfer/";
/// Names the stream of randomness that seals are drawn from.
const STREAM: u64 = 0x0074_7261_6e73_6665;

#[cfg(test)]
mod tests;
