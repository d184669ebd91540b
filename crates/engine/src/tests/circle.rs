//! Near ones and random ones, and no churn once they are chosen.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use wire::{Frame, Pong, Reason};

use super::lab::*;
use crate::{Config, Effect, Input, LinkId, Snapshot};

/// A world of one engine and a crowd that answers dials and pings, each at its own distance.
struct World {
    lab: Lab,
    numbers: BTreeMap<LinkId, u32>,
    rtt_ms: fn(u32) -> u64,
    due: Vec<(u64, LinkId, u32)>,
    closed: Vec<(u32, Reason)>,
    opened: usize,
}

impl World {
    fn new(config: Config, known: u32, rtt_ms: fn(u32) -> u64) -> Self {
        let book = crowded(0..known, 0, false);
        let mut lab = Lab::waking(config, Snapshot { book, ..Snapshot::default() });
        // On a LAN the answer is there at once.
        lab.answers = rtt_ms(1) == 0;
        let (numbers, due, closed) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { lab, numbers, rtt_ms, due, closed, opened: 0 }
    }

    fn pass(&mut self, ms: u64) {
        for _ in 0..ms / 10 {
            let mut effects = self.lab.pass(10);
            let now_ms = self.lab.now.mono_ms;
            for url in dials(&effects) {
                let (link, more) = self.lab.answer_dial(&url);
                self.numbers.insert(link, number_at(&url));
                self.opened += 1;
                effects.extend(more);
            }
            for (_, link, nonce) in self.due.extract_if(.., |(at, ..)| *at <= now_ms) {
                let pong = Frame::Pong(Pong { nonce, report: None });
                effects.extend(self.lab.input(Input::Frame(link, Bytes::from(pong.encode()))));
            }
            for (link, reason) in closed(&effects) {
                self.closed.extend(self.numbers.remove(&link).map(|number| (number, reason)));
            }
            self.hear(&effects);
        }
    }

    fn hear(&mut self, effects: &[Effect]) {
        for effect in effects {
            let Effect::Send(link, _, bytes) = effect else { continue };
            let Some(number) = self.numbers.get(link) else { continue };
            if let Ok(Frame::Ping(ping)) = Frame::decode(bytes) {
                let at_ms = self.lab.now.mono_ms + (self.rtt_ms)(*number);
                self.due.push((at_ms, *link, ping.nonce));
            }
        }
    }

    fn linked(&self) -> BTreeSet<u32> {
        self.numbers.values().copied().collect()
    }
}

/// The lower the number the nearer.
fn by_number(number: u32) -> u64 {
    20 + u64::from(number) * 5
}

#[test]
fn of_many_candidates_the_nearest_stay_and_some_at_random() {
    // MEMBER-8
    let mut world = World::new(config(), 24, by_number);
    world.pass(30_000);
    let linked = world.linked();
    assert!([0, 1, 2].iter().all(|number| linked.contains(number)), "{linked:?}");
    assert_eq!(linked.len(), 9, "as many as we need, no more: {linked:?}");
    assert!(world.closed.iter().all(|(_, reason)| *reason == Reason::Rotated));
    assert_eq!(world.closed.len(), world.opened - 9);
    assert!(20 <= world.opened, "{} candidates were tried", world.opened);
}

#[test]
fn a_small_network_keeps_all_its_links() {
    // MEMBER-8
    let mut world = World::new(config(), 11, by_number);
    world.pass(600_000);
    assert_eq!(world.linked().len(), 11);
    assert_eq!(world.closed, Vec::new());
}

#[test]
fn a_node_that_has_chosen_changes_rarely() {
    // MEMBER-8: in half an hour at most 8 random links are exchanged, and a few nearer ones tried.
    for rtt_ms in [by_number, |_| 0] {
        let mut world = World::new(config(), 150, rtt_ms);
        world.pass(120_000);
        world.closed.clear();
        world.pass(1_800_000);
        let changes = world.closed.len();
        assert!((4..=14).contains(&changes), "{changes} links were closed in half an hour");
        assert!((9..=13).contains(&world.linked().len()));
    }
}

#[test]
fn where_all_are_alike_nobody_is_replaced_for_being_far() {
    // MEMBER-8: the near links of the first choice are there for good.
    let mut world = World::new(config(), 150, |_| 0);
    world.pass(120_000);
    let chosen = world.linked();
    world.pass(3_600_000);
    let stayed = world.linked().intersection(&chosen).count();
    assert!(3 <= stayed, "only {stayed} of {chosen:?} are left");
}

#[test]
fn later_searches_find_nearer_ones() {
    // MEMBER-8
    let near = |world: &World| -> u64 {
        let mut all: Vec<u64> = world.linked().into_iter().map(by_number).collect();
        all.sort_unstable();
        all[..3].iter().sum()
    };
    let mut world = World::new(config(), 150, by_number);
    world.pass(60_000);
    let before = near(&world);
    world.pass(4 * 3_600_000);
    assert!(near(&world) < before, "{before} ms before, {} ms after", near(&world));
}

#[test]
fn a_flood_of_candidates_is_dialled_within_bounds() {
    // MEMBER-11: nobody answers, and the liar names more and more.
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let mut dialled = 0;
    for round in 0..10 {
        let named = (round * 50..round * 50 + 50)
            .map(|number| profile(&crowd(number), START_MS, &[&door_of(number)]));
        lab.say(link, &peers(named.collect()));
        dialled += dials(&lab.pass(100)).len();
    }
    assert!(dialled <= 24, "{dialled} dials in one second");
    dialled += dials(&lab.pass(60_000)).len();
    assert!(dialled <= 64, "{dialled} dials while none of them failed");
}

#[test]
fn a_hub_sheds_those_that_chose_it() {
    // MEMBER-8
    let mut lab = Lab::with(Config { rotate_ms: 10_000, ..config() });
    for number in 1..=38 {
        lab.link(&puppet(number));
    }
    assert_eq!(lab.engine.links_len(), 38);
    lab.pass(300_000);
    assert_eq!(lab.engine.links_len(), 24);
}
