//! The tables, and how changes get into them: the log at once, the rest little by little.

use std::ops::Bound::{self, Excluded, Unbounded};

use node::engine::Batch;
use redb::{ReadableTable, Table, TableDefinition, WriteTransaction};
use wire::Hlc;

use super::layer::{Layer, id_key};
use super::ledger::Base;
use crate::rows::{self, BucketRow, IdKey, ItemKey, ItemRow, LogKind, LogRow, NameRow};

/// Format, network, author clock and progress by name.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const META_AUTHOR: &str = "author";
/// There while the hashes of all buckets are known: when the newest record that is in the tables was created.
pub(crate) const META_BUCKETS: &str = "buckets";
pub(crate) const META_FORMAT: &str = "format";
pub(crate) const META_NETWORK: &str = "network";
pub(crate) const META_PROGRESS: &str = "progress";

/// Row number to a record and its place, in the order in which they came.
pub(crate) const LOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("log");
/// Set and key to the record that stands there.
pub(crate) const PLACES: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("places");
/// Collection, name and author to the entry that stands there.
pub(crate) const LABELS: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("labels");
/// First half of a record's id to its row of the log.
pub(crate) const IDS: TableDefinition<'_, &[u8; 16], u64> = TableDefinition::new("ids");
/// Set and first key of a bucket of its map to how many leaves it has, and their hash.
pub(crate) const BUCKETS: TableDefinition<'_, &[u8; 33], &[u8; 33]> =
    TableDefinition::new("buckets");
/// Node to what the address book knows of it.
pub(crate) const BOOK: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("book");

/// What a check of the whole store has counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Verified {
    /// Places in both sets.
    pub items: u64,
    /// Records.
    pub records: u64,
    /// Names, deleted ones included.
    pub names: u64,
    /// Buckets of the maps whose hashes were compared; none while they are not known.
    pub buckets: u64,
    /// Rows of the address book.
    pub book: u64,
    /// Rows of the log: records, and what is kept until it is merged.
    pub log: u64,
}

/// How far the log is in the tables.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Progress {
    /// Rows of the log below are in the tables.
    pub(crate) frozen_from: u64,
    /// Rows from there to here are being merged; those from here on wait.
    pub(crate) fresh_from: u64,
    /// What was merged last of those.
    pub(crate) merged: Merged,
}

/// The last row merged.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) enum Merged {
    #[default]
    Nothing,
    Item(ItemKey),
    Name(Vec<u8>),
    Id(IdKey),
    Spent(u64),
    Bucket(ItemKey),
}

pub(crate) struct Tables<'txn> {
    meta: Table<'txn, &'static str, &'static [u8]>,
    log: Table<'txn, u64, &'static [u8]>,
    places: Table<'txn, &'static [u8; 33], &'static [u8]>,
    labels: Table<'txn, &'static [u8], &'static [u8]>,
    ids: Table<'txn, &'static [u8; 16], u64>,
    buckets: Table<'txn, &'static [u8; 33], &'static [u8; 33]>,
    book: Table<'txn, &'static [u8; 32], &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables and makes those that are missing.
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
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

    /// Appends rows to the log, of which `first` is the number of the first.
    pub(crate) fn append(&mut self, first: u64, rows: &[LogRow]) -> Result<(), redb::Error> {
        let mut end = self.log.upper_bound_mut(Bound::<u64>::Unbounded)?;
        for (seq, row) in (first..).zip(rows) {
            end.insert_before(seq, row.encode().as_slice())?;
        }
        Ok(end.close()?)
    }

    /// Writes what a batch says beside records.
    pub(crate) fn apply_rest(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        for row in &batch.book {
            self.book.insert(row.node.as_bytes(), rows::book_value(row).as_slice())?;
        }
        for node in &batch.book_drop {
            self.book.remove(node.as_bytes())?;
        }
        for (row, value) in &batch.council {
            let key = rows::council_key(*row);
            match value {
                Some(value) => self.meta.insert(key.as_str(), value.as_slice())?,
                None => self.meta.remove(key.as_str())?,
            };
        }
        for (name, value) in &batch.own {
            let key = rows::own_key(name);
            match value {
                Some(value) => self.meta.insert(key.as_str(), value.as_slice())?,
                None => self.meta.remove(key.as_str())?,
            };
        }
        if let Some(author) = batch.author {
            self.meta.insert(META_AUTHOR, rows::author_value(author).as_slice())?;
        }
        Ok(())
    }

    /// Moves the next rows of a layer into the tables, in the order of their keys so that neighbours
    /// are written together. Says where it stopped; `None` once all is merged.
    pub(crate) fn merge(
        &mut self,
        layer: &Layer,
        from: &Merged,
        rows_max: usize,
    ) -> Result<Option<Merged>, redb::Error> {
        let Rest { items, names, ids, buckets, spent } = from.rest();
        let items = items.into_iter().flat_map(|from| layer.items.range((from, Unbounded)));
        let items = items.map(|(key, row)| Row::Item(key, *row));
        let names = names.into_iter().flat_map(|from| layer.names.range((from, Unbounded)));
        let names = names.map(|(key, row)| Row::Name(key, *row));
        let ids = ids.into_iter().flat_map(|from| layer.ids.range((from, Unbounded)));
        let ids = ids.map(|(key, seq)| Row::Id(key, *seq));
        let buckets = buckets.into_iter().flat_map(|from| layer.buckets.range((from, Unbounded)));
        let buckets = buckets.map(|(key, row)| Row::Bucket(key, *row));
        let spent = layer.spent.range((spent, Unbounded)).map(|seq| Row::Spent(*seq));
        let mut last = None;
        for row in items.chain(names).chain(ids).chain(buckets).chain(spent).take(rows_max) {
            self.merge_row(&row)?;
            last = Some(row);
        }
        Ok(last.map(|row| row.place()))
    }

    fn merge_row(&mut self, row: &Row<'_>) -> Result<(), redb::Error> {
        match row {
            Row::Item(key, Some(row)) => {
                self.places.insert(*key, row.encode().as_slice())?;
            }
            Row::Item(key, None) => {
                self.places.remove(*key)?;
            }
            Row::Name(key, Some(row)) => {
                self.labels.insert(key.as_slice(), row.encode().as_slice())?;
            }
            Row::Name(key, None) => {
                self.labels.remove(key.as_slice())?;
            }
            Row::Id(key, Some(seq)) => {
                self.ids.insert(*key, *seq)?;
            }
            Row::Id(key, None) => {
                self.ids.remove(*key)?;
            }
            Row::Bucket(key, Some(row)) => {
                self.buckets.insert(*key, &row.encode())?;
            }
            Row::Bucket(key, None) => {
                self.buckets.remove(*key)?;
            }
            Row::Spent(seq) => {
                self.log.remove(seq)?;
            }
        }
        Ok(())
    }

    pub(crate) fn set_progress(&mut self, progress: &Progress) -> Result<(), redb::Error> {
        self.meta.insert(META_PROGRESS, progress.encode().as_slice())?;
        Ok(())
    }

    /// Writes when the newest record was created, and that the hashes of all buckets are known; or, with
    /// `None`, that they are not.
    pub(crate) fn set_newest(&mut self, newest: Option<Hlc>) -> Result<(), redb::Error> {
        match newest {
            Some(it) => self.meta.insert(META_BUCKETS, it.0.to_be_bytes().as_slice())?,
            None => self.meta.remove(META_BUCKETS)?,
        };
        Ok(())
    }

    /// Writes a record where nothing waits to be merged: the way in of older formats.
    pub(crate) fn place(&mut self, row: &LogRow, seq: u64) -> Result<(), redb::Error> {
        let LogRow { key, id, created, expires_ms, .. } = *row;
        self.log.insert(seq, row.encode().as_slice())?;
        let item = ItemRow { id, created, expires_ms, seq };
        self.places.insert(&key, item.encode().as_slice())?;
        self.ids.insert(&id_key(&id), seq)?;
        if !row.name.is_empty() {
            let value = NameRow { seq, deleted: row.kind == LogKind::Deleted };
            self.labels.insert(row.name.as_slice(), value.encode().as_slice())?;
        }
        Ok(())
    }
}

/// One row on its way into a table.
enum Row<'a> {
    Item(&'a ItemKey, Option<ItemRow>),
    Name(&'a Vec<u8>, Option<NameRow>),
    Id(&'a IdKey, Option<u64>),
    Bucket(&'a ItemKey, Option<BucketRow>),
    Spent(u64),
}

impl Row<'_> {
    fn place(&self) -> Merged {
        match self {
            Self::Item(key, _) => Merged::Item(**key),
            Self::Name(key, _) => Merged::Name((*key).clone()),
            Self::Id(key, _) => Merged::Id(**key),
            Self::Bucket(key, _) => Merged::Bucket(**key),
            Self::Spent(seq) => Merged::Spent(*seq),
        }
    }
}

/// Where to go on; `None` for what is done.
struct Rest {
    items: Option<Bound<ItemKey>>,
    names: Option<Bound<Vec<u8>>>,
    ids: Option<Bound<IdKey>>,
    buckets: Option<Bound<ItemKey>>,
    spent: Bound<u64>,
}

impl Merged {
    fn rest(&self) -> Rest {
        let (items, names, ids, buckets) =
            (Some(Unbounded), Some(Unbounded), Some(Unbounded), Some(Unbounded));
        let all = Rest { items, names, ids, buckets, spent: Unbounded };
        let named = Rest { items: None, ..all };
        match self {
            Self::Nothing => Rest { items, ..named },
            Self::Item(key) => Rest { items: Some(Excluded(*key)), ..named },
            Self::Name(key) => Rest { names: Some(Excluded(key.clone())), ..named },
            Self::Id(key) => Rest { names: None, ids: Some(Excluded(*key)), ..named },
            Self::Bucket(key) => {
                Rest { names: None, ids: None, buckets: Some(Excluded(*key)), ..named }
            }
            Self::Spent(seq) => {
                Rest { names: None, ids: None, buckets: None, spent: Excluded(*seq), ..named }
            }
        }
    }
}

impl Progress {
    fn encode(&self) -> Vec<u8> {
        let (kind, key) = match &self.merged {
            Merged::Nothing => (0_u8, Vec::new()),
            Merged::Item(key) => (1, key.to_vec()),
            Merged::Name(key) => (2, key.clone()),
            Merged::Id(key) => (3, key.to_vec()),
            Merged::Spent(seq) => (4, seq.to_be_bytes().to_vec()),
            Merged::Bucket(key) => (5, key.to_vec()),
        };
        let numbers = [self.frozen_from.to_be_bytes(), self.fresh_from.to_be_bytes()].concat();
        [numbers, vec![kind], key].concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (frozen_from, rest) = bytes.split_first_chunk()?;
        let (fresh_from, rest) = rest.split_first_chunk()?;
        let merged = match rest.split_first()? {
            (0, []) => Merged::Nothing,
            (1, key) => Merged::Item(key.try_into().ok()?),
            (2, key) => Merged::Name(key.to_vec()),
            (3, key) => Merged::Id(key.try_into().ok()?),
            (4, key) => Merged::Spent(u64::from_be_bytes(key.try_into().ok()?)),
            (5, key) => Merged::Bucket(key.try_into().ok()?),
            _ => return None,
        };
        let (frozen_from, fresh_from) =
            (u64::from_be_bytes(*frozen_from), u64::from_be_bytes(*fresh_from));
        Some(Self { frozen_from, fresh_from, merged })
    }
}

impl Base for Tables<'_> {
    fn item(&self, key: &ItemKey) -> Result<Option<ItemRow>, redb::Error> {
        item_in(&self.places, key)
    }

    fn name(&self, key: &[u8]) -> Result<Option<NameRow>, redb::Error> {
        name_in(&self.labels, key)
    }

    fn log(&self, seq: u64) -> Result<Option<LogRow>, redb::Error> {
        log_in(&self.log, seq)
    }
}

pub(crate) fn item_in(
    places: &impl ReadableTable<&'static [u8; 33], &'static [u8]>,
    key: &ItemKey,
) -> Result<Option<ItemRow>, redb::Error> {
    places.get(key)?.map(|value| item(value.value())).transpose()
}

pub(crate) fn name_in(
    labels: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<NameRow>, redb::Error> {
    labels.get(key)?.map(|value| name(value.value())).transpose()
}

pub(crate) fn log_in(
    log: &impl ReadableTable<u64, &'static [u8]>,
    seq: u64,
) -> Result<Option<LogRow>, redb::Error> {
    log.get(seq)?.map(|value| logged(value.value())).transpose()
}

pub(crate) fn bucket(bytes: &[u8]) -> Result<BucketRow, redb::Error> {
    BucketRow::decode(bytes).ok_or_else(|| damaged("a row of buckets"))
}

pub(crate) fn item(bytes: &[u8]) -> Result<ItemRow, redb::Error> {
    ItemRow::decode(bytes).ok_or_else(|| damaged("a row of places"))
}

pub(crate) fn name(bytes: &[u8]) -> Result<NameRow, redb::Error> {
    NameRow::decode(bytes).ok_or_else(|| damaged("a row of labels"))
}

pub(crate) fn logged(bytes: &[u8]) -> Result<LogRow, redb::Error> {
    LogRow::decode(bytes).ok_or_else(|| damaged("a row of the log"))
}

pub(crate) fn damaged(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} makes no sense"))
}
