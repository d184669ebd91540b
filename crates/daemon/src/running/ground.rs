//! The directory a node stands on.

use std::path::Path;

use engine::Snapshot;
use node::engine;
use store::{DiskStore, MemoryStore, Store, StoreConfig};

use super::StartError;
use crate::clock;
use crate::directory::{DirectoryError, Home};
use crate::settings::Settings;

/// The directory, taken, and what was in its store.
///
/// The order of the fields is the order of dropping: the store closes before the lock opens.
pub(crate) struct Ground {
    pub(crate) store: Box<dyn Store>,
    pub(crate) snapshot: Snapshot,
    pub(super) start_ms: u64,
    pub(super) home: Home,
}

type OpenStore = fn(&Path, &Home, StoreConfig) -> Result<Box<dyn Store>, DirectoryError>;

impl Ground {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StartError> {
        Self::open_with(settings, |path, home, config| {
            Ok(Box::new(DiskStore::open_with(path, home.network.id, config)?))
        })
        .await
    }

    /// Opens the directory for its key and its lock alone.
    pub(crate) async fn open_in_memory(settings: &Settings) -> Result<Self, StartError> {
        Self::open_with(settings, |_, _, _| Ok(Box::new(MemoryStore::default()))).await
    }

    async fn open_with(settings: &Settings, store: OpenStore) -> Result<Self, StartError> {
        let start_ms = clock::unix_ms();
        let (path, file) = (settings.directory.clone(), settings.network_file.clone());
        let config = settings.store();
        let open = move || -> Result<Self, DirectoryError> {
            let home = Home::open(&path, file.as_deref(), &clock::rfc3339(start_ms))?;
            let store = store(&path, &home, config)?;
            let snapshot = store.wake()?;
            Ok(Self { home, store, snapshot, start_ms })
        };
        match tokio::task::spawn_blocking(open).await {
            Ok(ground) => Ok(ground?),
            Err(error) => Err(StartError::System(error.to_string())),
        }
    }
}
