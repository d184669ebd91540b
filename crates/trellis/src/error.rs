//! What may go wrong, by whose fault it is.

use daemon::{SettingsError, StartError};

/// Why something did not happen. Unless it says otherwise nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The node says no, and why.
    #[error("{detail}")]
    Refused {
        /// The status it has in the API.
        status: u16,
        /// Its stable name (docs/api.md).
        code: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// What the builder was told is no setting.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The node did not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// What is to be sent is no JSON, or the answer has another shape than was asked for. A write may have happened.
    #[error("not the expected JSON: {0}")]
    Shape(#[from] serde_json::Error),
    /// The system did not let the network file be written.
    #[error("cannot write {0}: {1}")]
    System(String, std::io::Error),
}

impl Error {
    /// Says whether what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}
