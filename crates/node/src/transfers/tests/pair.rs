//! Two nodes' transfers and the letters between them: lost, late, twice, out of order; disks and
//! crashes.

use std::collections::BTreeMap;

use bytes::Bytes;
use engine::Now;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wire::{Digest, Identity, NetworkId, NodeId, Side, TransferId};

use crate::levels::Amount;
use crate::transfers::{Confirmation, Proposal, Status, TransferView, Transfers};

pub(super) const NETWORK: NetworkId = Digest([9; 32]);
pub(super) const START_MS: u64 = 1_800_000_000_000;
pub(super) const TICK_MS: u32 = 1_000;

/// How letters travel, each number of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) lost: u64,
    pub(super) twice: u64,
    /// A letter takes up to so many milliseconds.
    pub(super) late_ms: u64,
}

/// Where a node stops: nothing after that write, or before it, happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Crash {
    BeforeWrite,
    AfterWrite,
}

/// A letter as somebody on the way sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Seen {
    pub(super) at_ms: u64,
    pub(super) from: usize,
    pub(super) bytes: Bytes,
}

pub(super) struct Pair {
    pub(super) nodes: [Transfers; 2],
    pub(super) now: Now,
    pub(super) seen: Vec<Seen>,
    disks: [BTreeMap<String, Vec<u8>>; 2],
    on_way: Vec<(u64, u64, usize, Bytes)>,
    way: Way,
    random: ChaCha20Rng,
    starts: u8,
    /// Steps so far, and which node crashes at which.
    pub(super) steps: usize,
    pub(super) crash: Option<(usize, usize, Crash)>,
    number: u64,
    pub(super) tick_ms: u32,
}

pub(super) fn identity(node: usize) -> Identity {
    Identity::from_seed([u8::try_from(node).unwrap() + 1; 32])
}

pub(super) fn id(node: usize) -> NodeId {
    identity(node).id()
}

impl Pair {
    pub(super) fn new(seed: u64, way: Way) -> Self {
        let now = Now { mono_ms: 1_000, unix_ms: START_MS };
        let random = ChaCha20Rng::from_seed(Digest::of("pair", &[&seed.to_be_bytes()]).0);
        let node = |node: usize| {
            let seed = Digest::of("node", &[&seed.to_be_bytes(), &[u8::try_from(node).unwrap()]]);
            Transfers::new(&[], identity(node), NETWORK, seed.0, now)
        };
        Self {
            nodes: [node(0), node(1)],
            now,
            seen: Vec::new(),
            disks: Default::default(),
            on_way: Vec::new(),
            way,
            random,
            starts: 0,
            steps: 0,
            crash: None,
            number: 0,
            tick_ms: TICK_MS,
        }
    }

    /// The node 0 offers water to the node 1.
    pub(super) fn propose(&mut self) -> TransferId {
        let proposal = Proposal { tick_ms: self.tick_ms, ..proposal() };
        let id = self.nodes[0].propose(proposal, self.now).unwrap();
        self.perform(0);
        id
    }

    pub(super) fn yes(&mut self, node: usize, id: &TransferId) {
        let (with, unit) = (self::id(1 - node), "L".to_owned());
        let said = Confirmation { with, amount: Amount(500_000), unit };
        // After a crash there may be nothing to decide on.
        let _ended = self.nodes[node].yes(id, &said);
        self.perform(node);
    }

    pub(super) fn no(&mut self, node: usize, id: &TransferId) {
        let _ended = self.nodes[node].no(id);
        self.perform(node);
    }

    /// Lets time pass: letters arrive, ticks come.
    pub(super) fn pass(&mut self, ms: u64) {
        let end_ms = self.now.mono_ms + ms;
        loop {
            let letter = self.on_way.iter().map(|(at, ..)| *at).min();
            let ticks = self.nodes.iter().filter_map(|it| it.deadline(self.now)).map(|at| at.0);
            let next = ticks.chain(letter).min().filter(|at| *at <= end_ms);
            let Some(next) = next else { break };
            self.set(next.max(self.now.mono_ms));
            self.on_way.sort_by_key(|(at, number, ..)| (*at, *number));
            if self.on_way.first().is_some_and(|(at, ..)| *at <= self.now.mono_ms) {
                let (_, _, to, bytes) = self.on_way.remove(0);
                self.nodes[to].hear(id(1 - to), &bytes, self.now);
                self.perform(to);
                continue;
            }
            for node in 0..2 {
                let due = |at: engine::Time| at <= self.now.time();
                if self.nodes[node].deadline(self.now).is_some_and(due) {
                    self.nodes[node].turn(self.now);
                    assert!(
                        self.nodes[node].deadline(self.now).is_none_or(|at| self.now.time() < at),
                        "a turn leaves nothing due"
                    );
                    self.perform(node);
                }
            }
        }
        self.set(end_ms);
    }

    pub(super) fn status(&self, node: usize, id: &TransferId) -> Option<Status> {
        self.view(node, id).map(|it| it.status)
    }

    pub(super) fn view(&self, node: usize, id: &TransferId) -> Option<TransferView> {
        self.nodes[node].views().into_iter().find(|it| it.terms.id == *id)
    }

    pub(super) fn restart(&mut self, node: usize) {
        self.starts += 1;
        let rows: Vec<(String, Vec<u8>)> =
            self.disks[node].iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        let seed = Digest::of("again", &[&[self.starts], &[u8::try_from(node).unwrap()]]);
        self.nodes[node] = Transfers::new(&rows, identity(node), NETWORK, seed.0, self.now);
        self.perform(node);
    }

    /// Puts any bytes on the way.
    pub(super) fn send(&mut self, to: usize, bytes: Bytes) {
        self.number += 1;
        self.on_way.push((self.now.mono_ms, self.number, to, bytes));
    }

    fn set(&mut self, mono_ms: u64) {
        self.now.unix_ms += mono_ms - self.now.mono_ms;
        self.now.mono_ms = mono_ms;
    }

    /// Writes, then sends; or crashes before or after the write.
    fn perform(&mut self, node: usize) {
        self.steps += 1;
        let crash = self.crash.filter(|(at, who, _)| *at == self.steps && *who == node);
        let (rows, letters) = (self.nodes[node].rows(), self.nodes[node].letters());
        if matches!(crash, Some((_, _, Crash::BeforeWrite))) {
            return self.restart(node);
        }
        for (name, value) in rows {
            match value {
                Some(value) => self.disks[node].insert(name, value),
                None => self.disks[node].remove(&name),
            };
        }
        if crash.is_some() {
            return self.restart(node);
        }
        for (to, bytes) in letters {
            assert_eq!(to, id(1 - node));
            self.seen.push(Seen { at_ms: self.now.mono_ms, from: node, bytes: bytes.clone() });
            let copies = if self.chance(self.way.twice) { 2 } else { 1 };
            for _ in 0..copies {
                if !self.chance(self.way.lost) {
                    let late_ms = 1 + self.random.next_u64() % (self.way.late_ms + 1);
                    self.number += 1;
                    let arrives = self.now.mono_ms + late_ms;
                    self.on_way.push((arrives, self.number, 1 - node, bytes.clone()));
                }
            }
        }
    }

    fn chance(&mut self, per_mille: u64) -> bool {
        self.random.next_u64() % 1_000 < per_mille
    }
}

pub(super) fn proposal() -> Proposal {
    Proposal {
        with: id(1),
        side: Side::Giver,
        kind: "water".to_owned(),
        amount: Amount(500_000),
        unit: "L".to_owned(),
        decide_ms: 60_000,
        tick_ms: TICK_MS,
        replaces: None,
    }
}
