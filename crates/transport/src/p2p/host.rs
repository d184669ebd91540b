//! The swarm, in a task of its own: it listens, dials, and hands out connections.
//!
//! Bounds: dials by [`Limits::dials_max`](crate::Limits), connections by the door's places and by
//! libp2p's own limits; what a connection may hold by `sockets`.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use libp2p::core::transport::{ListenerId, TransportError as ListenFault};
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, ListenError, NetworkBehaviour, Swarm, SwarmEvent};
use libp2p::{
    Multiaddr, PeerId, connection_limits, dcutr, identify, memory_connection_limits, ping, relay,
    swarm,
};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use wire::Medium;

use super::keys::keypair;
use super::nat::{self, Nat};
use super::place::{multiaddr, plain, socket_addr};
use super::porch::{Arrival, Arrived, Porch, Refused};
use super::security::Secure;
use super::sockets::{Cloakroom, sockets};
use super::{dial, link};
use crate::door::places::Places;
use crate::link::handshake::Fault;
use crate::traffic::Counters;
use crate::transport::Shared;
use crate::{Config, Libp2p, TransportError};

/// Where dials are ordered.
#[derive(Debug)]
pub(crate) struct Desk(mpsc::Sender<Order>);

/// A dial that is wanted.
#[derive(Debug)]
struct Order {
    addresses: Vec<Multiaddr>,
    peer: Option<PeerId>,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<Box<Arrived>, String>>;

/// The swarm and who waits for it.
pub(crate) struct Host {
    swarm: Swarm<Behaviour>,
    orders: mpsc::Receiver<Order>,
    dials: BTreeMap<ConnectionId, Answer>,
    nat: Nat,
}

#[derive(NetworkBehaviour)]
pub(super) struct Behaviour {
    limits: connection_limits::Behaviour,
    memory: memory_connection_limits::Behaviour,
    pub(super) porch: Porch,
    identify: identify::Behaviour,
    ping: ping::Behaviour,
    /// Others that pass links on for us.
    client: relay::client::Behaviour,
    /// Links that we pass on.
    relay: Toggle<relay::Behaviour>,
    dcutr: Toggle<dcutr::Behaviour>,
}

impl Desk {
    /// Dials; `None` when the swarm is gone.
    pub(crate) async fn dial(
        &self,
        addresses: Vec<Multiaddr>,
        peer: Option<PeerId>,
    ) -> Option<Result<Box<Arrived>, String>> {
        let (answer, answered) = oneshot::channel();
        self.0.send(Order { addresses, peer, answer }).await.ok()?;
        answered.await.ok()
    }
}

impl Host {
    /// Opens the listeners. Returns where they are, with the ports they really have.
    pub(crate) async fn open(
        config: &Config,
        libp2p: &Libp2p,
        places: &Arc<Places>,
        counters: &Arc<Counters>,
    ) -> Result<(Self, Desk, Vec<wire::Multiaddr>), TransportError> {
        let keys = keypair(&config.identity);
        let secure = Secure::new(&keys, libp2p.security).ok_or(TransportError::Key)?;
        let cloakroom = Arc::new(Cloakroom::default());
        let me = PeerId::from_public_key(&keys.public());
        let (through, client) = relay::client::new(me);
        let (limits, counted) = (config.limits, counters.clone());
        let transport = sockets(&keys, secure, limits, counted, cloakroom.clone(), through);
        let porch = Porch::new(config.limits, places.clone(), cloakroom, counters.clone());
        let behaviour = Behaviour::new((config, libp2p), keys.public(), porch, client);
        let settings = swarm::Config::with_tokio_executor()
            .with_idle_connection_timeout(Duration::from_millis(config.limits.handshake_ms))
            .with_max_negotiating_inbound_streams(NEGOTIATING_MAX);
        let mut swarm = Swarm::new(transport, behaviour, me, settings);
        for address in relays_at(config, libp2p) {
            let at = address.ip().map(|ip| SocketAddr::new(ip, address.port));
            let at = at.and_then(|at| multiaddr(address, at));
            at.into_iter().for_each(|it| swarm.add_external_address(it));
        }
        let (sender, orders) = mpsc::channel(ORDERS_MAX);
        let nat = Nat::new(config.identity.id(), looks_for_relays(config, libp2p));
        let mut host = Self { swarm, orders, dials: BTreeMap::new(), nat };
        let bound = host.listen(&libp2p.listen).await?;
        Ok((host, Desk(sender), bound))
    }

    async fn listen(
        &mut self,
        wanted: &[wire::Multiaddr],
    ) -> Result<Vec<wire::Multiaddr>, TransportError> {
        let deadline = Instant::now() + LISTEN_PATIENCE;
        let mut bound = Vec::new();
        for address in wanted {
            let medium = address.medium();
            let ip = address.ip().ok_or_else(|| TransportError::ListenName(address.to_string()))?;
            let at = SocketAddr::new(ip, address.port);
            let refused = |why: io::Error| TransportError::of_listening(at, medium, why);
            if medium == Medium::Tcp {
                // libp2p lets several programs share a port.
                TcpListener::bind(at).map_err(refused)?;
            }
            let local = plain(at, medium);
            let id = self.swarm.listen_on(local).map_err(|error| match error {
                ListenFault::MultiaddrNotSupported(it) => refused(io::Error::other(it.to_string())),
                ListenFault::Other(error) => refused(system(&error)),
            })?;
            let port = match timeout_at(deadline, self.port_of(id)).await {
                Ok(port) => port.map_err(refused)?,
                Err(_) => return Err(refused(io::ErrorKind::TimedOut.into())),
            };
            bound.push(address.at(ip, port));
        }
        Ok(bound)
    }

    /// Waits until a listener says where it is.
    async fn port_of(&mut self, id: ListenerId) -> io::Result<u16> {
        loop {
            match self.swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, address } if listener_id == id => {
                    if let Some((at, _)) = socket_addr(&address) {
                        return Ok(at.port());
                    }
                }
                SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                    reason?;
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                SwarmEvent::ListenerError { listener_id, error } if listener_id == id => {
                    return Err(error);
                }
                // Who comes before we are ready comes again.
                _ => {}
            }
        }
    }

    /// Serves until it is dropped.
    pub(crate) async fn run(mut self, shared: Arc<Shared>) {
        let mut open = true;
        shared.spawn(self.nat.keep_telling(shared.clone()));
        loop {
            tokio::select! {
                () = shared.stopping.cancelled(), if open => {
                    open = false;
                    // The listeners stay: the connections of a QUIC listener end with it.
                    self.swarm.behaviour_mut().porch.close();
                }
                Some(order) = self.orders.recv(), if open => self.dial(order),
                event = self.swarm.select_next_some() => self.happened(&shared, event),
            }
        }
    }

    fn dial(&mut self, order: Order) {
        let Order { addresses, peer, answer } = order;
        // Ports of our TCP listeners are not dialled from: two nodes that dial each other at once
        // would find one connection where both expect to be dialled. With QUIC they find two, and a
        // NAT that shows one port to all is one that others can come in through.
        let udp = addresses.iter().all(|it| matches!(socket_addr(it), Some((_, Medium::Quic))));
        let opts: Vec<DialOpts> = match peer {
            Some(peer) => {
                let opts = DialOpts::peer_id(peer).condition(PeerCondition::Always);
                let opts = opts.addresses(addresses);
                vec![if udp { opts.build() } else { opts.allocate_new_port().build() }]
            }
            None if udp => addresses
                .into_iter()
                .take(1)
                .map(|it| DialOpts::unknown_peer_id().address(it).build())
                .collect(),
            None => addresses
                .into_iter()
                .take(1)
                .map(|it| DialOpts::unknown_peer_id().address(it).allocate_new_port().build())
                .collect(),
        };
        let Some(opts) = opts.into_iter().next() else {
            let _unheard = answer.send(Err("no address to dial".to_owned()));
            return;
        };
        let connection = opts.connection_id();
        self.swarm.behaviour_mut().porch.order(connection);
        match self.swarm.dial(opts) {
            Ok(()) => {
                self.dials.insert(connection, answer);
            }
            Err(error) => {
                let _unheard = answer.send(Err(describe(&error)));
            }
        }
    }

    fn happened(&mut self, shared: &Arc<Shared>, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::Behaviour(BehaviourEvent::Porch(Arrival::Link(arrived))) => {
                self.arrived(shared, arrived);
            }
            SwarmEvent::Behaviour(BehaviourEvent::Porch(Arrival::Lacking(connection, why))) => {
                self.failed(connection, why);
            }
            SwarmEvent::Behaviour(event) => self.nat.heard(&mut self.swarm, event),
            SwarmEvent::ExternalAddrConfirmed { address } => self.nat.reachable(&address),
            SwarmEvent::ExternalAddrExpired { address } => self.nat.unreachable(&address),
            SwarmEvent::ListenerClosed { listener_id, reason, .. }
                if self.nat.ended(&mut self.swarm, listener_id) =>
            {
                tracing::debug!(?reason, "a relay passes no more links on to us");
            }
            SwarmEvent::OutgoingConnectionError { connection_id, error, .. } => {
                if let Some(fault) = fault_of_dial(&error) {
                    shared.counters.handshake::<()>(&Err(fault));
                }
                self.failed(connection_id, describe(&error));
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                let why = cause.map_or_else(String::new, |cause| format!(": {cause}"));
                self.failed(connection_id, format!("the connection broke{why}"));
            }
            SwarmEvent::IncomingConnectionError { error, send_back_addr, .. } => {
                tracing::debug!(from = %send_back_addr, %error, "no connection");
                if let Some(fault) = fault_of_listener(&error) {
                    shared.counters.handshake::<()>(&Err(fault));
                }
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::warn!(%error, "a libp2p listener has trouble");
            }
            SwarmEvent::ListenerClosed { addresses, reason: Err(error), .. } => {
                tracing::error!(?addresses, %error, "a libp2p listener is gone");
            }
            // The set of libp2p's events is open; none of the others changes anything here.
            _ => {}
        }
    }

    fn arrived(&mut self, shared: &Arc<Shared>, arrived: Box<Arrived>) {
        match self.dials.remove(&arrived.connection) {
            // Who has stopped waiting drops it, and the connection ends.
            Some(answer) => drop(answer.send(Ok(arrived))),
            None if arrived.hold.place.is_some() => {
                shared.spawn(link::inbound(shared.clone(), arrived));
            }
            None => shared.spawn(link::outbound(shared.clone(), arrived)),
        }
    }

    fn failed(&mut self, connection: ConnectionId, why: String) {
        if let Some(answer) = self.dials.remove(&connection) {
            let _unheard = answer.send(Err(why));
        }
    }
}

impl Behaviour {
    fn new(
        (config, libp2p): (&Config, &Libp2p),
        key: libp2p::identity::PublicKey,
        porch: Porch,
        client: relay::client::Behaviour,
    ) -> Self {
        let me = key.to_peer_id();
        let limits = &config.limits;
        let count = |most: usize| Some(u32::try_from(most).unwrap_or(u32::MAX));
        let connections = connection_limits::ConnectionLimits::default()
            // Twice: those that have lost their places go a moment later.
            .with_max_pending_incoming(count(limits.connections_max.saturating_mul(2)))
            .with_max_pending_outgoing(count(limits.dials_max))
            .with_max_established_incoming(count(limits.connections_max))
            .with_max_established_outgoing(count(limits.connections_max))
            .with_max_established_per_peer(Some(CONNECTIONS_PER_PEER_MAX));
        let memory = memory_connection_limits::Behaviour::with_max_bytes(limits.memory_bytes_max);
        let identify = identify::Config::new("trellis/1".to_owned(), key)
            .with_agent_version(config.agent.clone())
            .with_interval(SELDOM)
            .with_cache_size(0);
        let ping = ping::Config::new().with_interval(SELDOM);
        Self {
            limits: connection_limits::Behaviour::new(connections),
            memory,
            porch,
            identify: identify::Behaviour::new(identify),
            ping: ping::Behaviour::new(ping),
            client,
            relay: (!relays_at(config, libp2p).is_empty()).then(|| nat::relay(me)).into(),
            dcutr: looks_for_relays(config, libp2p).then(|| dcutr::Behaviour::new(me)).into(),
        }
    }
}

/// Returns where links are passed on for others. In a private network nowhere: a relay is asked before who asks shows
/// that it is a member, and would serve outsiders (NAT-5).
fn relays_at<'a>(config: &Config, libp2p: &'a Libp2p) -> &'a [wire::Multiaddr] {
    match config.private {
        Some(_) => &[],
        None => &libp2p.relays_at,
    }
}

/// Says whether relays are asked. In a private network none of its members is one (NAT-5).
fn looks_for_relays(config: &Config, libp2p: &Libp2p) -> bool {
    libp2p.nat && config.private.is_none()
}

/// Says in words for a human why there is no connection.
fn describe(error: &DialError) -> String {
    match error {
        // An address of our own listeners is left out of those that were given.
        DialError::LocalPeerId { .. } | DialError::NoAddresses => Fault::Ourselves.to_string(),
        DialError::WrongPeerId { obtained, .. } => {
            format!("another node answers there: {obtained}")
        }
        DialError::Denied { cause } => match cause.downcast_ref::<Refused>() {
            Some(refused) => format!("the peer cannot be linked: {refused}"),
            None => format!("too many connections: {cause}"),
        },
        DialError::Transport(errors) => match errors.first() {
            Some((_, ListenFault::Other(error))) => dial::explain(&system(error)),
            Some((address, ListenFault::MultiaddrNotSupported(_))) => {
                format!("{address} cannot be dialled")
            }
            None => "no address to dial".to_owned(),
        },
        DialError::Aborted | DialError::DialPeerConditionFalse(_) => error.to_string(),
    }
}

fn fault_of_dial(error: &DialError) -> Option<Fault> {
    match error {
        DialError::LocalPeerId { .. } => Some(Fault::Ourselves),
        DialError::WrongPeerId { .. } => Some(Fault::Forged),
        DialError::Denied { cause } => cause.downcast_ref::<Refused>().map(|_| Fault::Forged),
        DialError::Aborted
        | DialError::DialPeerConditionFalse(_)
        | DialError::NoAddresses
        | DialError::Transport(_) => None,
    }
}

fn fault_of_listener(error: &ListenError) -> Option<Fault> {
    match error {
        ListenError::LocalPeerId { .. } => Some(Fault::Ourselves),
        ListenError::WrongPeerId { .. } => Some(Fault::Forged),
        ListenError::Denied { cause } => match cause.downcast_ref::<Refused>() {
            Some(Refused::Key) => Some(Fault::Forged),
            Some(Refused::Address | Refused::Closed | Refused::Full) | None => None,
        },
        ListenError::Transport(error) => Some(Fault::Broken(error.to_string().into())),
        ListenError::Aborted => None,
    }
}

/// Finds what the system said under all that libp2p puts around it: only the text comes through.
fn system(error: &io::Error) -> io::Error {
    let text = error.to_string();
    let code = text.rsplit_once("(os error ").and_then(|(_, code)| code.split(')').next());
    match code.and_then(|code| code.parse().ok()) {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::other(text),
    }
}

/// Dials that wait until the swarm looks at them.
const ORDERS_MAX: usize = 64;
/// Streams of one connection whose protocol is being agreed on.
const NEGOTIATING_MAX: usize = 16;
/// Two nodes that dial each other over two media, and one link that is being replaced.
const CONNECTIONS_PER_PEER_MAX: u32 = 5;
/// The engine probes its links itself; these are for other programs.
const SELDOM: Duration = Duration::from_secs(3_600);
/// How long the system may take to say where a listener is.
const LISTEN_PATIENCE: Duration = Duration::from_secs(5);
