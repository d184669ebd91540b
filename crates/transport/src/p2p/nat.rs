//! Ways out of a NAT, and what a public node does for others behind one (NAT-1..4).
//!
//! Bounds: `ROOFS_MAX` relays that pass links on to us; as a relay, what `relay` says.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use libp2p::core::transport::ListenerId;
use libp2p::swarm::{ConnectionId, Swarm};
use libp2p::{Multiaddr, PeerId, identify, relay};
use tokio::sync::watch;
use wire::{Medium, NodeId};

use super::host::{Behaviour, BehaviourEvent};
use super::place::{local_ip_towards, plain, reached_at, through};
use super::porch::Stay;
use crate::Inbound;
use crate::door::places::public_group;
use crate::transport::Shared;

/// Where we are reached from outside, and through whom.
pub(super) struct Nat {
    me: NodeId,
    on: bool,
    /// Relays that we asked, and our connections to them.
    roofs: Vec<(ListenerId, PeerId, ConnectionId)>,
    outer: watch::Sender<BTreeSet<wire::Multiaddr>>,
}

impl Nat {
    pub(super) fn new(me: NodeId, on: bool) -> Self {
        Self { me, on, roofs: Vec::new(), outer: watch::Sender::default() }
    }

    /// Tells the core whenever it changes, in order, until the transport stops.
    pub(super) fn keep_telling(&self, shared: Arc<Shared>) -> impl Future<Output = ()> + use<> {
        let mut outer = self.outer.subscribe();
        async move {
            let telling = async {
                while outer.changed().await.is_ok() {
                    let all = outer.borrow_and_update().iter().cloned().collect();
                    shared.tell(Inbound::Reachable(all)).await;
                }
            };
            tokio::select! {
                () = telling => {}
                () = shared.stopping.cancelled() => {}
            }
        }
    }

    pub(super) fn reachable(&self, address: &Multiaddr) {
        let Some(address) = reached_at(address, self.me) else { return };
        tracing::info!("others reach this node through a relay");
        tracing::debug!(%address, "reached here");
        self.outer.send_if_modified(|all| all.insert(address));
    }

    pub(super) fn unreachable(&self, address: &Multiaddr) {
        let Some(address) = reached_at(address, self.me) else { return };
        self.outer.send_if_modified(|all| all.remove(&address));
    }

    /// Notes the end of a listener. Says whether it was at a relay.
    pub(super) fn ended(&mut self, swarm: &mut Swarm<Behaviour>, listener: ListenerId) -> bool {
        let at = self.roofs.iter().position(|(it, ..)| *it == listener);
        let Some(at) = at else { return false };
        let (.., connection) = self.roofs.remove(at);
        swarm.behaviour_mut().porch.shelter(connection, Stay::Ends);
        true
    }

    pub(super) fn heard(&mut self, swarm: &mut Swarm<Behaviour>, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Identify(identify::Event::Received { connection_id, info, .. })
                if info.protocols.contains(&relay::HOP_PROTOCOL_NAME) =>
            {
                self.ask(swarm, connection_id);
            }
            BehaviourEvent::Relay(event) => lodge(swarm, event),
            BehaviourEvent::Dcutr(event) => match event.result {
                Ok(_) => tracing::debug!(peer = %event.remote_peer_id, "a hole through two NATs"),
                Err(error) => {
                    tracing::debug!(peer = %event.remote_peer_id, %error, "no hole through the NATs");
                }
            },
            // They tell of what libp2p does by itself.
            _ => {}
        }
    }

    /// Asks a public peer that we dialled to pass links on to us, if we are behind a NAT as that connection
    /// shows (NAT-2).
    fn ask(&mut self, swarm: &mut Swarm<Behaviour>, connection: ConnectionId) {
        let Some(ends) = swarm.behaviour().porch.ends(connection) else { return };
        let dialled = ends.local.is_none() && ends.medium != Medium::Relay;
        let asked = self.roofs.iter().any(|(_, peer, _)| *peer == ends.node);
        if !self.on || !dialled || asked || ROOFS_MAX <= self.roofs.len() {
            return;
        }
        let inside = public_group(local_ip_towards(ends.remote.ip())).is_none();
        if !inside || public_group(ends.remote.ip()).is_none() {
            return;
        }
        let at = through(plain(ends.remote, ends.carried), ends.node);
        match swarm.listen_on(at) {
            Ok(listener) => {
                self.roofs.push((listener, ends.node, connection));
                swarm.behaviour_mut().porch.shelter(connection, Stay::Begins);
            }
            Err(error) => tracing::debug!(%error, "a relay could not be asked"),
        }
    }
}

/// Keeps the connections of those that links are passed on for.
fn lodge(swarm: &mut Swarm<Behaviour>, event: relay::Event) {
    let (peer, stay) = match event {
        relay::Event::ReservationReqAccepted { src_peer_id, renewed: false }
        | relay::Event::CircuitReqAccepted { src_peer_id, .. } => (src_peer_id, Stay::Begins),
        relay::Event::ReservationClosed { src_peer_id }
        | relay::Event::ReservationTimedOut { src_peer_id }
        | relay::Event::CircuitClosed { src_peer_id, .. } => (src_peer_id, Stay::Ends),
        // What was refused or failed has not begun.
        _ => return,
    };
    swarm.behaviour_mut().porch.lodge(peer, stay);
}

/// What a public node does for others: little enough to forget, enough for links of gossip (NAT-4).
pub(super) fn relay(me: PeerId) -> relay::Behaviour {
    let config = relay::Config {
        max_reservations: 64,
        max_reservations_per_peer: 1,
        reservation_duration: Duration::from_secs(3_600),
        reservation_rate_limiters: Vec::new(),
        max_circuits: 32,
        max_circuits_per_peer: 4,
        max_circuit_duration: Duration::from_secs(3_600),
        max_circuit_bytes: 64 * 1024 * 1024,
        circuit_src_rate_limiters: Vec::new(),
    };
    let minute = Duration::from_secs(60);
    let config = config
        .reservation_rate_per_peer(PER_PEER, minute)
        .reservation_rate_per_ip(PER_IP, minute)
        .circuit_src_per_peer(PER_PEER, minute)
        .circuit_src_per_ip(PER_IP, minute);
    relay::Behaviour::new(me, config)
}

/// Relays asked at once: one may go.
const ROOFS_MAX: usize = 2;
/// What a relay grants in a minute.
const PER_PEER: NonZeroU32 = NonZeroU32::new(6).expect("more than nothing");
const PER_IP: NonZeroU32 = NonZeroU32::new(60).expect("more than nothing");
