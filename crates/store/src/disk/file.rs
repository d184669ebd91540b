//! The file behind the tables: made whole or not at all, checked before it is touched, and opened
//! again after a fault of the disk, because redb refuses everything after one.
//!
//! A commit appends to the log and merges some rows of an older stretch of it into the tables; the
//! rest waits in memory and is read again from the log after a start.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use node::engine::{Batch, Maps};
use redb::{Builder, Database, Durability, ReadableDatabase, TableError, WriteTransaction};
use wire::{Hlc, NetworkId};

use super::buckets::{self, Changes, Told};
use super::layer::Layer;
use super::ledger::{Ledger, Places, Written};
use super::older;
use super::tables::{META, META_FORMAT, META_NETWORK, Merged, Progress, Tables};
use super::view::{ReadTables, View};
use crate::StoreError;

pub(crate) struct StoreFile {
    path: PathBuf,
    open: Box<Opener>,
    /// `None` only after a fault, until the file could be opened again.
    opened: RwLock<Option<Opened>>,
    layer_rows_max: usize,
}

struct Opened {
    database: Database,
    /// The last commit.
    view: Arc<View>,
    progress: Progress,
    /// The next row of the log.
    next: u64,
    /// The hashes of both maps, where the file has them.
    maps: Option<Maps>,
}

/// How much memory a store may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct StoreConfig {
    /// Bytes of pages kept in memory.
    pub cache_bytes: usize,
    /// Rows, about 300 bytes each, that wait in memory until they are merged; twice as many for a while.
    pub layer_rows_max: usize,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { cache_bytes: 64 * 1024 * 1024, layer_rows_max: 131_072 }
    }
}

type Opener = dyn Fn() -> Result<Database, redb::Error> + Send + Sync;

impl fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreFile({})", self.path.display())
    }
}

impl StoreFile {
    pub(crate) fn open(
        dir: &Path,
        network: NetworkId,
        config: StoreConfig,
    ) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(dir, error))?;
        let path = dir.join(FILE);
        if !path.try_exists().map_err(|error| StoreError::io(&path, error))? {
            create(dir, &path, network)?;
        }
        check_unopened(&path, network)?;
        let file = path.clone();
        let open = move || Ok(builder(config.cache_bytes).open(&file)?);
        Self::with(path, network, config.layer_rows_max, open)
    }

    /// Opens whatever `open` opens; `path` is for messages.
    pub(crate) fn with(
        path: PathBuf,
        network: NetworkId,
        layer_rows_max: usize,
        open: impl Fn() -> Result<Database, redb::Error> + Send + Sync + 'static,
    ) -> Result<Self, StoreError> {
        let fault = |error| StoreError::database(&path, error);
        let database = caught(&open).map_err(fault)?;
        adopt(&path, &database, network)?;
        let opened = caught(|| Opened::new(database)).map_err(fault)?;
        let opened = RwLock::new(Some(opened));
        Ok(Self { path, open: Box::new(open), opened, layer_rows_max })
    }

    /// Returns the hashes of both maps, if they are known.
    pub(crate) fn maps(&self) -> Result<Option<Maps>, StoreError> {
        let guard = self.opened().map_err(|error| StoreError::database(&self.path, error))?;
        Ok(guard.as_ref().and_then(|opened| opened.maps.clone()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `f` on the last commit.
    pub(crate) fn read<T>(
        &self,
        f: impl Fn(&View) -> Result<T, redb::Error>,
    ) -> Result<T, StoreError> {
        let once = || {
            let view = self.current()?;
            caught(|| f(&view))
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

    /// Returns the last commit, to be held.
    pub(crate) fn view(&self) -> Result<Arc<View>, StoreError> {
        self.current().map_err(|error| StoreError::database(&self.path, error))
    }

    fn current(&self) -> Result<Arc<View>, redb::Error> {
        let guard = self.opened()?;
        let opened = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
        Ok(Arc::clone(&opened.view))
    }

    /// Writes batches in a transaction that is on disk when this returns. After any error the file is
    /// opened afresh, so that what was committed before can be read and written on.
    pub(crate) fn apply(&self, batches: &[Batch]) -> Result<(), StoreError> {
        let once = || {
            let commit = {
                let guard = self.opened()?;
                let opened = guard.as_ref().ok_or(redb::Error::DatabaseClosed)?;
                caught(|| opened.commit(batches, self.layer_rows_max))?
            };
            let mut guard = self.opened.write().unwrap_or_else(PoisonError::into_inner);
            let opened = guard.take().ok_or(redb::Error::DatabaseClosed)?;
            *guard = Some(caught(|| opened.publish(commit))?);
            Ok(())
        };
        let result: Result<(), redb::Error> = once();
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
        let mut guard = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        let Some(Opened { mut database, view, .. }) = guard.take() else { return Ok(()) };
        // Nobody may be reading meanwhile; who still holds a view hears that the file is closed.
        drop(view);
        let sound = caught(|| Ok(database.check_integrity()?));
        let corrupt = |detail: &str| redb::Error::Corrupted(detail.to_owned());
        let sound =
            sound.and_then(|sound| if sound { Ok(()) } else { Err(corrupt("a page is torn")) });
        let again = sound.and_then(|()| caught(|| Opened::new(database)));
        match again {
            Ok(opened) => {
                *guard = Some(opened);
                Ok(())
            }
            Err(error) => Err(StoreError::database(&self.path, error)),
        }
    }

    fn opened(&self) -> Result<RwLockReadGuard<'_, Option<Opened>>, redb::Error> {
        let guard = self.opened.read().unwrap_or_else(PoisonError::into_inner);
        if guard.is_some() {
            return Ok(guard);
        }
        drop(guard);
        self.reopen()?;
        Ok(self.opened.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn reopen(&self) -> Result<(), redb::Error> {
        let mut guard = self.opened.write().unwrap_or_else(PoisonError::into_inner);
        // First: two openings of one file exclude each other.
        *guard = None;
        *guard = Some(caught(|| Opened::new((self.open)()?))?);
        Ok(())
    }
}

/// What a commit leads to, once it is on disk.
struct Commit {
    changes: Layer,
    maps: Option<Maps>,
    progress: Progress,
    next: u64,
    turn: Turn,
}

/// What becomes of the two layers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    /// Both stay.
    Stay,
    /// The older one is merged: it goes.
    Merged,
    /// The newer one is full: it becomes the older, and is merged from now on.
    Freeze,
}

impl Opened {
    /// Reads again what is in the log and not in the tables.
    fn new(database: Database) -> Result<Self, redb::Error> {
        let tables = ReadTables::open(&database.begin_read()?)?;
        let progress = tables.progress()?;
        let Progress { frozen_from, fresh_from, .. } = progress;
        let (frozen, fresh) = std::thread::scope(|scope| {
            let frozen = scope.spawn(|| tables.replay(frozen_from..fresh_from));
            let fresh = tables.replay(fresh_from..u64::MAX);
            let fallen = |_| Err(redb::Error::Corrupted("the log makes no sense".to_owned()));
            (frozen.join().unwrap_or_else(fallen), fresh)
        });
        let (frozen, fresh) = (frozen?, fresh?);
        let next = tables.next()?.max(fresh_from);
        let view = View { fresh: Arc::new(fresh), frozen: Arc::new(frozen), tables };
        let maps = view.maps()?;
        Ok(Self { database, view: Arc::new(view), progress, next, maps })
    }

    fn commit(&self, batches: &[Batch], layer_rows_max: usize) -> Result<Commit, redb::Error> {
        let (fresh, frozen) = (&self.view.fresh, &self.view.frozen);
        let mut commit = None;
        write(&self.database, |txn| {
            let mut tables = Tables::open(txn)?;
            let told = Told::by(batches);
            let buckets = self.bucket_changes(told)?;
            let buckets = buckets.as_ref().map(|(changes, newest)| (changes, *newest));
            let places = match (told, &self.maps) {
                (Told::Maps(maps), Some(older)) => Places::of(batches, maps, older),
                (Told::Maps(_) | Told::Nothing | Told::Unknown, _) => Places::Any,
            };
            let ledger = Ledger::new(&tables, [fresh, frozen], self.next, places);
            let Written { layer: changes, rows, next } = ledger.write_all(batches, buckets)?;
            tables.append(self.next, &rows)?;
            batches.iter().try_for_each(|batch| tables.apply_rest(batch))?;
            let maps = match told {
                Told::Nothing => self.maps.clone(),
                Told::Maps(maps) => Some(maps.clone()),
                Told::Unknown => None,
            };
            let mut progress = self.progress.clone();
            let mut turn = Turn::Stay;
            if !frozen.is_empty() {
                let rows = MERGE_ROWS_MIN.max(changes.rows() * MERGE_ROWS_EACH);
                match tables.merge(frozen, &progress.merged, rows)? {
                    Some(merged) => progress.merged = merged,
                    None => {
                        turn = Turn::Merged;
                        progress.frozen_from = progress.fresh_from;
                        progress.merged = Merged::Nothing;
                    }
                }
            } else if layer_rows_max <= fresh.rows() + changes.rows() {
                turn = Turn::Freeze;
                progress.fresh_from = next;
            }
            if maps.is_some() != self.maps.is_some() || turn == Turn::Freeze {
                tables.set_newest(maps.as_ref().map(|maps| maps.newest))?;
            }
            if progress != self.progress {
                tables.set_progress(&progress)?;
            }
            commit = Some(Commit { changes, maps, progress, next, turn });
            Ok(())
        })?;
        commit.ok_or(redb::Error::TransactionInProgress)
    }

    /// Finds which buckets a commit changes: all of them, if the file does not have them yet.
    fn bucket_changes(&self, told: Told<'_>) -> Result<Option<(Changes, Hlc)>, redb::Error> {
        let maps = match told {
            Told::Maps(maps) => maps,
            Told::Nothing | Told::Unknown => return Ok(None),
        };
        if let Some(older) = &self.maps {
            return Ok(Some((buckets::since(maps, older), maps.newest)));
        }
        let gone = self.view.buckets()?.map(|pair| pair.map(|(key, _)| (key, None)));
        let mut changes = gone.collect::<Result<BTreeMap<_, _>, _>>()?;
        changes.extend(buckets::since(maps, &Maps::default()));
        Ok(Some((changes.into_iter().collect(), maps.newest)))
    }

    /// Lets readers see what is on disk now.
    fn publish(self, commit: Commit) -> Result<Self, redb::Error> {
        let Self { database, view, .. } = self;
        let Commit { changes, maps, progress, next, turn } = commit;
        let (mut fresh, mut frozen) = match Arc::try_unwrap(view) {
            Ok(View { fresh, frozen, .. }) => (fresh, frozen),
            // Somebody holds the state before: it keeps its layer, and we take a copy.
            Err(view) => (Arc::clone(&view.fresh), Arc::clone(&view.frozen)),
        };
        Arc::make_mut(&mut fresh).cover(changes);
        match turn {
            Turn::Stay => {}
            Turn::Merged => frozen = Arc::default(),
            Turn::Freeze => frozen = std::mem::take(&mut fresh),
        }
        let tables = ReadTables::open(&database.begin_read()?)?;
        let view = Arc::new(View { fresh, frozen, tables });
        Ok(Self { database, view, progress, next, maps })
    }
}

fn write(
    database: &Database,
    f: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
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
    let database = builder(CREATE_CACHE_BYTES).create(&unfinished);
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
    let look = caught(|| match builder(CREATE_CACHE_BYTES).open_read_only(path) {
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
        origin.check(path, network)?;
        if origin.format == FORMAT {
            return Ok(());
        }
        tracing::info!(path = %path.display(), from = origin.format, to = FORMAT, "store format");
        let migrate = |txn: &WriteTransaction| {
            if origin.format < 2 {
                older::from_1(txn)?;
            }
            // What version 3 adds is made when maps are first told.
            Tables::open(txn)?;
            txn.open_table(META)?.insert(META_FORMAT, FORMAT.to_be_bytes().as_slice())?;
            Ok(())
        };
        return caught(|| write(database, migrate)).map_err(fault);
    }
    let first = |txn: &WriteTransaction| {
        // There is nothing, and of nothing all hashes are known.
        Tables::open(txn)?.set_newest(Some(Hlc::default()))?;
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

fn builder(cache_bytes: usize) -> Builder {
    let mut builder = Builder::new();
    builder.set_cache_size(cache_bytes);
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
pub(crate) const FORMAT: u64 = 3;
/// Enough for a glance.
const CREATE_CACHE_BYTES: usize = 1024 * 1024;
/// Rows merged with each commit at least, and for each record written: a record has three or, where it
/// replaces one, five, so that a layer is merged before the next one is full.
const MERGE_ROWS_MIN: usize = 64;
const MERGE_ROWS_EACH: usize = 6;
