//! Whatever the disk does, an acknowledged batch stays, and none is there by half.

use std::io::ErrorKind;

use node::engine::{AuthorClock, Batch, Snapshot};
use wire::Hlc;

use super::faulty::Platter;
use super::{book_row, entry, gone, keeps, maps_of, message, told, wakes_in_a_moment};
use crate::{DiskStore, MemoryStore, Query, Store, StoreError};

/// Six steps that write, replace and drop.
fn history() -> Vec<Batch> {
    let value = "x".repeat(600);
    let step = |round: u64| {
        let names = (0..12).map(|name| format!("n{name}"));
        let mut keep: Vec<_> = names.map(|it| entry("c", &it, 1, 1 + round, &value)).collect();
        keep.push(message("m", 1 + round));
        let drop = vec![gone(&message("m", round)), gone(&entry("c", "n3", 1, 1 + round, &value))];
        let author = Some(AuthorClock { seq: round, hlc: Hlc(round) });
        let book = vec![book_row(1, None, round)];
        Batch { keep, drop, book, author, ..Batch::default() }
    };
    told((0..6).map(step).collect())
}

/// The state after each number of steps.
fn states(history: &[Batch]) -> Vec<Snapshot> {
    let mut model = MemoryStore::default();
    let mut states = vec![model.load().unwrap()];
    for batch in history {
        model.apply(std::slice::from_ref(batch)).unwrap();
        states.push(model.load().unwrap());
    }
    states
}

/// Which state a store is in; all of its indexes must tell the same.
#[track_caller]
fn step_of(store: &DiskStore, states: &[Snapshot], context: &str) -> usize {
    let snapshot = store.load().unwrap();
    let verified = store.verify().unwrap_or_else(|error| panic!("{context}: {error}"));
    assert_eq!(verified.buckets == 0, snapshot.items.is_empty(), "{context}: hashes");
    wakes_in_a_moment(store, context);
    let ids: Vec<_> = snapshot.items.iter().map(|it| it.id).collect();
    assert_eq!(
        store.records(&ids, usize::MAX).unwrap().len(),
        ids.len(),
        "{context}: bytes are missing"
    );
    let (found, _) = store.reader().list(&Query { limit: 100, ..Query::default() }).unwrap();
    assert_eq!(found.len(), snapshot.items.len().saturating_sub(1), "{context}: names");
    let step = states.iter().position(|state| *state == snapshot);
    step.unwrap_or_else(|| panic!("{context}: half a batch is there"))
}

/// Plays the history until something fails; the answer is how many batches were acknowledged.
fn play(store: &mut DiskStore, history: &[Batch]) -> usize {
    let apply = |batch: &Batch| store.apply(std::slice::from_ref(batch)).is_ok();
    let failed = history.iter().map(apply).position(|done| !done);
    failed.unwrap_or(history.len())
}

/// The operations between opening and the end of the history.
fn ops(history: &[Batch]) -> std::ops::Range<u64> {
    let platter = Platter::default();
    let mut store = platter.open().unwrap();
    let start = platter.ops();
    assert_eq!(play(&mut store, history), history.len());
    start..platter.ops()
}

#[test]
fn after_a_power_cut_acknowledged_batches_are_there_and_none_is_partial() {
    let history = history();
    let states = states(&history);
    for cut in ops(&history) {
        let platter = Platter::default();
        let mut store = platter.open().unwrap();
        platter.cut_at(cut);
        let acknowledged = play(&mut store, &history);
        drop(store);
        for seed in 0..4 {
            let context = format!("cut at operation {cut}, seed {seed}");
            let mut store = platter.after_power_cut(seed).open().unwrap_or_else(|error| {
                panic!("{context}: {error}");
            });
            let step = step_of(&store, &states, &context);
            let allowed = acknowledged..=acknowledged + 1;
            assert!(
                allowed.contains(&step),
                "{context}: {acknowledged} acknowledged, {step} there"
            );
            assert_eq!(play(&mut store, &history[step..]), history.len() - step, "{context}");
            assert_eq!(store.load().unwrap(), states[history.len()], "{context}");
        }
    }
}

#[test]
fn a_failed_operation_loses_nothing_and_the_next_try_succeeds() {
    let history = history();
    let states = states(&history);
    for kind in [ErrorKind::StorageFull, ErrorKind::TimedOut] {
        for op in ops(&history) {
            let context = format!("{kind:?} at operation {op}");
            let platter = Platter::default();
            let mut store = platter.open().unwrap();
            platter.fail_at(op, kind);
            let acknowledged = play(&mut store, &history);
            let step = step_of(&store, &states, &context);
            let allowed = acknowledged..=(acknowledged + 1).min(history.len());
            assert!(
                allowed.contains(&step),
                "{context}: {acknowledged} acknowledged, {step} there"
            );
            // The same batch again, as the caller would.
            let rest = &history[acknowledged..];
            assert_eq!(play(&mut store, rest), rest.len(), "{context}");
            assert_eq!(store.load().unwrap(), states[history.len()], "{context}");
        }
    }
}

#[test]
fn a_full_disk_can_be_read_and_once_there_is_room_written() {
    let platter = Platter::default();
    let mut store = platter.open().unwrap();
    let value = "x".repeat(10_000);
    let batch = |round: u64| {
        keeps((0..8).map(|it| entry("c", &format!("{round} {it}"), 1, round, &value)).collect())
    };
    store.apply(&[batch(0)]).unwrap();
    platter.limit_pages(Some(platter.pages() + 50));
    let full = (1..100).find_map(|round| Some((round, store.apply(&[batch(round)]).err()?)));
    let (round, error) = full.expect("it never filled up");
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    let before = store.load().unwrap();
    assert_eq!(before.items.len() as u64, 8 * round);
    for _ in 0..3 {
        let error = store.apply(&[batch(round)]).unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert_eq!(store.load().unwrap(), before);
        assert!(store.reader().entry("c", "0 0", None).unwrap().is_some());
    }
    platter.limit_pages(None);
    store.apply(&[batch(round)]).unwrap();
    assert_eq!(store.load().unwrap().items.len() as u64, 8 * round + 8);
    store.verify().unwrap();
}

#[test]
fn a_load_of_a_thousand_entries_survives_a_power_cut_before_every_operation() {
    let value = "x".repeat(200);
    let batch = |batch: u64| {
        let name = |number: u64| format!("n{}", batch * 20 + number);
        let mut keep: Vec<_> = (0..20).map(|it| entry("c", &name(it), 1, 1, &value)).collect();
        // Some are written again, so that rows of the log become needless.
        keep.push(entry("c", &format!("n{}", batch * 7), 1, 2 + batch, &value));
        keeps(keep)
    };
    let history = told((0..50).map(batch).collect());
    let states = states(&history);
    let platter = Platter::default();
    let mut store = platter.open().unwrap();
    let opened = platter.ops();
    let acknowledge = |batch: &Batch| {
        store.apply(std::slice::from_ref(batch)).unwrap();
        platter.ops()
    };
    let acknowledged_at: Vec<u64> = history.iter().map(acknowledge).collect();

    let copy = Platter::default();
    for (op, done) in platter.journal().iter().zip(1..=platter.ops()) {
        copy.repeat(op);
        if done < opened {
            continue;
        }
        let acknowledged = acknowledged_at.iter().filter(|at| **at <= done).count();
        let context = format!("power cut after operation {done}");
        let store = copy.after_power_cut(done).open().unwrap_or_else(|error| {
            panic!("{context}: {error}");
        });
        let there = store.load().unwrap();
        let step = (acknowledged..=acknowledged + 1).find(|it| states.get(*it) == Some(&there));
        assert!(step.is_some(), "{context}: {acknowledged} acknowledged, others are there");
        // Here the hashes alone, which cost little; every sixteenth time all they stand for.
        let woken = store.wake().unwrap().maps.expect(&context);
        assert_eq!(woken.state, maps_of(&there.items).state, "{context}");
        if done % 16 == 0 {
            store.verify().unwrap_or_else(|error| panic!("{context}: {error}"));
        }
    }
}

#[test]
fn the_log_does_not_grow_with_what_is_written_again() {
    let platter = Platter::default();
    let mut store = platter.open().unwrap();
    for round in 0..500 {
        store.apply(&[keeps(vec![entry("c", &format!("n{}", round % 5), 1, round, "v")])]).unwrap();
    }
    let verified = store.verify().unwrap();
    assert_eq!((verified.items, verified.records), (5, 5));
    // What is kept beside them is what two layers of eight rows hold, and what fills them meanwhile.
    assert!(verified.log < 100, "{} rows", verified.log);
}
