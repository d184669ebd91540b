//! Fetching: honest holders, liars, holders that die, disks that are full, crashes.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use engine::{LinkId, Now, SeedMail};
use wire::{Identity, NodeId, Seed, SeedPiece, SeedRefusal, SeedStep};

use super::trees::pieces_of;
use crate::seeds::{
    Brief, Budget, Choice, Pieces, SeedFact, SeedTurn, SeedWish, Seeds, Shape, shelf,
};

/// One node that plants, and holders made of their pieces alone.
struct World {
    seeds: Seeds,
    shape: Shape,
    pieces: Vec<SeedPiece>,
    now: Now,
    links: BTreeMap<NodeId, LinkId>,
    liars: BTreeSet<NodeId>,
    /// Who says nothing at all.
    silent: BTreeSet<NodeId>,
    /// What is on the disk.
    disk: BTreeMap<u32, Bytes>,
    full: bool,
    /// Pieces that each holder sent.
    sent: BTreeMap<NodeId, u32>,
    blamed: Vec<NodeId>,
    reached: BTreeSet<NodeId>,
    owed_max: usize,
    finished: bool,
}

fn node(number: u8) -> NodeId {
    Identity::from_seed([number; 32]).id()
}

impl World {
    fn new(size: usize, holders: u8) -> Self {
        let content: Vec<u8> = (0..size).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect();
        let (shape, pieces) = pieces_of(&content);
        let now = Now { mono_ms: 1_000, unix_ms: 1_800_000_000_000 };
        let mut seeds = Seeds::new(&[], Budget::default(), node(99), [1; 32], now);
        for number in 1..=holders {
            seeds.note_holder(shape.id(), node(number));
        }
        let about = Bytes::from_static(b"{}");
        let brief = Brief { shape, supersedes: None, about };
        seeds.fetches.insert(shape.id(), super::super::Fetch::new(shape, now));
        seeds.put(shape.id(), Choice::Planting, brief, "ana", now);
        Self {
            seeds,
            shape,
            pieces,
            now,
            links: (1..=holders).map(|it| (node(it), LinkId(it.into()))).collect(),
            liars: BTreeSet::new(),
            silent: BTreeSet::new(),
            disk: BTreeMap::new(),
            full: false,
            sent: BTreeMap::new(),
            blamed: Vec::new(),
            reached: BTreeSet::new(),
            owed_max: 0,
            finished: false,
        }
    }

    /// Wakes up on the same disk.
    fn crash(&mut self) {
        let rows = self.seeds.rows().into_iter().filter_map(|(name, row)| Some((name, row?)));
        let rows: Vec<_> = rows.collect();
        assert!(rows.iter().any(|(name, _)| *name == shelf::shelf_name(&self.shape.id())));
        self.seeds = Seeds::new(&rows, Budget::default(), node(99), [2; 32], self.now);
    }

    /// Goes on until nothing happens any more, or for so many seconds. Returns pieces that came.
    fn run(&mut self, seconds: u64) -> u32 {
        let end = self.now.mono_ms + seconds * 1_000;
        let before: u32 = self.sent.values().sum();
        let mut mail = Vec::new();
        while self.now.mono_ms <= end && !self.finished {
            let mut turn = SeedTurn::default();
            for mail in std::mem::take(&mut mail) {
                self.seeds.hear_peer(mail, &mut turn, self.now);
            }
            let links = self.links.clone();
            let link_of = |node: &NodeId| links.get(node).copied();
            self.seeds.turn(&mut turn, &link_of, &|_| true, self.now);
            let SeedTurn { wishes, says, reach, blame, .. } = turn;
            let idle = wishes.is_empty() && says.is_empty();
            self.reached.extend(reach);
            for (link, node, _) in blame {
                assert_eq!(self.links.get(&node), Some(&link));
                self.links.remove(&node);
                self.blamed.push(node);
            }
            wishes.into_iter().for_each(|wish| self.perform(wish));
            for (link, seed) in says {
                mail.extend(self.answer(link, seed));
            }
            self.owed_max = self.owed_max.max(mail.len());
            if idle {
                self.now.mono_ms += 100;
            }
        }
        self.sent.values().sum::<u32>() - before
    }

    fn perform(&mut self, wish: SeedWish) {
        let no = || "the disk is full".to_owned();
        let fact = match wish {
            SeedWish::Open { id, shape } => {
                let mut held = Pieces::none(shape.pieces());
                self.disk.keys().for_each(|index| {
                    held.add(*index);
                });
                SeedFact::Opened(id, Ok(held))
            }
            SeedWish::Write { id, piece } if self.full => {
                SeedFact::Written(id, piece.index, Err(no()))
            }
            SeedWish::Write { id, piece } => {
                assert!(self.shape.proves(&piece), "nothing is written that was not checked");
                assert!(self.disk.insert(piece.index, piece.bytes).is_none(), "written twice");
                SeedFact::Written(id, piece.index, Ok(()))
            }
            SeedWish::Finish { id, .. } => {
                let all: Vec<u8> = self.disk.values().flatten().copied().collect();
                assert_eq!(*blake3::hash(&all).as_bytes(), self.shape.root);
                self.finished = true;
                SeedFact::Finished(id, Ok(()))
            }
            SeedWish::Read { .. } | SeedWish::Remove(_) => panic!("nobody wants that"),
        };
        self.seeds.done(fact, self.now);
    }

    fn answer(&mut self, link: LinkId, seed: Seed) -> Vec<SeedMail> {
        let holder = self.links.iter().find(|(_, it)| **it == link).map(|(node, _)| *node);
        let Some(peer) = holder.filter(|it| !self.silent.contains(it)) else { return Vec::new() };
        let Seed { id, step: SeedStep::Wanted { from, count } } = seed else { panic!("{seed:?}") };
        let pieces = (from..from + count).map(|index| {
            let mut piece = self.pieces[index as usize].clone();
            if self.liars.contains(&peer) {
                let mut bytes = piece.bytes.to_vec();
                bytes[0] ^= 1;
                piece.bytes = bytes.into();
            }
            *self.sent.entry(peer).or_default() += 1;
            SeedMail { link, peer, seed: Seed { id, step: SeedStep::Piece(piece) } }
        });
        pieces.collect()
    }
}

const MIB: usize = 1 << 20;

#[test]
fn three_holders_share_the_work_and_each_piece_comes_once() {
    // SEED-4
    let mut world = World::new(4 * MIB, 3);
    let came = world.run(60);
    assert!(world.finished && came == world.shape.pieces(), "{came}");
    assert!(world.sent.values().all(|it| 100 < *it), "{:?}", world.sent);
    assert!(world.owed_max <= super::super::fetch::WRITING_MAX);
    assert_eq!(world.seeds.shelf.get(&world.shape.id()).unwrap().choice, Choice::Held);
}

#[test]
fn a_liar_is_named_and_asked_no_more_and_the_others_take_over() {
    // SEED-5
    let mut world = World::new(4 * MIB, 3);
    world.liars.insert(node(2));
    world.run(60);
    assert!(world.finished);
    assert_eq!(world.blamed, vec![node(2)], "once, and nobody else");
}

#[test]
fn liars_alone_bring_nothing_and_are_all_named() {
    // SEED-5
    let mut world = World::new(MIB, 3);
    world.liars.extend([node(1), node(2), node(3)]);
    world.run(60);
    assert!(!world.finished && world.disk.is_empty());
    let blamed: BTreeSet<NodeId> = world.blamed.iter().copied().collect();
    assert_eq!(blamed.len(), 3);
    let view = world.seeds.get(&world.shape.id(), world.now).unwrap();
    let refused = view.progress.unwrap().refused;
    assert_eq!(refused.iter().map(|(node, _)| *node).collect::<BTreeSet<_>>(), blamed);
}

#[test]
fn who_dies_or_falls_silent_gives_its_pieces_back() {
    // SEED-4
    let mut world = World::new(4 * MIB, 3);
    world.silent.insert(node(1));
    world.run(60);
    assert!(world.finished && world.blamed.is_empty(), "silence is no lie");
    let mut world = World::new(4 * MIB, 2);
    world.silent.insert(node(1));
    world.run(1);
    world.links.remove(&node(1));
    world.run(5);
    assert!(world.finished, "a link that is gone is not waited for");
}

#[test]
fn without_links_holders_are_sought_and_it_goes_on_when_one_comes() {
    // SEED-4
    let mut world = World::new(MIB, 2);
    let links = std::mem::take(&mut world.links);
    world.run(10);
    assert_eq!(world.reached, BTreeSet::from([node(1), node(2)]));
    assert!(world.disk.is_empty() && !world.finished);
    world.links = links;
    world.run(10);
    assert!(world.finished);
}

#[test]
fn what_was_written_before_a_crash_does_not_come_again() {
    // SEED-4
    let mut world = World::new(4 * MIB, 1);
    world.silent.insert(node(1));
    world.run(1);
    world.silent.clear();
    let half: Vec<SeedPiece> = world.pieces.iter().skip(100).take(200).cloned().collect();
    world.disk.extend(half.into_iter().map(|it| (it.index, it.bytes)));
    world.crash();
    let came = world.run(60);
    assert!(world.finished);
    assert_eq!(came, world.shape.pieces() - 200);
}

#[test]
fn a_full_disk_stops_it_with_a_word_and_room_lets_it_go_on() {
    // SEED-4
    let mut world = World::new(MIB, 2);
    world.full = true;
    world.run(10);
    let why = world.seeds.get(&world.shape.id(), world.now).unwrap().progress.unwrap().failed;
    assert_eq!(why.as_deref(), Some("the disk is full"));
    world.full = false;
    world.run(60);
    assert!(world.finished && world.blamed.is_empty());
}

#[test]
fn who_has_it_not_is_not_blamed_and_who_has_enough_is_asked_again() {
    // SEED-4
    let mut world = World::new(MIB, 1);
    world.silent.insert(node(1));
    world.run(1);
    world.silent.clear();
    for (refusal, pause_s) in [(SeedRefusal::Exhausted, 1), (SeedRefusal::Absent, 30)] {
        let step = SeedStep::Refused(refusal);
        let seed = Seed { id: world.shape.id(), step };
        let mail = SeedMail { link: LinkId(1), peer: node(1), seed };
        let mut turn = SeedTurn::default();
        world.seeds.hear_peer(mail, &mut turn, world.now);
        assert!(turn.blame.is_empty());
        assert!(world.seeds.deadline(world.now).unwrap().0 <= world.now.mono_ms + pause_s * 1_000);
    }
    world.run(40);
    assert!(world.finished);
}
