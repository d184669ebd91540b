//! What may enter, and what a refusal leaves behind.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Content, Message, Reason, Refusal, Signed, limits};

use super::lab::*;
use crate::{DoorAnswer, Effect, Event, Input, TicketId};

/// Pushes a record at a fresh node; the answer says why it was refused, if it was.
#[track_caller]
fn check_refused(signed: &Signed, refusal: Refusal) {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let before = (lab.root(), lab.messages());
    let effects = lab.push(link, signed, 3);
    let refused = effects.iter().any(|effect| match effect {
        Effect::Report(Event::Refused(_, why)) => why.contains(&refusal.to_string()),
        _ => false,
    });
    assert!(refused, "not refused as {refusal}: {effects:?}");
    assert_eq!((lab.root(), lab.messages()), before);
    assert_eq!(lab.engine.status().counters.accepted, 0);
}

#[test]
fn a_record_is_verified_once_however_many_copies_come() {
    // INTAKE-3
    let mut lab = Lab::new();
    let links = [1, 2, 3].map(|number| lab.link(&puppet(number)));
    let verified = lab.engine.status().counters.verified;
    let record = message(&puppet(7), START_MS, "hello");
    lab.verifies = false;
    let first = lab.push(links[0], &record, 3);
    lab.push(links[1], &record, 3);
    let Some(Effect::Verify(_, batch)) =
        first.into_iter().find(|it| matches!(it, Effect::Verify(..)))
    else {
        panic!("nobody was asked to check the signature");
    };
    let effects = lab.input(Input::Verified(vec![(batch[0].0, true)]));
    lab.push(links[2], &record, 3);
    let counters = lab.engine.status().counters;
    assert_eq!(counters.verified - verified, 1);
    assert_eq!((counters.accepted, counters.duplicates), (1, 2));
    assert_eq!(accepted(&effects).len(), 1);
    // Whoever sent a copy does not get one back.
    assert!(pushed(&effects, links[0]).is_empty() && pushed(&effects, links[1]).is_empty());
    assert_eq!(pushed(&effects, links[2]), vec![(id_of(&record), 2)]);
}

#[test]
fn what_may_not_enter_changes_nothing() {
    // INTAKE-1, RECORD-3, MSG-1
    let author = puppet(7);
    let content = |bytes| Content::Message(Message::new("t", Bytes::from(vec![b'1'; bytes])));
    let day_ms = 86_400_000;
    check_refused(
        &message(&author, START_MS + limits::CLOCK_AHEAD_MS_MAX + 1, "x"),
        Refusal::Future,
    );
    check_refused(&entry(&author, START_MS + day_ms, "n", "1"), Refusal::Future);
    check_refused(&message(&author, START_MS - day_ms, "x"), Refusal::Expired);
    let long = sign(&author, 1, START_MS, limits::MESSAGE_LIFE_MS_MAX + 1, content(1));
    check_refused(&long, Refusal::LivesTooLong);
    let mut record = message(&author, START_MS, "x").open().unwrap().record;
    record.network = wire::Digest([1; 32]);
    check_refused(&Signed::seal(&record, &author), Refusal::WrongNetwork);
}

#[test]
fn a_network_may_want_smaller_records() {
    // INTAKE-1, RECORD-1
    let mut lab = Lab::with(crate::Config { body_bytes_max: 1_000, ..config() });
    let link = lab.link(&puppet(1));
    let content = |bytes| Content::Message(Message::new("t", Bytes::from(vec![b'1'; bytes])));
    let large = sign(&puppet(7), 1, START_MS, 1_000, content(1_000));
    let effects = lab.push(link, &large, 3);
    let text = Refusal::TooLarge.to_string();
    let refused = effects.iter().any(
        |it| matches!(it, Effect::Report(Event::Refused(Some(_), what)) if what.contains(&text)),
    );
    assert!(refused, "{effects:?}");
    let small = sign(&puppet(7), 2, START_MS, 1_000, content(800));
    assert_eq!(accepted(&lab.push(link, &small, 3)).len(), 1);
}

#[test]
fn a_network_may_want_shorter_lives() {
    // MSG-1
    let mut lab = Lab::with(crate::Config { message_life_ms_max: 1_000, ..config() });
    let link = lab.link(&puppet(1));
    let content = || Content::Message(Message::new("t", "1"));
    assert_eq!(
        accepted(&lab.push(link, &sign(&puppet(7), 1, START_MS, 1_001, content()), 3)),
        vec![]
    );
    assert_eq!(
        accepted(&lab.push(link, &sign(&puppet(7), 2, START_MS, 1_000, content()), 3)).len(),
        1
    );
}

#[test]
fn a_record_just_inside_the_limits_enters() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let late = START_MS + limits::CLOCK_AHEAD_MS_MAX;
    assert_eq!(accepted(&lab.push(link, &message(&puppet(7), late, "x"), 3)).len(), 1);
    // The past is welcome: entries do not expire.
    assert_eq!(accepted(&lab.push(link, &entry(&puppet(7), 5, "old", "1"), 3)).len(), 1);
}

#[test]
fn a_false_signature_costs_its_sender_the_link_and_keeps_nobody_out() {
    // INTAKE-2, SIGN-3
    let mut lab = Lab::new();
    let (bad, good) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let record = message(&puppet(7), START_MS, "hello");
    let forged = Signed { signature: [7; 64], ..record.clone() };
    let effects = lab.push(bad, &forged, 3);
    assert_eq!(closed(&effects), vec![(bad, Reason::Misbehaved)]);
    assert_eq!(lab.messages(), 0);
    assert_eq!(accepted(&lab.push(good, &record, 3)), vec![id_of(&record)]);
}

#[test]
fn the_true_copy_enters_even_while_the_false_one_is_being_checked() {
    // INTAKE-2
    let mut lab = Lab::new();
    let (bad, good) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let record = message(&puppet(7), START_MS, "hello");
    let forged = Signed { signature: [7; 64], ..record.clone() };
    lab.verifies = false;
    lab.push(bad, &forged, 3);
    lab.push(good, &record, 3);
    lab.verifies = true;
    let effects = lab.input(Input::Verified(vec![(id_of(&record), false)]));
    assert_eq!(accepted(&effects), vec![id_of(&record)]);
    assert_eq!(lab.messages(), 1);
}

#[test]
fn a_frame_that_is_no_frame_costs_the_link() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let effects = lab.input(Input::Frame(link, Bytes::from_static(b"\xff\xff garbage")));
    assert_eq!(closed(&effects), vec![(link, Reason::Misbehaved)]);
}

#[test]
fn a_full_intake_leaves_peers_to_a_comparison_and_tells_the_door() {
    // INTAKE-4
    let mut lab = Lab::with(crate::Config { pending_max: 2, ..config() });
    let link = lab.link(&puppet(1));
    lab.verifies = false;
    for number in 0..3 {
        lab.push(link, &message(&puppet(7), START_MS + number, "x"), 3);
    }
    assert_eq!(lab.engine.status().counters.dropped, 1);
    let effects = lab.gossip(1, &message(&puppet(8), START_MS, "y"));
    assert_eq!(answers(&effects), vec![(TicketId(1), DoorAnswer::Busy)]);
    assert_eq!(lab.engine.pending_len(), 2);
}

#[test]
fn what_has_travelled_its_hops_is_kept_and_goes_no_further() {
    // GOSSIP-3
    let mut lab = Lab::new();
    let (from, to) = (lab.link(&puppet(1)), lab.link(&puppet(2)));
    let effects = lab.push(from, &message(&puppet(7), START_MS, "x"), 0);
    assert_eq!(accepted(&effects).len(), 1);
    assert!(pushed(&effects, to).is_empty());
    // A peer cannot ask for more hops than there are.
    let effects = lab.push(from, &message(&puppet(7), START_MS + 1, "x"), 255);
    assert_eq!(pushed(&effects, to)[0].1, limits::HOPS_MAX - 1);
}

#[test]
fn ours_is_on_disk_before_anybody_hears_of_it() {
    // DISK-1
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.engine.write(vec![(Content::Message(Message::new("t", "1")), 1_000)], lab.now);
    let effects = lab.engine.drain();
    let at = |wanted: fn(&Effect) -> bool| effects.iter().position(wanted).unwrap();
    let written = at(|it| matches!(it, Effect::Persist(batch) if batch.author.is_some()));
    assert!(written < at(|it| matches!(it, Effect::Send(..))));
    assert!(written < at(|it| matches!(it, Effect::Report(Event::Accepted(_)))));
    assert_eq!(pushed(&effects, link).len(), 1);
}

#[test]
fn no_number_is_used_twice_even_if_the_store_was_lost() {
    // RECORD-2
    let mut first = Lab::new();
    let content = || vec![(Content::Message(Message::new("t", "1")), 1_000)];
    let seq = |lab: &mut Lab| {
        lab.engine.write(content(), lab.now);
        let effects = lab.engine.drain();
        effects.iter().find_map(|it| match it {
            Effect::Persist(batch) => batch.author.map(|author| author.seq),
            _ => None,
        })
    };
    let used = seq(&mut first).unwrap();
    let mut again = Lab::new();
    again.now.unix_ms += 10;
    let now = again.now;
    again.engine = crate::Engine::new(config(), me(), crate::Snapshot::default(), [3; 32], now);
    assert!(used < seq(&mut again).unwrap());
}

proptest! {
    #[test]
    fn no_bytes_bring_the_engine_down(frames in proptest::collection::vec(any::<Vec<u8>>(), 0..20)) {
        let mut lab = Lab::new();
        for bytes in frames {
            let link = lab.link(&puppet(1));
            lab.input(Input::Frame(link, Bytes::from(bytes)));
            lab.pass(100);
        }
    }
}
