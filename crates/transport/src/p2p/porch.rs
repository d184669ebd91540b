//! Who may connect, and whose connection becomes a link.
//!
//! Connections that come in take a place at the same door as HTTP's, by the same rules. Peers
//! with keys that are not Ed25519, or weak, are sent away (LIBP2P-4).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use libp2p::core::{Endpoint, transport::PortUse};
use libp2p::swarm::behaviour::{ConnectionClosed, ListenFailure};
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use wire::{Medium, NodeId};

use super::keys::node_of;
use super::place::{is_relayed, socket_addr};
use super::sockets::Cloakroom;
use super::usher::{Hold, News, Streams, Usher};
use crate::Limits;
use crate::door::places::{Place, Places};
use crate::traffic::{Counters, add};

/// Our part of the swarm.
pub(crate) struct Porch {
    limits: Limits,
    places: Arc<Places>,
    cloakroom: Arc<Cloakroom>,
    counters: Arc<Counters>,
    /// Those that have not shown their keys yet. Bound: the places.
    pending: BTreeMap<ConnectionId, Arc<Place>>,
    /// Where each connection leads. Bound: the swarm's own limits.
    ends: BTreeMap<ConnectionId, Ends>,
    /// Connections that were ordered, and come to be. Bound: dials under way.
    ordered: BTreeSet<ConnectionId>,
    /// Peers that we pass links on for, and how many. Bound: what a relay grants.
    lodgers: BTreeMap<PeerId, usize>,
    /// Connections to those that do so for us, with or without a link. Bound: `Nat`.
    roofs: BTreeSet<ConnectionId>,
    waiting: VecDeque<ToSwarm<Arrival, Infallible>>,
    open: bool,
}

/// Where a connection leads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) remote: SocketAddr,
    /// Ours, where the connection shows it.
    pub(crate) local: Option<SocketAddr>,
    pub(crate) medium: Medium,
    /// What carries the way to the relay, where there is one; else the same.
    pub(crate) carried: Medium,
    pub(crate) node: PeerId,
}

/// What became of a connection.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// No Trellis node is at the other end.
    Lacking(ConnectionId, String),
    /// A link may begin.
    Link(Box<Arrived>),
}

/// A connection with all streams of a link.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) connection: ConnectionId,
    pub(crate) peer: NodeId,
    pub(crate) ends: Ends,
    pub(crate) streams: Streams,
    pub(crate) hold: Hold,
}

/// Whether something begins or ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stay {
    Begins,
    Ends,
}

/// Why a connection was sent away.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refused {
    #[error("this node is stopping")]
    Closed,
    #[error("the door is full")]
    Full,
    #[error("its key is weak, or not Ed25519")]
    Key,
    #[error("its address is not one of IP")]
    Address,
}

impl Porch {
    pub(crate) fn new(
        limits: Limits,
        places: Arc<Places>,
        cloakroom: Arc<Cloakroom>,
        counters: Arc<Counters>,
    ) -> Self {
        let (pending, ends, lodgers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Self {
            limits,
            places,
            cloakroom,
            counters,
            pending,
            ends,
            ordered: BTreeSet::new(),
            lodgers,
            roofs: BTreeSet::new(),
            waiting: VecDeque::new(),
            open: true,
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&mut self) {
        self.open = false;
    }

    /// Notes a dial of ours.
    pub(crate) fn order(&mut self, connection: ConnectionId) {
        self.ordered.insert(connection);
    }

    /// Returns where a connection leads.
    pub(crate) fn ends(&self, connection: ConnectionId) -> Option<Ends> {
        self.ends.get(&connection).copied()
    }

    /// Keeps a connection for what its other end passes on, or does so no more.
    pub(crate) fn shelter(&mut self, connection: ConnectionId, end: Stay) {
        match end {
            Stay::Begins => drop(self.roofs.insert(connection)),
            Stay::Ends => drop(self.roofs.remove(&connection)),
        }
    }

    /// Keeps the connections of a peer that we pass something on for, or does so no more.
    pub(crate) fn lodge(&mut self, peer: PeerId, stay: Stay) {
        match stay {
            Stay::Begins => *self.lodgers.entry(peer).or_default() += 1,
            Stay::Ends => {
                if let Some(count) = self.lodgers.get_mut(&peer) {
                    *count = count.saturating_sub(1);
                }
                self.lodgers.retain(|_, count| 0 < *count);
            }
        }
    }

    /// Makes the task of a connection that we opened: one that was ordered becomes a link, and so does a straight
    /// one to a peer that a relay connects us with (NAT-3); others serve libp2p.
    fn outbound(&mut self, connection: ConnectionId, ends: Ends, role: Endpoint) -> Option<Usher> {
        let ordered = self.ordered.remove(&connection);
        let relayed = |it: &Ends| it.node == ends.node && it.medium == Medium::Relay;
        let wanted = ordered || (ends.medium != Medium::Relay && self.ends.values().any(relayed));
        self.ends.insert(connection, ends);
        match (wanted, role) {
            (false, _) => Some(Usher::idle(self.patience())),
            (true, Endpoint::Dialer) => Some(Usher::dialler(self.patience())),
            // Both dialled at once, and agreed that we count as dialled.
            (true, Endpoint::Listener) => {
                let place = self.places.take(ends.remote.ip())?;
                place.handshake();
                Some(Usher::listener(place, self.patience()))
            }
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.limits.handshake_ms)
    }

    fn arrived(&mut self, peer: PeerId, connection: ConnectionId, streams: Streams, hold: Hold) {
        let (Some(peer), Some(ends)) = (node_of(&peer), self.ends.get(&connection).copied()) else {
            return;
        };
        let arrived = Arrived { connection, peer, ends, streams, hold };
        self.waiting.push_back(ToSwarm::GenerateEvent(Arrival::Link(Box::new(arrived))));
    }

    fn forget(&mut self, connection: ConnectionId, remote: &Multiaddr) {
        self.pending.remove(&connection);
        self.ends.remove(&connection);
        self.roofs.remove(&connection);
        if let Some((remote, Medium::Tcp)) = socket_addr(remote) {
            self.cloakroom.take(&remote);
        }
    }
}

impl NetworkBehaviour for Porch {
    type ConnectionHandler = Usher;
    type ToSwarm = Arrival;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        // Who comes through a relay shows no address: it counts as the relay's.
        let relayed = is_relayed(local);
        let Some((remote, medium)) = socket_addr(if relayed { local } else { remote }) else {
            return Err(ConnectionDenied::new(Refused::Address));
        };
        if !self.open {
            return Err(ConnectionDenied::new(Refused::Closed));
        }
        let Some(place) = self.places.take(remote.ip()) else {
            add(&self.counters.connections_refused, 1);
            return Err(ConnectionDenied::new(Refused::Full));
        };
        place.handshake();
        if medium == Medium::Tcp && !relayed {
            self.cloakroom.leave(remote, place.clone());
        }
        self.pending.insert(connection, place);
        Ok(())
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if node_of(&peer).is_none() {
            return Err(ConnectionDenied::new(Refused::Key));
        }
        let relayed = is_relayed(local);
        let seen = socket_addr(if relayed { local } else { remote });
        let (Some(place), Some((remote, carried))) = (self.pending.remove(&connection), seen)
        else {
            return Err(ConnectionDenied::new(Refused::Address));
        };
        let local = socket_addr(local).map(|(local, _)| local).filter(|_| !relayed);
        let medium = if relayed { Medium::Relay } else { carried };
        self.ends.insert(connection, Ends { remote, local, medium, carried, node: peer });
        Ok(Usher::listener(place, self.patience()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        role: Endpoint,
        _port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if node_of(&peer).is_none() {
            return Err(ConnectionDenied::new(Refused::Key));
        }
        let medium = is_relayed(remote).then_some(Medium::Relay);
        let Some((remote, carried)) = socket_addr(remote) else {
            return Err(ConnectionDenied::new(Refused::Address));
        };
        let medium = medium.unwrap_or(carried);
        let ends = Ends { remote, local: None, medium, carried, node: peer };
        let usher = self.outbound(connection, ends, role);
        usher.ok_or_else(|| ConnectionDenied::new(Refused::Full))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, endpoint, .. }) => {
                self.forget(connection_id, endpoint.get_remote_address());
            }
            FromSwarm::ListenFailure(ListenFailure { connection_id, send_back_addr, .. }) => {
                self.forget(connection_id, send_back_addr);
            }
            FromSwarm::DialFailure(failure) => {
                self.ends.remove(&failure.connection_id);
                self.ordered.remove(&failure.connection_id);
            }
            // The set of libp2p's events is open; none of the others concerns a link.
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        peer_id: PeerId,
        connection: ConnectionId,
        news: THandlerOutEvent<Self>,
    ) {
        let close =
            ToSwarm::CloseConnection { peer_id, connection: CloseConnection::One(connection) };
        match news {
            News::Complete(streams, hold) => self.arrived(peer_id, connection, *streams, hold),
            News::Lacking(why) => {
                let lacking = Arrival::Lacking(connection, why);
                self.waiting.push_back(ToSwarm::GenerateEvent(lacking));
                self.waiting.push_back(close);
            }
            // Without a link it may still carry those of others; libp2p ends it after that.
            News::Over if self.roofs.contains(&connection) => {}
            News::Over if self.lodgers.contains_key(&peer_id) => {}
            News::Over => self.waiting.push_back(close),
        }
    }

    fn poll(
        &mut self,
        _cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.waiting.pop_front().map_or(Poll::Pending, Poll::Ready)
    }
}
