//! Reading the tables as of one commit.

use std::ops::Bound;

use node::engine::{Label, Snapshot};
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};
use wire::{NodeId, RecordId, Signed};

use super::tables::{self, BOOK, ITEMS, META, META_AUTHOR, NAMES, RECORDS, Verified, damaged};
use crate::rows::{self, NameKey, NameRow};
use crate::{Cursor, Found, Named, Query};

pub(crate) struct View {
    meta: ReadOnlyTable<&'static str, &'static [u8]>,
    records: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
    items: ReadOnlyTable<&'static [u8; 33], &'static [u8]>,
    names: ReadOnlyTable<&'static [u8], &'static [u8]>,
    book: ReadOnlyTable<&'static [u8; 32], &'static [u8]>,
}

impl View {
    pub(crate) fn open(txn: &ReadTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: txn.open_table(META)?,
            records: txn.open_table(RECORDS)?,
            items: txn.open_table(ITEMS)?,
            names: txn.open_table(NAMES)?,
            book: txn.open_table(BOOK)?,
        })
    }

    pub(crate) fn load(&self) -> Result<Snapshot, redb::Error> {
        let mut snapshot = Snapshot::default();
        for pair in self.items.iter()? {
            let (key, value) = pair?;
            let place = rows::item_place(key.value()).ok_or_else(|| damaged("a key of items"))?;
            snapshot.items.push(tables::item(value.value())?.kept(place));
        }
        for pair in self.book.iter()? {
            let (key, value) = pair?;
            let row = rows::book_row(key.value(), value.value());
            snapshot.book.push(row.ok_or_else(|| damaged("a row of the address book"))?);
        }
        if let Some(value) = self.meta.get(META_AUTHOR)? {
            let author = rows::author_clock(value.value());
            snapshot.author = author.ok_or_else(|| damaged("the author clock"))?;
        }
        for pair in self.meta.range(rows::COUNCIL_KEYS)? {
            let (key, value) = pair?;
            let row = rows::council_row(key.value());
            let row = row.ok_or_else(|| damaged("a row of the council"))?;
            snapshot.council.push((row, value.value().to_vec()));
        }
        Ok(snapshot)
    }

    pub(crate) fn record(&self, id: &RecordId) -> Result<Option<Signed>, redb::Error> {
        let Some(bytes) = self.records.get(&id.0)? else { return Ok(None) };
        Signed::decode(bytes.value()).map(Some).map_err(|_| damaged("a record"))
    }

    pub(crate) fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, redb::Error> {
        let (mut live, mut newest) = (0_usize, None::<(NameKey, NameRow)>);
        let start = [NameKey::start(collection, name), vec![0]].concat();
        for pair in self.names_from(Bound::Included(&start))?.take(AUTHORS_MAX) {
            let (key, row) = pair?;
            if key.collection != collection || key.name != name {
                break;
            }
            if row.deleted {
                continue;
            }
            live += 1;
            if newest.as_ref().is_none_or(|(_, it)| it.age() < row.age()) {
                newest = Some((key, row));
            }
        }
        if let Some(author) = author {
            newest = self.name_of(collection, name, author)?.filter(|(_, row)| !row.deleted);
        }
        let Some((key, row)) = newest else { return Ok(None) };
        let others = live.saturating_sub(1);
        Ok(self.found(key, row)?.map(|found| Named { found, others }))
    }

    pub(crate) fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), redb::Error> {
        let start = query.collection.as_ref().map(|it| NameKey::start(it, &query.prefix));
        let start = start.unwrap_or_default();
        let after = query.after.as_ref().map(|it| it.0.encode()).filter(|it| start <= *it);
        let from = after.as_ref().map_or(Bound::Included(&start), Bound::Excluded);
        let (mut page, mut seen, mut hit) = (Vec::new(), None, None);
        for (count, pair) in self.names_from(from)?.enumerate() {
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
                page.extend(self.found(key.clone(), row)?);
            }
            seen = Some(key);
        }
        Ok((page, None))
    }

    pub(crate) fn verify(&self) -> Result<Verified, redb::Error> {
        for pair in self.records.iter()? {
            let (key, value) = pair?;
            let signed = Signed::decode(value.value()).map_err(|_| damaged("a record"))?;
            let opened = signed.open().map_err(|_| damaged("the body of a record"))?;
            if opened.id.0 != *key.value() {
                return Err(damaged("the id of a record"));
            }
        }
        for pair in self.items.iter()? {
            let row = tables::item(pair?.1.value())?;
            if self.records.get(&row.id.0)?.is_none() {
                return Err(damaged("an item without its record"));
            }
        }
        for pair in self.names_from(Bound::Unbounded)? {
            if self.records.get(&pair?.1.id.0)?.is_none() {
                return Err(damaged("a name without its record"));
            }
        }
        self.load()?;
        if self.records.len()? != self.items.len()? {
            return Err(damaged("a record without its place"));
        }
        Ok(Verified {
            items: self.items.len()?,
            records: self.records.len()?,
            names: self.names.len()?,
            book: self.book.len()?,
        })
    }

    fn name_of(
        &self,
        collection: &str,
        name: &str,
        author: NodeId,
    ) -> Result<Option<(NameKey, NameRow)>, redb::Error> {
        let (collection, name) = (collection.to_owned(), name.to_owned());
        let key = NameKey { collection, name, author };
        let value = self.names.get(key.encode().as_slice())?;
        Ok(value.map(|it| tables::name(it.value())).transpose()?.map(|row| (key, row)))
    }

    fn names_from(
        &self,
        from: Bound<&Vec<u8>>,
    ) -> Result<impl Iterator<Item = Result<(NameKey, NameRow), redb::Error>>, redb::Error> {
        let from = from.map(Vec::as_slice);
        let range = self.names.range::<&[u8]>((from, Bound::Unbounded))?;
        Ok(range.map(|pair| {
            let (key, value) = pair?;
            let key = NameKey::decode(key.value()).ok_or_else(|| damaged("a key of names"))?;
            Ok((key, tables::name(value.value())?))
        }))
    }

    fn found(&self, key: NameKey, row: NameRow) -> Result<Option<Found>, redb::Error> {
        let NameKey { collection, name, author: _ } = key;
        let label = Label { collection, name, deleted: row.deleted };
        let signed = self.record(&row.id)?;
        Ok(signed.map(|signed| Found { id: row.id, created: row.created, label, signed }))
    }
}

/// Rows one call of `list` looks at before it hands back a cursor instead of an answer.
const SCAN_MAX: usize = 100_000;
/// Authors of one name that one call of `entry` compares.
const AUTHORS_MAX: usize = 100_000;
