//! Two engines find what one lacks, over frames.

use wire::{Frame, Set, Summary};

use super::lab::*;
use super::pair::Pair;
use crate::{Config, Effect};

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
fn what_is_scattered_over_a_large_set_takes_one_walk() {
    // WALK-3, WALK-4: each step asks for a few keys, and they come in a burst.
    let mut pair = Pair::sharing(&Config { sketch_min: u64::MAX, ..config() }, 50_000);
    pair.write(0, 60);
    pair.write(1, 40);
    pair.connect();
    assert!(pair.is_equal());
    let counted = [pair.counted(|it| it.compared), pair.counted(|it| it.dropped)];
    assert_eq!(counted, [1, 0]);
    assert!(8 < pair.sent("fetch").0, "more at once than the store is asked for");
    assert!(pair.sent("compare").1 < 500_000, "{:?}", pair.sent("compare"));
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
    pair.pass(10_000);
    pair.until_equal();
    let settled = pair.frames();
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
