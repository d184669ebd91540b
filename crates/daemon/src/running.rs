//! Starting and stopping one node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use engine::Snapshot;
use node::engine;
use store::{DiskStore, Store, StoreError};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transport::{Inbound, Transport, TransportError};
use wire::{Address, NodeId};

use crate::api::types::RunFile;
use crate::api::{Context, Facts};
use crate::clock::{self, Clock};
use crate::directory::{self, DirectoryError, Home};
use crate::feed::Feed;
use crate::metrics::Metrics;
use crate::report::{Reporter, short};
use crate::runtime::{Condition, Desk, Runtime};
use crate::store_thread::{Ended, StoreThread};
use crate::verify::Verifier;
use crate::{Commands, Settings, ports};

/// A running node. Dropping it stops the node at once, without a goodbye.
#[derive(Debug)]
pub struct Running {
    node: NodeId,
    settings: Settings,
    commands: Commands,
    http_url: Option<String>,
    api_url: String,
    token: String,
    transport: Transport,
    stop: CancellationToken,
    api_stop: CancellationToken,
    runtime: JoinSet<Result<(), StoreError>>,
    api: JoinSet<()>,
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

/// Starts a node on a directory that is open.
pub(crate) async fn start_on(settings: Settings, ground: Ground) -> Result<Running, StartError> {
    let start = Start { clock: Clock::start(), start_ms: ground.start_ms };
    let door = open_door(&settings, &ground.home).await?;
    let api = bind_api(&settings).await?;
    start.node(settings, ground, door, api)
}

/// The directory, taken, and what was in its store.
pub(crate) struct Ground {
    home: Home,
    pub(crate) store: Box<dyn Store>,
    snapshot: Snapshot,
    start_ms: u64,
}

impl Ground {
    pub(crate) async fn open(settings: &Settings) -> Result<Self, StartError> {
        let start_ms = clock::unix_ms();
        let (path, file) = (settings.directory.clone(), settings.network_file.clone());
        let open = move || -> Result<Self, DirectoryError> {
            let home = Home::open(&path, file.as_deref(), &clock::rfc3339(start_ms))?;
            let store = Box::new(DiskStore::open(&path, home.network.id)?);
            let snapshot = store.load()?;
            Ok(Self { home, store, snapshot, start_ms })
        };
        match tokio::task::spawn_blocking(open).await {
            Ok(ground) => Ok(ground?),
            Err(error) => Err(StartError::System(error.to_string())),
        }
    }
}

/// The public door, open.
struct Door {
    transport: Transport,
    inbound: mpsc::Receiver<Inbound>,
}

async fn open_door(settings: &Settings, home: &Home) -> Result<Door, StartError> {
    let mut config = transport::Config {
        listen: settings.http_listen,
        identity: home.identity.clone(),
        network: home.network.id,
        agent: AGENT.to_owned(),
        limits: transport::Limits::default(),
    };
    let taken = match Transport::start(config.clone()).await {
        Ok((transport, inbound)) => return Ok(Door { transport, inbound }),
        Err(TransportError::PortTaken { addr }) => addr,
        Err(error @ TransportError::Listen { .. }) => return Err(StartError::Door(error)),
    };
    if settings.http_by_hand {
        return Err(port_taken("http.listen", taken).await);
    }
    config.listen = Some(SocketAddr::new(taken.ip(), 0));
    let (transport, inbound) = Transport::start(config).await.map_err(StartError::Door)?;
    fell_back("http.listen", taken, transport.local_addr());
    Ok(Door { transport, inbound })
}

async fn bind_api(settings: &Settings) -> Result<TcpListener, StartError> {
    let address = settings.api_listen;
    let failed = |why| StartError::Api { address, why };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => Err(failed(error)),
        Err(_) if settings.api_by_hand => Err(port_taken("api.listen", address).await),
        Err(_) => {
            let any = SocketAddr::new(address.ip(), 0);
            let listener = TcpListener::bind(any).await.map_err(failed)?;
            fell_back("api.listen", address, listener.local_addr().ok());
            Ok(listener)
        }
    }
}

/// Names the holder, where the system lets us see it.
async fn port_taken(key: &'static str, address: SocketAddr) -> StartError {
    let holder = tokio::task::spawn_blocking(move || ports::holder(address)).await;
    let holder = holder.ok().flatten().unwrap_or_else(|| "another program".to_owned());
    StartError::PortTaken { key, address, holder }
}

fn fell_back(key: &str, taken: SocketAddr, got: Option<SocketAddr>) {
    let got = got.map(|address| address.to_string()).unwrap_or_default();
    tracing::warn!(%taken, got, "the default port for {key} is taken; a free one is used");
}

/// Returns the URL under which a listener is reached from this machine.
fn local_url(address: SocketAddr) -> String {
    let ip = match address {
        SocketAddr::V4(it) if it.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(it) if it.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address.ip(),
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

/// When it all began.
struct Start {
    clock: Clock,
    start_ms: u64,
}

/// What reaches the runtime from outside it.
struct Wires {
    commands: Commands,
    condition: watch::Receiver<Condition>,
    metrics: Metrics,
}

impl Start {
    fn node(
        self,
        settings: Settings,
        ground: Ground,
        door: Door,
        listener: TcpListener,
    ) -> Result<Running, StartError> {
        let system = |error: std::io::Error| StartError::System(error.to_string());
        let api_address = listener.local_addr().map_err(system)?;
        let node = ground.home.identity.id();
        let http_url = door.transport.local_addr().map(local_url);
        let facts = Facts {
            node,
            network: ground.home.network.clone(),
            started: clock::rfc3339(self.start_ms),
            http: http_url.clone(),
            api: local_url(api_address),
            directory: settings.directory.clone(),
            settings: settings.shown(),
        };
        let (token, fresh) = (ground.home.token.clone(), ground.home.fresh);
        let gate = crate::api::gate(&token, api_address);
        let reader = ground.store.reader();
        let (transport, stop) = (door.transport.clone(), CancellationToken::new());
        let (runtime, wires, store_ended) = self.runtime(&settings, ground, door, stop.clone())?;
        let commands = wires.commands.clone();
        let run = run_file(&facts);
        let context = Arc::new(Context {
            commands: wires.commands,
            reader,
            facts,
            gate,
            metrics: wires.metrics,
            transport: transport.clone(),
            condition: wires.condition,
            clock: self.clock,
        });
        directory::write_run_file(&settings.directory, &run)?;
        announce(node, fresh, &run);
        let api_stop = CancellationToken::new();
        let mut running = Running {
            node,
            http_url,
            api_url: run.api,
            token,
            transport,
            stop,
            api_stop: api_stop.clone(),
            runtime: JoinSet::new(),
            api: JoinSet::new(),
            store_ended,
            settings,
            commands,
        };
        running.runtime.spawn(runtime.run());
        running.api.spawn(crate::api::serve(listener, crate::api::router(context), api_stop));
        Ok(running)
    }

    fn runtime(
        &self,
        settings: &Settings,
        ground: Ground,
        door: Door,
        stop: CancellationToken,
    ) -> Result<(Runtime, Wires, Ended), StartError> {
        let system = |error: std::io::Error| StartError::System(error.to_string());
        let Ground { home, store, snapshot, start_ms: _ } = ground;
        let (feed, metrics) = (Feed::new(self.start_ms), Metrics::new());
        let (requests, request_queue) = mpsc::channel(REQUESTS_MAX);
        let (stored_sender, stored) = mpsc::channel(COMPLETIONS_MAX);
        let (verified_sender, verified) = mpsc::channel(COMPLETIONS_MAX);
        let (condition_sender, condition) = watch::channel(Condition::default());
        let config = node_config(settings, &home, door.transport.local_addr());
        let node_id = home.identity.id();
        let network = home.network.id;
        let node = node::Node::new(config, home.identity, snapshot, seed()?, self.clock.now());
        let (store, store_ended) =
            StoreThread::start(store, home.lock, stored_sender, metrics.store.clone())
                .map_err(system)?;
        let verifier = Verifier::start(network, verified_sender).map_err(system)?;
        let life_ms = settings.message_life_s.saturating_mul(1_000);
        let life_ms = life_ms.min(home.network.message_life_ms_max);
        let commands = Commands::new(requests, feed.clone(), life_ms);
        let runtime = Runtime {
            node,
            clock: self.clock,
            transport: door.transport,
            inbound: door.inbound,
            requests: request_queue,
            store,
            stored,
            verifier,
            verified,
            reporter: Reporter::new(feed.clone(), node_id),
            condition: condition_sender,
            stop,
            desk: Desk::default(),
        };
        Ok((runtime, Wires { commands, condition, metrics }, store_ended))
    }
}

fn node_config(settings: &Settings, home: &Home, door: Option<SocketAddr>) -> node::Config {
    let mut engine = settings.engine(home.network.id);
    engine.body_bytes_max = home.network.body_bytes_max;
    match door {
        Some(address) if address.ip().is_unspecified() => engine.door_port = Some(address.port()),
        // One fixed address is the only place where anybody can reach us.
        Some(address) if engine.public.is_empty() => {
            engine.public = format!("http://{address}").parse::<Address>().into_iter().collect();
        }
        Some(_) | None => {}
    }
    node::Config { engine, message_life_ms_max: home.network.message_life_ms_max }
}

fn seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::System(error.to_string()))?;
    Ok(seed)
}

fn run_file(facts: &Facts) -> RunFile {
    RunFile {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: facts.api.clone(),
        http: facts.http.clone(),
        started: facts.started.clone(),
    }
}

fn announce(node: NodeId, fresh: bool, run: &RunFile) {
    if fresh {
        tracing::info!(node = %node, "made a new key");
    }
    let http = run.http.as_deref().unwrap_or("closed");
    tracing::info!(node = short(node), id = %node, http, api = run.api, "started");
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
        match self.runtime.join_next().await {
            None | Some(Ok(Ok(()))) => Ok(()),
            Some(Ok(Err(error))) => Err(RunError::Store(error)),
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
        let left = deadline.saturating_duration_since(Instant::now());
        self.transport.stop(left).await;
        self.api_stop.cancel();
        if tokio::time::timeout_at(deadline, self.api.join_next()).await.is_err() {
            tracing::debug!("the API did not finish in time");
        }
        self.runtime.abort_all();
        // The store thread ends once the runtime is gone, and gives the directory free.
        drop(std::mem::take(&mut self.runtime));
        if tokio::time::timeout_at(deadline, &mut self.store_ended).await.is_err() {
            tracing::warn!("the store did not finish in time");
        }
        directory::remove_run_file(&self.settings.directory);
        tracing::info!(node = short(self.node), "stopped");
    }
}

const AGENT: &str = concat!("trellis/", env!("CARGO_PKG_VERSION"));
/// Commands waiting at once.
const REQUESTS_MAX: usize = 256;
/// Completions of the store or of signature checks waiting at once.
const COMPLETIONS_MAX: usize = 256;
