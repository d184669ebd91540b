//! Pieces leave one after another, as the uplink takes them.

use std::collections::{BTreeMap, VecDeque};

use wire::{Class, Frame, Offer, PieceSet};

use super::lab::{Lab, id_of};
use super::pieces::{deliver, head_of, heads, herald, lab_with, large, state, warm_up};
use crate::{Effect, Input, LinkId};

/// An uplink: what was handed to it and has not left, oldest first, and pieces sent to each link.
#[derive(Default)]
struct Uplink {
    waiting: VecDeque<(LinkId, Class)>,
    sent: BTreeMap<LinkId, usize>,
}

impl Uplink {
    /// A body that is here whole, and nine links that want all of it.
    fn wanted_by_nine(lab: &mut Lab, links: &[LinkId]) -> Self {
        let signed = large(1, 130_000);
        herald(lab, links[0], &signed, Offer::Ask);
        (0..9).for_each(|index| drop(deliver(lab, links[0], &signed, index)));
        lab.pass(100);
        lab.uplink = false;
        let wish = (head_of(&signed, Offer::Ask).head.all(), PieceSet::default());
        let mut uplink = Self::default();
        links[1..].iter().for_each(|link| uplink.take(&state(lab, *link, &signed, wish)));
        uplink
    }

    fn take(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::TellLeft(link, class) => self.waiting.push_back((*link, *class)),
                Effect::Send(link, _, bytes) => {
                    let is_piece = matches!(Frame::decode(bytes), Ok(Frame::Piece(_)));
                    *self.sent.entry(*link).or_default() += usize::from(is_piece);
                }
                _ => {}
            }
        }
    }

    /// Lets time pass in which one piece leaves, of those that may.
    fn pass(&mut self, lab: &mut Lab, ms: u64, may: impl Fn(LinkId) -> bool) {
        let effects = lab.pass(ms);
        self.take(&effects);
        if let Some(at) = self.waiting.iter().position(|(link, _)| may(*link))
            && let Some((link, class)) = self.waiting.remove(at)
        {
            let effects = lab.input(Input::Left(link, class));
            self.take(&effects);
        }
    }
}

#[test]
fn on_a_tree_that_is_known_the_pieces_follow_unasked() {
    // PIECE-3
    let (mut lab, links) = lab_with(6, |_| {});
    warm_up(&mut lab, links[0]);
    let signed = large(1, 60_000);
    let mut effects = herald(&mut lab, links[0], &signed, Offer::Follow);
    for link in &links[1..] {
        assert_eq!(heads(&effects, *link), vec![(id_of(&signed), Offer::Follow)]);
    }
    lab.uplink = false;
    (0..4).for_each(|index| effects.extend(deliver(&mut lab, links[0], &signed, index)));
    let mut uplink = Uplink::default();
    uplink.take(&effects);
    for _ in 0..2 {
        uplink.pass(&mut lab, 10, |_| true);
    }
    // Nobody is served a third time before everybody was twice.
    assert!(
        links[1..].iter().all(|link| (1..=2).contains(&uplink.sent[link])),
        "{:?}",
        uplink.sent
    );
    // What waits is taken back in a word, and nothing goes out twice.
    let all = head_of(&signed, Offer::Ask).head.all();
    let before = uplink.sent[&links[1]];
    uplink.take(&state(&mut lab, links[1], &signed, (PieceSet::default(), all)));
    for _ in 0..50 {
        uplink.pass(&mut lab, 10, |_| true);
    }
    assert_eq!(uplink.sent[&links[1]], before);
    assert!(links[2..].iter().all(|link| uplink.sent[link] == 4), "{:?}", uplink.sent);
}

#[test]
fn pieces_leave_no_faster_than_the_uplink_takes_them() {
    // PIECE-3
    let (mut lab, links) = lab_with(10, |it| it.pieces_under_way_max = 4);
    let mut uplink = Uplink::wanted_by_nine(&mut lab, &links);
    for _ in 0..77 {
        assert_eq!(uplink.waiting.len(), 4, "it is always busy, and never more than that");
        uplink.pass(&mut lab, 10, |_| true);
    }
    assert!(links[1..].iter().all(|link| uplink.sent[link] == 9), "{:?}", uplink.sent);
}

#[test]
fn a_link_that_takes_nothing_holds_up_nobody() {
    // PIECE-3
    let (mut lab, links) = lab_with(10, |it| it.pieces_under_way_max = 4);
    let mut uplink = Uplink::wanted_by_nine(&mut lab, &links);
    let stuck = links[5];
    for _ in 0..250 {
        uplink.pass(&mut lab, 10, |link| link != stuck);
    }
    let others = || links[1..].iter().filter(|link| **link != stuck);
    assert!(others().all(|link| uplink.sent[link] == 9), "{:?}", uplink.sent);
    assert!(uplink.sent[&stuck] <= 4, "{:?}", uplink.sent);
    for _ in 0..12 {
        uplink.pass(&mut lab, 10, |_| true);
    }
    assert_eq!(uplink.sent[&stuck], 9, "it goes on where it stopped");
}
