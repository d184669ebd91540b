//! Appended entries: the newest of each author stay, to the end of their hour (STATE-7).

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Content, Entry, Hlc, Identity, Opened, Record, Set, Signed, Slot};

use super::lab::*;
use crate::sets::{Place, Sets, Standing};
use crate::{Config, Effect, Event, Snapshot};

const HOUR_MS: u64 = 3_600_000;
/// The hour in which everything begins.
const FIRST: u32 = 500_000;

pub(super) fn appended(author: &Identity, at_ms: u64, slot: Slot) -> Signed {
    let value = Some(Bytes::from(at_ms.to_string()));
    let entry = Entry { collection: "c".to_owned(), name: slot.to_string(), value };
    let (created, expires_ms) = (Hlc::from_ms(at_ms), slot.expires_ms());
    let content = Content::Entry(entry);
    Signed::seal(&Record { network: NETWORK, seq: at_ms, created, expires_ms, content }, author)
}

fn append(lab: &mut Lab, count: u32, hour: u32) -> Vec<Slot> {
    let values = (0..count).map(|it| ("c".to_owned(), Bytes::from(it.to_string())));
    let written = lab.engine.append(values.collect(), hour, lab.now);
    written.into_iter().map(|(_, slot)| slot).collect()
}

fn numbers(slots: &[Slot]) -> Vec<u32> {
    slots.iter().map(|slot| slot.number).collect()
}

#[test]
fn the_newest_stay_and_the_oldest_make_room() {
    let mut lab = Lab::with(Config { slots_max: 3, ..config() });
    assert_eq!(numbers(&append(&mut lab, 2, 0)), [0, 1]);
    assert_eq!(numbers(&append(&mut lab, 3, 0)), [2, 0, 1]);
    assert_eq!(numbers(&append(&mut lab, 5, 0)), [2, 0, 1, 2, 0]);
    assert_eq!(lab.root().count, 3);
    // Each hour has a ring of its own.
    let hour = Slot::last_hour(lab.now.unix_ms, HOUR_MS).unwrap();
    assert_eq!(numbers(&append(&mut lab, 2, hour)), [0, 1]);
    assert_eq!(lab.root().count, 5);
}

#[test]
fn it_goes_on_behind_what_peers_still_have_of_ours() {
    let mut before = Lab::with(Config { slots_max: 4, ..config() });
    append(&mut before, 6, 0);
    let mut lab = Lab::with(Config { slots_max: 4, ..config() });
    lab.now = before.now;
    let link = lab.link(&puppet(1));
    let held = before.engine.held(Set::State);
    let effects = before.engine.drain();
    for effect in &effects {
        let Effect::Persist(batch) = effect else { continue };
        let still = batch.keep.iter().filter(|keep| held.contains(&keep.id));
        still.for_each(|keep| drop(lab.push(link, &keep.signed, 3)));
    }
    assert_eq!(lab.root(), before.root());
    assert_eq!(numbers(&append(&mut lab, 1, 0)), [2]);
}

#[test]
fn what_breaks_a_rule_does_not_enter() {
    let mut lab = Lab::with(Config { slots_max: 3, ..config() });
    let link = lab.link(&puppet(1));
    let now = u32::try_from(START_MS / HOUR_MS).unwrap();
    let days = |days: u32| now + 24 * days;
    let refused = [
        (Slot { hour: 0, number: 3 }, "the slot is beyond what this network keeps of one author"),
        (Slot { hour: days(30) + 2, number: 0 }, "the record would live longer than allowed"),
        (Slot { hour: now - 1, number: 0 }, "the record has expired"),
    ];
    for (slot, why) in refused {
        let effects = lab.push(link, &appended(&puppet(7), START_MS, slot), 3);
        let said = effects.iter().find_map(|effect| match effect {
            Effect::Report(Event::Refused(_, what)) => Some(what.clone()),
            _ => None,
        });
        assert!(said.is_some_and(|it| it.ends_with(why)), "{slot}: {why}");
        assert!(closed(&effects).is_empty());
    }
    assert_eq!(lab.root().count, 0);
    lab.push(link, &appended(&puppet(7), START_MS, Slot { hour: days(30), number: 2 }), 3);
    assert_eq!(lab.root().count, 1);
}

#[test]
fn it_is_thrown_away_a_moment_after_its_hour_and_not_fetched_again() {
    let mut lab = Lab::new();
    let link = lab.link(&puppet(1));
    let hour = u32::try_from(START_MS / HOUR_MS).unwrap();
    let signed = appended(&puppet(7), START_MS, Slot { hour, number: 0 });
    lab.push(link, &signed, 3);
    let end_ms = (u64::from(hour) + 1) * HOUR_MS;
    lab.pass(end_ms + 119_000 - lab.now.unix_ms);
    assert_eq!(lab.root().count, 1);
    let effects = lab.pass(20_000);
    assert_eq!(lab.root().count, 0);
    let dropped = effects.iter().any(|it| {
        matches!(it, Effect::Persist(batch) if batch.drop.iter().any(|it| it.set == Set::State))
    });
    assert!(dropped, "it leaves the disk too");
    lab.push(link, &signed, 3);
    assert_eq!(lab.root().count, 0);
}

fn insert(sets: &mut Sets, signed: &Signed) {
    let opened: Opened = signed.clone().open().unwrap();
    let place = Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap();
    if sets.standing(&place, &opened) == Standing::New {
        sets.insert(&place, &opened);
    }
}

/// Author, hour, slot, and when it was written, seconds after the first hour began.
type Row = (u8, u32, u32, u64);

fn some_row() -> impl Strategy<Value = Row> {
    (0..2_u8, 0..4_u32, 0..3_u32, 0..4 * 3_600_u64)
}

fn signed(row: Row) -> Signed {
    let (author, hour, number, at_s) = row;
    let hour = if hour == 0 { 0 } else { FIRST + hour };
    let at_ms = u64::from(FIRST) * HOUR_MS + at_s * 1_000;
    appended(&puppet(10 + author), at_ms, Slot { hour, number })
}

fn is_written_in_time((_, hour, _, at_s): &Row) -> bool {
    *hour == 0 || at_s / 3_600 <= u64::from(*hour)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn any_order_and_any_moment_of_throwing_away_give_one_root(
        rows in proptest::collection::vec(some_row().prop_filter("late", is_written_in_time), 1..40),
        turn in any::<prop::sample::Index>(),
        (early, late) in (0..5 * 3_600_u64, 0..5 * 3_600_u64),
        cutoff in 0..5 * 3_600_u64,
    ) {
        let unix_ms = |at_s: u64| u64::from(FIRST) * HOUR_MS + at_s * 1_000;
        let all: Vec<Signed> = rows.iter().copied().map(signed).collect();
        let mut turned = all.clone();
        turned.rotate_left(turn.index(all.len()));
        let mut ours = Sets::new(&config(), &Snapshot::default());
        let mut theirs = Sets::new(&config(), &Snapshot::default());
        all.iter().for_each(|it| insert(&mut ours, it));
        turned.iter().rev().for_each(|it| insert(&mut theirs, it));
        prop_assert_eq!(ours.summary(), theirs.summary());
        // One of them threw something away, the other, whose clock is behind, less.
        ours.expire(unix_ms(early.max(late)), usize::MAX);
        theirs.expire(unix_ms(early.min(late)), usize::MAX);
        let cutoff_ms = unix_ms(cutoff);
        // An earlier version that comes late is not taken for the past: as with names.
        let of_slot = |row: &Row| rows.iter().filter(|it| (it.0, it.1, it.2) == (row.0, row.1, row.2)).count();
        let told = rows.iter().all(|row| row.3 <= cutoff || of_slot(row) == 1);
        if told && ours.floor_ms().max(theirs.floor_ms()) <= cutoff_ms {
            let cutoff_ms = Some(cutoff_ms);
            prop_assert_eq!(ours.summary_as_of(cutoff_ms).state, theirs.summary_as_of(cutoff_ms).state);
            prop_assert_eq!(
                ours.as_of(Set::State, cutoff_ms).root(),
                theirs.as_of(Set::State, cutoff_ms).root()
            );
            let lives = |row: &Row| row.3 <= cutoff && (row.1 == 0 || cutoff / 3_600 <= u64::from(row.1));
            let mut model = Sets::new(&config(), &Snapshot::default());
            let alive = rows.iter().zip(&all).filter(|(row, _)| lives(row));
            alive.for_each(|(_, it)| insert(&mut model, it));
            prop_assert_eq!(ours.summary_as_of(cutoff_ms).state, model.summary().state);
        }
        // In the end both have thrown away the same.
        let end_ms = unix_ms(6 * 3_600);
        ours.expire(end_ms, usize::MAX);
        theirs.expire(end_ms, usize::MAX);
        prop_assert_eq!(ours.summary(), theirs.summary());
        prop_assert!(ours.summary().state.count <= 6);
    }
}
