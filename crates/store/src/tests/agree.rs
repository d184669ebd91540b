//! Maps and file say the same at every step of any history.

use node::engine::checkpoint::Row;
use node::engine::{AuthorClock, Batch, Keep, Kept, Maps};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::{Digest, Hlc, Set};

use super::{author, book_row, deleted, entry, gone, maps_of, message, network, wakes_in_a_moment};
use crate::{DiskStore, MemoryStore, Query, Read, Store, StoreConfig};

/// Few names, authors and times, so that records meet.
fn any_keep() -> impl Strategy<Value = Keep> {
    let (names, times) = (0..6_u8, 1..5_u64);
    (0..8_u8, names, 1..3_u8, times, any::<bool>()).prop_map(
        |(kind, name, by, created, replaces)| {
            let (collection, name) = (["c", "cc"][usize::from(name % 2)], format!("n{name}"));
            let mut keep = match kind {
                0 => deleted(collection, &name, by, created),
                1 => message(&name, created),
                _ => entry(collection, &name, by, created, "v"),
            };
            keep.replaces = replaces.then(|| entry(collection, &name, by, created - 1, "v").id);
            keep
        },
    )
}

fn any_row() -> impl Strategy<Value = (Row, Option<Vec<u8>>)> {
    let row = prop_oneof![
        Just(Row::Seat),
        (0..30_u64).prop_map(Row::Sealed),
        (0..3_u64, 0..3_u16).prop_map(|(height, guilty)| Row::Evidence(height, guilty)),
    ];
    (row, proptest::option::of(vec(any::<u8>(), 0..4)))
}

fn any_batch() -> impl Strategy<Value = Batch> {
    let rows = vec((1..5_u8, 0..3_u64), 0..3);
    let author_clock = proptest::option::of((0..9_u64, 0..9_u64));
    let any_own = (
        (0..12_u8).prop_map(|it| {
            format!("{}/{}", ["journal", "alerts", "levels"][usize::from(it % 3)], it / 3)
        }),
        proptest::option::of(vec(any::<u8>(), 0..4)),
    );
    let others = (author_clock, vec(any_row(), 0..4), vec(any_own, 0..3));
    (vec(any_keep(), 0..6), vec(any_keep(), 0..3), rows, vec(1..5_u8, 0..2), others).prop_map(
        |(keep, drop, rows, book_drop, (clock, council, own))| Batch {
            keep,
            drop: drop.iter().map(gone).collect(),
            book: rows
                .into_iter()
                .map(|(by, heard)| book_row(by, Some("http://h"), heard))
                .collect(),
            book_drop: book_drop.into_iter().map(author).collect(),
            author: clock.map(|(seq, hlc)| AuthorClock { seq, hlc: Hlc(hlc) }),
            council,
            own,
            maps: None,
        },
    )
}

fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for collection in [None, Some("c"), Some("cc"), Some("x")] {
        for prefix in ["", "n", "n1"] {
            for by in [None, Some(author(1))] {
                let (collection, prefix) = (collection.map(str::to_owned), prefix.to_owned());
                queries.push(Query { collection, author: by, prefix, after: None, limit: 2 });
            }
        }
    }
    queries
}

/// Compares all that can be asked, following every page.
fn compare(one: &dyn Store, other: &dyn Store) {
    let (snapshot, theirs) = (one.load().unwrap(), other.load().unwrap());
    assert_eq!(snapshot, theirs);
    let ids: Vec<_> = snapshot.items.iter().map(|it| it.id).collect();
    assert_eq!(one.records(&ids, usize::MAX).unwrap(), other.records(&ids, usize::MAX).unwrap());
    let (one, other) = (one.reader(), other.reader());
    for prefix in ["", "journal/", "levels/", "z"] {
        for (after, max) in [(None, 9), (Some("journal/1"), 2), (Some("levels/0"), 9)] {
            let rows = one.own(prefix, after, max).unwrap();
            assert_eq!(rows, other.own(prefix, after, max).unwrap(), "{prefix:?} {after:?}");
            assert!(rows.len() <= max && rows.is_sorted());
        }
    }
    for mut query in queries() {
        loop {
            let page = one.list(&query).unwrap();
            assert_eq!(page, other.list(&query).unwrap(), "{query:?}");
            query.after = page.1;
            if query.after.is_none() {
                break;
            }
        }
    }
    names(&*one, &*other);
}

fn names(one: &dyn Read, other: &dyn Read) {
    for name in 0..6 {
        for by in [None, Some(author(1)), Some(author(2))] {
            let (collection, name) = (["c", "cc"][name % 2], format!("n{name}"));
            let find = |reader: &dyn Read| reader.entry(collection, &name, by).unwrap();
            assert_eq!(find(one), find(other), "{collection} {name} {by:?}");
        }
    }
}

/// Whoever writes: its maps follow what it writes, and wake up with the store.
struct Writer {
    maps: Maps,
    /// Whether the store knows the hashes.
    told: bool,
}

impl Writer {
    fn waking(store: &DiskStore, told: bool) -> Self {
        let woken = store.wake().unwrap();
        assert_eq!(woken.maps.is_some(), told);
        if told {
            wakes_in_a_moment(store, "after a start");
        }
        Self { maps: woken.maps.map_or_else(|| maps_of(&woken.items), |it| *it), told }
    }

    /// Changes the maps as the sets change, and hands them over with the last batch, if it is to tell.
    fn follow(&mut self, batches: &mut [Batch], tells: bool, before: &[Kept], after: &[Kept]) {
        for old in before.iter().filter(|it| !after.iter().any(|new| place(new) == place(it))) {
            self.maps.map_mut(old.set).remove(&old.key);
        }
        for new in after.iter().filter(|it| !before.contains(it)) {
            self.maps.map_mut(new.set).insert(new.leaf());
            self.maps.newest = self.maps.newest.max(new.created);
        }
        let made = maps_of(after);
        assert_eq!((&self.maps.state, &self.maps.messages), (&made.state, &made.messages));
        assert_eq!(self.maps.state.lost().or(self.maps.messages.lost()), None);
        let changes = |batch: &&mut Batch| !batch.keep.is_empty() || !batch.drop.is_empty();
        if let Some(last) = batches.iter_mut().rev().find(changes) {
            last.maps = tells.then(|| self.maps.clone().into());
            self.told = tells;
        }
    }
}

fn place(kept: &Kept) -> (Set, Digest) {
    (kept.set, kept.key)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_agree_on_any_history(
        history in vec((vec(any_batch(), 1..3), any::<bool>(), 0..8_u8), 1..16),
        layer_rows_max in 1..20_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut memory = MemoryStore::default();
        // Layers so small that they are full, and merged, within the history.
        let config = StoreConfig { layer_rows_max, ..StoreConfig::default() };
        let mut disk = DiskStore::open_with(dir.path(), network(), config).unwrap();
        let mut writer = Writer::waking(&disk, true);
        for (mut batches, restarts, silent) in history {
            let before = memory.load().unwrap().items;
            memory.apply(&batches).unwrap();
            writer.follow(&mut batches, silent != 0, &before, &memory.load().unwrap().items);
            disk.apply(&batches).unwrap();
            if restarts {
                drop(disk);
                let told = writer.told;
                disk = DiskStore::open_with(dir.path(), network(), config).unwrap();
                writer = Writer::waking(&disk, told);
            }
            compare(&memory, &disk);
            let verified = disk.verify().unwrap();
            let known = writer.told && 0 < verified.items;
            prop_assert_eq!(0 < verified.buckets, known);
        }
        drop(disk);
        let disk = DiskStore::open(dir.path(), network()).unwrap();
        compare(&memory, &disk);
        disk.verify().unwrap();
    }
}
