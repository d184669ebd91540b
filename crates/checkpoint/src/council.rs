//! How attesters agree on the next checkpoint: one node's part of it, as a value.
//!
//! Time is cut into views by the clock, so that all are in the same one without talking about it. In each
//! view the attester whose turn it is proposes what it held a little before the view began. Who
//! holds the same says `prepare`; who has seen more than two thirds say that stays with it and
//! says `commit`; what more than two thirds committed to is decided, and only that is attested,
//! once for each height (CKPT-5, CKPT-6). This is Tendermint's rule (Buchman, Kwon, Milosevic, 2018) with a clock
//! in the place of its timers. Whoever is down costs its own views.
//!
//! Nodes that are no attesters check and pass on what they hear. Below: `hear` (what others say),
//! `turn` (what we say), `memory` (what survives a restart).

mod hear;
mod memory;
mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use wire::Digest;

use crate::{
    Ballot, Committee, Done, Evidence, Head, Note, Phase, Proposal, Quorum, Sealed, SecretKey, Work,
};

pub(crate) use memory::Lock;

/// When checkpoints are made: part of the network file, so that all agree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// The length of a view (default 10,000 ms): several times what a word takes to everybody and
    /// clocks differ by.
    pub view_ms: u64,
    /// How old the state is that a view begins with (default 5,000 ms): longer than a record takes
    /// to everybody.
    pub settle_ms: u64,
    /// Time between two checkpoints, at least (default 300,000 ms).
    pub every_ms: u64,
}

/// What makes a node an attester.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Its key.
    pub key: SecretKey,
    /// The committee that its operator wants next, if another.
    pub next: Option<Arc<Committee>>,
}

/// The state as of a moment, in numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Facts {
    /// The moment.
    pub cut_ms: u64,
    /// The root.
    pub root: Digest,
    /// Entries.
    pub count: u64,
    /// What the rules came to, in one hash; zeros where there are none.
    pub rules: Digest,
    /// Collections.
    pub statistics: crate::Statistics,
}

/// What must be done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Somebody said what no honest node passes on.
    Blame(u64),
    /// Attesters broke their word.
    Fault(Box<Evidence>),
    /// Write a row; `None` takes it away. What follows waits until that is on disk.
    Keep(Row, Option<Vec<u8>>),
    /// A checkpoint is final.
    Sealed(Arc<Sealed>),
    /// Tell everybody but the one that told us.
    Spread(Box<Note>, Option<u64>),
    /// Do this on a worker and come back with [`Council::done`].
    Work(u64, Box<Work>),
}

/// Names what is kept.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Row {
    /// What we said at the height in the making.
    Seat,
    /// A final checkpoint, by height.
    Sealed(u64),
    /// Evidence, by height and guilty attester.
    Evidence(u64, u16),
    /// The moment of the newest checkpoint that our state was (STATE-9); the council does not read it.
    Matched,
}

/// What one node knows of the checkpoint in the making, and of the last ones.
#[derive(Debug)]
pub struct Council {
    pace: Pace,
    seat: Option<Seat>,
    /// Our number in the committee of the next height.
    me: Option<u16>,
    head: Head,
    /// The newest, and all at which the committee changed.
    sealed: BTreeMap<u64, Arc<Sealed>>,
    evidence: BTreeMap<(u64, u16), Evidence>,
    facts: VecDeque<Facts>,
    proposals: BTreeMap<Digest, Proposal>,
    /// The newest word of each attester in each phase.
    ballots: BTreeMap<(Phase, u16), Ballot>,
    /// What was prepared in the latest view.
    quorum: Option<Quorum>,
    lock: Option<Lock>,
    /// What we said last, in each phase.
    mine: BTreeMap<Phase, Ballot>,
    /// What we are about to say: the signature is being made.
    signing: BTreeMap<Phase, Proposal>,
    decided: Option<Digest>,
    work: BTreeMap<u64, Pending>,
    /// What is being checked, so that it is not checked twice.
    checking: BTreeSet<Digest>,
    tickets: u64,
    acts: Vec<Act>,
}

/// What a piece of work was for.
#[derive(Clone, Debug)]
enum Pending {
    Evidence(Box<Evidence>),
    Hear(Note, Option<u64>),
    /// Of which height the sum of prepares is.
    Prepared(u64, u64, Digest),
    Seal(Digest),
    Sign(Phase, u64),
}

impl Council {
    /// Wakes up with what was kept.
    pub fn new(pace: Pace, seat: Option<Seat>, genesis: Head, kept: Vec<(Row, Vec<u8>)>) -> Self {
        let mut council = Self {
            pace,
            seat,
            me: None,
            head: genesis,
            sealed: BTreeMap::new(),
            evidence: BTreeMap::new(),
            facts: VecDeque::new(),
            proposals: BTreeMap::new(),
            ballots: BTreeMap::new(),
            quorum: None,
            lock: None,
            mine: BTreeMap::new(),
            signing: BTreeMap::new(),
            decided: None,
            work: BTreeMap::new(),
            checking: BTreeSet::new(),
            tickets: 0,
            acts: Vec::new(),
        };
        council.remember(kept);
        council
    }

    /// Returns how far the chain is known.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Returns our number in the committee, if we are in it.
    pub fn number(&self) -> Option<u16> {
        self.me
    }

    /// Returns the final checkpoints that are kept, by height.
    pub fn sealed(&self) -> &BTreeMap<u64, Arc<Sealed>> {
        &self.sealed
    }

    /// Returns who broke its word, and the proof.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.values()
    }

    /// Says whether something is being agreed on.
    pub fn is_open(&self) -> bool {
        !self.ballots.is_empty() || !self.proposals.is_empty()
    }

    /// Returns the moments as of which an attester needs to know its state now, and does not.
    pub fn cuts_wanted(&self, now_ms: u64) -> Vec<u64> {
        if self.me.is_none() {
            return Vec::new();
        }
        let view = self.view(now_ms);
        let cuts = [self.cut_of(view + 1), self.cut_of(view)];
        let wanted = |cut: &u64| {
            let known = self.facts.iter().any(|facts| facts.cut_ms == *cut);
            *cut <= now_ms && !known && self.is_due(*cut)
        };
        cuts.into_iter().filter(wanted).collect()
    }

    /// Hears how our state was as of a moment; again when more of it has come.
    pub fn look(&mut self, facts: Facts, now_ms: u64) -> Vec<Act> {
        match self.facts.iter_mut().find(|it| it.cut_ms == facts.cut_ms) {
            Some(known) => *known = facts,
            None => self.facts.push_back(facts),
        }
        if FACTS_MAX < self.facts.len() {
            self.facts.pop_front();
        }
        self.tick(now_ms)
    }

    /// Says what is due to be said.
    pub fn tick(&mut self, now_ms: u64) -> Vec<Act> {
        self.turn(now_ms);
        std::mem::take(&mut self.acts)
    }

    /// Returns when [`Council::tick`] or a look is due, unix milliseconds.
    pub fn deadline_ms(&self, now_ms: u64) -> Option<u64> {
        self.me?;
        let view = self.view(now_ms);
        let cut_ms = self.cut_of(view + 1);
        let next = [cut_ms, (view + 1).saturating_mul(self.pace.view_ms)];
        next.into_iter().filter(|at| now_ms < *at).min()
    }

    /// Takes the result of a piece of work.
    pub fn done(&mut self, ticket: u64, done: Done, now_ms: u64) -> Vec<Act> {
        if let Some(pending) = self.work.remove(&ticket) {
            self.finish(pending, done, now_ms);
            self.turn(now_ms);
        }
        std::mem::take(&mut self.acts)
    }

    fn view(&self, now_ms: u64) -> u64 {
        now_ms / self.pace.view_ms.max(1)
    }

    /// The moment that is proposed in a view.
    fn cut_of(&self, view: u64) -> u64 {
        view.saturating_mul(self.pace.view_ms).saturating_sub(self.pace.settle_ms)
    }

    fn is_due(&self, cut_ms: u64) -> bool {
        self.head.height == 0 || self.head.cut_ms.saturating_add(self.pace.every_ms) <= cut_ms
    }

    /// Whose turn it is: one after the other, at each height beginning somewhere else, so that
    /// everybody has a turn where views and checkpoints go in step.
    fn leader(&self, view: u64) -> u16 {
        let count = self.head.committee.attesters().len() as u64;
        let first = u64::from(u16::from_be_bytes([self.head.hash.0[0], self.head.hash.0[1]]));
        u16::try_from((view % count + first) % count).unwrap_or(0)
    }

    fn start(&mut self, pending: Pending, work: Work) {
        self.tickets += 1;
        self.work.insert(self.tickets, pending);
        self.acts.push(Act::Work(self.tickets, Box::new(work)));
    }

    /// Goes on to the next height: what was said of this one is past.
    fn advance(&mut self, head: Head, sealed: Arc<Sealed>) {
        self.head = head;
        self.me = self.number_in(&self.head.committee);
        self.sealed.insert(self.head.height, Arc::clone(&sealed));
        self.acts.push(Act::Keep(Row::Sealed(self.head.height), Some(sealed.encode())));
        let plain = self.sealed.iter().filter(|(_, it)| !it.checkpoint.hands_over());
        let plain: Vec<u64> = plain.map(|(height, _)| *height).collect();
        for height in plain.iter().take(plain.len().saturating_sub(SEALED_MAX)) {
            self.sealed.remove(height);
            self.acts.push(Act::Keep(Row::Sealed(*height), None));
        }
        self.proposals.clear();
        self.ballots.clear();
        self.quorum = None;
        self.lock = None;
        self.mine.clear();
        self.signing.clear();
        self.decided = None;
        self.acts.push(Act::Sealed(sealed));
    }

    fn number_in(&self, committee: &Committee) -> Option<u16> {
        committee.number(&self.seat.as_ref()?.key.public())
    }
}

/// Moments known at once: of this view and of the next.
const FACTS_MAX: usize = 3;
/// Final checkpoints kept, beside those at which the committee changed.
const SEALED_MAX: usize = 64;
