//! Books are mixed, and nobody fills them with its friends.

use std::collections::BTreeSet;

use wire::{Frame, Peers, PeersWanted, Signed};

use super::lab::*;
use crate::{BookRow, Config, Effect, LinkId, Snapshot};

fn lab_knowing(config: Config, book: Vec<BookRow>) -> Lab {
    Lab::waking(config, Snapshot { book, ..Snapshot::default() })
}

fn known(lab: &Lab) -> BTreeSet<wire::NodeId> {
    lab.engine.peer_list(lab.now).iter().filter_map(|it| it.node).collect()
}

fn shuffles(effects: &[Effect], link: LinkId) -> Vec<Peers> {
    let frames = sent(effects, link).into_iter();
    let peers = frames.filter_map(|frame| match frame {
        Frame::Peers(peers) => Some(peers),
        _ => None,
    });
    peers.collect()
}

fn named(number: u32) -> Signed {
    profile(&crowd(number), START_MS, &[&door_of(number)])
}

#[test]
fn in_a_large_world_a_profile_walks() {
    // MEMBER-2
    let mut lab = lab_knowing(config(), crowded(0..200, 0, false));
    let links: Vec<LinkId> = (1..=8).map(|number| lab.link(&puppet(number))).collect();
    let effects = lab.push(links[0], &named(5_000), 60);
    let passed: Vec<(wire::RecordId, u8)> =
        links.iter().flat_map(|link| pushed(&effects, *link)).collect();
    assert_eq!(passed.len(), 1, "to one link");
    assert_eq!(passed[0].1, 5, "for a few hops");
}

#[test]
fn a_newcomer_that_asks_is_handed_some_and_told_of() {
    // MEMBER-3
    let mut lab = lab_knowing(config(), crowded(0..300, 0, false));
    let links: Vec<LinkId> = (1..=8).map(|number| lab.link(&puppet(number))).collect();
    let effects = lab.say(links[0], &Frame::PeersWanted(PeersWanted::Any));
    let handed = &shuffles(&effects, links[0])[0].profiles;
    assert_eq!(handed.len(), 24);
    let linked: BTreeSet<_> = (2..=8).map(|number| puppet(number).id()).collect();
    let of_linked = handed.iter().filter(|it| linked.contains(&it.author)).count();
    assert_eq!(of_linked, 7, "all that are linked, up to half");
    let passed: usize = links[1..].iter().map(|link| pushed(&effects, *link).len()).sum();
    assert_eq!(passed, 1, "its own profile begins a walk");
}

#[test]
fn peers_are_handed_out_within_a_bound() {
    // MEMBER-3
    let mut lab = lab_knowing(config(), crowded(0..100, 0, false));
    let link = lab.link(&puppet(1));
    let mut answers = 0;
    for _ in 0..200 {
        answers += shuffles(&lab.say(link, &Frame::PeersWanted(PeersWanted::Any)), link).len();
        let wish = Peers { profiles: Vec::new(), answer_wanted: true };
        answers += shuffles(&lab.say(link, &Frame::Peers(wish)), link).len();
        lab.pass(10);
    }
    assert!(answers <= 4, "{answers} answers in 2 s");
}

#[test]
fn books_are_mixed_by_shuffles() {
    // MEMBER-10
    let mut lab = lab_knowing(config(), crowded(0..300, 0, false));
    let link = lab.link(&puppet(1));
    let asked = shuffles(&lab.pass(40_000), link);
    assert_eq!(asked.len(), 1);
    assert!(asked[0].answer_wanted);
    assert_eq!(asked[0].profiles.len(), 8);
    assert!(asked[0].profiles.iter().any(|it| it.author == me().id()), "our own is among them");
    let given = Peers { profiles: vec![named(9_000)], answer_wanted: true };
    let answer = shuffles(&lab.say(link, &Frame::Peers(given)), link);
    assert_eq!((answer.len(), answer[0].profiles.len()), (1, 8));
    assert!(!answer[0].answer_wanted, "or it would never end");
    assert!(known(&lab).contains(&crowd(9_000).id()));
}

#[test]
fn shuffles_without_news_become_rare() {
    // MEMBER-10
    let mut lab = lab_knowing(config(), crowded(0..50, 0, false));
    let link = lab.link(&puppet(1));
    let asked = shuffles(&lab.pass(3_600_000), link);
    assert!((10..=22).contains(&asked.len()), "{} shuffles in an hour", asked.len());
}

#[test]
fn poisoned_shuffles_push_out_nobody_we_reached_and_few_others() {
    // MEMBER-4, MEMBER-10
    let config = Config { book_max: 250, ..config() };
    let mut rows = crowded(0..100, 1_000, true);
    rows.extend(crowded(100..250, 0, false));
    let mut lab = lab_knowing(config, rows);
    let liar = lab.link(&puppet(1));
    // 10 s of 5,000 false friends a second.
    for round in 0..100_u32 {
        for part in 0..10 {
            let first = 10_000 + round * 500 + part * 50;
            lab.say(liar, &peers((first..first + 50).map(named).collect()));
        }
        lab.pass(100);
    }
    let known = known(&lab);
    let kept = |range: std::ops::Range<u32>| {
        range.filter(|number| known.contains(&crowd(*number).id())).count()
    };
    assert_eq!(kept(0..100), 100, "all that were reached");
    assert!(105 <= kept(100..250), "{} of 150 others", kept(100..250));
    assert_eq!(known.len(), 250);
    let verified = lab.engine.status().counters.verified;
    assert!(verified <= 50, "{verified} signatures checked for a flood");
}

#[test]
fn what_was_reached_long_ago_makes_room_before_the_book_freezes() {
    // MEMBER-4
    let mut rows = crowded(0..1, 1_000, true);
    rows.extend(crowded(1..20, 2_000, true));
    let mut lab = lab_knowing(Config { book_max: 20, ..config() }, rows);
    let link = lab.link(&puppet(1));
    lab.say(link, &peers(vec![named(500)]));
    let known = known(&lab);
    assert!(known.contains(&crowd(500).id()));
    assert!(!known.contains(&crowd(0).id()), "the one heard longest ago");
    assert_eq!(known.len(), 20);
}
