//! Where a demo's nodes live, and whether they stay.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::failure::Failure;

/// The directory of a whole demo network. A temporary one goes when this is dropped.
#[derive(Debug)]
pub(crate) enum Directory {
    Kept(PathBuf),
    Temporary(tempfile::TempDir),
}

impl Directory {
    /// Makes it.
    pub(crate) fn new(asked: Option<&Path>, keep: Keep) -> anyhow::Result<Self> {
        if let Some(asked) = asked {
            return Ok(Self::Kept(fresh(asked)?));
        }
        let made = tempfile::Builder::new().prefix("trellis-demo-").tempdir();
        let made = made.context("making a temporary directory: name another with --dir DIR")?;
        Ok(match keep {
            Keep::No => Self::Temporary(made),
            Keep::Yes => Self::Kept(made.keep()),
        })
    }

    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Kept(path) => path,
            Self::Temporary(made) => made.path(),
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
    }
}

/// What becomes of a directory nobody named.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    No,
    Yes,
}

/// A demo makes its own network: in a directory with other nodes its counts would mean nothing.
fn fresh(asked: &Path) -> anyhow::Result<PathBuf> {
    let shown = asked.display();
    std::fs::create_dir_all(asked).with_context(|| format!("making directory {shown}"))?;
    let mut entries =
        std::fs::read_dir(asked).with_context(|| format!("reading directory {shown}"))?;
    if entries.next().is_some() {
        return Err(Failure::usage(format!(
            "{shown} is not empty and a demo makes its own network: name a new directory with \
             --dir (TRELLIS_DIR counts as --dir)"
        )));
    }
    Ok(std::path::absolute(asked)?)
}
