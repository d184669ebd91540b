//! Hashes of the maps' buckets: how the log tells which changed, and how a map wakes up from them.
//!
//! Whoever writes records hands over both maps as they are afterwards; what differs from the maps of the
//! commit before goes into the log behind the records, in the same transaction. So the hashes are those of
//! the last commit, whatever happened. Who writes records without maps makes the hashes unknown; then a
//! map is made of all leaves, and the next commit with maps writes all hashes anew.

use std::sync::{Arc, Weak};

use node::engine::{Batch, Leaf, Map, Maps, Source, Stub};
use wire::{Digest, Hlc, Set};

use super::file::StoreFile;
use crate::rows::{self, BucketRow, ItemKey, LogKind, LogRow};

/// Buckets by their sets and first keys, in order; `None` for those that are gone.
pub(crate) type Changes = Vec<(ItemKey, Option<BucketRow>)>;

/// What some batches say of the maps.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Told<'a> {
    /// No batch changes a set.
    Nothing,
    /// How both sets are after all batches.
    Maps(&'a Maps),
    /// The last batch that changes a set does not say.
    Unknown,
}

impl<'a> Told<'a> {
    pub(crate) fn by(batches: &'a [Batch]) -> Self {
        let last = batches.iter().rev().find(|it| !it.keep.is_empty() || !it.drop.is_empty());
        match last {
            None => Self::Nothing,
            Some(Batch { maps: Some(maps), .. }) => Self::Maps(maps),
            Some(Batch { maps: None, .. }) => Self::Unknown,
        }
    }
}

/// Finds the buckets in which maps differ from older ones.
pub(crate) fn since(maps: &Maps, older: &Maps) -> Changes {
    let of = |set| {
        let changes = maps.map(set).since(older.map(set)).into_iter();
        changes.map(move |(head, stub)| {
            let row = |stub: Stub| BucketRow { hash: stub.hash, count: stub.count };
            (rows::item_key(set, head), stub.map(row))
        })
    };
    of(Set::State).chain(of(Set::Messages)).collect()
}

/// Rows of the log that say which buckets changed.
pub(crate) fn log_rows(changes: &Changes, newest: Hlc) -> impl Iterator<Item = LogRow> {
    changes.chunks(CHANGES_PER_ROW_MAX).map(move |changes| LogRow {
        key: [0; 33],
        id: Digest::default(),
        created: newest,
        expires_ms: 0,
        kind: LogKind::Buckets,
        replaced: None,
        name: Vec::new(),
        signed: rows::bucket_changes(changes),
    })
}

/// Makes both maps of what the file says of their buckets, in order.
pub(crate) fn restore(buckets: &[(ItemKey, BucketRow)], newest: Hlc) -> Option<Maps> {
    let mut stubs = [Vec::new(), Vec::new()];
    for (key, row) in buckets {
        let (set, head) = rows::item_place(key)?;
        let at = match set {
            Set::State => 0,
            Set::Messages => 1,
        };
        stubs[at].push(Stub { head, hash: row.hash, count: row.count });
    }
    let [state, messages] = stubs.map(|stubs| Map::restore(Arc::new(Nowhere), &stubs));
    Some(Maps { state, messages, newest })
}

/// A set in the file as it is at the moment of reading. It does not keep the file open.
pub(crate) struct Shelf {
    pub(crate) file: Weak<StoreFile>,
    pub(crate) set: Set,
}

impl Source for Shelf {
    fn leaves(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>> {
        let file = self.file.upgrade()?;
        let kept = file.read(|view| view.kept(self.set, head, count));
        match kept {
            Ok(kept) => Some(kept.iter().map(node::engine::Kept::leaf).collect()),
            Err(error) => {
                tracing::error!(%error, "leaves of the map could not be read");
                None
            }
        }
    }
}

/// The store's own maps are hashes alone.
struct Nowhere;

impl Source for Nowhere {
    fn leaves(&self, _: &Digest, _: usize) -> Option<Vec<Leaf>> {
        None
    }
}

/// Buckets in one row of the log, 66 bytes each.
const CHANGES_PER_ROW_MAX: usize = 512;
