//! What a batch changes, and the rows of the log that say so.

use node::engine::{self, Batch, Keep, Maps};
use wire::{Hlc, Set};

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
    places: Places,
    /// What the rows say.
    layer: Layer,
    /// The rows, beginning with `first`.
    rows: Vec<LogRow>,
    first: u64,
}

/// What a ledger has written.
pub(crate) struct Written {
    pub(crate) layer: Layer,
    pub(crate) rows: Vec<LogRow>,
    /// The row of the log after the last.
    pub(crate) next: u64,
}

/// Where records go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Places {
    /// Anywhere: something may stand there.
    Any,
    /// Nothing stands at any of their places: looking there, which takes longest, is not needed.
    New,
}

impl Places {
    /// Concludes it from how many leaves the maps had and have: as many more as there are records can
    /// only be if each found its place empty.
    pub(crate) fn of(batches: &[Batch], maps: &Maps, older: &Maps) -> Self {
        let keeps = |set| batches.iter().flat_map(|it| &it.keep).filter(move |it| it.set == set);
        let grew = |set| maps.map(set).len().checked_sub(older.map(set).len());
        let new = |set| grew(set) == Some(keeps(set).count() as u64);
        let drops = batches.iter().any(|batch| !batch.drop.is_empty());
        if !drops && new(Set::State) && new(Set::Messages) { Self::New } else { Self::Any }
    }
}

impl<'a, B: Base> Ledger<'a, B> {
    pub(crate) fn new(tables: &'a B, older: [&'a Layer; 2], first: u64, places: Places) -> Self {
        Self { tables, older, places, layer: Layer::default(), rows: Vec::new(), first }
    }

    /// Writes down what batches change, and which buckets of the maps.
    pub(crate) fn write_all(
        mut self,
        batches: &[Batch],
        buckets: Option<(&Changes, Hlc)>,
    ) -> Result<Written, redb::Error> {
        for batch in batches {
            batch.keep.iter().try_for_each(|keep| self.keep(keep))?;
            batch.drop.iter().try_for_each(|gone| self.remove(gone))?;
        }
        if let Some((changes, newest)) = buckets {
            buckets::log_rows(changes, newest).for_each(|row| self.write(row));
        }
        let next = self.next();
        let Self { layer, rows, .. } = self;
        Ok(Written { layer, rows, next })
    }

    fn next(&self) -> u64 {
        self.first + self.rows.len() as u64
    }

    /// Gives a record its place. What stood there goes, whatever the caller says it replaces: so no
    /// bytes are left without a place, and no place without bytes.
    fn keep(&mut self, keep: &Keep) -> Result<(), redb::Error> {
        let row = LogRow::of(keep);
        let stood = match self.places {
            Places::New => None,
            Places::Any => self.item(&row.key)?,
        };
        let replaced = stood.map(|stood| (stood.id, stood.seq));
        self.write(LogRow { replaced, ..row });
        Ok(())
    }

    /// Takes a record away, if it is the one that stands there, and its name, unless another record
    /// has that by now.
    fn remove(&mut self, gone: &engine::Drop) -> Result<(), redb::Error> {
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
