//! After a loss somebody living is found, however many died.

use wire::{Frame, PeersWanted};

use super::lab::*;
use crate::{Input, Snapshot};

/// A survivor among rows of which one in ten lives; dials of the dead take 5 s. Returns when it had
/// so many links, and the most dials under way.
fn survive(seed: u32, wanted: usize) -> (u64, usize) {
    let book = crowded(seed * 1_000..seed * 1_000 + 200, 1, false);
    let mut lab = Lab::waking(config(), Snapshot { book, ..Snapshot::default() });
    let start_ms = lab.now.mono_ms;
    let (mut dead, mut most): (Vec<(u64, String)>, usize) = (Vec::new(), 0);
    while lab.now.mono_ms < start_ms + 60_000 {
        for url in dials(&lab.pass(10)) {
            if number_at(&url) % 10 == 3 {
                lab.answer_dial(&url);
            } else {
                dead.push((lab.now.mono_ms + 5_000, url));
            }
        }
        most = most.max(dead.len());
        let now_ms = lab.now.mono_ms;
        for (_, url) in dead.extract_if(.., |(at, _)| *at <= now_ms) {
            lab.input(Input::DialFailed(url.parse().unwrap(), "no answer".to_owned()));
        }
        if wanted <= lab.engine.links_len() {
            return (lab.now.mono_ms - start_ms, most);
        }
    }
    panic!("seed {seed}: {} links after a minute", lab.engine.links_len());
}

#[test]
fn a_survivor_of_nine_in_ten_finds_three_others_within_seconds() {
    // MEMBER-11
    let mut took: Vec<u64> = (0..20).map(|seed| survive(seed, 3).0).collect();
    took.sort_unstable();
    assert!(took[10] <= 3_000 && took[19] <= 8_000, "{took:?}");
    assert!((0..20).all(|seed| survive(seed, 6).1 <= 64));
}

#[test]
fn one_that_lives_among_two_hundred_is_found() {
    // MEMBER-11: all others are dead, and it is the last one tried.
    let mut lab =
        Lab::waking(config(), Snapshot { book: crowded(0..200, 1, false), ..Snapshot::default() });
    let mut tried = std::collections::BTreeSet::new();
    for _ in 0..6_000 {
        for url in dials(&lab.pass(10)) {
            tried.insert(number_at(&url));
            lab.input(Input::DialFailed(url.parse().unwrap(), "refused".to_owned()));
        }
        if tried.len() == 200 {
            return;
        }
    }
    panic!("only {} of 200 were tried in a minute", tried.len());
}

#[test]
fn who_was_here_is_tried_again_even_with_all_links_up() {
    // MEMBER-11: a healed partition is seen within seconds.
    let mut lab =
        Lab::waking(config(), Snapshot { book: crowded(0..30, 0, false), ..Snapshot::default() });
    let mut lost = Vec::new();
    for _ in 0..100 {
        for url in dials(&lab.pass(100)) {
            let (link, _) = lab.answer_dial(&url);
            lost.push((link, url));
        }
    }
    let (link, url) = lost
        .into_iter()
        .find(|(link, _)| {
            let effects = lab.say(*link, &Frame::PeersWanted(PeersWanted::Any));
            !sent(&effects, *link).is_empty()
        })
        .unwrap();
    lab.input(Input::Disconnected(link, "cut".to_owned()));
    let mut tries = 0;
    for _ in 0..6_000 {
        for dialled in dials(&lab.pass(10)) {
            tries += usize::from(dialled == url);
            if dialled == url {
                lab.input(Input::DialFailed(url.parse().unwrap(), "cut".to_owned()));
            } else {
                lab.answer_dial(&dialled);
            }
        }
    }
    assert!((5..=20).contains(&tries), "{tries} tries in a minute");
}

#[test]
fn a_node_without_links_takes_whoever_comes() {
    let mut lab = Lab::new();
    let first = lab.link(&puppet(1));
    let goodbye = wire::Goodbye { reason: wire::Reason::Rotated, text: String::new() };
    lab.say(first, &Frame::Goodbye(goodbye));
    assert_eq!(lab.engine.links_len(), 0);
    lab.link(&puppet(1));
    assert_eq!(lab.engine.links_len(), 1);
}
