//! One process for one directory.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::Path;

use crate::StoreError;

/// Who has a directory. It says so in the lock file, for the next one who comes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holder {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// Since when, RFC 3339.
    pub since: String,
}

/// A directory taken. The system frees it when this is dropped or the process dies.
#[derive(Debug)]
pub struct DirLock {
    file: File,
}

impl DirLock {
    /// Makes the directory if it is missing, and takes it.
    pub fn take(dir: &Path, holder: &Holder) -> Result<Self, StoreError> {
        fs::create_dir_all(dir).map_err(|error| StoreError::io(dir, error))?;
        let path = dir.join(LOCK_FILE);
        let at_path = |error| StoreError::io(&path, error);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = file.map_err(at_path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(at_path(error)),
            Err(TryLockError::WouldBlock) => return Err(StoreError::locked(dir)),
        }
        file.set_len(0).map_err(at_path)?;
        file.write_all(holder.to_text().as_bytes()).map_err(at_path)?;
        Ok(Self { file })
    }

    /// Says who has a directory taken, without taking it.
    pub fn holder(dir: &Path) -> Option<Holder> {
        let file = File::open(dir.join(LOCK_FILE)).ok()?;
        match file.try_lock_shared() {
            Ok(()) | Err(TryLockError::Error(_)) => None,
            Err(TryLockError::WouldBlock) => Holder::read(dir),
        }
    }
}

impl Drop for DirLock {
    fn drop(&mut self) {
        // The file stays: removing it would let two processes lock two files of one name.
        let _ = self.file.set_len(0);
    }
}

impl Holder {
    /// Reads who has a directory, if the lock file says so.
    pub(crate) fn read(dir: &Path) -> Option<Self> {
        let mut text = String::new();
        let file = File::open(dir.join(LOCK_FILE)).ok()?;
        file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
        let mut lines = text.lines();
        let mut field = |name: &str| Some(lines.next()?.strip_prefix(name)?.trim().to_owned());
        Some(Self {
            pid: field("pid")?.parse().ok()?,
            version: field("version")?,
            since: field("since")?,
        })
    }

    fn to_text(&self) -> String {
        format!("pid {}\nversion {}\nsince {}\n", self.pid, self.version, self.since)
    }
}

/// In the node's directory.
const LOCK_FILE: &str = "lock";
/// A longer one is not ours.
const HOLDER_BYTES_MAX: u64 = 1_024;
