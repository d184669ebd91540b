//! The store as one redb file.
//!
//! Every transaction is durable when it returns and leaves the allocator's state behind, so that
//! opening after a crash takes no time. Invariant: a record's bytes, its place in a set and its
//! name are written and removed together.

mod file;
mod tables;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::engine::{Batch, Snapshot};
use redb::ReadTransaction;
use wire::{NetworkId, NodeId, RecordId, Signed};

use crate::{Cursor, Found, Named, Query, Read, Store, StoreError, until_full};
pub(crate) use file::StoreFile;
use tables::Tables;
pub use tables::Verified;
use view::View;

/// What survives a restart, in `DIR/store.redb`.
#[derive(Debug)]
pub struct DiskStore {
    file: Arc<StoreFile>,
}

impl DiskStore {
    /// Opens the store of a directory, or makes it. Take the [`crate::DirLock`] first.
    pub fn open(dir: &Path, network: NetworkId) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StoreFile::open(dir, network)?) })
    }

    #[cfg(test)]
    pub(crate) fn on(file: StoreFile) -> Self {
        Self { file: Arc::new(file) }
    }

    /// Reads everything and checks that it fits together: page checksums, record ids, indexes.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        self.file.check_pages()?;
        self.file.read(|txn| View::open(txn)?.verify())
    }
}

impl Store for DiskStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.file.read(|txn| View::open(txn)?.load())
    }

    fn apply(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        if batches.iter().all(|batch| *batch == Batch::default()) {
            return Ok(());
        }
        self.file.write(|txn| {
            let mut tables = Tables::open(txn)?;
            batches.iter().try_for_each(|batch| tables.apply(batch))
        })
    }

    fn records(&self, ids: &[RecordId], bytes_max: usize) -> Result<Vec<Signed>, StoreError> {
        self.file.read(|txn| {
            let view = View::open(txn)?;
            let mut wanted = until_full(bytes_max);
            let found = ids.iter().filter_map(|id| view.record(id).transpose());
            found.take_while(|it| it.as_ref().map_or(true, &mut wanted)).collect()
        })
    }

    fn reader(&self) -> Arc<dyn Read> {
        Arc::clone(&self.file) as Arc<dyn Read>
    }
}

impl Read for StoreFile {
    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError> {
        self.read(|txn| View::open(txn)?.entry(collection, name, author))
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        self.read(|txn| View::open(txn)?.list(query))
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        self.read(|txn| View::open(txn)?.record(id))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Frozen { txn: Arc::new(self.begin_read()?), path: self.path().to_owned() }))
    }
}

/// One committed state, held.
struct Frozen {
    txn: Arc<ReadTransaction>,
    path: PathBuf,
}

impl Frozen {
    fn read<T>(&self, f: impl FnOnce(View) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let fault = |error| StoreError::database(&self.path, error);
        View::open(&self.txn).and_then(f).map_err(fault)
    }
}

impl Read for Frozen {
    fn entry(
        &self,
        collection: &str,
        name: &str,
        author: Option<NodeId>,
    ) -> Result<Option<Named>, StoreError> {
        self.read(|view| view.entry(collection, name, author))
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        self.read(|view| view.list(query))
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        self.read(|view| view.record(id))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Self { txn: Arc::clone(&self.txn), path: self.path.clone() }))
    }
}
