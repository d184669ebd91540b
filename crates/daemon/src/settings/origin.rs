//! Where a value comes from.

use std::fmt;
use std::path::PathBuf;

/// Where a value comes from, later ones first in rank.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// Nobody said anything.
    Default,
    /// An environment variable.
    Env(String),
    /// A file and the line in it.
    File(PathBuf, usize),
    /// A flag, without its dashes.
    Flag(String),
}

impl Origin {
    /// Returns the place to look at, for an error.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Default => "in the defaults".to_owned(),
            Self::Env(name) => format!("in the environment variable {name}"),
            Self::File(path, line) => format!("in {} line {line}", path.display()),
            Self::Flag(name) => format!("in the flag --{name}"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path, _) => write!(f, "file {}", path.display()),
            Self::Flag(name) => write!(f, "flag --{name}"),
        }
    }
}
