//! Making a directory a member of a network that somebody invited it to. Nothing is written before it is welcome.

use std::path::{Path, PathBuf};

use wire::{Address, Identity};

use crate::checkup;
use crate::directory::{self, DirectoryError};

pub use transport::{parse_reply, render_knock};

/// A directory that wants to join: its key, which may not be written down yet.
#[derive(Debug)]
pub struct Guest {
    directory: PathBuf,
    identity: Identity,
    fresh: bool,
}

impl Guest {
    /// Reads the key of a directory, or draws one.
    pub fn of(directory: &Path) -> Result<Self, DirectoryError> {
        let file = directory.join("identity.pem");
        let (identity, fresh) = match directory::read_secret(&file)? {
            Some(text) => {
                let bad = |_| DirectoryError::BadKey(file.clone());
                (Identity::from_pem(&text).map_err(bad)?, false)
            }
            None => (Identity::from_seed(directory::random(&file)?), true),
        };
        Ok(Self { directory: directory.to_owned(), identity, fresh })
    }

    /// Returns its key.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Returns 16 bytes that nobody can guess.
    pub fn nonce(&self) -> Result<[u8; 16], DirectoryError> {
        let bytes = directory::random(&self.directory)?;
        Ok(std::array::from_fn(|at| bytes[at]))
    }

    /// Says to which network the directory belongs: name and id; `None` if to none yet.
    pub fn network(&self) -> Result<Option<(String, String)>, DirectoryError> {
        let none_yet = directory::read_optional(&self.directory.join("network.toml"))?.is_none();
        if none_yet { Ok(None) } else { checkup::network(&self.directory, None).map(Some) }
    }

    /// Writes key and network file, and where to begin if no settings are there yet. Says whether the
    /// settings were written.
    pub fn settle(&self, network_file: &str, peers: &[Address]) -> Result<bool, DirectoryError> {
        directory::make(&self.directory)?;
        let write = |name: &str, text: &str, mode| {
            let path = self.directory.join(name);
            directory::create(&self.directory, &path, text.as_bytes(), mode)
        };
        if self.fresh {
            write("identity.pem", &self.identity.to_pem(), 0o600)?;
        }
        if self.network()?.is_none() {
            write("network.toml", network_file, 0o644)?;
        }
        if directory::read_optional(&self.directory.join("config.toml"))?.is_some() {
            return Ok(false);
        }
        let peers: Vec<String> = peers.iter().map(|it| format!("{:?}", it.to_string())).collect();
        let text =
            format!("# Written by `trellis join`.\n[peers]\nbootstrap = [{}]\n", peers.join(", "));
        write("config.toml", &text, 0o644)?;
        Ok(true)
    }
}
