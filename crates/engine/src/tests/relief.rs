//! An author whose uplink is full: to whom its records go.

use std::collections::BTreeSet;

use bytes::Bytes;
use wire::{Class, Content, Frame, Message, RecordId};

use super::lab::{Lab, START_MS, config, id_of, message, puppet, pushed, sent};
use crate::{Effect, Input, LinkId};

/// A node with so many links, out of which nothing goes.
fn stuck(links: u8) -> (Lab, Vec<LinkId>) {
    let mut lab = Lab::with(config());
    let links = (1..=links).map(|number| lab.link(&puppet(number))).collect();
    lab.pass(100);
    lab.uplink = false;
    (lab, links)
}

/// Writes a message of so many bytes.
fn write(lab: &mut Lab, class: Class, bytes: usize) -> (RecordId, Vec<Effect>) {
    let payload = Bytes::from(format!("\"{}\"", "x".repeat(bytes)));
    let message = Message { class, ..Message::new("t", payload) };
    let ids = lab.engine.write(vec![(Content::Message(message), 60_000)], lab.now);
    (ids[0], lab.engine.drain())
}

/// Links to which a record is pushed.
fn reached(effects: &[Effect], links: &[LinkId], id: &RecordId) -> Vec<LinkId> {
    let has = |link: &&LinkId| pushed(effects, **link).iter().any(|it| it.0 == *id);
    links.iter().filter(has).copied().collect()
}

fn asked(effects: &[Effect]) -> Vec<(LinkId, Class)> {
    let asked = effects.iter().filter_map(|effect| match effect {
        Effect::TellLeft(link, class) => Some((*link, *class)),
        _ => None,
    });
    asked.collect()
}

/// Writes until the uplink was asked about on all links.
fn fill(lab: &mut Lab, links: &[LinkId]) -> Vec<(LinkId, Class)> {
    let mut waiting = Vec::new();
    while waiting.len() < links.len() {
        let (id, effects) = write(lab, Class::Normal, 10_000);
        assert_eq!(reached(&effects, links, &id).len(), links.len());
        waiting.extend(asked(&effects));
    }
    waiting
}

#[test]
fn whose_uplink_is_full_sends_each_record_to_one_and_each_time_to_another() {
    // CLASS-3
    let (mut lab, links) = stuck(12);
    fill(&mut lab, &links);
    lab.pass(200);
    let mut sent_to = std::collections::BTreeMap::<LinkId, usize>::new();
    let mut told = 0;
    for _ in 0..60 {
        let (id, mut effects) = write(&mut lab, Class::Normal, 100);
        let reached = reached(&effects, &links, &id);
        assert_eq!(reached.len(), 1);
        *sent_to.entry(reached[0]).or_default() += 1;
        effects.extend(lab.pass(100));
        let frames = links.iter().flat_map(|link| sent(&effects, *link));
        told += frames
            .map(|frame| if let Frame::Push(push) = frame { push.have.len() } else { 0 })
            .sum::<usize>();
    }
    assert!(6 <= sent_to.len(), "{sent_to:?}");
    assert!(60 <= told, "others are told: {told}");
    // An alert goes to everybody.
    let (id, effects) = write(&mut lab, Class::Alert, 100);
    assert_eq!(reached(&effects, &links, &id).len(), 12);
}

#[test]
fn when_the_uplink_is_free_again_records_go_to_more_and_more() {
    // CLASS-3
    let (mut lab, links) = stuck(8);
    let waiting = fill(&mut lab, &links);
    for _ in 0..4 {
        lab.pass(200);
        write(&mut lab, Class::Normal, 100);
    }
    for (link, class) in waiting {
        lab.input(Input::Left(link, class));
    }
    lab.uplink = true;
    let mut widths = Vec::new();
    for _ in 0..5 {
        lab.pass(1_000);
        // Each goes to others, so that together they have everything.
        let mut together = BTreeSet::new();
        for _ in 0..8 {
            let (id, effects) = write(&mut lab, Class::Normal, 100);
            let reached = reached(&effects, &links, &id);
            widths.push(reached.len());
            together.extend(reached);
        }
        let width = widths[widths.len() - 1];
        assert!(width == 8 || width < together.len(), "{width}: {together:?}");
    }
    assert!(widths.is_sorted() && widths[0] < 8 && widths[39] == 8, "{widths:?}");
}

#[test]
fn a_record_of_others_goes_on_where_there_is_room_and_is_announced_elsewhere() {
    // CLASS-3
    let (mut lab, links) = stuck(4);
    fill(&mut lab, &links);
    lab.pass(200);
    // The last link is not behind any more.
    lab.input(Input::Left(links[3], Class::Normal));
    let signed = message(&puppet(20), START_MS, "x");
    let mut effects = lab.push(links[0], &signed, 9);
    assert_eq!(reached(&effects, &links, &id_of(&signed)), [links[3]]);
    effects.extend(lab.pass(60));
    let told = [links[1], links[2]].into_iter().flat_map(|link| sent(&effects, link));
    let told = told.filter(|it| matches!(it, Frame::Push(push) if push.have.len() == 1)).count();
    assert_eq!(told, 2);
}
