//! The promises of [`Store`] and [`Read`], asked of both implementations.

use std::thread;

use node::engine::{AuthorClock, Batch, Snapshot};
use wire::{Hlc, Set};

use super::{
    author, book_row, deleted, drops, entry, gone, ids, keeps, message, network, replacing,
};
use crate::{DiskStore, MemoryStore, Query, Read, Store};

/// Asks both stores. The disk is opened again afterwards and must wake up with the same.
#[track_caller]
fn check(promise: impl Fn(&mut dyn Store)) {
    promise(&mut MemoryStore::default());
    let dir = tempfile::tempdir().unwrap();
    let mut store = DiskStore::open(dir.path(), network()).unwrap();
    promise(&mut store);
    store.verify().unwrap();
    let before = store.load().unwrap();
    drop(store);
    let store = DiskStore::open(dir.path(), network()).unwrap();
    assert_eq!(store.load().unwrap(), before);
}

fn names(reader: &dyn Read, query: &Query) -> Vec<String> {
    let (found, next) = reader.list(query).unwrap();
    let mut names: Vec<String> = found.into_iter().map(|it| it.label.name).collect();
    names.extend(next.map(|_| "...".to_owned()));
    names
}

fn query(collection: Option<&str>, prefix: &str, limit: usize) -> Query {
    let (collection, prefix) = (collection.map(str::to_owned), prefix.to_owned());
    Query { collection, prefix, limit, ..Query::default() }
}

#[test]
fn an_empty_store_wakes_up_with_nothing() {
    check(|store| {
        assert_eq!(store.load().unwrap(), Snapshot::default());
        assert_eq!(store.records(&[network()], usize::MAX).unwrap(), vec![]);
        assert_eq!(store.reader().record(&network()).unwrap(), None);
        assert_eq!(store.reader().entry("c", "n", None).unwrap(), None);
        assert_eq!(names(&*store.reader(), &query(None, "", 10)), [""; 0]);
    });
}

#[test]
fn what_is_kept_is_there_with_its_bytes() {
    check(|store| {
        let (a, b) = (entry("c", "a", 1, 10, "1"), message("hello", 20));
        store.apply(&[keeps(vec![a.clone(), b.clone()])]).unwrap();
        let items = store.load().unwrap().items;
        let places: Vec<_> = items.iter().map(|it| (it.set, it.key, it.id)).collect();
        assert_eq!(places, [(Set::State, a.key, a.id), (Set::Messages, b.key, b.id)]);
        assert_eq!((items[1].created, items[1].expires_ms), (Hlc(20), 21));
        let asked = [b.id, network(), a.id];
        assert_eq!(
            store.records(&asked, usize::MAX).unwrap(),
            [b.signed.clone(), a.signed.clone()]
        );
        assert_eq!(store.reader().record(&b.id).unwrap(), Some(b.signed));
    });
}

#[test]
fn a_newer_record_takes_the_place_and_the_old_bytes_go() {
    check(|store| {
        let old = entry("c", "a", 1, 10, "1");
        let new = replacing(&old, entry("c", "a", 1, 11, "2"));
        store.apply(&[keeps(vec![old.clone()])]).unwrap();
        store.apply(&[keeps(vec![new.clone()])]).unwrap();
        assert_eq!(
            store.records(&ids(&[&old, &new]), usize::MAX).unwrap(),
            std::slice::from_ref(&new.signed)
        );
        assert_eq!(store.load().unwrap().items.len(), 1);
        let named = store.reader().entry("c", "a", None).unwrap().unwrap();
        assert_eq!((named.found.id, named.others), (new.id, 0));
    });
}

#[test]
fn the_old_bytes_go_even_if_the_caller_does_not_name_them() {
    check(|store| {
        let (old, new) = (entry("c", "a", 1, 10, "1"), entry("c", "a", 1, 11, "2"));
        store.apply(&[keeps(vec![old.clone(), new.clone()])]).unwrap();
        assert_eq!(store.records(&ids(&[&old, &new]), usize::MAX).unwrap(), [new.signed]);
    });
}

#[test]
fn the_same_record_twice_is_there_once() {
    check(|store| {
        let a = entry("c", "a", 1, 10, "1");
        let twice = vec![a.clone(), replacing(&a, a.clone())];
        store.apply(&[keeps(twice), keeps(vec![a.clone()])]).unwrap();
        assert_eq!(store.load().unwrap().items.len(), 1);
        assert_eq!(store.records(&ids(&[&a]), usize::MAX).unwrap(), [a.signed]);
    });
}

#[test]
fn dropping_what_is_not_there_changes_nothing() {
    check(|store| {
        let (a, b) = (entry("c", "a", 1, 10, "1"), entry("c", "b", 1, 10, "1"));
        store.apply(&[keeps(vec![a.clone()])]).unwrap();
        let before = store.load().unwrap();
        store.apply(&[drops(vec![gone(&b)])]).unwrap();
        assert_eq!(store.load().unwrap(), before);
        assert_eq!(names(&*store.reader(), &query(None, "", 10)), ["a"]);
    });
}

#[test]
fn a_record_kept_and_dropped_in_one_batch_is_gone() {
    check(|store| {
        let a = entry("c", "a", 1, 10, "1");
        let drop = vec![gone(&a)];
        store.apply(&[Batch { keep: vec![a.clone()], drop, ..Batch::default() }]).unwrap();
        assert_eq!(store.load().unwrap(), Snapshot::default());
        assert_eq!(store.records(&ids(&[&a]), usize::MAX).unwrap(), vec![]);
        assert_eq!(names(&*store.reader(), &query(None, "", 10)), [""; 0]);
    });
}

#[test]
fn dropping_an_old_record_leaves_its_successor_alone() {
    check(|store| {
        let old = entry("c", "a", 1, 10, "1");
        let new = replacing(&old, entry("c", "a", 1, 11, "2"));
        let drop = vec![gone(&old)];
        store
            .apply(&[keeps(vec![old]), Batch { keep: vec![new], drop, ..Batch::default() }])
            .unwrap();
        assert_eq!(store.load().unwrap().items.len(), 1);
        assert_eq!(names(&*store.reader(), &query(None, "", 10)), ["a"]);
    });
}

#[test]
fn book_and_author_clock_come_back() {
    check(|store| {
        let rows = [book_row(1, Some("http://h:1"), 5), book_row(2, None, 0), book_row(3, None, 7)];
        let author_clock = AuthorClock { seq: 9, hlc: Hlc(8) };
        let author_clock = Some(author_clock);
        let batch = Batch { book: rows.to_vec(), author: author_clock, ..Batch::default() };
        store.apply(&[batch]).unwrap();
        let newer = book_row(1, Some("http://h:2"), 6);
        let book_drop = vec![author(3), author(4)];
        let batch = Batch { book: vec![newer.clone()], book_drop, ..Batch::default() };
        store.apply(&[batch]).unwrap();
        let woken = store.load().unwrap();
        assert_eq!(woken.book, [newer, rows[1].clone()]);
        assert_eq!(Some(woken.author), author_clock);
    });
}

#[test]
fn a_name_shows_the_newest_author_and_how_many_others_use_it() {
    check(|store| {
        let by = |number, created| entry("c", "n", number, created, "1");
        let (old, new) = (by(1, 10), by(2, 30));
        let batch = vec![old.clone(), new.clone(), by(3, 20), deleted("c", "n", 4, 40)];
        store.apply(&[keeps(batch)]).unwrap();
        store
            .apply(&[keeps(vec![entry("c", "n2", 9, 99, "1"), entry("d", "n", 9, 99, "1")])])
            .unwrap();
        let find = |by| store.reader().entry("c", "n", by).unwrap();
        let named = find(None).unwrap();
        assert_eq!((named.found.id, named.found.signed, named.others), (new.id, new.signed, 2));
        assert_eq!(find(Some(author(1))).unwrap().found.id, old.id);
        assert_eq!(find(Some(author(4))), None);
        assert_eq!(find(Some(author(5))), None);
    });
}

#[test]
fn lists_are_in_order_and_hide_the_deleted() {
    check(|store| {
        let batch = vec![
            entry("b", "x", 1, 1, "1"),
            entry("a", "y", 2, 1, "1"),
            entry("a", "y", 1, 1, "1"),
            entry("a", "yy", 1, 1, "1"),
            deleted("a", "w", 1, 1),
            entry("ab", "z", 1, 1, "1"),
        ];
        store.apply(&[keeps(batch)]).unwrap();
        let reader = store.reader();
        let all = ["y", "y", "yy", "z", "x"];
        assert_eq!(names(&*reader, &query(None, "", 10)), all);
        assert_eq!(names(&*reader, &query(Some("a"), "", 10)), ["y", "y", "yy"]);
        assert_eq!(names(&*reader, &query(Some("a"), "yy", 10)), ["yy"]);
        assert_eq!(names(&*reader, &query(None, "x", 10)), ["x"]);
        let mine = Query { author: Some(author(2)), ..query(None, "", 10) };
        assert_eq!(names(&*reader, &mine), ["y"]);
        assert_eq!(names(&*reader, &query(Some(""), "", 10)), [""; 0]);
        assert_eq!(names(&*reader, &query(Some("nowhere"), "", 0)), [""; 0]);
    });
}

#[test]
fn pages_follow_each_other_without_gap_or_repeat() {
    check(|store| {
        let name = |number: u8| format!("n{number:02}");
        store
            .apply(&[keeps((0..10).map(|it| entry("c", &name(it), 1, 1, "1")).collect())])
            .unwrap();
        let reader = store.reader();
        let (mut query, mut seen) = (query(Some("c"), "n", 3), Vec::new());
        loop {
            let (found, next) = reader.list(&query).unwrap();
            seen.push(found.into_iter().map(|it| it.label.name).collect::<Vec<_>>().join(" "));
            let Some(next) = next else { break };
            query.after = Some(next.to_string().parse().unwrap());
        }
        assert_eq!(seen, ["n00 n01 n02", "n03 n04 n05", "n06 n07 n08", "n09"]);
    });
}

#[test]
fn a_snapshot_still_reads_what_was_replaced_since() {
    check(|store| {
        let old = entry("c", "a", 1, 10, "1");
        store.apply(&[keeps(vec![old.clone()])]).unwrap();
        let (reader, snapshot) = (store.reader(), store.reader().snapshot().unwrap());
        let new = replacing(&old, entry("c", "a", 1, 11, "2"));
        store.apply(&[keeps(vec![new.clone()])]).unwrap();
        let id = |reader: &dyn Read| reader.entry("c", "a", None).unwrap().unwrap().found.id;
        assert_eq!((id(&*snapshot), id(&*reader)), (old.id, new.id));
        assert_eq!(snapshot.record(&old.id).unwrap(), Some(old.signed));
        assert_eq!(names(&*snapshot.snapshot().unwrap(), &query(None, "", 9)), ["a"]);
    });
}

#[test]
fn readers_on_other_threads_see_whole_batches_while_one_writes() {
    check(|store| {
        let pair = |round: u64| {
            let value = round.to_string();
            keeps(vec![entry("c", "a", 1, round, &value), entry("c", "b", 1, round, &value)])
        };
        store.apply(&[pair(1)]).unwrap();
        let reader = store.reader();
        thread::scope(|scope| {
            let reading = scope.spawn(|| {
                let mut last = 0;
                while last < 20 {
                    let (found, _) = reader.list(&query(Some("c"), "", 10)).unwrap();
                    let times: Vec<u64> = found.iter().map(|it| it.created.0).collect();
                    assert!(times.len() == 2 && times[0] == times[1], "torn read: {times:?}");
                    assert!(last <= times[0], "time ran backwards");
                    last = times[0];
                }
            });
            (2..=20).for_each(|round| store.apply(&[pair(round)]).unwrap());
            reading.join().unwrap();
        });
    });
}

#[test]
fn a_copied_memory_store_goes_its_own_way() {
    let mut store = MemoryStore::default();
    let a = entry("c", "a", 1, 10, "1");
    store.apply(&[keeps(vec![a.clone()])]).unwrap();
    let disk = store.clone();
    store.apply(&[drops(vec![gone(&a)])]).unwrap();
    assert_eq!((store.len(), store.is_empty(), disk.len()), (0, true, 1));
}
