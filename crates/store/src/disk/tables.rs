//! The tables, and how a batch changes them.

use node::engine::{self, Batch, Keep};
use redb::{ReadableTable as _, Table, TableDefinition, WriteTransaction};

use crate::rows::{self, ItemRow, NameKey, NameRow};

/// Format, network and author clock by name.
pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const META_AUTHOR: &str = "author";
pub(crate) const META_FORMAT: &str = "format";
pub(crate) const META_NETWORK: &str = "network";

/// Record id to signed bytes.
pub(crate) const RECORDS: TableDefinition<'_, &[u8; 32], &[u8]> = TableDefinition::new("records");
/// Set and key to the record that stands there.
pub(crate) const ITEMS: TableDefinition<'_, &[u8; 33], &[u8]> = TableDefinition::new("items");
/// Collection, name and author to the entry that stands there.
pub(crate) const NAMES: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("names");
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
    /// Rows of the address book.
    pub book: u64,
}

pub(crate) struct Tables<'txn> {
    meta: Table<'txn, &'static str, &'static [u8]>,
    records: Table<'txn, &'static [u8; 32], &'static [u8]>,
    items: Table<'txn, &'static [u8; 33], &'static [u8]>,
    names: Table<'txn, &'static [u8], &'static [u8]>,
    book: Table<'txn, &'static [u8; 32], &'static [u8]>,
}

impl<'txn> Tables<'txn> {
    /// Opens the tables and makes those that are missing.
    pub(crate) fn open(txn: &'txn WriteTransaction) -> Result<Self, redb::Error> {
        Ok(Self {
            meta: txn.open_table(META)?,
            records: txn.open_table(RECORDS)?,
            items: txn.open_table(ITEMS)?,
            names: txn.open_table(NAMES)?,
            book: txn.open_table(BOOK)?,
        })
    }

    pub(crate) fn apply(&mut self, batch: &Batch) -> Result<(), redb::Error> {
        batch.keep.iter().try_for_each(|keep| self.keep(keep))?;
        batch.drop.iter().try_for_each(|gone| self.remove(gone))?;
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
        if let Some(author) = batch.author {
            self.meta.insert(META_AUTHOR, rows::author_value(author).as_slice())?;
        }
        Ok(())
    }

    /// What stood at the key goes, whatever the caller says it replaces: so no bytes are left
    /// without a place, and no place without bytes.
    fn keep(&mut self, keep: &Keep) -> Result<(), redb::Error> {
        let row = ItemRow::of(keep);
        let key = rows::item_key(keep.set, keep.key);
        let stood = self.items.insert(&key, row.encode().as_slice())?;
        let stood = stood.map(|it| item(it.value())).transpose()?;
        if let Some(stood) = stood.filter(|stood| stood.id != row.id) {
            self.records.remove(&stood.id.0)?;
            if stood.name != row.name {
                self.forget_name(&stood)?;
            }
        }
        self.records.insert(&keep.id.0, keep.signed.encode().as_slice())?;
        if let (Some(name), Some(label)) = (&row.name, &keep.label) {
            let (id, created, deleted) = (keep.id, keep.created, label.deleted);
            let value = NameRow { id, created, deleted }.encode();
            self.names.insert(name.encode().as_slice(), value.as_slice())?;
        }
        Ok(())
    }

    fn remove(&mut self, gone: &engine::Drop) -> Result<(), redb::Error> {
        let key = rows::item_key(gone.set, gone.key);
        let stands = self.items.get(&key)?.map(|it| item(it.value())).transpose()?;
        let Some(stands) = stands.filter(|it| it.id == gone.id) else { return Ok(()) };
        self.items.remove(&key)?;
        self.records.remove(&gone.id.0)?;
        self.forget_name(&stands)
    }

    /// Removes the name of an item, unless another record has it by now.
    fn forget_name(&mut self, row: &ItemRow) -> Result<(), redb::Error> {
        let Some(key) = row.name.as_ref().map(NameKey::encode) else { return Ok(()) };
        let stands = self.names.get(key.as_slice())?.map(|it| name(it.value())).transpose()?;
        if stands.is_some_and(|it| it.id == row.id) {
            self.names.remove(key.as_slice())?;
        }
        Ok(())
    }
}

pub(crate) fn item(bytes: &[u8]) -> Result<ItemRow, redb::Error> {
    ItemRow::decode(bytes).ok_or_else(|| damaged("a row of items"))
}

pub(crate) fn name(bytes: &[u8]) -> Result<NameRow, redb::Error> {
    NameRow::decode(bytes).ok_or_else(|| damaged("a row of names"))
}

pub(crate) fn damaged(what: &str) -> redb::Error {
    redb::Error::Corrupted(format!("{what} makes no sense"))
}
