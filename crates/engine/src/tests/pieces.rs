//! Records larger than one frame: heads ahead, pieces behind, and what hostile peers make of that.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{
    CarriedHead, Class, Content, Frame, Have, Head, Identity, Message, Offer, Piece, PieceSet,
    Pull, Push, Reason, RecordId, Set, ShortId, Signed, TreeId, limits,
};

use super::lab::{
    Lab, START_MS, accepted, closed, config, id_of, message, our_name, puppet, sent, sign,
};
use crate::{Config, Effect, Event, Input, LinkId};

/// The key under which the lab's puppets are told short ids.
const THEIR_KEY: u64 = 7;

fn lab_with(links: u8, change: impl FnOnce(&mut Config)) -> (Lab, Vec<LinkId>) {
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

fn large(number: u64, bytes: usize) -> Signed {
    large_of(Class::Normal, number, bytes)
}

fn author() -> Identity {
    puppet(20)
}

fn head_of(signed: &Signed, offer: Offer) -> CarriedHead {
    let class = signed.clone().open().unwrap().record.class();
    CarriedHead { head: Head::of(signed, class), ttl: 9, hops: 1, tree: TreeId(0), offer }
}

fn herald(lab: &mut Lab, link: LinkId, signed: &Signed, offer: Offer) -> Vec<Effect> {
    let heads = vec![head_of(signed, offer)];
    lab.say(link, &Frame::Push(Push { heads, ..Push::default() }))
}

fn piece_of(lab: &Lab, signed: &Signed, index: usize) -> Frame {
    let begin = index * limits::PIECE_BYTES;
    let end = (begin + limits::PIECE_BYTES).min(signed.body.len());
    let (name, bytes) = (our_name(lab, &id_of(signed)), signed.body.slice(begin..end));
    Frame::Piece(Piece { name, index: u8::try_from(index).unwrap(), bytes })
}

fn deliver(lab: &mut Lab, link: LinkId, signed: &Signed, index: usize) -> Vec<Effect> {
    let piece = piece_of(lab, signed, index);
    lab.say(link, &piece)
}

fn count_of(signed: &Signed) -> usize {
    signed.body.len().div_ceil(limits::PIECE_BYTES)
}

fn pull(lab: &mut Lab, link: LinkId, signed: &Signed, pieces: PieceSet) -> Vec<Effect> {
    let name = our_name(lab, &id_of(signed));
    lab.say(link, &Frame::Pull(Pull { name, pieces }))
}

fn have(lab: &mut Lab, link: LinkId, signed: &Signed) -> Vec<Effect> {
    let have = vec![Have { id: our_name(lab, &id_of(signed)), age_ms: 0 }];
    lab.say(link, &Frame::Push(Push { have, ..Push::default() }))
}

/// The heads a link was sent, and how each was offered.
fn heads(effects: &[Effect], link: LinkId) -> Vec<(RecordId, Offer)> {
    let pushes = sent(effects, link).into_iter().filter_map(|frame| match frame {
        Frame::Push(push) => Some(push.heads),
        _ => None,
    });
    pushes.flatten().map(|carried| (carried.head.id(), carried.offer)).collect()
}

/// The pieces a link was sent, in order.
fn pieces(effects: &[Effect], link: LinkId) -> Vec<u8> {
    let frames = sent(effects, link).into_iter();
    frames
        .filter_map(|frame| match frame {
            Frame::Piece(piece) => Some(piece.index),
            _ => None,
        })
        .collect()
}

/// What a link was asked for.
fn pulls(effects: &[Effect], link: LinkId) -> Vec<PieceSet> {
    let frames = sent(effects, link).into_iter();
    frames
        .filter_map(|frame| match frame {
            Frame::Pull(pull) => Some(pull.pieces),
            _ => None,
        })
        .collect()
}

fn told(effects: &[Effect], link: LinkId, signed: &Signed) -> bool {
    let name = ShortId::of(THEIR_KEY, &id_of(signed));
    sent(effects, link).into_iter().any(|frame| match frame {
        Frame::Push(push) => push.have.iter().any(|have| have.id == name),
        _ => false,
    })
}

fn checks(effects: &[Effect]) -> usize {
    let checks = effects.iter().map(|effect| match effect {
        Effect::Verify(_, checks) => checks.len(),
        _ => 0,
    });
    checks.sum()
}

/// Sends three small records down the author's tree, so that it has its shape.
fn warm_up(lab: &mut Lab, parent: LinkId) {
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
    let effects = lab.input(Input::Verified(vec![(id_of(&signed), true)]));
    assert_eq!(accepted(&effects), vec![id_of(&signed)]);
    assert_eq!(pieces(&effects, links[1]), vec![0, 1, 2]);
}

#[test]
fn on_a_tree_that_is_known_the_pieces_follow_to_a_few_at_a_time() {
    // PIECE-3
    let (mut lab, links) = lab_with(6, |it| it.feeds_max = 2);
    warm_up(&mut lab, links[0]);
    let signed = large(1, 60_000);
    let effects = herald(&mut lab, links[0], &signed, Offer::Follow);
    let offers: Vec<Offer> = links[1..].iter().map(|it| heads(&effects, *it)[0].1).collect();
    assert_eq!(offers.iter().filter(|offer| **offer == Offer::Follow).count(), 2);
    let fed: Vec<LinkId> = links[1..].to_vec();
    let (fed, waiting): (Vec<LinkId>, Vec<LinkId>) =
        fed.into_iter().partition(|it| heads(&effects, *it)[0].1 == Offer::Follow);
    let all = head_of(&signed, Offer::Ask).head.all();
    pull(&mut lab, waiting[0], &signed, all);
    let effects = deliver(&mut lab, links[0], &signed, 0);
    assert!(fed.iter().all(|link| pieces(&effects, *link) == vec![0]));
    assert!(pieces(&effects, waiting[0]).is_empty());
    // PIECE-4: it is told that we are ahead. Somebody who is fed has most of it: the next.
    assert!(waiting.iter().all(|link| told(&effects, *link, &signed)));
    let effects = have(&mut lab, fed[1], &signed);
    assert_eq!(pieces(&effects, waiting[0]), vec![0]);
    let effects = deliver(&mut lab, links[0], &signed, 1);
    for link in [fed[0], fed[1], waiting[0]] {
        assert_eq!(pieces(&effects, link), vec![1]);
    }
    // A link that says nothing does not hold its place for ever.
    let effects = pull(&mut lab, waiting[1], &signed, all);
    assert!(pieces(&effects, waiting[1]).is_empty());
    assert_eq!(pieces(&lab.pass(1_100), waiting[1]), vec![0, 1]);
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
    let ask = Frame::Pull(Pull { name, pieces: PieceSet::first(4) });
    assert_eq!(pieces(&lab.say(links[0], &ask), links[0]), vec![0, 1, 2, 3]);
    for effect in &lab.effects {
        if let Effect::Send(_, _, bytes) = effect {
            assert!(bytes.len() <= 16 * 1024, "a frame of {} bytes", bytes.len());
        }
    }
}

#[test]
fn what_does_not_come_is_asked_of_another_and_the_first_wins() {
    // PIECE-4
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 60_000);
    let effects = herald(&mut lab, links[0], &signed, Offer::Ask);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(pulls(&effects, links[0]), vec![all]);
    herald(&mut lab, links[1], &signed, Offer::Ask);
    deliver(&mut lab, links[0], &signed, 0);
    // It stalls.
    let effects = lab.pass(70);
    let rest = all.without(PieceSet::one(0));
    assert_eq!(pulls(&effects, links[1]), vec![rest]);
    let effects = deliver(&mut lab, links[1], &signed, 1);
    assert_eq!(pulls(&effects, links[0]), vec![PieceSet::default()]);
    // The link it comes from dies: somebody else, when the next piece is late.
    lab.input(Input::Disconnected(links[1], "reset".to_owned()));
    let effects = lab.pass(220);
    assert_eq!(pulls(&effects, links[0]), vec![rest.without(PieceSet::one(1))]);
    let effects: Vec<Effect> =
        (2..4).flat_map(|index| deliver(&mut lab, links[0], &signed, index)).collect();
    assert_eq!(accepted(&effects), vec![id_of(&signed)]);
}

#[test]
fn who_waits_in_line_asks_whoever_is_ahead() {
    // PIECE-4
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 60_000);
    herald(&mut lab, links[0], &signed, Offer::Ask);
    let effects = have(&mut lab, links[1], &signed);
    let all = head_of(&signed, Offer::Ask).head.all();
    assert_eq!(pulls(&effects, links[1]), vec![all]);
    let effects = deliver(&mut lab, links[1], &signed, 0);
    assert_eq!(pulls(&effects, links[0]), vec![PieceSet::default()]);
    // Now that it comes nobody else is asked.
    assert!(pulls(&have(&mut lab, links[2], &signed), links[2]).is_empty());
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
    let effects = lab.pass(70);
    assert_eq!(pulls(&effects, links[1]).len(), 1);
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
    assert_eq!((checks(&effects), pulls(&effects, links[1])), (0, vec![PieceSet::default()]));
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
    let sent: usize =
        (0..50).map(|_| pieces(&pull(&mut lab, links[1], &signed, all), links[1]).len()).sum();
    assert!((3..=9).contains(&sent), "{sent} pieces of 3");
    // Names of nothing mean nothing.
    let none = Frame::Pull(Pull { name: ShortId(5), pieces: all });
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
    assert_eq!(pulls(&effects, links[0]).len(), 1);
}

#[test]
fn a_comparison_brings_large_records_in_pieces_and_they_go_nowhere() {
    // PIECE-1
    let (mut lab, links) = lab_with(3, |_| {});
    let signed = large(1, 40_000);
    let effects = herald(&mut lab, links[0], &signed, Offer::Repair);
    assert!(heads(&effects, links[1]).is_empty());
    assert_eq!(pulls(&effects, links[0]).len(), 1);
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
    assert_eq!(pulls(&effects, links[1]), vec![PieceSet::default()]);
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
