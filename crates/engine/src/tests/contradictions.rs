//! Who sees two records with one number proves it to everybody, and nothing else changes.

use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;
use wire::{
    Content, Contradiction, Entry, Hlc, Identity, Message, Reason, Record, Set, Signed, WITNESS,
    witness,
};

use super::lab::*;
use super::pair::Pair;
use crate::{Config, Effect};

pub(super) fn numbered(author: &Identity, seq: u64, at_ms: u64, name: &str, value: &str) -> Signed {
    let value = Some(Bytes::copy_from_slice(value.as_bytes()));
    let entry = Entry { collection: "c".to_owned(), name: name.to_owned(), value };
    sign(author, seq, at_ms, 0, Content::Entry(entry))
}

fn told(author: &Identity, seq: u64, text: &str) -> Signed {
    let content = Content::Message(Message::new("t", Bytes::copy_from_slice(text.as_bytes())));
    sign(author, seq, START_MS, 3_600_000, content)
}

pub(super) fn proof(one: &Signed, other: &Signed) -> Signed {
    let [one, other] = [one, other].map(|it| it.clone().open().unwrap());
    Contradiction::of(&one, &other).unwrap().seal().unwrap().signed
}

/// The proofs in a lab's store.
fn proofs(lab: &Lab) -> Vec<Signed> {
    let found = lab.engine.contradictions(None, usize::MAX);
    assert_eq!(found.len() as u64, lab.engine.status().contradictions);
    found.iter().map(|(_, id)| lab.kept(id).unwrap().clone()).collect()
}

fn after(records: &[&Signed]) -> Lab {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    records.iter().for_each(|record| drop(lab.push(link, record, 3)));
    lab
}

#[test]
fn whoever_sees_two_records_with_one_number_holds_the_same_proof() {
    // CONTRA-1
    let author = puppet(7);
    let pairs = [
        // Two names, one name, one name of one time, and an entry beside a message.
        [numbered(&author, 5, START_MS, "a", "1"), numbered(&author, 5, START_MS, "b", "1")],
        [numbered(&author, 5, START_MS, "a", "1"), numbered(&author, 5, START_MS + 9, "a", "2")],
        [numbered(&author, 5, START_MS, "a", "1"), numbered(&author, 5, START_MS, "a", "2")],
        [numbered(&author, 5, START_MS, "a", "1"), told(&author, 5, "1")],
    ];
    for [one, other] in pairs {
        let expected = proof(&one, &other);
        let (forward, backward) = (after(&[&one, &other]), after(&[&other, &one]));
        assert_eq!(proofs(&forward), std::slice::from_ref(&expected));
        assert_eq!(proofs(&backward), [expected]);
        assert_eq!(forward.root(), backward.root());
        let messages = [&forward, &backward].map(|it| it.engine.held(Set::Messages));
        assert_eq!(messages[0], messages[1]);
    }
}

#[test]
fn neither_of_the_two_is_dropped_for_it() {
    // CONTRA-3
    let author = puppet(7);
    let one = numbered(&author, 5, START_MS, "a", "1");
    let lab = after(&[&one, &numbered(&author, 5, START_MS + 1, "b", "1")]);
    assert_eq!(lab.root().count, 3);
}

#[test]
fn a_number_used_once_or_by_two_authors_proves_nothing() {
    // CONTRA-1
    let one = numbered(&puppet(7), 5, START_MS, "a", "1");
    let other = numbered(&puppet(7), 6, START_MS, "a", "2");
    let lab = after(&[&one, &one, &other, &numbered(&puppet(8), 5, START_MS, "a", "1")]);
    assert_eq!(lab.engine.status().contradictions, 0);
}

#[test]
fn a_false_signature_proves_nothing() {
    // CONTRA-1
    let one = numbered(&puppet(7), 5, START_MS, "a", "1");
    let mut other = numbered(&puppet(7), 5, START_MS, "b", "1");
    other.signature[3] ^= 1;
    assert_eq!(after(&[&one, &other]).engine.status().contradictions, 0);
}

#[test]
fn a_second_proof_costs_no_further_check_and_no_further_record() {
    // CONTRA-2
    let author = puppet(7);
    let versions: Vec<Signed> =
        (0..9).map(|value| numbered(&author, 5, START_MS, "a", &value.to_string())).collect();
    let mut records: Vec<&Signed> = versions.iter().collect();
    records.extend(versions.iter());
    let lab = after(&records);
    assert_eq!(lab.engine.status().contradictions, 1);
    let checks = lab.engine.status().counters.verified;
    // One for each that was new, and the one that was stale and contradicted.
    assert!(checks <= 10, "{checks} checks");
}

#[test]
fn of_several_proofs_against_one_author_the_newest_stays_in_any_order() {
    // CONTRA-2
    let author = puppet(7);
    let of = |seq: u64| {
        let at_ms = START_MS + seq;
        let one = numbered(&author, seq, at_ms, &format!("a{seq}"), "1");
        proof(&one, &numbered(&author, seq, at_ms, &format!("b{seq}"), "1"))
    };
    let made = [of(1), of(2), of(3)];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let lab = after(&order.map(|at: usize| &made[at]));
        assert_eq!(proofs(&lab), [made[2].clone()]);
        assert_eq!(lab.root().count, 1);
    }
}

#[test]
fn a_copy_of_our_own_key_is_noticed() {
    // CONTRA-1
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let entry = |value: &'static str| Entry {
        collection: "c".to_owned(),
        name: "n".to_owned(),
        value: Some(Bytes::from_static(value.as_bytes())),
    };
    let ids = lab.engine.write(vec![(Content::Entry(entry("1")), 0)], lab.now);
    for effect in lab.engine.drain() {
        if let Effect::Persist(batch) = effect {
            lab.keep(&batch);
        }
    }
    let ours = lab.kept(&ids[0]).unwrap().clone().open().unwrap().record;
    let theirs = Record { content: Content::Entry(entry("2")), ..ours };
    lab.push(link, &Signed::seal(&theirs, &me()), 3);
    assert_eq!(lab.engine.status().contradictions, 1);
}

#[test]
fn a_proof_that_proves_nothing_closes_the_link_that_brings_it() {
    // CONTRA-2
    let author = puppet(7);
    let forged = |size: usize| {
        let value = "1".repeat(size);
        let mut other = numbered(&author, 5, START_MS, "b", &value);
        other.signature[9] ^= 1;
        proof(&numbered(&author, 5, START_MS, "a", "1"), &other)
    };
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let effects = lab.push(link, &forged(1), 3);
    assert_eq!(closed(&effects), [(link, Reason::Misbehaved)]);
    assert_eq!(lab.root().count, 0);
    // A true one enters.
    let lab = after(&[&proof(
        &numbered(&author, 5, START_MS, "a", "1"),
        &numbered(&author, 5, START_MS, "b", "1"),
    )]);
    assert_eq!(lab.root().count, 1);
}

#[test]
fn the_witness_writes_nothing() {
    // CONTRA-3
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let effects = lab.push(link, &numbered(&witness(), 5, START_MS, "a", "1"), 3);
    assert_eq!(closed(&effects), [(link, Reason::Misbehaved)]);
    assert_eq!(witness().id(), WITNESS);
}

/// A record of the liar: number, name, age, value; and which side hears it first.
type Told = (u64, u8, u64, u8, usize);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_a_liar_told_two_halves_ends_equal_and_proven_at_both(
        told in vec((0_u64..3, 0_u8..3, 0_u64..3, 0_u8..2, 0_usize..2), 0..12),
        meet in 0_usize..12,
        sketch_min in prop_oneof![Just(1_u64), Just(u64::MAX)],
    ) {
        // CONTRA-1, STATE-4
        let mut pair = Pair::new(&Config { sketch_min, ..config() });
        let sealed = |(seq, name, age, value, _): &Told| {
            numbered(&puppet(7), *seq, START_MS - age * 5_000, &format!("n{name}"), &value.to_string())
        };
        for (at, it) in told.iter().enumerate() {
            if at == meet {
                pair.connect();
            }
            pair.hear(it.4, &sealed(it));
            pair.pass(50);
        }
        pair.cut();
        pair.connect();
        pair.until_equal();
        pair.pass(6_000);
        pair.until_equal();
        // What stands in the end was seen by both.
        let standing = pair.standing();
        let contradict = |one: &Signed, other: &Signed| {
            let [one, other] = [one, other].map(|it| it.clone().open().unwrap());
            Contradiction::of(&one, &other).is_some()
        };
        let expected = standing.iter().any(|one| standing.iter().any(|it| contradict(one, it)));
        for side in &pair.sides {
            let proven = side.engine.status().contradictions;
            prop_assert!(proven == 1 || !expected && proven == 0);
        }
        for signed in &standing {
            let opened = signed.clone().open().unwrap();
            if let Content::Contradiction(it) = &opened.record.content {
                prop_assert!(it.is_genuine(&NETWORK));
                prop_assert!(opened.record.created <= Hlc::from_ms(START_MS));
            }
        }
    }
}
