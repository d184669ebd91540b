//! One committed state: tables, and over them what the log says that they do not say yet.

use std::collections::btree_map;
use std::iter::Peekable;
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

use node::engine::{Kept, Label, Map, Maps, Snapshot};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};
use wire::{Digest, Hlc, NodeId, RecordId, Set, Signed};

use super::buckets::{self, Changes};
use super::layer::{Draft, Layer, id_key};
use super::ledger::Base;
use super::tables::{
    self, BOOK, BUCKETS, IDS, LABELS, LOG, META, META_AUTHOR, META_BUCKETS, META_PROGRESS, PLACES,
    Progress, damaged,
};
use crate::rows::{self, BucketRow, ItemKey, ItemRow, LogKind, LogRow, NameKey, NameRow};
use crate::{Cursor, Found, Named, OwnRow, Query, Verified};

/// Does not change while somebody holds it, and keeps old pages from being used again.
pub(crate) struct View {
    /// What waits to be merged, newest first.
    pub(crate) fresh: Arc<Layer>,
    pub(crate) frozen: Arc<Layer>,
    pub(crate) tables: ReadTables,
}

pub(crate) struct ReadTables {
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
    log: ReadOnlyTable<u64, &'static [u8]>,
    places: ReadOnlyTable<&'static [u8; 33], &'static [u8]>,
    labels: ReadOnlyTable<&'static [u8], &'static [u8]>,
    ids: ReadOnlyTable<&'static [u8; 16], u64>,
    buckets: ReadOnlyTable<&'static [u8; 33], &'static [u8; 33]>,
    book: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
}

impl ReadTables {
    pub(crate) fn open(txn: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: txn.open_table(META)?,
            log: txn.open_table(LOG)?,
            places: txn.open_table(PLACES)?,
            labels: txn.open_table(LABELS)?,
            ids: txn.open_table(IDS)?,
            buckets: txn.open_table(BUCKETS)?,
            book: txn.open_table(BOOK)?,
        })
    }

    pub(crate) fn progress(&self) -> Result<Progress, redb::Error> {
        let Some(value) = self.meta.get(META_PROGRESS)? else { return Ok(Progress::default()) };
        Progress::decode(value.value()).ok_or_else(|| damaged("the progress of merging"))
    }

    /// Returns the number of the next row of the log.
    pub(crate) fn next(&self) -> Result<u64, redb::Error> {
        Ok(self.log.last()?.map_or(0, |(seq, _)| seq.value() + 1))
    }

    /// Reads a stretch of the log into a layer again.
    pub(crate) fn replay(&self, rows: std::ops::Range<u64>) -> Result<Layer, redb::Error> {
        let mut layer = Draft::default();
        for pair in self.log.range(rows)? {
            let (seq, row) = pair?;
            let head = LogRow::decode_head(row.value());
            let (mut row, rest) = head.ok_or_else(|| damaged("a row of the log"))?;
            if row.kind == LogKind::Buckets {
                row.signed = rest.to_vec();
            }
            layer.note(&row, seq.value()).ok_or_else(|| damaged("a row of the log"))?;
        }
        layer.layer().ok_or_else(|| damaged("the log"))
    }
}

impl Base for ReadTables {
    fn item(&self, key: &ItemKey) -> Result<Option<ItemRow>, redb::Error> {
        tables::item_in(&self.places, key)
    }

    fn name(&self, key: &[u8]) -> Result<Option<NameRow>, redb::Error> {
        tables::name_in(&self.labels, key)
    }

    fn log(&self, seq: u64) -> Result<Option<LogRow>, redb::Error> {
        tables::log_in(&self.log, seq)
    }
}

impl View {
    fn item(&self, key: &ItemKey) -> Result<Option<ItemRow>, redb::Error> {
        match self.layers().find_map(|layer| layer.items.get(key)) {
            Some(found) => Ok(*found),
            None => self.tables.item(key),
        }
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.fresh, &self.frozen].into_iter().map(AsRef::as_ref)
    }

    /// Makes both maps of the hashes of their buckets, where those are known.
    pub(crate) fn maps(&self) -> Result<Option<Maps>, redb::Error> {
        let Some(newest) = self.tables.meta.get(META_BUCKETS)? else { return Ok(None) };
        let newest = newest.value().try_into().map(u64::from_be_bytes);
        let newest = newest.map_err(|_| damaged("the moment of the newest record"))?;
        let newest = self.layers().map(|it| it.newest).fold(Hlc(newest), Ord::max);
        let buckets = self.buckets()?.collect::<Result<Vec<_>, _>>()?;
        let maps = buckets::restore(&buckets, newest);
        maps.map(Some).ok_or_else(|| damaged("a key of buckets"))
    }

    /// Reads so many items of a set in the order of their places, the first one there or behind.
    pub(crate) fn kept(
        &self,
        set: Set,
        from: &Digest,
        max: usize,
    ) -> Result<Vec<Kept>, redb::Error> {
        let (first, last) = (rows::item_key(set, *from), rows::item_key(set, Digest([0xff; 32])));
        let of = |pair: Overlaid<ItemKey, ItemRow>| {
            let (key, row) = pair?;
            let place = rows::item_place(&key).ok_or_else(|| damaged("a key of places"))?;
            Ok(row.kept(place))
        };
        self.items(first..=last)?.take(max).map(of).collect()
    }

    /// Reads what a node wakes up with, with all items of both sets.
    pub(crate) fn load(&self) -> Result<Snapshot, redb::Error> {
        let mut items = self.kept(Set::State, &Digest::default(), usize::MAX)?;
        items.extend(self.kept(Set::Messages, &Digest::default(), usize::MAX)?);
        Ok(Snapshot { items, ..self.rest()? })
    }

    /// Reads what a node wakes up with but for both sets.
    pub(crate) fn rest(&self) -> Result<Snapshot, redb::Error> {
        let mut snapshot = Snapshot::default();
        for pair in self.tables.book.iter()? {
            let (key, value) = pair?;
            let row = rows::book_row(key.value(), value.value());
            snapshot.book.push(row.ok_or_else(|| damaged("a row of the address book"))?);
        }
        if let Some(value) = self.tables.meta.get(META_AUTHOR)? {
            let author = rows::author_clock(value.value());
            snapshot.author = author.ok_or_else(|| damaged("the author clock"))?;
        }
        for pair in self.tables.meta.range(rows::COUNCIL_KEYS)? {
            let (key, value) = pair?;
            let row = rows::council_row(key.value());
            let row = row.ok_or_else(|| damaged("a row of the council"))?;
            snapshot.council.push((row, value.value().to_vec()));
        }
        // Of the journal the last row: it may be long.
        let (before, behind) = rows::around_journal();
        let journal = before.end.to_owned()..behind.start.to_owned();
        let meta = &self.tables.meta;
        let last = meta.range::<&str>(journal.start.as_str()..journal.end.as_str())?.next_back();
        let others = [meta.range::<&str>(before)?, meta.range::<&str>(behind)?];
        for pair in others.into_iter().flatten().chain(last) {
            let (key, value) = pair?;
            let name = rows::own_name(key.value()).ok_or_else(|| damaged("a row of its own"))?;
            snapshot.own.push((name.to_owned(), value.value().to_vec()));
        }
        snapshot.own.sort();
        Ok(snapshot)
    }

    pub(crate) fn own(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<OwnRow>, redb::Error> {
        let from = rows::own_key(after.unwrap_or(prefix));
        let behind = (Bound::Excluded(from.as_str()), Bound::Unbounded);
        let at = (Bound::Included(from.as_str()), Bound::Unbounded);
        let range = if after.is_some() { behind } else { at };
        let mut found = Vec::new();
        for pair in self.tables.meta.range::<&str>(range)?.take(max) {
            let (key, value) = pair?;
            match rows::own_name(key.value()).filter(|name| name.starts_with(prefix)) {
                Some(name) => found.push((name.to_owned(), value.value().to_vec())),
                None => break,
            }
        }
        Ok(found)
    }

    pub(crate) fn record(&self, id: &RecordId) -> Result<Option<Signed>, redb::Error> {
        let key = id_key(id);
        let newer = self.layers().find_map(|it| it.ids.get(&key));
        let seq = match newer {
            Some(found) => *found,
            None => self.tables.ids.get(&key)?.map(|seq| seq.value()),
        };
        let Some(seq) = seq else { return Ok(None) };
        let row = self.row(seq)?;
        if row.id != *id {
            return Ok(None);
        }
        row.signed().map(Some).ok_or_else(|| damaged("a record"))
    }

    pub(crate) fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, redb::Error> {
        let (mut live, mut newest) = (0_usize, None::<(NameKey, LogRow)>);
        let start = [NameKey::start(collection, name), vec![0]].concat();
        for pair in self.names(Bound::Included(start))?.take(AUTHORS_MAX) {
            let (key, row) = pair?;
            if key.collection != collection || key.name != name {
                break;
            }
            if row.deleted {
                continue;
            }
            live += 1;
            if author.is_none_or(|author| author == key.author) {
                let row = self.row(row.seq)?;
                let age = |row: &LogRow| (row.created, row.id);
                if newest.as_ref().is_none_or(|(_, it)| age(it) < age(&row)) {
                    newest = Some((key, row));
                }
            }
        }
        let Some((key, row)) = newest else { return Ok(None) };
        let others = live.saturating_sub(1);
        found(key, &row).map(|found| Some(Named { found, others }))
    }

    pub(crate) fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), redb::Error> {
        let start = query.collection.as_ref().map(|it| NameKey::start(it, &query.prefix));
        let start = start.unwrap_or_default();
        let after = query.after.as_ref().map(|it| it.0.encode()).filter(|it| start <= *it);
        let from = after.map_or(Bound::Included(start.clone()), Bound::Excluded);
        let (mut page, mut seen, mut hit) = (Vec::new(), None, None);
        for (count, pair) in self.names(from)?.enumerate() {
            let (key, row) = pair?;
            if !start.is_empty() && !key.encode().starts_with(&start) {
                break;
            }
            if count == SCAN_MAX {
                return Ok((page, seen.map(Cursor)));
            }
            if !row.deleted && query.wants(&key) {
                if page.len() == query.clamped() {
                    return Ok((page, hit.map(Cursor)));
                }
                hit = Some(key.clone());
                page.push(found(key.clone(), &self.row(row.seq)?)?);
            }
            seen = Some(key);
        }
        Ok((page, None))
    }

    /// Checks that log, places, labels and ids tell the same.
    pub(crate) fn verify(&self) -> Result<Verified, redb::Error> {
        let (book, log) = (self.tables.book.len()?, self.tables.log.len()?);
        let mut verified = Verified { book, log, ..Verified::default() };
        for pair in self.tables.log.iter()? {
            let (seq, row) = pair?;
            let (seq, row) = (seq.value(), tables::logged(row.value())?);
            if self.layers().any(|layer| layer.spent.contains(&seq)) {
                continue;
            }
            let signed = row.signed().ok_or_else(|| damaged("a record"))?;
            let opened = signed.open().map_err(|_| damaged("the body of a record"))?;
            if opened.id != row.id {
                return Err(damaged("the id of a record"));
            }
            if self.item(&row.key)?.is_none_or(|it| (it.seq, it.id) != (seq, row.id)) {
                return Err(damaged("a record without its place"));
            }
            if self.record(&row.id)?.is_none() {
                return Err(damaged("a record without its id"));
            }
            verified.records += 1;
        }
        for pair in self.items(ITEM_KEYS)? {
            let (_, row) = pair?;
            verified.items += 1;
            if self.tables.log(row.seq)?.is_none_or(|it| it.id != row.id) {
                return Err(damaged("a place without its record"));
            }
        }
        for pair in self.names(Bound::Unbounded)? {
            let (key, row) = pair?;
            verified.names += 1;
            if self.tables.log(row.seq)?.is_none_or(|it| it.name != key.encode()) {
                return Err(damaged("a name without its record"));
            }
        }
        verified.buckets = self.verify_buckets(&self.load()?.items)?;
        Ok(verified)
    }

    /// Makes the maps anew and compares the hashes of all buckets.
    fn verify_buckets(&self, items: &[Kept]) -> Result<u64, redb::Error> {
        let Some(known) = self.maps()? else { return Ok(0) };
        let map = |set| Map::of(items.iter().filter(|it| it.set == set).map(Kept::leaf).collect());
        let (state, messages) = (map(Set::State), map(Set::Messages));
        let made = Maps { state, messages, newest: known.newest };
        let created = items.iter().map(|item| item.created).max();
        if created.is_some_and(|it| known.newest < it) {
            return Err(damaged("the moment of the newest record"));
        }
        let made = buckets::since(&made, &Maps::default());
        let rows = self.buckets()?.map(|pair| pair.map(|(key, row)| (key, Some(row))));
        let rows = rows.collect::<Result<Changes, _>>()?;
        if made != rows {
            return Err(damaged("the hash of a bucket"));
        }
        Ok(made.len() as u64)
    }

    fn row(&self, seq: u64) -> Result<LogRow, redb::Error> {
        self.tables.log(seq)?.ok_or_else(|| damaged("a name or id without its record"))
    }

    fn items(
        &self,
        range: RangeInclusive<ItemKey>,
    ) -> Result<impl Iterator<Item = Overlaid<ItemKey, ItemRow>>, redb::Error> {
        let table = self.tables.places.range::<&ItemKey>(range.start()..=range.end())?;
        let table = table.map(|pair| {
            let (key, value) = pair?;
            Ok((*key.value(), tables::item(value.value())?))
        });
        Ok(Overlay {
            fresh: self.fresh.items.range(range.clone()).peekable(),
            frozen: self.frozen.items.range(range).peekable(),
            table: table.peekable(),
        })
    }

    /// Returns what the file says of buckets, in order.
    pub(crate) fn buckets(
        &self,
    ) -> Result<impl Iterator<Item = Overlaid<ItemKey, BucketRow>>, redb::Error> {
        let table = self.tables.buckets.iter()?.map(|pair| {
            let (key, value) = pair?;
            Ok((*key.value(), tables::bucket(value.value())?))
        });
        Ok(Overlay {
            fresh: self.fresh.buckets.range::<ItemKey, _>(..).peekable(),
            frozen: self.frozen.buckets.range::<ItemKey, _>(..).peekable(),
            table: table.peekable(),
        })
    }

    fn names(
        &self,
        from: Bound<Vec<u8>>,
    ) -> Result<impl Iterator<Item = Overlaid<NameKey, NameRow>>, redb::Error> {
        let range = (from, Bound::Unbounded);
        let start = (range.0.as_ref().map(Vec::as_slice), Bound::Unbounded);
        let table = self.tables.labels.range::<&[u8]>(start)?.map(|pair| {
            let (key, value) = pair?;
            Ok((key.value().to_vec(), tables::name(value.value())?))
        });
        let rows = Overlay {
            fresh: self.fresh.names.range(range.clone()).peekable(),
            frozen: self.frozen.names.range(range).peekable(),
            table: table.peekable(),
        };
        Ok(rows.map(|pair| {
            let (key, row) = pair?;
            let key = NameKey::decode(&key).ok_or_else(|| damaged("a key of labels"))?;
            Ok((key, row))
        }))
    }
}

type Overlaid<K, V> = Result<(K, V), redb::Error>;

/// Rows of a table in the order of their keys, with two layers over it.
struct Overlay<'a, K, V, T: Iterator<Item = Overlaid<K, V>>> {
    fresh: Peekable<btree_map::Range<'a, K, Option<V>>>,
    frozen: Peekable<btree_map::Range<'a, K, Option<V>>>,
    table: Peekable<T>,
}

impl<K: Clone + Ord, V: Copy, T: Iterator<Item = Overlaid<K, V>>> Iterator
    for Overlay<'_, K, V, T>
{
    type Item = Overlaid<K, V>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(Err(_)) = self.table.peek() {
                return self.table.next();
            }
            let table = self.table.peek().and_then(|it| it.as_ref().ok()).map(|(key, _)| key);
            let fresh = self.fresh.peek().map(|(key, _)| *key);
            let frozen = self.frozen.peek().map(|(key, _)| *key);
            let key = [fresh, frozen, table].into_iter().flatten().min()?.clone();
            let fresh = self.fresh.next_if(|(it, _)| **it == key).map(|(_, row)| *row);
            let frozen = self.frozen.next_if(|(it, _)| **it == key).map(|(_, row)| *row);
            let table = self.table.next_if(|it| it.as_ref().is_ok_and(|(it, _)| *it == key));
            let table = || table.and_then(Result::ok).map(|(_, row)| row);
            // The newest word on a key counts, also if that is that it is gone.
            if let Some(row) = fresh.or(frozen).unwrap_or_else(table) {
                return Some(Ok((key, row)));
            }
        }
    }
}

fn found(key: NameKey, row: &LogRow) -> Result<Found, redb::Error> {
    let NameKey { collection, name, author: _ } = key;
    let label = Label { collection, name, deleted: row.kind == LogKind::Deleted };
    let signed = row.signed().ok_or_else(|| damaged("a record"))?;
    Ok(Found { id: row.id, created: row.created, label, signed })
}

/// Every place of both sets.
const ITEM_KEYS: RangeInclusive<ItemKey> = [0; 33]..=[0xff; 33];
/// Rows one call of `list` looks at before it hands back a cursor instead of an answer.
const SCAN_MAX: usize = 100_000;
/// Authors of one name that one call of `entry` compares.
const AUTHORS_MAX: usize = 100_000;
