//! A peer that names what it never sends costs so much, and is dropped.

use bytes::Bytes;
use wire::{Compare, Digest, Frame, Item, Range, Reason, Set, SketchStep, View};

use super::lab::*;
use super::pair::Pair;
use crate::Config;

/// A view of all that somebody claims to have.
fn claim(keys: std::ops::Range<u64>) -> Frame {
    let item = |number: u64| Item {
        key: Digest::of("claimed", &[&number.to_be_bytes()]),
        value: Digest::of("value", &[&number.to_be_bytes()]),
    };
    let mut items: Vec<Item> = keys.map(item).collect();
    items.sort_unstable_by_key(|it| it.key);
    let view = View::Items(items);
    let ranges = vec![Range { prefix: Digest::default(), bits: 0, view, answer: true }];
    Frame::Compare(Compare { set: Set::State, ranges, cutoff_ms: None })
}

#[test]
fn who_names_what_it_never_sends_is_dropped() {
    // WALK-8
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let (mut bytes, mut seconds) = (0, 0);
    loop {
        let mut effects = lab.say(link, &claim(seconds * 10..seconds * 10 + 10));
        effects.extend(lab.pass(1_000));
        bytes += sent(&effects, link).iter().map(|it| it.encode().len()).sum::<usize>();
        if let [(_, reason)] = closed(&effects)[..] {
            assert_eq!(reason, Reason::Misbehaved);
            break;
        }
        seconds += 1;
        assert!(seconds < 120, "still linked after two minutes");
    }
    assert!((25..60).contains(&seconds), "after {seconds} s");
    assert!(bytes < 30_000, "{bytes} bytes");
    let counters = lab.engine.status().counters;
    assert_eq!(counters.given_up, 1);
}

#[test]
fn who_sends_late_or_now_and_then_is_kept() {
    // WALK-8
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    for second in 0..240_u64 {
        lab.say(link, &claim(second * 10..second * 10 + 10));
        if second % 25 == 24 {
            // One record, and not one that was asked for: it says so much that frames arrive.
            let name = format!("n{second}");
            let records = vec![entry(&puppet(7), START_MS, &name, "1")];
            let (set, range, next) = (Set::State, false, None);
            lab.say(link, &Frame::Records(wire::Records { set, records, range, next }));
        }
        let effects = lab.pass(1_000);
        assert_eq!(closed(&effects), []);
    }
}

#[test]
fn a_liar_whose_symbols_prove_nothing_is_dropped_for_what_follows() {
    // SKETCH-4, WALK-8
    let config = Config { sketch_min: 1_000, ..config() };
    let mut pair = Pair::sharing(&config, 3_000);
    pair.write_named(0, "ours", 300);
    pair.write_named(1, "theirs", 300);
    let mut noise = 1_u64;
    pair.twist = Box::new(move |side, frame| {
        if side == 0 {
            return vec![frame];
        }
        match frame {
            Frame::Records(_) | Frame::Push(_) => Vec::new(),
            Frame::Sketch(mut sketch) => {
                if let SketchStep::Symbols { symbols, .. } = &mut sketch.step {
                    let random = |_: &u8| {
                        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        noise.to_be_bytes()[0]
                    };
                    *symbols = symbols.iter().map(random).collect::<Vec<u8>>().into();
                }
                vec![Frame::Sketch(sketch)]
            }
            Frame::Compare(mut compare) => {
                for range in &mut compare.ranges {
                    if let View::Items(items) = &mut range.view {
                        items.iter_mut().for_each(|it| it.value.0[31] ^= 1);
                    }
                }
                vec![Frame::Compare(compare)]
            }
            other => vec![other],
        }
    });
    pair.connect();
    let begun_ms = pair.now.mono_ms;
    while pair.faults[0] == 0 {
        pair.pass(1_000);
        assert!(pair.now.mono_ms < begun_ms + 240_000, "still linked after four minutes");
    }
    let bytes: usize = pair.sent.values().map(|(_, bytes)| bytes).sum();
    // Most of it are walks over items that it made up.
    assert!(bytes < 3_000_000, "{:?} in {} ms", pair.sent, pair.now.mono_ms - begun_ms);
}

#[test]
fn frames_that_are_lost_break_no_word() {
    // WALK-8
    for seed in 0..8_u64 {
        let mut pair = Pair::new(&config());
        let mut at = 0_u64;
        pair.twist = Box::new(move |_, frame| {
            at += 1;
            let drawn = Digest::of("loss", &[&seed.to_be_bytes(), &at.to_be_bytes()]).0[0];
            // One in ten.
            let is_lost = drawn < 26 && !matches!(frame, Frame::Hello(_));
            if is_lost { Vec::new() } else { vec![frame] }
        });
        pair.connect();
        for round in 0..30 {
            pair.put(round % 2, format!("n{round}"), Some(Bytes::from_static(b"1")));
            pair.pass(10_000);
        }
        assert_eq!(pair.faults, [0, 0], "seed {seed}");
    }
}
