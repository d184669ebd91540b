//! A newcomer fetches a state in chunks; suppliers that lie, fall silent or hold something else; limits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use bytes::Bytes;
use wire::{
    Chunk, ChunkPart, ChunkRefusal, ChunkStep, Content, Digest, Entry, Frame, Signed, Slot, limits,
};

use super::contradictions::{numbered, proof};
use super::lab::*;
use super::pair::Pair;
use super::slots::appended;
use crate::{Config, Effect, Engine};

/// What a few hundred entries more than ours are is much.
fn small() -> Config {
    Config { chunks_min: 200, ..config() }
}

/// A node without anything beside one that has so many entries, not linked yet.
fn apart(count: usize) -> Pair {
    let mut pair = Pair::new(&small());
    pair.write(1, count);
    // They are no longer young.
    pair.pass(30_000);
    pair
}

/// What a side makes of the steps that the supplier sends; the number counts them.
fn lying(pair: &mut Pair, mut lie: impl FnMut(usize, ChunkStep) -> Vec<ChunkStep> + 'static) {
    let mut steps = 0;
    pair.twist = Box::new(move |side, frame| match (side, frame) {
        (1, Frame::Chunk(Chunk { wish, step })) => {
            steps += 1;
            let lies = lie(steps, step).into_iter();
            lies.map(|step| Frame::Chunk(Chunk { wish, step })).collect()
        }
        (_, other) => vec![other],
    });
}

fn newcomer(pair: &Pair) -> &Engine {
    &pair.sides[0].engine
}

#[test]
fn a_newcomer_fetches_chunks_and_nothing_twice() {
    // SNAP-1, SNAP-2, SNAP-5
    let mut pair = apart(3_000);
    pair.connect();
    pair.until_equal();
    let counters = newcomer(&pair).status().counters;
    // Eight chunks of some hundreds; the last signature is that of the profile.
    assert_eq!((counters.verified, counters.duplicates), (3_001, 0));
    assert!((6..=16).contains(&counters.chunks_fetched), "{}", counters.chunks_fetched);
    assert_eq!(pair.sides[1].engine.status().counters.chunks_sent, counters.chunks_fetched);
    assert_eq!(pair.sent("fetch").0, 0);
    assert_eq!(pair.sides[0].index, pair.sides[1].index);
    pair.pass(3_000);
    assert!(newcomer(&pair).status().joining.is_none());
    assert_eq!(newcomer(&pair).status().agreeing, 1);
}

#[test]
fn chunks_carry_proofs_against_liars_and_what_expires_as_well() {
    // SNAP-1, CONTRA-2, STATE-7
    let mut full = apart(500);
    full.connect();
    full.until_equal();
    let mut all: Vec<Signed> =
        full.sides[1].index.values().map(|(_, id)| full.record(1, id)).collect();
    let halves = ["one", "two"].map(|it| numbered(&puppet(7), 1, START_MS, it, it));
    all.push(proof(&halves[0], &halves[1]));
    all.extend(halves);
    let hour = u32::try_from(START_MS / 3_600_000).unwrap() + 2;
    all.extend((0..20).map(|number| appended(&puppet(8), START_MS, Slot { hour, number })));
    let mut pair = Pair::waking(&small(), [Vec::new(), all]);
    pair.connect();
    pair.until_equal();
    assert_eq!((pair.faults, newcomer(&pair).status().state.count), ([0, 0], 523));
    assert_eq!(newcomer(&pair).status().contradictions, 1);
    assert!(0 < newcomer(&pair).status().counters.chunks_fetched);
}

#[test]
fn a_few_entries_more_are_compared_and_not_fetched_in_chunks() {
    // SNAP-1
    let mut pair = apart(199);
    pair.connect();
    pair.until_equal();
    assert_eq!(pair.sent("chunk").0, 0);
}

#[test]
fn what_is_there_already_is_not_fetched_again() {
    // SNAP-5
    let mut full = apart(3_000);
    full.connect();
    full.until_equal();
    let records = |side: usize| -> Vec<Signed> {
        full.sides[side].index.values().map(|(_, id)| full.record(side, id)).collect()
    };
    let all = records(1);
    // In the order of their places, as chunks come: whole chunks of the first two thirds.
    let mut pair = Pair::waking(&small(), [all[..2_000].to_vec(), all.clone()]);
    pair.connect();
    pair.until_equal();
    let counters = newcomer(&pair).status().counters;
    let came = counters.verified + counters.duplicates;
    assert!((1_000..1_700).contains(&came), "{came} came of 1000, with one chunk begun");
}

#[test]
fn a_chunk_that_is_not_what_was_wished_ends_the_link_and_enters_nowhere() {
    // SNAP-3, SNAP-6
    type Lie = fn(Vec<Signed>) -> Vec<Signed>;
    let lies: [Lie; 3] = [
        |records| records[1..].to_vec(),
        |mut records| {
            records.push(records[0].clone());
            records
        },
        |mut records| {
            let body = Bytes::from([&records[0].body[..], b"\x38\x07"].concat());
            records[0].body = body;
            records
        },
    ];
    for lie in lies {
        let mut pair = apart(2_000);
        lying(&mut pair, move |_, step| match step {
            ChunkStep::Records { records, items, last: true, from } => {
                let records = lie(records);
                vec![ChunkStep::Records { records, items, last: true, from }]
            }
            other => vec![other],
        });
        pair.connect();
        pair.pass(1_000);
        assert_eq!((pair.faults[0], newcomer(&pair).status().state.count), (1, 0));
    }
}

#[test]
fn parts_that_are_not_those_of_what_was_wished_end_the_link() {
    // SNAP-3
    type Lie = fn(&mut Vec<ChunkPart>);
    let lies: [Lie; 5] = [
        |parts| parts.swap(0, 1),
        |parts| parts.truncate(1),
        |parts| parts.clear(),
        |parts| parts[1] = parts[0],
        |parts| parts[0].bits = 0,
    ];
    for lie in lies {
        let mut pair = apart(2_000);
        lying(&mut pair, move |_, step| match step {
            ChunkStep::Parts(mut parts) => {
                lie(&mut parts);
                vec![ChunkStep::Parts(parts)]
            }
            other => vec![other],
        });
        pair.connect();
        pair.pass(1_000);
        assert_eq!((pair.faults[0], newcomer(&pair).status().state.count), (1, 0));
    }
}

#[test]
fn a_chunk_of_another_snapshot_ends_the_link() {
    // SNAP-3
    let mut other = apart(0);
    other.write_named(1, "other", 2_000);
    let stranger = other.sides[1].index.values().next().map(|(_, id)| other.record(1, id)).unwrap();
    let mut pair = apart(2_000);
    lying(&mut pair, move |_, step| match step {
        ChunkStep::Records { mut records, items, last: true, from } => {
            records.pop();
            records.push(stranger.clone());
            vec![ChunkStep::Records { records, items, last: true, from }]
        }
        step => vec![step],
    });
    pair.connect();
    pair.pass(1_000);
    assert_eq!((pair.faults[0], newcomer(&pair).status().state.count), (1, 0));
}

#[test]
fn a_false_signature_in_a_chunk_ends_the_link() {
    // SNAP-3, SIGN-3
    let mut pair = apart(1_000);
    lying(&mut pair, |_, step| match step {
        ChunkStep::Records { mut records, items, last, from } => {
            records.iter_mut().for_each(|it| it.signature[3] ^= 1);
            vec![ChunkStep::Records { records, items, last, from }]
        }
        other => vec![other],
    });
    pair.connect();
    pair.pass(1_000);
    assert_eq!((pair.faults[0], newcomer(&pair).status().state.count), (1, 0));
}

#[test]
fn who_says_nothing_is_given_up_and_compared_with() {
    // SNAP-6
    let mut pair = apart(1_000);
    lying(&mut pair, |_, _| Vec::new());
    pair.connect();
    pair.pass(4_000);
    assert_eq!(newcomer(&pair).status().state.count, 0);
    let took_ms = pair.until_equal();
    assert!(took_ms < 15_000, "{took_ms}");
    assert!(0 < pair.sent("fetch").0);
}

#[test]
fn lost_frames_of_some_chunks_cost_a_moment() {
    // SNAP-6
    let mut pair = apart(3_000);
    lying(&mut pair, |count, step| match step {
        ChunkStep::Records { .. } if count % 40 == 3 => Vec::new(),
        other => vec![other],
    });
    pair.connect();
    let took_ms = pair.until_equal();
    assert!(took_ms < 20_000, "{took_ms}");
    assert_eq!(pair.faults, [0, 0], "nobody is to blame");
}

#[test]
fn a_state_that_moves_on_meanwhile_is_fetched_and_compared() {
    // SNAP-4
    let mut pair = apart(3_000);
    pair.connect();
    for number in 0..40 {
        pair.put(1, format!("1/{number}"), Some(Bytes::from_static(b"2")));
        pair.put(1, format!("moved/{number}"), Some(Bytes::from_static(b"3")));
        pair.pass(50);
    }
    pair.until_equal();
    assert!(0 < newcomer(&pair).status().counters.chunks_fetched);
    assert_eq!(pair.faults, [0, 0]);
    assert_eq!(pair.sides[0].index, pair.sides[1].index);
}

#[test]
fn large_bodies_come_in_pieces_after_their_chunk() {
    // SNAP-3, PIECE-1
    let mut pair = apart(600);
    let value = |at: usize| Some(Bytes::from(format!("\"{}\"", at.to_string().repeat(20_000))));
    (0..5).for_each(|at| pair.put(1, format!("large/{at}"), value(at)));
    pair.pass(30_000);
    pair.connect();
    pair.until_equal();
    assert_eq!(pair.faults, [0, 0]);
    assert!(0 < newcomer(&pair).status().counters.chunks_fetched);
    assert_eq!(pair.sides[0].index, pair.sides[1].index);
}

#[test]
fn a_chunk_has_no_more_bytes_than_it_may() {
    // SNAP-2
    let mut pair = apart(250);
    let value = |at: usize| Some(Bytes::from(format!("\"{}\"", at.to_string().repeat(4_000))));
    (100..200).for_each(|at| pair.put(1, format!("wide/{at}"), value(at)));
    pair.pass(30_000);
    let most = Rc::new(RefCell::new(BTreeMap::<u32, usize>::new()));
    let sizes = Rc::clone(&most);
    pair.twist = Box::new(move |_, frame| {
        if let Frame::Chunk(Chunk { wish, step: ChunkStep::Records { records, .. } }) = &frame {
            let bytes = records.iter().map(Signed::size).sum::<usize>();
            *sizes.borrow_mut().entry(*wish).or_default() += bytes;
        }
        vec![frame]
    });
    pair.connect();
    pair.until_equal();
    let sizes = most.borrow();
    assert!(4 < sizes.len(), "1.3 MB in {} chunks", sizes.len());
    assert!(sizes.values().all(|it| *it <= limits::CHUNK_BYTES_MAX), "{sizes:?}");
}

#[test]
fn a_supplier_answers_so_many_wishes_at_once() {
    // SNAP-7
    let config = Config { chunk_bytes_per_s: 10_000, ..small() };
    let mut lab = Lab::with(config);
    let entry = |number: usize| {
        let (name, value) = (number.to_string(), Some(Bytes::from(number.to_string())));
        (Content::Entry(Entry { collection: "c".to_owned(), name, value }), 0)
    };
    lab.pass(1);
    lab.engine.write((0..400).map(entry).collect(), lab.now);
    for effect in lab.engine.drain() {
        if let Effect::Persist(batch) = effect {
            lab.keep(&batch);
        }
    }
    let link = lab.link(&puppet(1));
    let wanted = ChunkStep::Wanted { prefix: Digest::default(), bits: 0, hash: None };
    let mut effects = Vec::new();
    for wish in 0..20 {
        effects.extend(lab.say(link, &Frame::Chunk(Chunk { wish, step: wanted.clone() })));
    }
    let refusal = ChunkStep::Refused(ChunkRefusal::Exhausted);
    let sent = sent(&effects, link).into_iter();
    let refused = sent.filter(|it| matches!(it, Frame::Chunk(it) if it.step == refusal)).count();
    // One is sent, eight wait, the others are told.
    assert_eq!(refused, 11);
    let chunks = |lab: &Lab| lab.engine.status().counters.chunks_sent;
    assert_eq!(chunks(&lab), 1);
    // Each has about 80 kB: eight seconds.
    lab.pass(5_000);
    assert_eq!(chunks(&lab), 1);
    lab.pass(15_000);
    assert_eq!(chunks(&lab), 3);
}
