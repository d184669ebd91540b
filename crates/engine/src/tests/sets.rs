//! Which record wins, in whatever order they come.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Content, Entry, Set, Signed};

use super::lab::*;
use crate::{Config, Effect, Snapshot};

fn root_after(records: &[&Signed]) -> (wire::SetSummary, u64) {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    for record in records {
        lab.push(link, record, 3);
    }
    (lab.root(), lab.messages())
}

#[test]
fn the_newer_of_two_wins_whichever_comes_first() {
    // STATE-2
    let author = puppet(7);
    let (old, new) = (entry(&author, START_MS, "n", "1"), entry(&author, START_MS + 1, "n", "2"));
    let only_new = root_after(&[&new]);
    assert_eq!(root_after(&[&old, &new]), only_new);
    assert_eq!(root_after(&[&new, &old]), only_new);
    assert_eq!(only_new.0.count, 1);
}

#[test]
fn each_author_has_its_own_names() {
    // STATE-1
    let (ours, theirs) =
        (entry(&puppet(7), START_MS, "n", "1"), entry(&puppet(8), START_MS, "n", "1"));
    assert_eq!(root_after(&[&ours, &theirs]).0.count, 2);
}

#[test]
fn a_deletion_stays_and_an_older_write_does_not_undo_it() {
    // STATE-3
    let author = puppet(7);
    let gone = Entry { collection: "c".to_owned(), name: "n".to_owned(), value: None };
    let gone = sign(&author, 2, START_MS + 1, 0, Content::Entry(gone));
    let old = entry(&author, START_MS, "n", "1");
    assert_eq!(root_after(&[&gone, &old]), root_after(&[&old, &gone]));
}

#[test]
fn a_message_is_kept_to_the_end_of_its_hour_and_not_longer() {
    // MSG-1
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let hour_ms = 3_600_000;
    let until_hour = hour_ms - START_MS % hour_ms;
    let signed = |life_ms| {
        let content = Content::Message(wire::Message::new("t", Bytes::from_static(b"1")));
        sign(&puppet(7), life_ms, START_MS, life_ms, content)
    };
    lab.push(link, &signed(1), 3);
    lab.push(link, &signed(until_hour + hour_ms), 3);
    assert_eq!(lab.messages(), 2);
    lab.pass(until_hour - 1);
    assert_eq!(lab.messages(), 2);
    let effects = lab.pass(15_000);
    assert_eq!(lab.messages(), 1);
    let dropped =
        effects.iter().any(|it| matches!(it, Effect::Persist(batch) if batch.drop.len() == 1));
    assert!(dropped, "an expired message leaves the disk too");
}

#[test]
fn a_full_house_drops_what_expires_first_and_does_not_take_it_back() {
    // MSG-2
    let mut lab = Lab::with(Config { messages_max: 3, ..config() });
    let link = lab.link(&puppet(1));
    let hour_ms = 3_600_000;
    let signed: Vec<Signed> = (1..=5)
        .map(|hours| {
            let content = Content::Message(wire::Message::new("t", Bytes::from_static(b"1")));
            sign(&puppet(7), hours, START_MS, hours * hour_ms, content)
        })
        .collect();
    signed.iter().for_each(|record| drop(lab.push(link, record, 3)));
    assert_eq!(lab.messages(), 3);
    let held = lab.engine.held(Set::Messages);
    let last_three: Vec<_> = signed[2..].iter().map(id_of).collect();
    assert!(last_three.iter().all(|id| held.contains(id)));
    assert!(accepted(&lab.push(link, &signed[0], 3)).is_empty());
    assert_eq!(lab.messages(), 3);
}

#[test]
fn more_entries_than_fit_are_refused() {
    // STATE-5
    let mut lab = Lab::with(Config { entries_max: 2, ..config() });
    let link = lab.link(&puppet(1));
    for name in ["a", "b", "c"] {
        lab.push(link, &entry(&puppet(7), START_MS, name, "1"), 3);
    }
    assert_eq!(lab.root().count, 2);
    let entry_of = |name: &str| {
        let value = Some(Bytes::from_static(b"1"));
        let entry = Entry { collection: "c".to_owned(), name: name.to_owned(), value };
        vec![(Content::Entry(entry), 0)]
    };
    assert!(!lab.engine.fits(&entry_of("ours")));
    // A newer version of one that is there still enters.
    let newer = entry(&puppet(7), START_MS + 1, "a", "2");
    assert_eq!(accepted(&lab.push(link, &newer, 3)).len(), 1);
}

#[test]
fn a_name_or_a_body_out_of_bounds_does_not_enter() {
    // RECORD-1, INTAKE-1
    let named = |name: &str, value: usize| {
        let value = Some(Bytes::from(vec![b'1'; value]));
        let entry = Entry { collection: "c".to_owned(), name: name.to_owned(), value };
        sign(&puppet(7), 5, START_MS, 0, Content::Entry(entry))
    };
    for name in [String::new(), "n".repeat(1_025), "n".repeat(4_096)] {
        let mut lab = Lab::new();
        let link = lab.link(&puppet(1));
        // No honest node passes it on: its own author refuses to write it.
        let effects = lab.push(link, &named(&name, 1), 3);
        assert_eq!(closed(&effects), [(link, wire::Reason::Misbehaved)]);
        assert_eq!(lab.root().count, 0);
    }
    let around = named("n", 8_000).body.len() - 8_000;
    for (over, count) in [(1, 0), (0, 1)] {
        let mut lab = Lab::with(Config { body_bytes_max: 8_192, ..config() });
        let link = lab.link(&puppet(1));
        let signed = named("n", 8_192 - around + over);
        assert_eq!(signed.body.len(), 8_192 + over);
        let effects = lab.push(link, &signed, 3);
        assert_eq!((closed(&effects), lab.root().count), (Vec::new(), count));
    }
}

#[test]
fn what_was_kept_is_there_after_waking_up() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    lab.push(link, &entry(&puppet(7), START_MS, "n", "1"), 3);
    lab.push(link, &message(&puppet(7), START_MS, "m"), 3);
    let mut kept = Snapshot::default();
    for effect in &lab.effects {
        let Effect::Persist(batch) = effect else { continue };
        kept.items.extend(batch.keep.iter().map(|it| crate::Kept {
            set: it.set,
            key: it.key,
            id: it.id,
            created: it.created,
            expires_ms: it.expires_ms,
        }));
    }
    let again = Lab::waking(config(), kept);
    assert_eq!((again.root(), again.messages()), (lab.root(), lab.messages()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn the_order_of_arrival_does_not_matter(
        records in proptest::collection::vec((0..3_u8, 0..4_u64, 0..3_u8, any::<bool>()), 1..20),
        turn in any::<prop::sample::Index>(),
    ) {
        // STATE-4
        let signed: Vec<Signed> = records
            .iter()
            .map(|(author, at, name, is_entry)| {
                let (author, at_ms) = (puppet(*author + 10), START_MS + at);
                let text = name.to_string();
                if *is_entry { entry(&author, at_ms, &text, "1") } else { message(&author, at_ms, &text) }
            })
            .collect();
        let forward: Vec<&Signed> = signed.iter().collect();
        let mut turned = forward.clone();
        turned.rotate_left(turn.index(signed.len()));
        turned.reverse();
        prop_assert_eq!(root_after(&forward), root_after(&turned));
    }
}
