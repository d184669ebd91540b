//! Changes that are in the log and not yet in the tables: the newest word on each of their keys.
//!
//! A layer is a function of a stretch of the log and of nothing else, so that after a start it is what
//! it was, however far its rows had come into the tables. Therefore rows of the log stay until
//! the layer that makes them needless is merged.
//!
//! Bound: `StoreConfig::layer_rows_max`, twice, and what one group of batches adds; merging makes room.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Hlc, RecordId};

use crate::rows::{self, BucketRow, IdKey, ItemKey, ItemRow, LogKind, LogRow, NameRow};

/// `None` says that the key is gone.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Layer {
    pub(crate) items: BTreeMap<ItemKey, Option<ItemRow>>,
    pub(crate) names: BTreeMap<Vec<u8>, Option<NameRow>>,
    pub(crate) ids: BTreeMap<IdKey, Option<u64>>,
    /// Buckets of the maps.
    pub(crate) buckets: BTreeMap<ItemKey, Option<BucketRow>>,
    /// When the last record or map told of here was created.
    pub(crate) newest: Hlc,
    /// Rows of the log that say nothing any more, once all this is in the tables.
    pub(crate) spent: BTreeSet<u64>,
}

impl Layer {
    /// Returns how full it is: in places, or in needless rows of the log, whichever is more.
    pub(crate) fn rows(&self) -> usize {
        self.items.len().max(self.spent.len())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.spent.is_empty()
    }

    /// Takes in the next row of the log; `None` if it makes no sense.
    pub(crate) fn note(&mut self, row: &LogRow, seq: u64) -> Option<()> {
        let Self { items, names, ids, buckets, newest, spent } = self;
        *newest = row.created.max(*newest);
        note(row, seq, (items, names, ids, buckets, spent))
    }

    /// Lays a newer layer over this one.
    pub(crate) fn cover(&mut self, newer: Self) {
        let Self { items, names, ids, buckets, newest, spent } = newer;
        self.items.extend(items);
        self.names.extend(names);
        self.ids.extend(ids);
        self.buckets.extend(buckets);
        self.newest = self.newest.max(newest);
        self.spent.extend(spent);
    }
}

/// A long stretch of the log on its way into a layer: sorted once at the end, which takes half as long.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    items: Vec<(ItemKey, Option<ItemRow>)>,
    names: Vec<(Vec<u8>, Option<NameRow>)>,
    ids: Vec<(IdKey, Option<u64>)>,
    buckets: Vec<(ItemKey, Option<BucketRow>)>,
    newest: Hlc,
    spent: Vec<u64>,
}

impl Draft {
    /// As [`Layer::note`].
    pub(crate) fn note(&mut self, row: &LogRow, seq: u64) -> Option<()> {
        let Self { items, names, ids, buckets, newest, spent } = self;
        *newest = row.created.max(*newest);
        note(row, seq, (items, names, ids, buckets, spent))
    }

    /// Makes the layer, on two threads. `None` if one of them fell over.
    pub(crate) fn layer(self) -> Option<Layer> {
        let Self { items, names, ids, buckets, newest, spent } = self;
        std::thread::scope(|scope| {
            let others = scope.spawn(|| (last_of(names), last_of(ids)));
            let (items, buckets) = (last_of(items), last_of(buckets));
            let spent = spent.into_iter().collect();
            let (names, ids) = others.join().ok()?;
            Some(Layer { items, names, ids, buckets, newest, spent })
        })
    }
}

/// Sorts rows by their keys; of several with one key the last counts.
fn last_of<K: Ord, V>(mut rows: Vec<(K, V)>) -> BTreeMap<K, V> {
    rows.reverse();
    // Stable: the last one comes first now.
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows.dedup_by(|(later, _), (first, _)| later == first);
    rows.into_iter().collect()
}

/// Places, names, ids, buckets and needless rows of the log.
type Parts<'a, I, N, D, B, S> = (&'a mut I, &'a mut N, &'a mut D, &'a mut B, &'a mut S);

/// Says of one row of the log what it changes.
fn note<I, N, D, B, S>(row: &LogRow, seq: u64, parts: Parts<'_, I, N, D, B, S>) -> Option<()>
where
    I: Extend<(ItemKey, Option<ItemRow>)>,
    N: Extend<(Vec<u8>, Option<NameRow>)>,
    D: Extend<(IdKey, Option<u64>)>,
    B: Extend<(ItemKey, Option<BucketRow>)>,
    S: Extend<u64>,
{
    let (items, names, ids, buckets, spent) = parts;
    let LogRow { key, id, created, expires_ms, .. } = *row;
    if let Some((id, seq)) = row.replaced {
        ids.extend([(id_key(&id), None)]);
        spent.extend([seq]);
    }
    let named = match row.kind {
        LogKind::Live => Some(false),
        LogKind::Deleted => Some(true),
        LogKind::Gone => None,
        LogKind::Buckets => {
            buckets.extend(rows::bucket_changes_of(&row.signed)?);
            spent.extend([seq]);
            return Some(());
        }
    };
    items.extend([(key, named.map(|_| ItemRow { id, created, expires_ms, seq }))]);
    ids.extend([(id_key(&id), named.map(|_| seq))]);
    if !row.name.is_empty() {
        names.extend([(row.name.clone(), named.map(|deleted| NameRow { seq, deleted }))]);
    }
    if named.is_none() {
        spent.extend([seq]);
    }
    Some(())
}

/// The first half of an id finds its record; whoever reads the record compares all of it.
pub(crate) fn id_key(id: &RecordId) -> IdKey {
    let mut key = [0; 16];
    key.copy_from_slice(&id.0[..16]);
    key
}
