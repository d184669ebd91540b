//! A village of councils in virtual time: delays, loss, walls, crashes, and twins that share a key.

use std::collections::{BTreeMap, BTreeSet};

use wire::Digest;

use super::{NETWORK, committee};
use crate::council::Row;
use crate::{
    Act, Committee, Council, Done, Evidence, Facts, Head, Note, Pace, Sealed, Seat, SecretKey,
    Statistics, Work,
};

pub(super) const PACE: Pace = Pace { view_ms: 10_000, settle_ms: 5_000, every_ms: 20_000 };

/// Everybody, and what is on its way.
pub(super) struct Village {
    pub(super) now_ms: u64,
    pub(super) nodes: Vec<Villager>,
    queue: BTreeMap<(u64, u64), (usize, Happening)>,
    sequence: u64,
    random: u64,
    /// Of a thousand notes so many are lost.
    pub(super) loss: u64,
    /// Who is on which side of the wall; all on one where there is none.
    pub(super) sides: Vec<u8>,
    /// Work is a function: equal work is done once.
    results: BTreeMap<Digest, Done>,
    genesis: Head,
    /// What was final anywhere, by height.
    pub(super) finals: BTreeMap<u64, BTreeSet<Digest>>,
    pub(super) faults: Vec<Evidence>,
    pub(super) blamed: u64,
}

pub(super) struct Villager {
    pub(super) council: Option<Council>,
    seat: Option<Seat>,
    disk: BTreeMap<Row, Vec<u8>>,
    run: u64,
    /// Sees another state than all others.
    pub(super) odd: bool,
    /// Whose word counts for nothing here.
    pub(super) liar: bool,
    pub(super) skew_ms: u64,
}

enum Happening {
    Note(Box<Note>, usize),
    Done(u64, u64, Box<Work>),
    Act(u64, Vec<Act>),
    Tick,
    Word(u64, Digest, usize),
}

impl Village {
    /// `attesters` with keys, and `others` without.
    pub(super) fn new(seed: u64, attesters: usize, others: usize) -> (Self, Vec<SecretKey>) {
        let (committee, keys) = committee(attesters);
        let mut village = Self {
            now_ms: 1_000_000,
            nodes: Vec::new(),
            queue: BTreeMap::new(),
            sequence: 0,
            random: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995,
            loss: 0,
            sides: Vec::new(),
            results: BTreeMap::new(),
            genesis: Head::genesis(NETWORK, committee),
            finals: BTreeMap::new(),
            faults: Vec::new(),
            blamed: 0,
        };
        keys.iter().for_each(|key| village.join(Some(key.clone())));
        (0..others).for_each(|_| village.join(None));
        (village, keys)
    }

    pub(super) fn join(&mut self, key: Option<SecretKey>) {
        let seat = key.map(|key| Seat { key, next: None });
        let skew_ms = self.below(400);
        self.nodes.push(Villager {
            council: None,
            seat,
            disk: BTreeMap::new(),
            run: 0,
            odd: false,
            liar: false,
            skew_ms,
        });
        self.sides.push(0);
        let at = self.nodes.len() - 1;
        self.start(at);
        self.push(0, at, Happening::Tick);
    }

    pub(super) fn start(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if node.council.is_none() {
            let kept = node.disk.clone().into_iter().collect();
            let genesis = self.genesis.clone();
            node.council = Some(Council::new(PACE, node.seat.clone(), genesis, kept));
        }
    }

    pub(super) fn crash(&mut self, at: usize) {
        self.nodes[at].council = None;
        self.nodes[at].run += 1;
    }

    /// Everybody's operator wants another committee.
    pub(super) fn want(&mut self, next: &std::sync::Arc<Committee>) {
        for at in 0..self.nodes.len() {
            self.nodes[at].seat.iter_mut().for_each(|seat| seat.next = Some(next.clone()));
            self.crash(at);
            self.start(at);
        }
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        // xorshift: any number will do, as long as it is the same in each run.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    pub(super) fn heights(&self) -> Vec<u64> {
        let up = self.nodes.iter().filter(|node| !node.liar);
        up.filter_map(|node| Some(node.council.as_ref()?.head().height)).collect()
    }

    pub(super) fn run(&mut self, ms: u64) {
        let end_ms = self.now_ms + ms;
        while let Some((&(at_ms, sequence), _)) = self.queue.first_key_value() {
            if end_ms < at_ms {
                break;
            }
            let (at, happening) = self.queue.remove(&(at_ms, sequence)).unwrap();
            self.now_ms = at_ms;
            self.happen(at, happening);
        }
        self.now_ms = end_ms;
    }

    fn push(&mut self, after_ms: u64, to: usize, happening: Happening) {
        self.sequence += 1;
        self.queue.insert((self.now_ms + after_ms, self.sequence), (to, happening));
    }

    fn happen(&mut self, at: usize, happening: Happening) {
        let run = self.nodes[at].run;
        let now_ms = self.now_ms + self.nodes[at].skew_ms;
        match happening {
            Happening::Tick => {
                let wait_ms = 900 + self.below(200);
                self.push(wait_ms, at, Happening::Tick);
                self.look(at);
                self.gossip(at);
            }
            Happening::Note(note, from) => {
                let Some(council) = &mut self.nodes[at].council else { return };
                let acts = council.hear(*note, from as u64, now_ms);
                self.act(at, acts);
            }
            Happening::Done(of, ticket, work) if of == run => {
                let name = work.name();
                let done = self.results.entry(name).or_insert_with(|| work.run()).clone();
                let Some(council) = &mut self.nodes[at].council else { return };
                let acts = council.done(ticket, done, now_ms);
                self.act(at, acts);
            }
            Happening::Act(of, acts) if of == run => self.act(at, acts),
            Happening::Word(height, digest, from) => {
                let Some(council) = &self.nodes[at].council else { return };
                let notes = council.tell(height, &digest, 100_000);
                notes.into_iter().for_each(|note| self.send(at, from, note));
            }
            Happening::Done(..) | Happening::Act(..) => {}
        }
    }

    /// Shows a node its state as of the moments it asks for.
    fn look(&mut self, at: usize) {
        let now_ms = self.now_ms + self.nodes[at].skew_ms;
        let odd = u8::from(self.nodes[at].odd);
        while let Some(council) = &mut self.nodes[at].council {
            let Some(cut_ms) = council.cuts_wanted(now_ms).first().copied() else {
                let acts = council.tick(now_ms);
                return self.act(at, acts);
            };
            // Who is odd has another state at one moment, and finds other rules in the same one at the next.
            let (root_odd, rules_odd) = if cut_ms / 1_000 % 2 == 0 { (odd, 0) } else { (0, odd) };
            let root = Digest::of("state", &[&cut_ms.to_be_bytes(), &[root_odd]]);
            let statistics = Statistics { collections: 1 };
            let rules = Digest::of("rules", &[&cut_ms.to_be_bytes(), &[rules_odd]]);
            let facts = Facts { cut_ms, root, count: cut_ms / 1_000, rules, statistics };
            let acts = council.look(facts, now_ms);
            self.act(at, acts);
        }
    }

    fn gossip(&mut self, at: usize) {
        let others = self.nodes.len() as u64;
        let to = usize::try_from(self.below(others)).unwrap();
        let Some(council) = &self.nodes[at].council else { return };
        if to != at && (council.is_open() || self.sequence.is_multiple_of(7)) {
            let (height, digest) = council.known();
            if self.sides[at] == self.sides[to] {
                self.push(50, to, Happening::Word(height, digest, at));
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, note: Note) {
        let lost = self.below(1_000) < self.loss || self.sides[from] != self.sides[to];
        let delay_ms = 10 + self.below(150);
        if !lost {
            self.push(delay_ms, to, Happening::Note(Box::new(note), from));
        }
    }

    fn act(&mut self, at: usize, acts: Vec<Act>) {
        let run = self.nodes[at].run;
        let mut acts = acts.into_iter();
        while let Some(act) = acts.next() {
            match act {
                Act::Blame(_) => self.blamed += 1,
                Act::Fault(evidence) => self.faults.push(*evidence),
                Act::Keep(row, value) => {
                    // On disk in 5 ms; a crash before that loses it and all that waits for it.
                    let rest: Vec<Act> = acts.collect();
                    let disk = &mut self.nodes[at].disk;
                    match value {
                        Some(value) => disk.insert(row, value),
                        None => disk.remove(&row),
                    };
                    return self.push(5, at, Happening::Act(run, rest));
                }
                Act::Sealed(sealed) => self.sealed(at, &sealed),
                Act::Spread(note, except) => self.spread(at, &note, except),
                Act::Work(ticket, work) => self.push(2, at, Happening::Done(run, ticket, work)),
            }
        }
    }

    fn spread(&mut self, at: usize, note: &Note, except: Option<u64>) {
        for to in 0..self.nodes.len() {
            if to != at && Some(to as u64) != except {
                self.send(at, to, note.clone());
            }
        }
    }

    fn sealed(&mut self, at: usize, sealed: &Sealed) {
        if !self.nodes[at].liar {
            let checkpoint = &sealed.checkpoint;
            self.finals.entry(checkpoint.height).or_default().insert(checkpoint.hash());
        }
    }

    /// Never two at one height.
    #[track_caller]
    pub(super) fn assert_one_chain(&self, seed: u64) {
        for (height, hashes) in &self.finals {
            assert_eq!(hashes.len(), 1, "seed {seed}: a fork at height {height}");
        }
    }
}
