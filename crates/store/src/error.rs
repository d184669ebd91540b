//! Why the store could not do it, by whose fault.

use std::io;
use std::path::{Path, PathBuf};

use wire::NetworkId;

use crate::Holder;

/// Something outside went wrong, or the caller chose the wrong directory.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The world's fault: the file is damaged. Nothing was changed.
    #[error(
        "the store {} is damaged ({detail}): move that file away and start again; the node will \
         fetch the state from its peers, and its key is untouched",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// The world's fault: no room. Nothing was changed; the same call works once there is room.
    #[error("the disk of {} is full: make room, then try again; nothing was changed", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// The world's fault: the disk failed. Nothing was acknowledged, and nothing is there by half:
    /// the previous state remains, or, where only the last sync failed, the whole batch is there.
    /// Applying it again is right in both cases.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The caller's fault: another process has this directory. Nothing was changed.
    #[error("{}", locked(dir, holder.as_ref()))]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// Who has it, as far as it says.
        holder: Option<Holder>,
    },
    /// The caller's fault: the program is too old for this directory. Nothing was changed.
    #[error(
        "the store {} was written by a newer trellis (format {found}, this program knows {ours}): \
         use that version, or choose another --dir",
        path.display()
    )]
    NewerFormat {
        /// The file.
        path: PathBuf,
        /// The format found.
        found: u64,
        /// The newest format we know.
        ours: u64,
    },
    /// The world's fault: we may not write there. Nothing was changed.
    #[error(
        "cannot write {} ({source}): give this user the right to write there, or choose another \
         --dir",
        path.display()
    )]
    ReadOnly {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The caller's fault: the directory belongs to another network. Nothing was changed.
    #[error(
        "the store {} belongs to network {found}, not to {wanted}: choose another --dir, or the \
         network file it was made with",
        path.display()
    )]
    WrongNetwork {
        /// The file.
        path: PathBuf,
        /// The network it was made for.
        found: NetworkId,
        /// The network asked for.
        wanted: NetworkId,
    },
}

impl StoreError {
    /// Sorts what the system says by what the operator can do about it.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::QuotaExceeded | io::ErrorKind::StorageFull => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, source }
            }
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => {
                Self::Corrupt { path, detail: source.to_string() }
            }
            _ => Self::Io { path, source },
        }
    }

    pub(crate) fn database(path: &Path, error: impl Into<redb::Error>) -> Self {
        let corrupt = |detail: String| Self::Corrupt { path: path.to_owned(), detail };
        match error.into() {
            redb::Error::Io(source) => Self::io(path, source),
            redb::Error::DatabaseAlreadyOpen => Self::locked(path.parent().unwrap_or(path)),
            redb::Error::Corrupted(detail) => corrupt(detail),
            error @ (redb::Error::RepairAborted
            | redb::Error::TableDoesNotExist(_)
            | redb::Error::TableIsMultimap(_)
            | redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::UpgradeRequired(_)) => corrupt(error.to_string()),
            error => Self::io(path, io::Error::other(error.to_string())),
        }
    }

    /// Somebody has this directory; its lock file says who.
    pub(crate) fn locked(dir: &Path) -> Self {
        Self::Locked { dir: dir.to_owned(), holder: Holder::read(dir) }
    }
}

fn locked(dir: &Path, holder: Option<&Holder>) -> String {
    let dir = dir.display();
    let who = match holder {
        Some(Holder { pid, version, since }) => {
            format!("process {pid} (trellis {version}, since {since})")
        }
        None => "another process".to_owned(),
    };
    format!(
        "directory {dir} is in use by {who}: use `trellis status --dir {dir}`, or choose another \
         --dir"
    )
}
