//! Two engines find what one lacks, over frames.

use std::collections::VecDeque;

use bytes::Bytes;
use wire::{Content, Entry, Frame, Set, Summary};

use super::lab::*;
use crate::{Config, Connected, Direction, Effect, Engine, Input, LinkId, Now};

/// Two engines and the frames between them.
struct Pair {
    sides: [Side; 2],
    now: Now,
    frames: usize,
}

struct Side {
    engine: Engine,
    kept: std::collections::BTreeMap<wire::RecordId, wire::Signed>,
}

impl Pair {
    fn new(config: &Config) -> Self {
        let now = Now { mono_ms: 1_000, unix_ms: START_MS };
        let side = |number: u8| Side {
            engine: Engine::new(
                config.clone(),
                puppet(number),
                Default::default(),
                [number; 32],
                now,
            ),
            kept: Default::default(),
        };
        Self { sides: [side(1), side(2)], now, frames: 0 }
    }

    fn write(&mut self, side: usize, count: usize) {
        let entry = |number| {
            let name = format!("{side}/{number}");
            let value = Some(Bytes::from_static(b"1"));
            (Content::Entry(Entry { collection: "c".to_owned(), name, value }), 0)
        };
        self.sides[side].engine.write((0..count).map(entry).collect(), self.now);
        let effects = self.sides[side].engine.drain();
        self.perform(side, effects);
    }

    fn connect(&mut self) {
        let mut caused = Vec::new();
        for side in [0, 1] {
            let direction = if side == 0 { Direction::Outbound } else { Direction::Inbound };
            let peer = puppet(if side == 0 { 2 } else { 1 }).id();
            let ip = "77.0.0.1".parse().unwrap();
            let connected = Connected {
                link: LinkId(1),
                peer,
                direction,
                dialled: None,
                remote_ip: ip,
                local_ip: ip,
            };
            caused.push(self.sides[side].engine.handle(Input::Connected(connected), self.now));
        }
        // Both ends are up before the first word arrives, and nothing overtakes on a link.
        let caused = caused.into_iter().enumerate();
        self.perform_all(caused.flat_map(|(side, all)| all.into_iter().map(move |it| (side, it))));
    }

    fn perform(&mut self, side: usize, effects: Vec<Effect>) {
        self.perform_all(effects.into_iter().map(|it| (side, it)));
    }

    fn perform_all(&mut self, effects: impl Iterator<Item = (usize, Effect)>) {
        let mut queue: VecDeque<(usize, Effect)> = effects.collect();
        while let Some((side, effect)) = queue.pop_front() {
            let (to, input) = match effect {
                Effect::Send(_, _, bytes) => {
                    self.frames += 1;
                    (1 - side, Input::Frame(LinkId(1), bytes))
                }
                Effect::Verify(_, batch) => (
                    side,
                    Input::Verified(batch.iter().map(|it| (it.0, it.1.verify(&NETWORK))).collect()),
                ),
                Effect::Persist(batch) => {
                    let kept = batch.keep.into_iter().map(|it| (it.id, it.signed));
                    self.sides[side].kept.extend(kept);
                    continue;
                }
                Effect::Load(ticket, ids, bytes_max) => {
                    let kept = &self.sides[side].kept;
                    let records = load(kept, &ids, bytes_max);
                    (side, Input::Loaded(ticket, records))
                }
                _ => continue,
            };
            let effects = self.sides[to].engine.handle(input, self.now);
            queue.extend(effects.into_iter().map(|it| (to, it)));
        }
    }

    /// Lets time pass until both hold the same; says how long that took.
    fn until_equal(&mut self) -> u64 {
        let start_ms = self.now.mono_ms;
        while self.now.mono_ms < start_ms + 60_000 {
            let roots = self.sides.each_ref().map(|it| it.engine.status().state);
            if roots[0] == roots[1] {
                return self.now.mono_ms - start_ms;
            }
            self.now.mono_ms += 50;
            self.now.unix_ms += 50;
            for side in [0, 1] {
                let due =
                    self.sides[side].engine.deadline().is_some_and(|at| at <= self.now.time());
                if due {
                    let effects = self.sides[side].engine.handle(Input::Tick, self.now);
                    self.perform(side, effects);
                }
            }
        }
        panic!("still different after a minute");
    }
}

fn check(left: usize, right: usize, within_ms: u64) {
    // WALK-1
    let mut pair = Pair::new(&config());
    pair.write(0, left);
    pair.write(1, right);
    pair.connect();
    let took_ms = pair.until_equal();
    assert!(took_ms <= within_ms, "{left} and {right} took {took_ms} ms");
    assert_eq!(pair.sides[0].engine.status().state.count, (left + right) as u64);
    // No record was checked twice: one check each for what came from the other side, and one for
    // its profile.
    let verified = pair.sides.each_ref().map(|it| it.engine.status().counters.verified);
    assert_eq!(verified, [right as u64 + 1, left as u64 + 1]);
}

#[test]
fn two_that_meet_hold_the_same_a_moment_later() {
    check(0, 1, 1_000);
    check(1, 0, 1_000);
    check(3, 5, 1_000);
    check(400, 700, 3_000);
}

#[test]
fn a_newcomer_takes_thousands_piece_by_piece() {
    // WALK-4
    check(0, 5_000, 3_000);
    check(5_000, 0, 3_000);
}

#[test]
fn a_small_intake_slows_a_transfer_down_but_loses_nothing() {
    // WALK-4
    let mut pair = Pair::new(&Config { pending_max: 600, ..config() });
    pair.write(1, 3_000);
    pair.connect();
    pair.until_equal();
}

#[test]
fn equal_neighbours_are_silent() {
    let mut pair = Pair::new(&config());
    pair.write(0, 10);
    pair.connect();
    pair.until_equal();
    for _ in 0..200 {
        pair.until_equal();
        pair.now.mono_ms += 50;
        pair.now.unix_ms += 50;
        for side in [0, 1] {
            let due = pair.sides[side].engine.deadline().is_some_and(|at| at <= pair.now.time());
            if due {
                let effects = pair.sides[side].engine.handle(Input::Tick, pair.now);
                pair.perform(side, effects);
            }
        }
    }
    let settled = pair.frames;
    assert!(settled < 40, "{settled} frames in ten seconds");
}

#[test]
fn a_lost_frame_only_costs_time() {
    // WALK-1: nobody hears the first words, and they still agree.
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let other = Summary {
        state: wire::SetSummary { root: wire::Digest([1; 32]), count: 1 },
        ..Summary::default()
    };
    lab.say(link, &Frame::Summary(other));
    let asked = |effects: &[Effect]| {
        let frames = sent(effects, link);
        frames
            .iter()
            .filter(|it| matches!(it, Frame::Summary(Summary { answer_wanted: true, .. })))
            .count()
    };
    let effects = lab.pass(9_000);
    assert!(asked(&effects) >= 3, "asks again and again: {}", asked(&effects));
}

#[test]
fn what_was_repaired_is_not_pushed() {
    // WALK-5
    let mut lab = Lab::new();
    let (from, to) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let record = entry(&puppet(7), START_MS - 60_000, "n", "1");
    let records = vec![record.clone()];
    let answer = wire::Records { set: Set::State, records, range: false, next: None };
    let effects = lab.say(from, &Frame::Records(answer));
    assert_eq!(accepted(&effects), vec![id_of(&record)]);
    assert!(pushed(&effects, to).is_empty());
    // The neighbour learns of it a moment later by the summary.
    let effects = lab.pass(150);
    assert!(sent(&effects, to).iter().any(|it| matches!(it, Frame::Summary(_))));
}
