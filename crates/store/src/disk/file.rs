//! The file behind the tables: made whole or not at all, checked before it is touched, and opened
//! again after a fault of the disk, because redb refuses everything after one.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use redb::{
    Builder, Database, Durability, ReadTransaction, ReadableDatabase, TableError, WriteTransaction,
};
use wire::NetworkId;

use super::tables::{META, META_FORMAT, META_NETWORK, Tables};
use crate::StoreError;

pub(crate) struct StoreFile {
    path: PathBuf,
    open: Box<Opener>,
    /// `None` only after a fault, until the file could be opened again.
    database: RwLock<Option<Database>>,
}

type Opener = dyn Fn() -> Result<Database, redb::Error> + Send + Sync;

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreFile({})", self.path.display())
    }
}

impl StoreFile {
    pub(crate) fn open(dir: &Path, network: NetworkId) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(dir, error))?;
        let path = dir.join(FILE);
        if !path.try_exists().map_err(|error| StoreError::io(&path, error))? {
            create(dir, &path, network)?;
        }
        check_unopened(&path, network)?;
        let file = path.clone();
        Self::with(path, network, move || Ok(builder().open(&file)?))
    }

    /// Opens whatever `open` opens; `path` is for messages.
    pub(crate) fn with(
        path: PathBuf,
        network: NetworkId,
        open: impl Fn() -> Result<Database, redb::Error> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let database = caught(&open).map_err(|error| StoreError::database(&path, error))?;
        adopt(&path, &database, network)?;
        Ok(Self { path, open: Box::new(open), database: RwLock::new(Some(database)) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `f` on one committed state.
    pub(crate) fn read<T>(
        &self,
        f: impl Fn(&ReadTransaction) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let once = || {
            let guard = self.opened()?;
            let database = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
            let txn = database.begin_read()?;
            caught(|| f(&txn))
        };
        let result = match once() {
            // A writer's fault has closed the file under us, or is about to.
            Err(redb::Error::DatabaseClosed | redb::Error::PreviousIo) => {
                self.reopen().and_then(|()| once())
            }
            result => result,
        };
        result.map_err(|error| StoreError::database(&self.path, error))
    }

    pub(crate) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        let begin = || {
            let guard = self.opened()?;
            let database = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
            Ok(database.begin_read()?)
        };
        begin().map_err(|error: redb::Error| StoreError::database(&self.path, error))
    }

    /// Runs `f` in a transaction that is on disk when this returns. After any error the file is
    /// opened afresh, so that what was committed before can be read and written on.
    pub(crate) fn write(
        &self,
        f: impl Fn(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let once = || {
            let guard = self.opened()?;
            let database = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
            caught(|| write(database, &f))
        };
        let result = once();
        if let Err(error) = &result {
            tracing::debug!(path = %self.path.display(), %error, "opening the store again");
            // If this fails too, the next call tries again and says why it cannot.
            let _ = self.reopen();
        }
        result.map_err(|error| StoreError::database(&self.path, error))
    }

    /// Checks every page against its checksum.
    pub(crate) fn check_pages(&self) -> Result<(), StoreError> {
        drop(self.opened().map_err(|error| StoreError::database(&self.path, error))?);
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        let Some(database) = guard.as_mut() else { return Ok(()) };
        let sound = caught(|| Ok(database.check_integrity()?));
        let corrupt = |detail: &str| redb::Error::Corrupted(detail.to_owned());
        match sound.and_then(|sound| if sound { Ok(()) } else { Err(corrupt("a page is torn")) }) {
            Ok(()) => Ok(()),
            Err(error) => Err(StoreError::database(&self.path, error)),
        }
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<Database>>, redb::Error> {
        let guard = self.database.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_some() {
            return Ok(guard);
        }
        drop(guard);
        self.reopen()?;
        Ok(self.database.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reopen(&self) -> Result<(), redb::Error> {
        let mut guard = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // First: two openings of one file exclude each other.
        *guard = None;
        *guard = Some(caught(&self.open)?);
        Ok(())
    }
}

fn write(
    database: &Database,
    f: impl Fn(&WriteTransaction) -> Result<(), redb::Error>,
) -> Result<(), redb::Error> {
    let mut txn = database.begin_write()?;
    txn.set_durability(Durability::Immediate)?;
    // Implies two-phase commit, which a second crash during recovery cannot confuse.
    txn.set_quick_repair(true);
    match f(&txn) {
        Ok(()) => Ok(txn.commit()?),
        Err(error) => {
            let _ = txn.abort();
            Err(error)
        }
    }
}

/// Makes the file under another name, so that a crash leaves a whole store or none.
fn create(dir: &Path, path: &Path, network: NetworkId) -> Result<(), StoreError> {
    let unfinished = dir.join(FILE_UNFINISHED);
    let at_path = |error| StoreError::io(&unfinished, error);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(at_path(error)),
        Ok(()) | Err(_) => {}
    }
    let database = builder().create(&unfinished);
    let database = database.map_err(|error| StoreError::database(&unfinished, error))?;
    adopt(&unfinished, &database, network)?;
    drop(database);
    fs::rename(&unfinished, path).map_err(at_path)?;
    sync_dir(dir).map_err(|error| StoreError::io(dir, error))
}

/// A name is on disk when its directory is; where directories cannot be opened, the system does it.
fn sync_dir(dir: &Path) -> std::io::Result<()> {
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Looks at format and network without writing a byte. After a crash the file cannot be opened
/// for reading alone; then [`adopt`] finds out.
fn check_unopened(path: &Path, network: NetworkId) -> Result<(), StoreError> {
    let fault = |error| StoreError::database(path, error);
    let look = caught(|| match builder().open_read_only(path) {
        Ok(database) => Ok(Some(read_origin(&database)?)),
        Err(redb::DatabaseError::RepairAborted) => Ok(None),
        Err(error) => Err(error.into()),
    });
    match look.map_err(fault)? {
        Some(Some(origin)) => origin.check(path, network),
        Some(None) | None => Ok(()),
    }
}

/// Checks the origin of a store, or writes it into an empty one.
fn adopt(path: &Path, database: &Database, network: NetworkId) -> Result<(), StoreError> {
    let fault = |error| StoreError::database(path, error);
    if let Some(origin) = caught(|| read_origin(database)).map_err(fault)? {
        return origin.check(path, network);
    }
    let first = |txn: &WriteTransaction| {
        Tables::open(txn)?;
        let mut meta = txn.open_table(META)?;
        meta.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
        meta.insert(META_NETWORK, network.0.as_slice())?;
        Ok(())
    };
    caught(|| write(database, first)).map_err(fault)
}

/// Which program wrote the store, for which network.
struct Origin {
    format: u64,
    network: Option<NetworkId>,
}

impl Origin {
    fn check(&self, path: &Path, wanted: NetworkId) -> Result<(), StoreError> {
        let path = path.to_owned();
        if FORMAT < self.format {
            return Err(StoreError::NewerFormat { path, found: self.format, ours: FORMAT });
        }
        match self.network {
            Some(found) if found == wanted => Ok(()),
            Some(found) => Err(StoreError::WrongNetwork { path, found, wanted }),
            None => Err(StoreError::Corrupt { path, detail: "it names no network".to_owned() }),
        }
    }
}

fn read_origin(database: &impl ReadableDatabase) -> Result<Option<Origin>, redb::Error> {
    let txn = database.begin_read()?;
    let meta = match txn.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(format) = meta.get(META_FORMAT)? else { return Ok(None) };
    let format = format.value().try_into().map(u64::from_be_bytes);
    let format = format.map_err(|_| redb::Error::Corrupted("format number".to_owned()))?;
    let network = meta.get(META_NETWORK)?.and_then(|it| NetworkId::from_slice(it.value()));
    Ok(Some(Origin { format, network }))
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// redb asserts on some damage that its checksums do not cover; to us that is damage too.
fn caught<T>(f: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
    caught.unwrap_or_else(|_| Err(redb::Error::Corrupted("its pages contradict each other".into())))
}

/// In the node's directory.
const FILE: &str = "store.redb";
/// A store that is being made.
const FILE_UNFINISHED: &str = "store.redb.new";
/// The layout of the tables; a higher number is refused.
pub(crate) const FORMAT: u64 = 1;
/// Pages kept in memory.
const CACHE_BYTES: usize = 64 * 1024 * 1024;
