//! Copies of a node's directory that can be checked: files, and a list of their hashes written last.
//!
//! A backup is made of a node that is not running, after its whole store was checked. Without the list
//! a directory is no backup, so one that was cut off is never taken for one.

use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use store::{DiskStore, Verified};
use wire::Digest;

use crate::clock;
use crate::directory::{self, DirectoryError, Home};

/// Whether a backup has the keys of the node.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Keys {
    /// It has: whoever holds it can be that node.
    Included,
    /// A node restored from it is another one.
    LeftOut,
}

/// `trellis.backup/1`: what a backup holds.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// `trellis.backup/1`.
    pub schema: String,
    /// When it was made, RFC 3339.
    pub created: String,
    /// The network's id.
    pub network: String,
    /// The node it was made of.
    pub node: String,
    /// Records in it.
    pub records: u64,
    /// Its files.
    pub files: Vec<BackupFile>,
}

/// One file of a backup.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BackupFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// The hash over the hashes of its pieces of 1 MiB.
    pub hash: String,
}

/// What a check of a whole store found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Checked {
    /// What was counted.
    pub verified: Verified,
    /// The root of the state, made anew.
    pub root: Digest,
}

/// Why there is no backup, or none that can be used. The node's own files are as they were.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A file is not what the list says.
    #[error("{} is not the file that was copied: {why}; take another backup", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
        /// What is different.
        why: String,
    },
    /// The system says no.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no list, or it makes no sense.
    #[error("{} is no backup, or one that was cut off: {why}", path.display())]
    NoBackup {
        /// The directory.
        path: PathBuf,
        /// What is missing.
        why: String,
    },
    /// There is no store.
    #[error("{} holds no node: nothing to copy or to check", .0.display())]
    NoNode(PathBuf),
    /// Something stands where the copy should go.
    #[error("{} is not empty: choose a directory that does not exist yet", .0.display())]
    Occupied(PathBuf),
}

/// Checks the whole store of a node that is not running.
pub fn check(dir: &Path) -> Result<Checked, BackupError> {
    let (home, store) = open(dir)?;
    let checked = check_store(&store);
    drop(store);
    drop(home);
    checked
}

/// Copies a node that is not running into a new directory.
pub fn create(dir: &Path, to: &Path, keys: Keys) -> Result<Backup, BackupError> {
    let (home, store) = open(dir)?;
    make_empty(to)?;
    let records = check_store(&store)?.verified.records;
    // Closed, the file is whole; the lock keeps others from opening it.
    drop(store);
    let mut files = Vec::new();
    for (name, mode) in FILES.iter().chain(secrets(keys)) {
        if let Some(file) = copy(&dir.join(name), &to.join(name), *mode)? {
            files.push(file);
        }
    }
    let backup = Backup {
        schema: SCHEMA.to_owned(),
        created: clock::rfc3339(clock::unix_ms()),
        network: home.network.id.to_string(),
        node: home.identity.id().to_string(),
        records,
        files,
    };
    let text = serde_json::to_string_pretty(&backup).unwrap_or_default();
    directory::create(to, &to.join(LIST), text.as_bytes(), 0o600)?;
    Ok(backup)
}

/// Checks every file of a backup against its list.
pub fn verify(from: &Path) -> Result<Backup, BackupError> {
    let no_backup = |why: String| BackupError::NoBackup { path: from.to_owned(), why };
    let text = directory::read_optional(&from.join(LIST))?;
    let text = text.ok_or_else(|| no_backup(format!("there is no {LIST}")))?;
    let backup: Backup =
        serde_json::from_str(&text).map_err(|error| no_backup(format!("{LIST}: {error}")))?;
    if backup.schema != SCHEMA {
        return Err(no_backup(format!("{LIST} says {:?}", backup.schema)));
    }
    for file in &backup.files {
        let known = FILES.iter().chain(SECRETS).any(|(name, _)| *name == file.name);
        if !known {
            return Err(no_backup(format!("{LIST} names a file {:?}", file.name)));
        }
        let path = from.join(&file.name);
        let found = hash(&path, None)?;
        let why = match found {
            None => "it is not there".to_owned(),
            Some(found) if found.bytes != file.bytes => format!("it has {} bytes", found.bytes),
            Some(found) if found.hash != file.hash => "its hash is another".to_owned(),
            Some(_) => continue,
        };
        return Err(BackupError::Changed { path, why });
    }
    Ok(backup)
}

/// Makes a node's directory of a backup, after checking it.
pub fn restore(from: &Path, dir: &Path) -> Result<Backup, BackupError> {
    let backup = verify(from)?;
    make_empty(dir)?;
    // The store last: without it there is no node that could wake up with half of its files.
    let store_last = |file: &&BackupFile| file.name == STORE;
    for file in backup
        .files
        .iter()
        .filter(|it| !store_last(it))
        .chain(backup.files.iter().filter(store_last))
    {
        let mode = FILES.iter().chain(SECRETS).find(|(name, _)| *name == file.name);
        let to = dir.join(&file.name);
        let copied = copy(&from.join(&file.name), &to, mode.map_or(0o600, |(_, mode)| *mode))?;
        if copied.as_ref() != Some(file) {
            let why = "it changed while it was copied".to_owned();
            return Err(BackupError::Changed { path: from.join(&file.name), why });
        }
    }
    Ok(backup)
}

fn open(dir: &Path) -> Result<(Home, DiskStore), BackupError> {
    if !dir.join(STORE).exists() {
        return Err(BackupError::NoNode(dir.to_owned()));
    }
    let home = Home::open(dir, None, &clock::rfc3339(clock::unix_ms()))?;
    let store = DiskStore::open(dir, home.network.id).map_err(DirectoryError::from)?;
    Ok((home, store))
}

fn check_store(store: &DiskStore) -> Result<Checked, BackupError> {
    let verified = store.verify().map_err(DirectoryError::from)?;
    let snapshot = store::Store::load(store).map_err(DirectoryError::from)?;
    Ok(Checked { verified, root: node::state_root(&snapshot.items) })
}

fn make_empty(dir: &Path) -> Result<(), BackupError> {
    directory::make(dir)?;
    let mut entries = fs::read_dir(dir).map_err(|error| io(dir, error))?;
    if entries.next().is_some() { Err(BackupError::Occupied(dir.to_owned())) } else { Ok(()) }
}

/// Copies a file, if it is there, and says what was copied once that is on disk.
fn copy(from: &Path, to: &Path, mode: u32) -> Result<Option<BackupFile>, BackupError> {
    let fresh = to.with_extension("new");
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    if !from.exists() {
        return Ok(None);
    }
    let mut file = options.open(&fresh).map_err(|error| io(&fresh, error))?;
    let copied = hash(from, Some(&mut file))?;
    file.sync_all().map_err(|error| io(&fresh, error))?;
    fs::rename(&fresh, to).map_err(|error| io(to, error))?;
    Ok(copied)
}

/// Hashes a file piece by piece and writes the pieces on; `None` if there is no such file.
fn hash(path: &Path, mut copy: Option<&mut File>) -> Result<Option<BackupFile>, BackupError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io(path, error)),
    };
    let (mut bytes, mut pieces, mut piece) = (0, Vec::new(), Vec::with_capacity(PIECE_BYTES));
    loop {
        piece.clear();
        let mut part = (&mut file).take(PIECE_BYTES as u64);
        let read = part.read_to_end(&mut piece).map_err(|error| io(path, error))?;
        if read == 0 {
            break;
        }
        if let Some(copy) = &mut copy {
            copy.write_all(&piece).map_err(|error| io(path, error))?;
        }
        bytes += read as u64;
        pieces.extend(Digest::of("trellis-backup-piece-v1", &[&piece]).0);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let hash = Digest::of("trellis-backup-file-v1", &[&pieces]).to_string();
    Ok(Some(BackupFile { name: name.unwrap_or_default(), bytes, hash }))
}

fn secrets(keys: Keys) -> &'static [(&'static str, u32)] {
    match keys {
        Keys::Included => SECRETS,
        Keys::LeftOut => &[],
    }
}

fn io(path: &Path, source: std::io::Error) -> BackupError {
    BackupError::Io { path: path.to_owned(), source }
}

const SCHEMA: &str = "trellis.backup/1";
const LIST: &str = "backup.json";
const STORE: &str = "store.redb";
/// What every backup has, with the rights of each file.
const FILES: &[(&str, u32)] =
    &[("network.toml", 0o644), ("config.toml", 0o644), ("committee.toml", 0o644), (STORE, 0o600)];
const SECRETS: &[(&str, u32)] = &[("identity.pem", 0o600), ("attester.key", 0o600)];
const PIECE_BYTES: usize = 1024 * 1024;
