//! Starting and stopping one node.

mod assembly;
mod ground;
mod listeners;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use store::StoreError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transport::{Transport, TransportError};
use wire::NodeId;

use crate::directory::DirectoryError;
use crate::discovery::Discovery;
use crate::report::short;
use crate::store_thread::Ended;
use crate::{Commands, Inside, Settings};
use assembly::Start;
pub(crate) use ground::Ground;

/// A running node. Dropping it stops the node at once, without a goodbye.
#[derive(Debug)]
pub struct Running {
    node: NodeId,
    settings: Settings,
    commands: Commands,
    http_url: Option<String>,
    listeners: Vec<String>,
    api_url: String,
    token: String,
    transport: Transport,
    stop: CancellationToken,
    api_stop: CancellationToken,
    runtime: JoinSet<Result<(), RunError>>,
    api: JoinSet<()>,
    inside: Inside,
    /// How peers were found.
    discovery: Arc<Discovery>,
    /// Who asks DNS and the LAN for peers, and looks after certificates.
    seekers: JoinSet<()>,
    store_ended: Ended,
}

/// Why a node did not start. Nothing is running, and files that were there are as they were.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The API's address cannot be listened on.
    #[error("cannot listen on {address} for the operator's API: {why}")]
    Api {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        why: std::io::Error,
    },
    /// The directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The public door cannot be opened.
    #[error("cannot open the public door: {0}")]
    Door(TransportError),
    /// A port asked for by hand is taken.
    #[error("{address} ({key}) is taken by {holder}: stop that, or choose another port")]
    PortTaken {
        /// The setting.
        key: &'static str,
        /// The address.
        address: SocketAddr,
        /// Who has it, as far as the system tells.
        holder: String,
    },
    /// The files of the door's certificate, or of authorities, are not good.
    #[error("the door cannot speak TLS: {0}")]
    Tls(String),
    /// The network is private, and this node's certificate does not let it in.
    #[error(
        "this network is private: {0}; `trellis ca request` asks for a certificate, the authority \
         answers with `trellis ca issue`, and `trellis ca install` puts it in its place"
    )]
    NoMember(String),
    /// The network is private, and this node was told to pass links on.
    #[error(
        "libp2p.relay is on, but this network is private, and a relay would serve outsiders: leave \
         it out, or set it to off"
    )]
    PrivateRelay,
    /// The system gives no thread or no randomness.
    #[error("the system does not give what a node needs: {0}")]
    System(String),
}

/// Why a node stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The node's own task ended in a way it should not.
    #[error("the node failed: {0}")]
    Failed(String),
    /// The store is beyond repair. What was acknowledged before is on disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Starts a node; it serves when this returns. Dropping the future leaves nothing running.
pub async fn start(settings: Settings) -> Result<Running, StartError> {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    let ground = Ground::open(&settings).await?;
    start_on(settings, ground).await
}

/// Starts a node that keeps its records in memory and loses them when it stops: for measurements
/// with many nodes in one process. Its directory holds key, token and run file as always.
pub async fn start_in_memory(settings: Settings) -> Result<Running, StartError> {
    let ground = Ground::open_in_memory(&settings).await?;
    start_on(settings, ground).await
}

/// Starts a node on a directory that is open.
pub(crate) async fn start_on(settings: Settings, ground: Ground) -> Result<Running, StartError> {
    let door = listeners::open_door(&settings, &ground.home).await?;
    let api = listeners::bind_api(&settings).await?;
    Start::new(ground.start_ms).node(settings, ground, door, api)
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

    /// Returns where libp2p listens here, as other nodes on this machine may dial it.
    pub fn listeners(&self) -> &[String] {
        &self.listeners
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

    /// Returns the operator's API as it is asked from inside this process.
    pub fn inside(&self) -> Inside {
        self.inside.clone()
    }

    /// Waits until the node stops by itself. May be dropped and called again.
    pub async fn wait(&mut self) -> Result<(), RunError> {
        match self.runtime.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(error)) => Err(RunError::Failed(error.to_string())),
        }
    }

    /// Says goodbye to the peers, finishes what is queued and stops, within `patience`. Dropping
    /// the future stops the node at once.
    pub async fn stop(mut self, patience: Duration) {
        let deadline = Instant::now() + patience;
        self.stop.cancel();
        match tokio::time::timeout_at(deadline, self.wait()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the node did not stop well"),
            Err(_) => tracing::warn!("the node did not finish in time"),
        }
        self.commands.events().end();
        // Who told the LAN of this node takes it back.
        let quiet = async { while self.seekers.join_next().await.is_some() {} };
        let _told = tokio::time::timeout(SEEKERS_PATIENCE, quiet).await;
        let left = deadline.saturating_duration_since(Instant::now());
        self.transport.stop(left).await;
        self.api_stop.cancel();
        if tokio::time::timeout_at(deadline, self.api.join_next()).await.is_err() {
            tracing::debug!("the API did not finish in time");
        }
        self.runtime.abort_all();
        // The store thread ends once the runtime is gone, removes the note and gives the directory
        // free.
        drop(std::mem::take(&mut self.runtime));
        if tokio::time::timeout_at(deadline, &mut self.store_ended).await.is_err() {
            tracing::warn!("the store did not finish in time");
        }
        tracing::info!(node = short(self.node), "stopped");
    }
}

/// What is under way of looking for peers is not waited for.
const SEEKERS_PATIENCE: Duration = Duration::from_millis(200);
