//! Our sets as of a moment ago, against sets that never saw the rest.

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Content, Entry, Opened, Signed};

use super::lab::*;
use crate::sets::{Place, Sets, Standing};
use crate::young::{YOUNG_MAX, YOUNG_MS};
use crate::{Config, Snapshot};

fn opened(signed: &Signed) -> (Place, Opened) {
    let opened = signed.clone().open().unwrap();
    (Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap(), opened)
}

fn insert(sets: &mut Sets, signed: &Signed) {
    let (place, opened) = opened(signed);
    if sets.standing(&place, &opened) == Standing::New {
        sets.insert(&place, &opened);
        sets.evict();
    }
}

fn sets_of<'a>(config: &Config, records: impl Iterator<Item = &'a Signed>) -> Sets {
    let mut sets = Sets::new(config, &Snapshot::default());
    records.for_each(|record| insert(&mut sets, record));
    sets
}

fn value_at(number: u64, at_ms: u64) -> Signed {
    let value = Some(Bytes::from(at_ms.to_string()));
    let entry = Entry { collection: "c".to_owned(), name: number.to_string(), value };
    sign(&puppet(7), at_ms, at_ms, 0, Content::Entry(entry))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn as_of_a_moment_it_is_what_had_been_created_by_then(
        messages in proptest::collection::vec(0..300_u64, 0..30),
        writes in proptest::collection::btree_set((0..300_u64, 0..5_u64), 0..40),
        turn in any::<prop::sample::Index>(),
        cutoffs in proptest::collection::vec(0..320_u64, 1..6),
        messages_max in 10..40_usize,
    ) {
        // WALK-2: messages come in any order, the versions of an entry in theirs.
        let config = Config { messages_max, ..config() };
        let text = |(number, _): (usize, &u64)| number.to_string();
        let mut all: Vec<Signed> = messages
            .iter()
            .enumerate()
            .map(|it| message(&puppet(7), START_MS + it.1, &text(it)))
            .collect();
        if !all.is_empty() {
            let by = turn.index(all.len());
            all.rotate_left(by);
        }
        all.extend(writes.iter().map(|(at, number)| value_at(*number, START_MS + at)));
        let mut sets = sets_of(&config, all.iter());
        for cutoff in cutoffs {
            let cutoff_ms = START_MS + cutoff;
            let by_then = all.iter().filter(|it| opened(it).1.record.created.ms() <= cutoff_ms);
            let roomy = Config { messages_max: 1_000, ..config.clone() };
            let model = sets_of(&roomy, by_then).summary();
            let ours = sets.summary_as_of(Some(cutoff_ms));
            prop_assert_eq!(ours.state, model.state);
            if messages.len() <= messages_max {
                prop_assert_eq!(ours.messages, model.messages);
            }
            // Asked again, it is the same; and the whole is as if nobody had asked.
            prop_assert_eq!(sets.summary_as_of(Some(cutoff_ms)), ours);
            prop_assert_eq!(sets.summary_as_of(None), sets.summary());
        }
    }

    #[test]
    fn what_comes_late_changes_the_past(at in 0..300_u64, cutoff in 0..300_u64) {
        let mut sets = sets_of(&config(), [50, 100, 150, 200].map(|it| value_at(it, START_MS + it)).iter());
        let cutoff_ms = Some(START_MS + cutoff);
        let before = sets.summary_as_of(cutoff_ms).state;
        insert(&mut sets, &value_at(999, START_MS + at));
        prop_assert_eq!(sets.summary_as_of(cutoff_ms).state != before, at <= cutoff);
    }
}

#[test]
fn a_message_that_made_room_a_moment_ago_was_there_before() {
    let config = Config { messages_max: 2, ..config() };
    let all = [10, 20, 30].map(|at| message(&puppet(7), START_MS + at, &at.to_string()));
    let mut sets = sets_of(&config, all.iter());
    let model = sets_of(&config, all[..2].iter()).summary();
    assert_eq!(sets.summary_as_of(Some(START_MS + 25)).messages, model.messages);
    assert_eq!(sets.summary().messages.count, 2);
}

#[test]
fn the_past_is_bounded_in_number_and_in_time() {
    let mut sets = sets_of(&config(), [].iter());
    for number in 0..YOUNG_MAX as u64 + 100 {
        insert(&mut sets, &value_at(number, START_MS + number));
    }
    // The oldest hundred made room: that far back nobody can be told, and the guard shrinks.
    assert_eq!(sets.floor_ms(), START_MS + 99);
    sets.age(START_MS + YOUNG_MS + 500);
    assert_eq!(sets.floor_ms(), START_MS + 499);
    sets.age(START_MS + 10 * YOUNG_MS);
    let all = sets.summary();
    assert_eq!(sets.summary_as_of(Some(sets.floor_ms())).state, all.state);
}
