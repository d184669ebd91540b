//! Opening the wrong directory, or one that was hurt, says what to do and changes nothing.

use std::fs;
use std::path::Path;

use node::engine::{AuthorClock, Batch};
use redb::Database;
use wire::Hlc;

use super::{deleted, entry, keeps, message, network, told, wakes_in_a_moment};
use crate::{DirLock, DiskStore, Holder, MemoryStore, Store, StoreError};

fn holder() -> Holder {
    Holder { pid: 4123, version: "0.1.0".into(), since: "2026-11-21T10:02:11Z".into() }
}

fn make(dir: &Path, entries: usize) {
    let mut store = DiskStore::open(dir, network()).unwrap();
    let name = |number| format!("name {number}");
    let keep = (0..entries).map(|it| entry("c", &name(it), 1, 1, "value")).collect();
    store.apply(&[keeps(keep)]).unwrap();
}

fn fails(dir: &Path) -> StoreError {
    match DiskStore::open(dir, network()) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

#[test]
fn a_second_process_is_told_who_has_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = DirLock::take(dir.path(), &holder()).unwrap();
    let error = DirLock::take(dir.path(), &Holder { pid: 1, ..holder() }).unwrap_err();
    let at = dir.path().display();
    let expected = format!(
        "directory {at} is in use by process 4123 (trellis 0.1.0, since 2026-11-21T10:02:11Z): \
         use `trellis status --dir {at}`, or choose another --dir"
    );
    assert_eq!(error.to_string(), expected);
    drop(first);
    DirLock::take(dir.path(), &holder()).unwrap();
}

#[test]
fn a_lock_file_of_a_dead_process_does_not_lock() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("lock"), "pid 1\nversion 0.0.1\nsince ever\nand much more\n")
        .unwrap();
    let _lock = DirLock::take(dir.path(), &holder()).unwrap();
    let text = fs::read_to_string(dir.path().join("lock")).unwrap();
    assert_eq!(text, "pid 4123\nversion 0.1.0\nsince 2026-11-21T10:02:11Z\n");
}

#[test]
fn a_second_opener_is_refused_even_without_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let _store = DiskStore::open(dir.path(), network()).unwrap();
    let error = fails(dir.path());
    assert!(matches!(error, StoreError::Locked { holder: None, .. }), "{error}");
    assert!(error.to_string().contains("is in use by another process: use `trellis status"));
}

#[test]
fn another_network_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 1);
    let before = fs::read(dir.path().join("store.redb")).unwrap();
    let other = wire::Digest::of("test", &[b"another"]);
    let error = DiskStore::open(dir.path(), other).unwrap_err();
    assert!(matches!(error, StoreError::WrongNetwork { .. }), "{error}");
    assert_eq!(fs::read(dir.path().join("store.redb")).unwrap(), before);
}

#[test]
fn a_newer_format_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 1);
    let file = dir.path().join("store.redb");
    {
        let database = Database::open(&file).unwrap();
        let txn = database.begin_write().unwrap();
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        txn.open_table(meta).unwrap().insert("format", 4_u64.to_be_bytes().as_slice()).unwrap();
        txn.commit().unwrap();
    }
    let before = fs::read(&file).unwrap();
    let error = fails(dir.path());
    assert!(matches!(error, StoreError::NewerFormat { found: 4, ours: 3, .. }), "{error}");
    assert!(error.to_string().contains("was written by a newer trellis"));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn unknown_tables_are_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 1);
    let file = dir.path().join("store.redb");
    let later = redb::TableDefinition::<u64, u64>::new("of a later version");
    let database = Database::open(&file).unwrap();
    let txn = database.begin_write().unwrap();
    txn.open_table(later).unwrap().insert(1, 2).unwrap();
    txn.commit().unwrap();
    drop(database);
    make(dir.path(), 2);
    let database = Database::open(&file).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&database).unwrap();
    assert_eq!(txn.open_table(later).unwrap().get(1).unwrap().unwrap().value(), 2);
}

#[test]
fn a_file_in_place_of_the_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "mine").unwrap();
    let error = fails(&file);
    assert!(error.to_string().starts_with(&format!("cannot use {}: ", file.display())), "{error}");
    assert!(DirLock::take(&file, &holder()).is_err());
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
}

#[test]
fn faults_of_the_system_are_sorted_by_what_one_can_do() {
    use std::io::{Error, ErrorKind};
    let sorted = |kind: ErrorKind| StoreError::io(Path::new("/d"), Error::from(kind)).to_string();
    assert_eq!(
        sorted(ErrorKind::StorageFull),
        "the disk of /d is full: make room, then try again; nothing was changed"
    );
    let denied = sorted(ErrorKind::PermissionDenied);
    assert!(
        denied.starts_with("cannot write /d (") && denied.contains("another --dir"),
        "{denied}"
    );
    let read_only = StoreError::io(Path::new("/d"), Error::from(ErrorKind::ReadOnlyFilesystem));
    assert!(matches!(read_only, StoreError::ReadOnly { .. }));
    let other = StoreError::io(Path::new("/d"), Error::from(ErrorKind::TimedOut));
    assert!(matches!(other, StoreError::Io { .. }));
}

#[test]
fn an_interrupted_creation_is_begun_afresh() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("store.redb.new"), "half a store").unwrap();
    make(dir.path(), 1);
    assert!(!dir.path().join("store.redb.new").exists());
}

/// Opens and reads everything; the only fault allowed is [`StoreError::Corrupt`].
fn read_all(dir: &Path) -> Result<(), String> {
    let read = || {
        let store = DiskStore::open(dir, network())?;
        store.load()?;
        store.verify().map(|_| ())
    };
    match read() {
        Ok(()) => Ok(()),
        Err(error @ StoreError::Corrupt { .. }) => Err(error.to_string()),
        Err(error) => panic!("not called damage: {error:?}"),
    }
}

#[test]
fn a_cut_file_is_called_damaged() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 200);
    let file = dir.path().join("store.redb");
    let whole = fs::read(&file).unwrap();
    for length in [1, 100, 320, 4_095, 4_096, 10_000, 40_000, whole.len() / 2, whole.len() - 4_096]
    {
        fs::write(&file, &whole[..length]).unwrap();
        let error = read_all(dir.path()).expect_err("it opened");
        assert!(error.contains("move that file away and start again"), "{length}: {error}");
    }
    fs::write(&file, b"not a database, but long enough to be looked at. ".repeat(100)).unwrap();
    read_all(dir.path()).unwrap_err();
}

#[test]
fn torn_pages_are_called_damaged_or_do_not_matter() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), 200);
    let file = dir.path().join("store.redb");
    let whole = fs::read(&file).unwrap();
    for place in (0..whole.len()).step_by(4_096 + 512) {
        let mut torn = whole.clone();
        let end = whole.len().min(place + 512);
        torn[place..end].iter_mut().for_each(|byte| *byte ^= 0xa5);
        fs::write(&file, &torn).unwrap();
        let _ = read_all(dir.path());
    }
}

/// Writes a store as the first version of the program did.
fn make_format_1(dir: &Path, keeps: &[node::engine::Keep]) {
    let database = Database::create(dir.join("store.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    {
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let records = redb::TableDefinition::<&[u8; 32], &[u8]>::new("records");
        let items = redb::TableDefinition::<&[u8; 33], &[u8]>::new("items");
        let names = redb::TableDefinition::<&[u8], &[u8]>::new("names");
        let book = redb::TableDefinition::<&[u8; 32], &[u8]>::new("book");
        let mut meta = txn.open_table(meta).unwrap();
        meta.insert("format", 1_u64.to_be_bytes().as_slice()).unwrap();
        meta.insert("network", network().0.as_slice()).unwrap();
        meta.insert("author", [[0; 7].as_slice(), &[9], &[0; 7], &[3]].concat().as_slice())
            .unwrap();
        txn.open_table(book).unwrap();
        let mut records = txn.open_table(records).unwrap();
        let mut items = txn.open_table(items).unwrap();
        let mut names = txn.open_table(names).unwrap();
        for keep in keeps {
            records.insert(&keep.id.0, keep.signed.encode().as_slice()).unwrap();
            let created = keep.created.0.to_be_bytes();
            let name = keep.label.as_ref().map(|label| {
                let text = format!("{}\0{}\0", label.collection, label.name);
                [text.as_bytes(), keep.signed.author.as_bytes()].concat()
            });
            let name_of = name.clone().unwrap_or_default();
            let expires = keep.expires_ms.to_be_bytes();
            let item = [&keep.id.0[..], &created, &expires, &name_of].concat();
            let key = crate::rows::item_key(keep.set, keep.key);
            items.insert(&key, item.as_slice()).unwrap();
            if let (Some(name), Some(label)) = (name, &keep.label) {
                let value = [&keep.id.0[..], &created, &[u8::from(label.deleted)]].concat();
                names.insert(name.as_slice(), value.as_slice()).unwrap();
            }
        }
    }
    txn.commit().unwrap();
}

#[test]
fn a_store_of_the_first_format_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let keep = vec![
        entry("c", "a", 1, 5, "one"),
        entry("c", "b", 2, 6, "two"),
        deleted("c", "gone", 1, 7),
        message("hello", 8),
    ];
    make_format_1(dir.path(), &keep);
    let mut model = MemoryStore::default();
    let author = Some(AuthorClock { seq: 9, hlc: Hlc(3) });
    model.apply(&[Batch { keep, author, ..Batch::default() }]).unwrap();
    for _ in 0..2 {
        let store = DiskStore::open(dir.path(), network()).unwrap();
        assert_eq!(store.load().unwrap(), model.load().unwrap());
        let query = crate::Query { limit: 10, ..crate::Query::default() };
        let (ours, theirs) = (store.reader().list(&query), model.reader().list(&query));
        assert_eq!(ours.unwrap(), theirs.unwrap());
        assert_eq!(store.verify().unwrap().records, 4);
    }
    let database = Database::open(dir.path().join("store.redb")).unwrap();
    let txn = redb::ReadableDatabase::begin_read(&database).unwrap();
    let old = redb::TableDefinition::<&[u8; 32], &[u8]>::new("records");
    assert!(txn.open_table(old).is_err(), "the old tables are gone");
}

/// Makes a store what the second version of the program left: the same without hashes of buckets.
fn make_format_2(dir: &Path) {
    let database = Database::open(dir.join("store.redb")).unwrap();
    let txn = database.begin_write().unwrap();
    let buckets = redb::TableDefinition::<&[u8; 33], &[u8; 33]>::new("buckets");
    assert!(txn.delete_table(buckets).unwrap());
    {
        let meta = redb::TableDefinition::<&str, &[u8]>::new("meta");
        let mut meta = txn.open_table(meta).unwrap();
        meta.remove("buckets").unwrap();
        meta.insert("format", 2_u64.to_be_bytes().as_slice()).unwrap();
    }
    txn.commit().unwrap();
}

#[test]
fn a_store_of_the_second_format_is_brought_up_to_date() {
    let dir = tempfile::tempdir().unwrap();
    let mut history: Vec<Batch> = (0..40)
        .map(|it| keeps(vec![entry("c", &format!("n{it}"), 1, 1 + it, "v"), message("m", it)]))
        .collect();
    // Some of it is merged, some is not.
    let config = crate::StoreConfig { layer_rows_max: 16, ..crate::StoreConfig::default() };
    let open = || DiskStore::open_with(dir.path(), network(), config).unwrap();
    let mut store = open();
    history[..39].iter().for_each(|it| store.apply(std::slice::from_ref(it)).unwrap());
    let before = store.load().unwrap();
    drop(store);
    make_format_2(dir.path());

    let mut store = open();
    assert_eq!((store.load().unwrap(), store.wake().unwrap()), (before.clone(), before));
    assert_eq!(store.verify().unwrap().buckets, 0);
    // The first who tells of the maps has all hashes written.
    history = told(history);
    store.apply(&history[39..]).unwrap();
    assert!(0 < store.verify().unwrap().buckets);
    drop(store);
    wakes_in_a_moment(&open(), "after the next start");
}

#[test]
fn a_wrong_hash_of_a_bucket_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let keep = (0..100).map(|it| entry("c", &format!("n{it}"), 1, 1, "v")).collect();
    let mut history = told(vec![keeps(keep)]);
    let mut other = history[0].maps.clone().unwrap();
    let mut leaf = other.state.leaves(&merkle::Prefix::ALL, None, 1)[0];
    leaf.value = network();
    other.state.insert(leaf);
    history[0].maps = Some(other);
    let mut store = DiskStore::open(dir.path(), network()).unwrap();
    store.apply(&history).unwrap();
    let error = store.verify().unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    assert!(error.to_string().contains("the hash of a bucket"), "{error}");
}
