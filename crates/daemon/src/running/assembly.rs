//! Putting a node together out of its parts.

use std::sync::Arc;

use node::people::Roster;
use store::Read;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use transport::Authorities;
use wire::{Address, Medium, NetworkId, NodeId};

use super::listeners::{Door, local_multiaddr, local_url};
use super::{Ground, Running, StartError};
use crate::api::types::RunFile;
use crate::api::{Context, Facts};
use crate::clock::{self, Clock};
use crate::commands::Commands;
use crate::directory::{self, Home, Tenancy};
use crate::discovery::{Discovery, Way};
use crate::dns;
use crate::feed::Feed;
use crate::inside::Inside;
use crate::invites::Invites;
use crate::lan::{Places, Voice};
use crate::members;
use crate::metrics::Metrics;
use crate::report::{Reporter, short};
use crate::runtime::{Condition, Desk, Runtime};
use crate::settings::Settings;
use crate::shelf::Shelf;
use crate::store_thread::{Ended, StoreThread};
use crate::tls;
use crate::verify::Verifier;
use crate::workshop::Workshop;

/// When it all began.
pub(super) struct Start {
    clock: Clock,
    start_ms: u64,
}

/// What reaches the runtime from outside it.
struct Wires {
    commands: Commands,
    condition: watch::Receiver<Condition>,
    metrics: Metrics,
    roster: watch::Receiver<Roster>,
}

impl Start {
    pub(super) fn new(start_ms: u64) -> Self {
        Self { clock: Clock::start(), start_ms }
    }

    /// Puts everything together; from here on the node serves.
    pub(super) fn node(
        self,
        settings: Settings,
        ground: Ground,
        door: Door,
        listener: TcpListener,
    ) -> Result<Running, StartError> {
        let system = |error: std::io::Error| StartError::System(error.to_string());
        let api_address = listener.local_addr().map_err(system)?;
        let node = ground.home.identity.id();
        let http_url = door_url(&door);
        let tls = door.tls.clone();
        let members = (ground.home.network.authority.clone(), ground.store.reader());
        let listeners = door.transport.listeners().iter();
        let listeners: Vec<String> = listeners.map(|it| local_multiaddr(it, node)).collect();
        let facts = Facts {
            node,
            network: ground.home.network.clone(),
            started: clock::rfc3339(self.start_ms),
            http: http_url.clone(),
            listen: listeners.clone(),
            api: local_url("http", api_address),
            directory: settings.directory.clone(),
            settings: settings.shown(),
        };
        let (token, fresh) = (ground.home.token.clone(), ground.home.fresh);
        let reader = ground.store.reader();
        let invites = Arc::new(Invites::open(&settings.directory, ground.home.identity.clone())?);
        let (transport, stop) = (door.transport.clone(), CancellationToken::new());
        let (network, discovery) = (ground.home.network.id, self.discovery(&settings));
        let given = (stop.clone(), invites.clone(), discovery.clone());
        let (runtime, wires, store_ended) = self.runtime(&settings, ground, door, given)?;
        let gate = crate::api::gate(&token, api_address, wires.roster);
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
            invites,
            tls: tls.clone(),
            discovery: discovery.clone(),
            shelf: Shelf::of(&settings.directory),
        });
        directory::write_run_file(&settings.directory, &run)?;
        announce(node, fresh, &run);
        let api_stop = CancellationToken::new();
        let router = crate::api::router(context);
        let inside = Inside::new(router.clone(), api_address, &token);
        let mut running = Running {
            node,
            http_url,
            listeners,
            api_url: run.api,
            token,
            transport,
            stop,
            api_stop: api_stop.clone(),
            runtime: JoinSet::new(),
            api: JoinSet::new(),
            inside,
            seekers: JoinSet::new(),
            store_ended,
            settings,
            commands,
            discovery,
        };
        running.runtime.spawn(Box::new(runtime).run());
        seek(&mut running, tls, network);
        watch(&mut running, members)?;
        running.api.spawn(crate::api::serve(listener, router, api_stop));
        Ok(running)
    }

    fn discovery(&self, settings: &Settings) -> Arc<Discovery> {
        let discovery = Discovery::new(self.clock);
        settings.bootstrap.iter().for_each(|it| discovery.address(it, Way::Bootstrap));
        Arc::new(discovery)
    }

    fn runtime(
        &self,
        settings: &Settings,
        ground: Ground,
        door: Door,
        (stop, invites, discovery): (CancellationToken, Arc<Invites>, Arc<Discovery>),
    ) -> Result<(Runtime, Wires, Ended), StartError> {
        let system = |error: std::io::Error| StartError::System(error.to_string());
        let Ground { home, store, snapshot, start_ms: _ } = ground;
        let (feed, metrics) = (Feed::new(self.start_ms), Metrics::new());
        let (requests, request_queue) = mpsc::channel(REQUESTS_MAX);
        let (stored_sender, stored) = mpsc::channel(COMPLETIONS_MAX);
        let (verified_sender, verified) = mpsc::channel(COMPLETIONS_MAX);
        let (condition_sender, condition) = watch::channel(Condition::default());
        let config = node_config(settings, &home, &door);
        let node_id = home.identity.id();
        let network = home.network.id;
        let node = node::Node::new(config, home.identity, snapshot, seed()?, self.clock.now());
        let (roster_sender, roster) = watch::channel(node.people().roster().clone());
        let tenancy = Tenancy::new(&settings.directory, home.lock);
        let (store, store_ended) =
            StoreThread::start(store, tenancy, stored_sender, metrics.store.clone())
                .map_err(system)?;
        let shelf = Shelf::of(&settings.directory);
        if let Err(error) = shelf.keep_only(&node.seeds().kept()) {
            tracing::warn!(%error, "what no seed needs could not be removed");
        }
        let (worked_sender, worked) = mpsc::channel(COMPLETIONS_MAX);
        let workshop = Workshop::start(worked_sender, &shelf).map_err(system)?;
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
            workshop,
            worked,
            reporter: Reporter::new(feed.clone(), node_id),
            condition: condition_sender,
            roster: roster_sender,
            stop,
            invites,
            discovery,
            desk: Desk::default(),
        };
        Ok((runtime, Wires { commands, condition, metrics, roster }, store_ended))
    }
}

/// Starts what looks outside again and again.
fn seek(running: &mut Running, tls: Option<Arc<tls::Reader>>, network: NetworkId) {
    running.seek_on_lan(network);
    for name in &running.settings.dns {
        let (commands, stop) = (running.commands.clone(), running.stop.clone());
        let (server, discovery) = (running.settings.dns_server, running.discovery.clone());
        let asking = dns::keep_asking(name.clone(), server, commands, discovery, stop);
        running.seekers.spawn(asking);
    }
    if let Some(tls) = tls {
        let (transport, stop) = (running.transport.clone(), running.stop.clone());
        running.seekers.spawn(tls::keep_looking(tls, transport, stop));
    }
}

impl Running {
    /// Looks for nodes on the LAN, if that is wanted and this node wants to be seen.
    fn seek_on_lan(&mut self, network: NetworkId) {
        // A door behind TLS is one of the names in its certificate, not of an address.
        let plain = self.http_url.as_ref().is_some_and(|it| it.starts_with("http://"));
        let door = self.transport.local_addr().filter(|_| plain);
        let door = door.and_then(|it| format!("http://{it}").parse::<Address>().ok());
        let places = Places::of(self.transport.listeners(), door.as_ref());
        let Some(places) = places.filter(|_| self.settings.mdns) else { return };
        let (commands, discovery) = (self.commands.clone(), self.discovery.clone());
        match Voice::new(network, places, commands, discovery) {
            Some(voice) => drop(self.seekers.spawn(voice.speak(self.stop.clone()))),
            None => tracing::warn!("the system gives no randomness: the LAN is not asked"),
        }
    }
}

/// Looks after who is a member of a private network.
fn watch(
    running: &mut Running,
    (authority, reader): (Option<String>, Arc<dyn Read>),
) -> Result<(), StartError> {
    let Some(authority) = authority else { return Ok(()) };
    let authorities = Authorities::from_pem(authority.as_bytes());
    let authorities = authorities.map_err(|why| StartError::NoMember(why.to_string()))?;
    let directory = running.settings.directory.clone();
    let transport = running.transport.clone();
    let watch = members::Watch { directory, authorities, reader, transport };
    running.seekers.spawn(watch.run(running.stop.clone()));
    Ok(())
}

/// Returns the URL of the public door as this machine sees it.
fn door_url(door: &Door) -> Option<String> {
    let scheme = if door.tls.is_some() { "https" } else { "http" };
    door.transport.local_addr().map(|at| local_url(scheme, at))
}

fn node_config(settings: &Settings, home: &Home, door: &Door) -> node::Config {
    let transport = &door.transport;
    let mut engine = settings.engine(home.network.id);
    engine.door_tls = home.network.authority.is_some();
    engine.body_bytes_max = home.network.body_bytes_max;
    engine.alert_burst = home.network.alert_burst;
    engine.alert_every_ms = home.network.alert_every_ms;
    // One fixed address is the only place where anybody can reach us.
    let mut fixed = Vec::new();
    for listener in transport.listeners() {
        let everywhere = listener.ip().is_some_and(|ip| ip.is_unspecified());
        match (listener.medium(), everywhere) {
            (Medium::Quic, true) => engine.quic_port = Some(listener.port),
            (Medium::Tcp, true) => engine.tcp_port = Some(listener.port),
            (Medium::Http | Medium::Relay, _) | (_, false) => {
                fixed.push(Address::Libp2p(Box::new(listener.clone())));
            }
        }
    }
    match transport.local_addr() {
        // A certificate is for names: no other address would be believed.
        Some(address) if door.tls.is_some() && home.network.authority.is_none() => {
            let names = door.tls.iter().flat_map(|it| it.shown().names);
            let urls = names.map(|name| format!("https://{name}:{}", address.port()));
            if settings.http_url.is_none() {
                fixed.extend(urls.filter_map(|it| it.parse::<Address>().ok()).take(NAMES_MAX));
            }
        }
        Some(address) if address.ip().is_unspecified() => engine.door_port = Some(address.port()),
        Some(address) if settings.http_url.is_none() => {
            let scheme = if engine.door_tls { "https" } else { "http" };
            fixed.extend(format!("{scheme}://{address}").parse::<Address>());
        }
        Some(_) | None => {}
    }
    engine.public.extend(fixed);
    engine.message_life_ms_max = home.network.message_life_ms_max;
    engine.slots_max = home.network.slots_max;
    engine.checkpoints = home.network.checkpoints.clone().map(|(pace, committee)| {
        if let Some(seat) = &home.seat {
            let in_it = committee.number(&seat.key.public()).is_some();
            tracing::info!(key = %seat.key.public(), in_first_committee = in_it, "attester");
        }
        let (seat, deletion_ms) = (home.seat.clone(), home.network.deletion_ms);
        node::engine::Checkpoints { pace, committee, seat, deletion_ms }
    });
    node::Config {
        quorums: settings.quorums(),
        rules: home.network.rules.clone(),
        seeds: settings.seeds(),
        ..node::Config::new(engine)
    }
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
        listen: facts.listen.clone(),
        started: facts.started.clone(),
    }
}

fn announce(node: NodeId, fresh: bool, run: &RunFile) {
    if fresh {
        tracing::info!(node = %node, "made a new key");
    }
    let http = run.http.as_deref().unwrap_or("closed");
    let (listen, api) = (run.listen.join(" "), &run.api);
    tracing::info!(node = short(node), id = %node, http, listen, api, "started");
}

/// Hosts of a certificate that peers are told.
const NAMES_MAX: usize = 2;
/// Commands waiting at once.
const REQUESTS_MAX: usize = 256;
/// Completions of the store or of signature checks waiting at once.
const COMPLETIONS_MAX: usize = 256;
