//! The directory a node stands on.

use engine::Snapshot;
use node::engine;
use store::{DiskStore, Store};

use super::StartError;
use crate::clock;
use crate::directory::{DirectoryError, Home};
use crate::settings::Settings;

/// The directory, taken, and what was in its store.
///
/// The order of the fields is the order of dropping: the store closes before the lock opens.
pub(crate) struct Ground {
    pub(crate) store: Box<dyn Store>,
    pub(super) snapshot: Snapshot,
    pub(super) start_ms: u64,
    pub(super) home: Home,
}

impl Ground {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StartError> {
        let start_ms = clock::unix_ms();
        let (path, file) = (settings.directory.clone(), settings.network_file.clone());
        let open = move || -> Result<Self, DirectoryError> {
            let home = Home::open(&path, file.as_deref(), &clock::rfc3339(start_ms))?;
            let store = Box::new(DiskStore::open(&path, home.network.id)?);
            let snapshot = store.load()?;
            Ok(Self { home, store, snapshot, start_ms })
        };
        match tokio::task::spawn_blocking(open).await {
            Ok(ground) => Ok(ground?),
            Err(error) => Err(StartError::System(error.to_string())),
        }
    }
}
