//! Who may connect, and whose connection becomes a link.
//!
//! Connections that come in take a place at the same door as HTTP's, by the same rules. Peers
//! with keys that are not Ed25519, or weak, are sent away (LIBP2P-4).

use std::collections::{BTreeMap, VecDeque};
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
use super::place::socket_addr;
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
        let (pending, ends) = (BTreeMap::new(), BTreeMap::new());
        Self {
            limits,
            places,
            cloakroom,
            counters,
            pending,
            ends,
            waiting: VecDeque::new(),
            open: true,
        }
    }

    /// Lets nobody in any more.
    pub(crate) fn close(&mut self) {
        self.open = false;
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
        _local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let Some((remote, medium)) = socket_addr(remote) else {
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
        if medium == Medium::Tcp {
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
        let (Some(place), Some((remote, medium))) =
            (self.pending.remove(&connection), socket_addr(remote))
        else {
            return Err(ConnectionDenied::new(Refused::Address));
        };
        let local = socket_addr(local).map(|(local, _)| local);
        self.ends.insert(connection, Ends { remote, local, medium });
        Ok(Usher::listener(place, self.patience()))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        remote: &Multiaddr,
        _role: Endpoint,
        _port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        if node_of(&peer).is_none() {
            return Err(ConnectionDenied::new(Refused::Key));
        }
        let Some((remote, medium)) = socket_addr(remote) else {
            return Err(ConnectionDenied::new(Refused::Address));
        };
        self.ends.insert(connection, Ends { remote, local: None, medium });
        Ok(Usher::dialler(self.patience()))
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
