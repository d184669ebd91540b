//! What a batch changes, and the rows of the log that say so.

use node::engine::{self, Keep};
use wire::Hlc;

use super::buckets::{self, Changes};
use super::layer::Layer;
use crate::rows::{self, ItemKey, ItemRow, LogKind, LogRow, NameRow};

/// What the tables say.
pub(crate) trait Base {
    fn item(&self, key: &ItemKey) -> Result<Option<ItemRow>, redb::Error>;
    fn name(&self, key: &[u8]) -> Result<Option<NameRow>, redb::Error>;
    fn log(&self, seq: u64) -> Result<Option<LogRow>, redb::Error>;
}

/// Changes on their way into the log.
pub(crate) struct Ledger<'a, B> {
    tables: &'a B,
    /// What came before and is not in the tables yet, newest first.
    older: [&'a Layer; 2],
    /// What the rows say.
    pub(crate) layer: Layer,
    /// The rows, beginning with `first`.
    pub(crate) rows: Vec<LogRow>,
    first: u64,
}

impl<'a, B: Base> Ledger<'a, B> {
    pub(crate) fn new(tables: &'a B, older: [&'a Layer; 2], first: u64) -> Self {
        Self { tables, older, layer: Layer::default(), rows: Vec::new(), first }
    }

    /// Returns the row of the log after the last.
    pub(crate) fn next(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    /// Gives a record its place. What stood there goes, whatever the caller says it replaces: so no
    /// bytes are left without a place, and no place without bytes.
    pub(crate) fn keep(&mut self, keep: &Keep) -> Result<(), redb::Error> {
        let row = LogRow::of(keep);
        let replaced = self.item(&row.key)?.map(|stood| (stood.id, stood.seq));
        self.write(LogRow { replaced, ..row });
        Ok(())
    }

    /// Takes a record away, if it is the one that stands there, and its name, unless another record
    /// has that by now.
    pub(crate) fn remove(&mut self, gone: &engine::Drop) -> Result<(), redb::Error> {
        let key = rows::item_key(gone.set, gone.key);
        let Some(stands) = self.item(&key)?.filter(|it| it.id == gone.id) else { return Ok(()) };
        let said = match stands.seq.checked_sub(self.first).and_then(|at| usize::try_from(at).ok())
        {
            Some(at) => self.rows.get(at).map(|row| row.name.clone()),
            None => self.tables.log(stands.seq)?.map(|row| row.name),
        };
        let name = said.unwrap_or_default();
        let names_it = self.name(&name)?.is_some_and(|it| it.seq == stands.seq);
        let ItemRow { id, created, expires_ms, seq } = stands;
        self.write(LogRow {
            key,
            id,
            created,
            expires_ms,
            kind: LogKind::Gone,
            replaced: Some((id, seq)),
            name: if names_it { name } else { Vec::new() },
            signed: Vec::new(),
        });
        Ok(())
    }

    /// Writes which buckets changed.
    pub(crate) fn buckets(&mut self, changes: &Changes, newest: Hlc) {
        buckets::log_rows(changes, newest).for_each(|row| self.write(row));
    }

    fn write(&mut self, row: LogRow) {
        let noted = self.layer.note(&row, self.next());
        debug_assert!(noted.is_some(), "a row of our own makes sense");
        self.rows.push(row);
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [&self.layer].into_iter().chain(self.older)
    }

    fn item(&self, key: &ItemKey) -> Result<Option<ItemRow>, redb::Error> {
        match self.layers().find_map(|layer| layer.items.get(key)) {
            Some(found) => Ok(*found),
            None => self.tables.item(key),
        }
    }

    fn name(&self, key: &[u8]) -> Result<Option<NameRow>, redb::Error> {
        match self.layers().find_map(|layer| layer.names.get(key)) {
            Some(found) => Ok(*found),
            None => self.tables.name(key),
        }
    }
}
