//! Records larger than one frame: heads ahead, pieces behind, and what hostile peers make of that.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{
    CarriedHead, Class, Content, Frame, Head, Identity, Message, Offer, Piece, PieceSet, Pull,
    Push, Reason, RecordId, Set, ShortId, Signed, TreeId, limits,
};

use super::lab::{
    Lab, START_MS, accepted, closed, config, id_of, message, our_name, puppet, sent, sign,
};
use crate::{Config, Effect, Event, Input, LinkId};

pub(super) fn lab_with(links: u8, change: impl FnOnce(&mut Config)) -> (Lab, Vec<LinkId>) {
    let mut config = Config { body_bytes_max: limits::BODY_BYTES_CEILING, ..config() };
    change(&mut config);
    let mut lab = Lab::with(config);
    let links = (1..=links).map(|number| lab.link(&puppet(number))).collect();
    lab.pass(100);
    (lab, links)
}

fn large_of(class: Class, number: u64, bytes: usize) -> Signed {
    let noise = (0..bytes).map(|at| b'a' + u8::try_from((at * 7 + at / 97) % 23).unwrap());
    let payload: Vec<u8> = [b'"'].into_iter().chain(noise).chain([b'"']).collect();
    let message = Message { class, ..Message::new("t", payload) };
    sign(&author(), number, START_MS + number, 3_600_000, Content::Message(message))
}

pub(super) fn large(number: u64, bytes: usize) -> Signed {
    large_of(Class::Normal, number, bytes)
}

fn author() -> Identity {
    puppet(20)
}

pub(super) fn head_of(signed: &Signed, offer: Offer) -> CarriedHead {
    let class = signed.clone().open().unwrap().record.class();
    CarriedHead { head: Head::of(signed, class), ttl: 9, hops: 1, tree: TreeId(0), offer }
}

pub(super) fn herald(lab: &mut Lab, link: LinkId, signed: &Signed, offer: Offer) -> Vec<Effect> {
    let heads = vec![head_of(signed, offer)];
    lab.say(link, &Frame::Push(Push { heads, ..Push::default() }))
}

fn piece_of(lab: &Lab, signed: &Signed, index: usize) -> Frame {
    let begin = index * limits::PIECE_BYTES;
    let end = (begin + limits::PIECE_BYTES).min(signed.body.len());
    let (name, bytes) = (our_name(lab, &id_of(signed)), signed.body.slice(begin..end));
    Frame::Piece(Piece { name, index: u8::try_from(index).unwrap(), bytes })
}

pub(super) fn deliver(lab: &mut Lab, link: LinkId, signed: &Signed, index: usize) -> Vec<Effect> {
    let piece = piece_of(lab, signed, index);
    let effects = lab.say(link, &piece);
    // As long as a piece takes on our uplink.
    [effects, lab.pass(7)].concat()
}

fn count_of(signed: &Signed) -> usize {
    signed.body.len().div_ceil(limits::PIECE_BYTES)
}

/// A link wishes pieces, and all that was sent within a tenth of a second.
fn pull(lab: &mut Lab, link: LinkId, signed: &Signed, pieces: PieceSet) -> Vec<Effect> {
    let effects = state(lab, link, signed, (pieces, PieceSet::default()));
    [effects, lab.pass(100)].concat()
}

/// A link says what it wishes and what it has.
pub(super) fn state(
    lab: &mut Lab,
    link: LinkId,
    signed: &Signed,
    (pieces, held): (PieceSet, PieceSet),
) -> Vec<Effect> {
    let name = our_name(lab, &id_of(signed));
    lab.say(link, &Frame::Pull(Pull { name, pieces, held }))
}

/// The heads a link was sent, and how each was offered.
pub(super) fn heads(effects: &[Effect], link: LinkId) -> Vec<(RecordId, Offer)> {
    let pushes = sent(effects, link).into_iter().filter_map(|frame| match frame {
        Frame::Push(push) => Some(push.heads),
        _ => None,
    });
    pushes.flatten().map(|carried| (carried.head.id(), carried.offer)).collect()
}

/// The pieces a link was sent.
fn pieces(effects: &[Effect], link: LinkId) -> Vec<u8> {
    let frames = sent(effects, link).into_iter().filter_map(|frame| match frame {
        Frame::Piece(piece) => Some(piece.index),
        _ => None,
    });
    let mut pieces: Vec<u8> = frames.collect();
    pieces.sort_unstable();
    pieces
}

/// What a link was asked for, the last time it was told.
fn wish(effects: &[Effect], link: LinkId) -> Option<PieceSet> {
    let pulls = sent(effects, link).into_iter().filter_map(|frame| match frame {
        Frame::Pull(pull) => Some(pull.pieces),
        _ => None,
    });
    pulls.last()
}

fn checks(effects: &[Effect]) -> usize {
    let checks = effects.iter().map(|effect| match effect {
        Effect::Verify(_, checks) => checks.len(),
        _ => 0,
    });
    checks.sum()
}

/// Sends three small records down the author's tree, so that it has its shape.
pub(super) fn warm_up(lab: &mut Lab, parent: LinkId) {
    for number in 1..=2 {
        lab.push(parent, &message(&author(), START_MS - 10 + number, "warm"), 9);
    }
}

#[test]
fn a_head_goes_on_before_its_body_and_each_piece_before_the_next() {
    // PIECE-2
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 40_000);
    let id = id_of(&signed);
    let effects = herald(&mut lab, links[0], &signed, Offer::Follow);
    assert_eq!(checks(&effects), 1);
    for link in &links[1..] {
        assert_eq!(heads(&effects, *link), vec![(id, Offer::Ask)]);
    }
    let all = head_of(&signed, Offer::Ask).head.all();
    pull(&mut lab, links[1], &signed, all);
    for index in 0..count_of(&signed) {
        let effects = deliver(&mut lab, links[0], &signed, index);
        let index = u8::try_from(index).unwrap();
        assert_eq!(pieces(&effects, links[1]), vec![index]);
        assert_eq!(pieces(&effects, links[2]), Vec::<u8>::new());
        assert_eq!(checks(&effects), 0);
        let last = index == 2;
        assert_eq!(accepted(&effects), if last { vec![id] } else { vec![] });
    }
    assert_eq!(lab.messages(), 1);
    // Whoever asks later is served all at once.
    assert_eq!(pieces(&pull(&mut lab, links[2], &signed, all), links[2]), vec![0, 1, 2]);
}

#[test]
fn nothing_goes_on_before_the_signature_of_the_head_was_checked() {
    // PIECE-2
    let (mut lab, links) = lab_with(2, |_| {});
    lab.verifies = false;
    let signed = large(1, 40_000);
    let all = head_of(&signed, Offer::Ask).head.all();
    let mut effects = herald(&mut lab, links[0], &signed, Offer::Follow);
    effects.extend(pull(&mut lab, links[1], &signed, all));
    (0..3).for_each(|index| effects.extend(deliver(&mut lab, links[0], &signed, index)));
    assert!(heads(&effects, links[1]).is_empty() && pieces(&effects, links[1]).is_empty());
    assert!(accepted(&effects).is_empty());
    let mut effects = lab.input(Input::Verified(vec![(id_of(&signed), true)]));
    assert_eq!(accepted(&effects), vec![id_of(&signed)]);
    effects.extend(lab.pass(20));
    assert_eq!(pieces(&effects, links[1]), vec![0, 1, 2]);
}

#[test]
fn a_record_of_ours_is_on_disk_before_its_head_leaves() {
    // PIECE-1, DISK-1
    let (mut lab, links) = lab_with(2, |_| {});
    let payload = Bytes::from(vec![b'1'; 50_000]);
    let ids =
        lab.engine.write(vec![(Content::Message(Message::new("t", payload)), 9_000)], lab.now);
    let effects = lab.engine.drain();
    let persist = effects.iter().position(|it| matches!(it, Effect::Persist(_))).unwrap();
    assert!(heads(&effects[..persist], links[0]).is_empty());
    assert_eq!(heads(&effects[persist..], links[0]), vec![(ids[0], Offer::Ask)]);
    let name = our_name(&lab, &ids[0]);
    let held = PieceSet::default();
    let ask = Frame::Pull(Pull { name, pieces: PieceSet::first(4), held });
    let effects = [lab.say(links[0], &ask), lab.pass(30)].concat();
    assert_eq!(pieces(&effects, links[0]), vec![0, 1, 2, 3]);
    for effect in &lab.effects {
        if let Effect::Send(_, _, bytes) = effect {
            assert!(bytes.len() <= 16 * 1024, "a frame of {} bytes", bytes.len());
        }
    }
}

#[test]
fn what_does_not_come_is_asked_of_another() {
    // PIECE-4
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 60_000);
    let effects = herald(&mut lab, links[0], &signed, Offer::Ask);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(wish(&effects, links[0]), Some(all));
    herald(&mut lab, links[1], &signed, Offer::Ask);
    deliver(&mut lab, links[0], &signed, 0);
    // It stalls.
    let effects = lab.pass(110);
    let rest = all.without(PieceSet::one(0));
    assert_eq!(wish(&effects, links[1]), Some(rest));
    assert_eq!(wish(&effects, links[0]), Some(PieceSet::default()));
    deliver(&mut lab, links[1], &signed, 1);
    // The link it comes from dies: somebody else at once.
    let effects = lab.input(Input::Disconnected(links[1], "reset".to_owned()));
    assert_eq!(wish(&effects, links[0]), Some(rest.without(PieceSet::one(1))));
    let effects: Vec<Effect> =
        (2..4).flat_map(|index| deliver(&mut lab, links[0], &signed, index)).collect();
    assert_eq!(accepted(&effects), vec![id_of(&signed)]);
}

#[test]
fn a_link_that_is_busy_with_another_body_is_waited_for() {
    // PIECE-4
    let (mut lab, links) = lab_with(3, |_| {});
    let (slow, busy) = (large(1, 60_000), large(2, 140_000));
    for signed in [&slow, &busy] {
        herald(&mut lab, links[0], signed, Offer::Ask);
        herald(&mut lab, links[1], signed, Offer::Ask);
    }
    let mut effects = Vec::new();
    for index in 0..9 {
        effects.extend(lab.pass(80));
        effects.extend(deliver(&mut lab, links[0], &busy, index));
    }
    let wished = wish(&effects, links[1]).unwrap_or_default();
    assert!(wished.is_empty(), "its uplink is full, and so would another's be");
    // It has nothing else to send any more.
    let all = head_of(&slow, Offer::Ask).head.all();
    let asked = (0..20).any(|_| wish(&lab.pass(50), links[1]) == Some(all));
    assert!(asked);
}

#[test]
fn what_a_near_neighbour_has_is_asked_of_it_and_the_others_are_told() {
    // PIECE-4
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 60_000);
    herald(&mut lab, links[0], &signed, Offer::Follow);
    let all = head_of(&signed, Offer::Ask).head.all();
    let (none, first) = (PieceSet::default(), PieceSet::first(2));
    let effects = state(&mut lab, links[1], &signed, (none, first));
    assert_eq!(wish(&effects, links[1]), Some(first));
    assert_eq!(wish(&effects, links[0]), Some(all.without(first)));
    // One of the two comes, and neighbours hear of that.
    let effects = deliver(&mut lab, links[1], &signed, 0);
    let held = |link| {
        let frames = sent(&effects, link).into_iter();
        frames.filter_map(|it| if let Frame::Pull(pull) = it { Some(pull.held) } else { None })
    };
    assert_eq!(held(links[2]).last(), Some(PieceSet::one(0)));
    // The other does not: it is asked of the next who has it, or of the first.
    let effects = lab.pass(60);
    assert_eq!(wish(&effects, links[1]), Some(none));
    assert_eq!(wish(&effects, links[0]), Some(all.without(PieceSet::one(0))));
    let effects = state(&mut lab, links[2], &signed, (none, first));
    assert_eq!(wish(&effects, links[2]), Some(PieceSet::one(1)));
}

#[test]
fn a_head_that_was_right_is_not_checked_again() {
    // INTAKE-3
    let (mut lab, links) = lab_with(2, |_| {});
    let signed = large(1, 40_000);
    assert_eq!(checks(&herald(&mut lab, links[0], &signed, Offer::Follow)), 1);
    lab.pass(15_000);
    assert_eq!(lab.engine.bodies().0, 0);
    let effects = herald(&mut lab, links[1], &signed, Offer::Repair);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!((checks(&effects), wish(&effects, links[1])), (0, Some(all)));
    // With another signature it might be anything.
    let mut other = large(2, 40_000);
    herald(&mut lab, links[0], &other, Offer::Follow);
    lab.pass(15_000);
    other.signature[9] ^= 1;
    assert_eq!(checks(&herald(&mut lab, links[1], &other, Offer::Follow)), 1);
}

#[test]
fn a_piece_that_is_not_what_the_head_says_ends_the_link() {
    // PIECE-5
    let (mut lab, links) = lab_with(2, |_| {});
    let signed = large(1, 40_000);
    herald(&mut lab, links[0], &signed, Offer::Follow);
    herald(&mut lab, links[1], &signed, Offer::Ask);
    let Frame::Piece(mut piece) = piece_of(&lab, &signed, 0) else { panic!("a piece") };
    let mut bytes = piece.bytes.to_vec();
    bytes[100] ^= 1;
    piece.bytes = Bytes::from(bytes);
    let effects = lab.say(links[0], &Frame::Piece(piece));
    assert_eq!(closed(&effects), vec![(links[0], Reason::Misbehaved)]);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(wish(&effects, links[1]), Some(all));
    for index in 0..3 {
        deliver(&mut lab, links[1], &signed, index);
    }
    assert_eq!(lab.messages(), 1);
}

#[test]
fn a_head_with_a_false_signature_keeps_the_true_one_not_out() {
    // PIECE-2, INTAKE-2
    let (mut lab, links) = lab_with(3, |_| {});
    lab.verifies = false;
    let signed = large(1, 40_000);
    let mut forged = signed.clone();
    forged.signature[9] ^= 1;
    herald(&mut lab, links[0], &forged, Offer::Follow);
    herald(&mut lab, links[1], &signed, Offer::Follow);
    lab.verifies = true;
    let effects = lab.input(Input::Verified(vec![(id_of(&signed), false)]));
    assert_eq!(closed(&effects), vec![(links[0], Reason::Misbehaved)]);
    assert_eq!(heads(&effects, links[2]), vec![(id_of(&signed), Offer::Ask)]);
    (0..3).for_each(|index| drop(deliver(&mut lab, links[1], &signed, index)));
    assert_eq!(lab.messages(), 1);
}

#[test]
fn what_its_author_signed_and_is_no_record_is_dropped_and_nobody_else_blamed() {
    // PIECE-5
    let (mut lab, links) = lab_with(2, |_| {});
    let body = Bytes::from(vec![0xff; 40_000]);
    let junk = Signed { body, ..large(1, 10) };
    let mut head = Head::of(&junk, Class::Normal);
    let label = b"trellis-record-signature-v1\0".as_slice();
    let signed = [label, &super::lab::NETWORK.0, &head.digest().0].concat();
    head.signature = author().sign(&signed);
    let (id, name) = (head.id(), our_name(&lab, &head.id()));
    let carried = CarriedHead { head, ttl: 9, hops: 1, tree: TreeId(0), offer: Offer::Follow };
    let frame = Frame::Push(Push { heads: vec![carried], ..Push::default() });
    lab.say(links[0], &frame);
    let mut effects = Vec::new();
    for (index, piece) in (0_u8..).zip(junk.body.chunks(limits::PIECE_BYTES)) {
        let bytes = Bytes::copy_from_slice(piece);
        effects.extend(lab.say(links[0], &Frame::Piece(Piece { name, index, bytes })));
    }
    assert!(closed(&effects).is_empty());
    let refused = effects.iter().any(|it| matches!(it, Effect::Report(Event::Refused(None, _))));
    assert!(refused);
    assert_eq!((lab.messages(), lab.engine.bodies().0), (0, 0));
    assert!(heads(&lab.effects, links[1]).iter().any(|(head, _)| *head == id));
    // It is not carried a second time.
    let effects = lab.say(links[1], &frame);
    assert_eq!((checks(&effects), wish(&effects, links[1])), (0, Some(PieceSet::default())));
}

#[test]
fn ten_thousand_heads_without_pieces_cost_little_and_pass() {
    // PIECE-7
    let (mut lab, links) = lab_with(3, |_| {});
    let most = lab.engine.config().bodies_per_link_max;
    let base = large(1, 40_000);
    for number in 0..10_000_u64 {
        // Another author each time: only the first few are worth a check.
        let who = Identity::from_seed([u8::try_from(number % 200).unwrap(); 32]);
        let mut body = base.body.to_vec();
        body[5_000..5_008].copy_from_slice(&number.to_be_bytes());
        let signed = Signed { body: Bytes::from(body), author: who.id(), ..base.clone() };
        let head = Head::of(&signed, Class::Normal);
        let (ttl, hops, tree, offer) = (9, 1, TreeId(0), Offer::Follow);
        lab.verifies = false;
        let heads = vec![CarriedHead { head, ttl, hops, tree, offer }];
        lab.say(links[0], &Frame::Push(Push { heads, ..Push::default() }));
        assert!(lab.engine.bodies().0 <= most);
        assert!(lab.engine.bodies().1 == 0);
    }
    lab.verifies = true;
    // Another link's body comes meanwhile.
    let signed = large(2, 40_000);
    herald(&mut lab, links[1], &signed, Offer::Follow);
    (0..3).for_each(|index| drop(deliver(&mut lab, links[1], &signed, index)));
    assert_eq!(lab.messages(), 1);
    // Nobody waits for ever.
    lab.pass(15_000);
    assert_eq!(lab.engine.bodies(), (0, 0));
}

#[test]
fn a_head_of_what_this_network_does_not_allow_is_refused() {
    // INTAKE-1, RECORD-1
    let (mut lab, links) = lab_with(2, |it| it.body_bytes_max = 50_000);
    let effects = herald(&mut lab, links[0], &large(1, 50_001), Offer::Follow);
    assert_eq!((checks(&effects), lab.engine.bodies().0), (0, 0));
    let refused = effects.iter().any(|it| matches!(it, Effect::Report(Event::Refused(Some(_), _))));
    assert!(refused && closed(&effects).is_empty());
}

#[test]
fn bodies_have_a_bound_in_bytes() {
    let (mut lab, links) = lab_with(8, |it| it.bodies_bytes_max = 300_000);
    for (number, link) in (1..).zip(&links) {
        let signed = large(number, 100_000);
        herald(&mut lab, *link, &signed, Offer::Follow);
        for index in 0..count_of(&signed) - 1 {
            deliver(&mut lab, *link, &signed, index);
            assert!(lab.engine.bodies().1 <= 300_000, "{:?}", lab.engine.bodies());
        }
    }
    assert!(1 < lab.engine.bodies().0);
}

#[test]
fn who_pulls_for_ever_is_sent_a_body_three_times_at_most() {
    // PIECE-3
    let (mut lab, links) = lab_with(2, |_| {});
    let signed = large(1, 40_000);
    herald(&mut lab, links[0], &signed, Offer::Follow);
    (0..3).for_each(|index| drop(deliver(&mut lab, links[0], &signed, index)));
    let all = head_of(&signed, Offer::Ask).head.all();
    let mut effects = Vec::new();
    for _ in 0..8 {
        effects.extend(pull(&mut lab, links[1], &signed, all));
        effects.extend(lab.pass(200));
    }
    let sent = pieces(&effects, links[1]).len();
    assert!((6..=9).contains(&sent), "{sent} pieces of 3");
    // Names of nothing mean nothing.
    let none = Frame::Pull(Pull { name: ShortId(5), pieces: all, held: all });
    assert!(sent_none(&lab.say(links[1], &none)));
}

fn sent_none(effects: &[Effect]) -> bool {
    !effects.iter().any(|effect| matches!(effect, Effect::Send(..)))
}

#[test]
fn a_body_that_only_the_store_has_is_served_from_there() {
    // PIECE-4
    let (mut lab, links) = lab_with(2, |_| {});
    let signed = large(1, 40_000);
    herald(&mut lab, links[0], &signed, Offer::Follow);
    (0..3).for_each(|index| drop(deliver(&mut lab, links[0], &signed, index)));
    lab.pass(10_000);
    assert_eq!(lab.engine.bodies().0, 0);
    let all = head_of(&signed, Offer::Ask).head.all();
    let effects = pull(&mut lab, links[1], &signed, all);
    assert_eq!(heads(&effects, links[1]), vec![(id_of(&signed), Offer::Ask)]);
    let effects = pull(&mut lab, links[1], &signed, all);
    assert_eq!(pieces(&effects, links[1]), vec![0, 1, 2]);
    // The other side of that: it is told the head again, and asks again.
    let other = large(2, 40_000);
    herald(&mut lab, links[0], &other, Offer::Ask);
    let effects = herald(&mut lab, links[0], &other, Offer::Ask);
    assert_eq!(wish(&effects, links[0]), Some(all));
}

#[test]
fn a_comparison_brings_large_records_in_pieces_and_they_go_nowhere() {
    // PIECE-1
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 40_000);
    let effects = herald(&mut lab, links[0], &signed, Offer::Repair);
    assert!(heads(&effects, links[1]).is_empty());
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(wish(&effects, links[0]), Some(all));
    let mut effects = Vec::new();
    (0..3).for_each(|index| effects.extend(deliver(&mut lab, links[0], &signed, index)));
    assert_eq!((lab.messages(), heads(&effects, links[1]).len()), (1, 0));
    // And asked, we offer it so.
    let wanted = wire::Wanted::Range { prefix: RecordId::default(), bits: 0, after: None };
    let fetch = Frame::Fetch(wire::Fetch { set: Set::Messages, wanted });
    let effects = lab.say(links[1], &fetch);
    assert_eq!(heads(&effects, links[1]), vec![(id_of(&signed), Offer::Repair)]);
    let whole = sent(&effects, links[1])
        .into_iter()
        .any(|frame| matches!(frame, Frame::Records(records) if !records.records.is_empty()));
    assert!(!whole);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(pieces(&pull(&mut lab, links[1], &signed, all), links[1]), vec![0, 1, 2]);
}

#[test]
fn pieces_of_an_alert_go_first_and_all_others_last() {
    // PIECE-6
    for (class, lane) in [(Class::Alert, Class::Alert), (Class::Normal, Class::Bulk)] {
        let (mut lab, links) = lab_with(4, |_| {});
        let signed = large_of(class, 1, 40_000);
        let effects = herald(&mut lab, links[0], &signed, Offer::Follow);
        assert!(links[1..].iter().all(|link| heads(&effects, *link).len() == 1));
        let all = head_of(&signed, Offer::Ask).head.all();
        pull(&mut lab, links[1], &signed, all);
        let effects = deliver(&mut lab, links[0], &signed, 0);
        let lanes = effects.iter().filter_map(|effect| match effect {
            Effect::Send(_, class, bytes) if 15_000 < bytes.len() => Some(*class),
            _ => None,
        });
        assert!(lanes.eq([lane]));
    }
}

#[test]
fn a_second_head_is_pruned_and_does_not_start_a_second_body() {
    // TREE-5
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 40_000);
    herald(&mut lab, links[0], &signed, Offer::Follow);
    deliver(&mut lab, links[0], &signed, 0);
    let mut effects = herald(&mut lab, links[1], &signed, Offer::Follow);
    assert_eq!((checks(&effects), lab.engine.bodies().0), (0, 1));
    assert_eq!(wish(&effects, links[1]), Some(PieceSet::default()));
    effects = lab.pass(60);
    let pruned = sent(&effects, links[1])
        .into_iter()
        .any(|frame| matches!(frame, Frame::Push(push) if !push.prune.is_empty()));
    assert!(pruned);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Any size, order, doubling and loss: the same record once everything has come, else nothing.
    #[test]
    fn pieces_in_any_order_make_the_record_or_nothing(
        size in 15_000..130_000_usize,
        order in proptest::collection::vec((any::<prop::sample::Index>(), 0..3_u8), 0..40),
        offer in prop_oneof![Just(Offer::Ask), Just(Offer::Follow), Just(Offer::Repair)],
    ) {
        // PIECE-5
        let (mut lab, links) = lab_with(3, |_| {});
        let signed = large(1, size);
        let count = count_of(&signed);
        prop_assume!(1 < count);
        herald(&mut lab, links[0], &signed, offer);
        let (mut came, mut all) = (std::collections::BTreeSet::new(), Vec::new());
        for (index, link) in order {
            let index = index.index(count);
            came.insert(index);
            all.extend(deliver(&mut lab, links[usize::from(link)], &signed, index));
            let whole = came.len() == count;
            prop_assert_eq!(accepted(&all), if whole { vec![id_of(&signed)] } else { vec![] });
        }
        prop_assert!(closed(&all).is_empty());
        // What was lost comes, too.
        for index in 0..count {
            all.extend(deliver(&mut lab, links[0], &signed, index));
        }
        prop_assert_eq!(accepted(&all), vec![id_of(&signed)]);
        prop_assert_eq!(lab.kept(&id_of(&signed)), Some(&signed));
    }
}

#[test]
fn what_was_whole_and_made_room_before_it_was_checked_comes_again() {
    // PIECE-7
    let (mut lab, links) = lab_with(3, |it| it.bodies_bytes_max = 70_000);
    let (first, second) = (large(1, 40_000), large(2, 60_000));
    lab.verifies = false;
    for signed in [&first, &second] {
        herald(&mut lab, links[0], signed, Offer::Ask);
        (0..count_of(signed)).for_each(|at| drop(deliver(&mut lab, links[0], signed, at)));
    }
    assert_eq!(lab.engine.status().counters.dropped, 1, "that is known");
    lab.verifies = true;
    herald(&mut lab, links[1], &first, Offer::Repair);
    let effects: Vec<Effect> =
        (0..count_of(&first)).flat_map(|at| deliver(&mut lab, links[1], &first, at)).collect();
    assert_eq!(accepted(&effects), vec![id_of(&first)]);
}
