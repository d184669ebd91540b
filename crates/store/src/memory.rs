//! The store as maps: for the simulator, and as the plain statement of what the disk must do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use node::engine::checkpoint::Row;
use node::engine::{self, AuthorClock, Batch, BookRow, JOURNAL, Keep, Kept, Label, Snapshot};
use wire::{Digest, Hlc, NodeId, RecordId, Set, Signed};

use crate::rows::NameKey;
use crate::{Cursor, Found, Named, OwnRow, Query, Read, Store, StoreError, until_full};

/// What a disk would hold, in memory. A clone is a copy of that disk and goes its own way.
#[derive(Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

/// Written as a whole: who holds an old `Contents` keeps it.
#[derive(Debug, Default)]
struct Shared(Mutex<Arc<Contents>>);

#[derive(Clone, Debug, Default)]
struct Contents {
    records: BTreeMap<RecordId, Signed>,
    items: BTreeMap<(Set, Digest), ItemRow>,
    names: BTreeMap<NameKey, NameRow>,
    book: BTreeMap<NodeId, BookRow>,
    author: AuthorClock,
    council: BTreeMap<Row, Vec<u8>>,
    own: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Debug)]
struct ItemRow {
    id: RecordId,
    created: Hlc,
    expires_ms: u64,
    name: Option<NameKey>,
}

#[derive(Clone, Copy, Debug)]
struct NameRow {
    id: RecordId,
    created: Hlc,
    deleted: bool,
}

impl MemoryStore {
    /// Says how many records it holds.
    pub fn len(&self) -> usize {
        self.shared.contents().records.len()
    }

    /// Says whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { shared: Arc::new(Shared(Mutex::new(self.shared.contents()))) }
    }
}

impl Store for MemoryStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        let contents = self.shared.contents();
        Ok(Snapshot {
            items: contents.items.iter().map(kept).collect(),
            maps: None,
            book: contents.book.values().cloned().collect(),
            author: contents.author,
            council: contents.council.clone().into_iter().collect(),
            own: contents.own_to_wake_up_with(),
        })
    }

    fn wake(&self) -> Result<Snapshot, StoreError> {
        self.load()
    }

    fn kept(&self, set: Set, from: &Digest, max: usize) -> Result<Vec<Kept>, StoreError> {
        let contents = self.shared.contents();
        let items = contents.items.range((set, *from)..=(set, Digest([0xff; 32])));
        Ok(items.take(max).map(kept).collect())
    }

    fn apply(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        let mut guard = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let contents = Arc::make_mut(&mut guard);
        batches.iter().for_each(|batch| contents.apply(batch));
        Ok(())
    }

    fn records(&self, ids: &[RecordId], bytes_max: usize) -> Result<Vec<Signed>, StoreError> {
        let contents = self.shared.contents();
        let found = ids.iter().filter_map(|id| contents.records.get(id).cloned());
        Ok(found.take_while(until_full(bytes_max)).collect())
    }

    fn reader(&self) -> Arc<dyn Read> {
        Arc::clone(&self.shared) as Arc<dyn Read>
    }
}

impl Shared {
    fn contents(&self) -> Arc<Contents> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Read for Shared {
    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError> {
        self.contents().entry(collection, name, author)
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        self.contents().list(query)
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        self.contents().record(id)
    }

    fn own(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<OwnRow>, StoreError> {
        Ok(self.contents().own_rows(prefix, after, max))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Frozen(self.contents())))
    }
}

struct Frozen(Arc<Contents>);

impl Read for Frozen {
    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError> {
        self.0.entry(collection, name, author)
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        self.0.list(query)
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        self.0.record(id)
    }

    fn own(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<OwnRow>, StoreError> {
        Ok(self.0.own_rows(prefix, after, max))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Self(Arc::clone(&self.0))))
    }
}

impl Contents {
    fn apply(&mut self, batch: &Batch) {
        batch.keep.iter().for_each(|keep| self.keep(keep));
        batch.drop.iter().for_each(|gone| self.remove(gone));
        self.book.extend(batch.book.iter().map(|row| (row.node, row.clone())));
        self.book.retain(|node, _| !batch.book_drop.contains(node));
        self.author = batch.author.unwrap_or(self.author);
        for (row, value) in &batch.council {
            match value {
                Some(value) => self.council.insert(*row, value.clone()),
                None => self.council.remove(row),
            };
        }
        for (name, value) in &batch.own {
            match value {
                Some(value) => self.own.insert(name.clone(), value.clone()),
                None => self.own.remove(name),
            };
        }
    }

    /// Of the journal the last row: it may be long.
    fn own_to_wake_up_with(&self) -> Vec<OwnRow> {
        let is_journal = |name: &&String| name.starts_with(JOURNAL);
        let last = self.own.keys().rfind(is_journal);
        let wanted = |(name, _): &(&String, &Vec<u8>)| !is_journal(name) || Some(*name) == last;
        let rows = self.own.iter().filter(wanted);
        rows.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn own_rows(&self, prefix: &str, after: Option<&str>, max: usize) -> Vec<OwnRow> {
        let from = after.unwrap_or(prefix);
        let rows =
            self.own.range::<str, _>((std::ops::Bound::Included(from), std::ops::Bound::Unbounded));
        let rows = rows.filter(|(name, _)| after != Some(name.as_str()));
        let rows = rows.take_while(|(name, _)| name.starts_with(prefix)).take(max);
        rows.map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn keep(&mut self, keep: &Keep) {
        let place = (keep.set, keep.key);
        let stood = self.items.get(&place).map(|row| row.id).filter(|id| *id != keep.id);
        if let Some(id) = stood {
            self.remove(&engine::Drop { set: keep.set, key: keep.key, id });
        }
        self.records.insert(keep.id, keep.signed.clone());
        let Keep { id, created, expires_ms, .. } = *keep;
        self.items.insert(place, ItemRow { id, created, expires_ms, name: NameKey::of(keep) });
        if let (Some(name), Some(label)) = (NameKey::of(keep), &keep.label) {
            let (id, created, deleted) = (keep.id, keep.created, label.deleted);
            self.names.insert(name, NameRow { id, created, deleted });
        }
    }

    fn remove(&mut self, gone: &engine::Drop) {
        let place = (gone.set, gone.key);
        if self.items.get(&place).is_none_or(|row| row.id != gone.id) {
            return;
        }
        self.records.remove(&gone.id);
        let name = self.items.remove(&place).and_then(|row| row.name);
        let Some(name) = name else { return };
        if self.names.get(&name).is_some_and(|row| row.id == gone.id) {
            self.names.remove(&name);
        }
    }

    fn found(&self, key: &NameKey, row: &NameRow) -> Option<Found> {
        let signed = self.records.get(&row.id)?.clone();
        let (collection, name) = (key.collection.clone(), key.name.clone());
        let label = Label { collection, name, deleted: row.deleted };
        Some(Found { id: row.id, created: row.created, label, signed })
    }

    fn live(&self) -> impl Iterator<Item = (&NameKey, &NameRow)> {
        self.names.iter().filter(|(_, row)| !row.deleted)
    }

    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError> {
        let all: Vec<_> = self
            .live()
            .filter(|(key, _)| key.collection == collection && key.name == name)
            .collect();
        let mine = all.iter().filter(|(key, _)| author.is_none_or(|it| it == key.author));
        let newest = mine.max_by_key(|(_, row)| (row.created, row.id));
        let found = newest.and_then(|(key, row)| self.found(key, row));
        Ok(found.map(|found| Named { found, others: all.len() - 1 }))
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        let behind = |key: &NameKey| query.after.as_ref().is_none_or(|after| after.0 < *key);
        let wanted = self.live().filter(|(key, _)| behind(key) && query.wants(key));
        let mut page: Vec<_> = wanted.take(query.clamped() + 1).collect();
        let more = query.clamped() < page.len();
        page.truncate(query.clamped());
        let next = page.last().filter(|_| more).map(|(key, _)| Cursor((*key).clone()));
        Ok((page.into_iter().filter_map(|(key, row)| self.found(key, row)).collect(), next))
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        Ok(self.records.get(id).cloned())
    }
}

fn kept(((set, key), row): (&(Set, Digest), &ItemRow)) -> Kept {
    let ItemRow { id, created, expires_ms, .. } = *row;
    Kept { set: *set, key: *key, id, created, expires_ms }
}
