//! Starting and stopping one node.

use std::path::Path;
use std::time::Duration;

use wire::NodeId;

use crate::{Commands, Settings};

/// A running node. Dropping it stops the node at once, without a goodbye.
#[derive(Debug)]
pub struct Running {
    node: NodeId,
    settings: Settings,
    commands: Commands,
    http_url: Option<String>,
    api_url: String,
    token: String,
}

/// Why a node did not start. Nothing was changed but what the message says.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Why a node stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// Starts a node; it serves when this returns. Dropping the future leaves nothing running.
pub async fn start(_settings: Settings) -> Result<Running, StartError> {
    todo!()
}

impl Running {
    /// Returns the node's id.
    pub fn node_id(&self) -> NodeId {
        self.node
    }

    /// Returns the URL of the public door as bound here; `None` where it is closed.
    pub fn http_url(&self) -> Option<String> {
        self.http_url.clone()
    }

    /// Returns the URL of the operator's API.
    pub fn api_url(&self) -> String {
        self.api_url.clone()
    }

    /// Returns the API's token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Returns the node's directory.
    pub fn directory(&self) -> &Path {
        &self.settings.directory
    }

    /// Returns the in-process handle with the API's verbs.
    pub fn commands(&self) -> Commands {
        self.commands.clone()
    }

    /// Waits until the node stops by itself. May be dropped and called again.
    pub async fn wait(&mut self) -> Result<(), RunError> {
        todo!()
    }

    /// Says goodbye to the peers, finishes what is queued and stops, within `patience`.
    pub async fn stop(self, _patience: Duration) {
        todo!()
    }
}
