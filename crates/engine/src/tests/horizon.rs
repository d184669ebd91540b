//! How far back the state goes: when deletions go, and what comes in no more.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use wire::{Content, Entry, Hlc, Identity, Opened, Record, Set, Signed};

use super::council::attesting;
use super::lab::*;
use crate::horizon::{Horizon, Line};
use crate::sets::{Place, Sets, Standing, contradictions};
use crate::{Config, Effect, Kept, Snapshot};

const HOUR_MS: u64 = 3_600_000;
/// How long deletions are kept here.
const KEPT_MS: u64 = 10 * HOUR_MS;

/// An entry of `c`, or its deletion, which says when it goes.
fn written(author: &Identity, at_ms: u64, name: &str, goes_ms: Option<u64>) -> Opened {
    let value = goes_ms.is_none().then(|| Bytes::from_static(b"1"));
    let content =
        Content::Entry(Entry { collection: "c".to_owned(), name: name.to_owned(), value });
    let (created, expires_ms) = (Hlc::from_ms(at_ms), goes_ms.unwrap_or(0));
    let record = Record { network: NETWORK, seq: at_ms, created, expires_ms, content };
    Signed::seal(&record, author).open().unwrap()
}

fn place(opened: &Opened) -> Place {
    Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap()
}

fn keeping() -> Config {
    let mut config = attesting();
    config.checkpoints.iter_mut().for_each(|it| it.deletion_ms = KEPT_MS);
    config
}

/// Lets a record in if it may come in.
fn offer(sets: &mut Sets, opened: &Opened) -> Standing {
    let place = place(opened);
    let standing = sets.standing(&place, opened);
    if standing == Standing::New {
        sets.insert(&place, opened);
    }
    standing
}

#[test]
fn the_line_is_drawn_by_the_hour_of_the_checkpoint() {
    // STATE-9
    let line = Line::of(START_MS + HOUR_MS - 1, KEPT_MS);
    assert_eq!(START_MS % HOUR_MS, 0, "the lab begins with an hour");
    assert_eq!(line, Line { hour_ms: START_MS, past_ms: START_MS - KEPT_MS });
    let key = place(&written(&puppet(1), START_MS, "n", None)).key;
    assert!(line.is_past(&key, Hlc::from_ms(line.past_ms)));
    assert!(!line.is_past(&key, Hlc::from_ms(line.past_ms + 1)));
    // Proofs against authors never are, nor is what expires by its place.
    assert!(!line.is_past(contradictions().key(), Hlc::from_ms(1)));
    let mut expiring = key;
    expiring.0[11] = 1;
    assert!(!line.is_past(&expiring, Hlc::from_ms(1)));
}

#[test]
fn a_deletion_goes_with_the_first_hour_after_it_was_kept_long_enough() {
    // STATE-8
    let kept = |created_ms: u64, expires_ms: u64| {
        let opened = written(&puppet(1), created_ms, "n", Some(expires_ms));
        let (Place { set, key }, id) = (place(&opened), opened.id);
        Kept { set, key, id, created: Hlc::from_ms(created_ms), expires_ms }
    };
    let goes = |kept: &Kept, hour_ms: u64| {
        let mut horizon = Horizon::new(KEPT_MS);
        horizon.note(kept);
        horizon.set(Some(Line::of(hour_ms, KEPT_MS)));
        horizon.is_passing()
    };
    let end_ms = START_MS + KEPT_MS + HOUR_MS;
    for created_ms in [START_MS, START_MS + HOUR_MS - 1] {
        assert!(!goes(&kept(created_ms, end_ms), end_ms - 1));
        assert!(goes(&kept(created_ms, end_ms), end_ms));
        // An author that says earlier has to wait; one that says later is believed.
        assert!(!goes(&kept(created_ms, START_MS + HOUR_MS), end_ms - 1));
        assert!(!goes(&kept(created_ms, end_ms + HOUR_MS), end_ms));
        // So is one that says never, as all did before.
        assert!(!goes(&kept(created_ms, 0), u64::MAX / 2));
    }
}

#[test]
fn deletions_go_only_where_somebody_attests_what_was_there() {
    // STATE-8
    let deleted_at = |config: Config| {
        let mut lab = Lab::with(config);
        lab.link(&puppet(1));
        let entry = Entry { collection: "c".to_owned(), name: "n".to_owned(), value: None };
        lab.engine.write(vec![(Content::Entry(entry), 0)], lab.now);
        let effects = lab.engine.drain();
        let keep = effects.into_iter().find_map(|effect| match effect {
            Effect::Persist(batch) => batch.keep.first().cloned(),
            _ => None,
        });
        keep.unwrap().expires_ms
    };
    assert_eq!(deleted_at(config()), 0);
    assert_eq!(deleted_at(attesting()), 0);
    assert_eq!(deleted_at(keeping()), START_MS + KEPT_MS + HOUR_MS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// STATE-8, STATE-9: whatever came first, and whatever comes again when the line has moved.
    #[test]
    fn what_is_left_is_a_function_of_the_records_and_the_line(
        writes in prop::collection::vec((0..5_u8, 0..30_u64, any::<bool>()), 1..40),
        order in prop::collection::vec(any::<prop::sample::Index>(), 40),
        hour in 0..45_u64,
    ) {
        let records: Vec<Opened> = (0..).zip(&writes).map(|(number, (name, at, deletes))| {
            let at_ms = START_MS + at * HOUR_MS / 2 + number;
            let end_ms = (at_ms + KEPT_MS) / HOUR_MS * HOUR_MS + HOUR_MS;
            written(&puppet(1), at_ms, &name.to_string(), deletes.then_some(end_ms))
        }).collect();
        let mut sets = Sets::new(&keeping(), &Snapshot::default());
        let mut shuffled = records.clone();
        for (at, with) in order.iter().enumerate().take(shuffled.len()) {
            let with = with.index(shuffled.len());
            shuffled.swap(at, with);
        }
        shuffled.iter().for_each(|it| { offer(&mut sets, it); });
        let line = Line::of(START_MS + hour * HOUR_MS, KEPT_MS);
        sets.look_back_to(Some(line));
        while sets.is_letting_go() {
            sets.expire(START_MS, 2);
        }
        // The last word on each name stays, but for deletions that are past.
        let mut last: BTreeMap<wire::Digest, &Opened> = BTreeMap::new();
        for it in &records {
            let known = last.entry(place(it).key).or_insert(it);
            if (known.record.created, known.id) < (it.record.created, it.id) {
                *known = it;
            }
        }
        let stays = |it: &&Opened| {
            it.record.expires_ms == 0 || line.hour_ms < it.record.expires_ms
        };
        let mut expected = Sets::new(&keeping(), &Snapshot::default());
        last.into_values().filter(stays).for_each(|it| { offer(&mut expected, it); });
        prop_assert_eq!(sets.summary(), expected.summary());
        // Nothing comes back.
        for it in &shuffled {
            prop_assert_ne!(offer(&mut sets, it), Standing::New);
        }
        prop_assert_eq!(sets.map(Set::State).root(), expected.map(Set::State).root());
    }
}
