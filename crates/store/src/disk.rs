//! The store as one redb file: a log of records, and tables that follow it.
//!
//! Every transaction is durable when it returns and leaves the allocator's state behind, so that
//! opening after a crash takes no time. Invariant: a record's row of the log, its place in a set, its
//! id and its name, in the tables or in the layers over them, come and go together.

mod buckets;
mod file;
mod layer;
mod ledger;
mod older;
mod tables;
mod view;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use node::engine::{Batch, Kept, Snapshot};
use wire::{Digest, NetworkId, NodeId, RecordId, Set, Signed};

use crate::{Cursor, Found, Named, OwnRow, Query, Read, Store, StoreError, until_full};
use buckets::Shelf;
pub use file::StoreConfig;
pub(crate) use file::StoreFile;
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
        Self::open_with(dir, network, StoreConfig::default())
    }

    /// The same, with as much memory as told.
    pub fn open_with(
        dir: &Path,
        network: NetworkId,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        Ok(Self { file: Arc::new(StoreFile::open(dir, network, config)?) })
    }

    #[cfg(test)]
    pub(crate) fn on(file: StoreFile) -> Self {
        Self { file: Arc::new(file) }
    }

    /// Reads everything and checks that it fits together: page checksums, record ids, indexes.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        self.file.check_pages()?;
        self.file.read(View::verify)
    }
}

impl Store for DiskStore {
    fn load(&self) -> Result<Snapshot, StoreError> {
        self.file.read(View::load)
    }

    fn wake(&self) -> Result<Snapshot, StoreError> {
        let Some(mut maps) = self.file.maps()? else { return self.load() };
        for set in [Set::State, Set::Messages] {
            let file = Arc::downgrade(&self.file);
            maps.map_mut(set).read_from(Arc::new(Shelf { file, set }));
        }
        Ok(Snapshot { maps: Some(Box::new(maps)), ..self.file.read(View::rest)? })
    }

    fn kept(&self, set: Set, from: &Digest, max: usize) -> Result<Vec<Kept>, StoreError> {
        self.file.read(|view| view.kept(set, from, max))
    }

    fn apply(&mut self, batches: &[Batch]) -> Result<(), StoreError> {
        if batches.iter().all(|batch| *batch == Batch::default()) {
            return Ok(());
        }
        self.file.apply(batches)
    }

    fn records(&self, ids: &[RecordId], bytes_max: usize) -> Result<Vec<Signed>, StoreError> {
        self.file.read(|view| {
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
        self.read(|view| view.entry(collection, name, author))
    }

    fn list(&self, query: &Query) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
        self.read(|view| view.list(query))
    }

    fn record(&self, id: &RecordId) -> Result<Option<Signed>, StoreError> {
        self.read(|view| view.record(id))
    }

    fn own(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<OwnRow>, StoreError> {
        self.read(|view| view.own(prefix, after, max))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Frozen { view: self.view()?, path: self.path().to_owned() }))
    }
}

/// One committed state, held.
struct Frozen {
    view: Arc<View>,
    path: PathBuf,
}

impl Frozen {
    fn read<T>(&self, f: impl FnOnce(&View) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let fault = |error| StoreError::database(&self.path, error);
        f(&self.view).map_err(fault)
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

    fn own(
        &self,
        prefix: &str,
        after: Option<&str>,
        max: usize,
    ) -> Result<Vec<OwnRow>, StoreError> {
        self.read(|view| view.own(prefix, after, max))
    }

    fn snapshot(&self) -> Result<Arc<dyn Read>, StoreError> {
        Ok(Arc::new(Self { view: Arc::clone(&self.view), path: self.path.clone() }))
    }
}
