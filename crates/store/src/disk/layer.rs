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
        let LogRow { key, id, created, expires_ms, .. } = *row;
        self.newest = self.newest.max(created);
        if let Some((id, seq)) = row.replaced {
            self.ids.insert(id_key(&id), None);
            self.spent.insert(seq);
        }
        let named = match row.kind {
            LogKind::Live => Some(false),
            LogKind::Deleted => Some(true),
            LogKind::Gone => None,
            LogKind::Buckets => {
                self.buckets.extend(rows::bucket_changes_of(&row.signed)?);
                self.spent.insert(seq);
                return Some(());
            }
        };
        self.items.insert(key, named.map(|_| ItemRow { id, created, expires_ms, seq }));
        self.ids.insert(id_key(&id), named.map(|_| seq));
        if !row.name.is_empty() {
            let name = named.map(|deleted| NameRow { seq, deleted });
            self.names.insert(row.name.clone(), name);
        }
        if named.is_none() {
            self.spent.insert(seq);
        }
        Some(())
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

/// The first half of an id finds its record; whoever reads the record compares all of it.
pub(crate) fn id_key(id: &RecordId) -> IdKey {
    let mut key = [0; 16];
    key.copy_from_slice(&id.0[..16]);
    key
}
