//! Design A's answers, field for field.

use serde::Serialize;
use wire::{NetworkId, NodeId};

use crate::{DoorMetrics, DoorPeer, DoorState, Health};

#[derive(Serialize)]
struct HealthBody {
    status: &'static str,
    node_id: String,
    peer_count: u64,
    uptime: f64,
    metrics: DoorMetrics,
    trellis: TrellisBody,
}

/// How a peer recognises a node of ours; design A's nodes ignore it.
#[derive(Serialize)]
struct TrellisBody {
    version: u32,
    network: String,
    link: &'static str,
}

/// No further field: a strict design-A client would drop the whole list (DOOR-1).
#[derive(Serialize)]
struct PeerBody<'a> {
    peer_id: &'a str,
    url: &'a str,
    last_seen: f64,
    merkle_root: &'a str,
    is_healthy: bool,
    latency_ms: f64,
}

#[derive(Serialize)]
struct StateBody {
    node_id: String,
    merkle_root: String,
    state_version: u64,
    peer_count: u64,
    timestamp: f64,
}

#[derive(Serialize)]
struct GossipBody<'a> {
    status: &'static str,
    message_id: &'a str,
}

pub(crate) fn health(health: &Health, node: NodeId, network: NetworkId) -> Vec<u8> {
    json(&HealthBody {
        status: if health.healthy { "healthy" } else { "stopped" },
        node_id: node.to_string(),
        peer_count: health.peer_count,
        uptime: finite(health.uptime_s),
        metrics: health.metrics,
        trellis: TrellisBody {
            version: wire::PROTOCOL_VERSION,
            network: network.to_string(),
            link: "/link",
        },
    })
}

pub(crate) fn peers(peers: &[DoorPeer]) -> Vec<u8> {
    let rows = peers.iter().map(|peer| PeerBody {
        peer_id: &peer.peer_id,
        url: &peer.url,
        last_seen: finite(peer.last_seen_s),
        merkle_root: &peer.merkle_root,
        is_healthy: peer.is_healthy,
        latency_ms: finite(peer.latency_ms),
    });
    json(&rows.collect::<Vec<_>>())
}

pub(crate) fn state(state: &DoorState, node: NodeId) -> Vec<u8> {
    json(&StateBody {
        node_id: node.to_string(),
        merkle_root: state.merkle_root.to_string(),
        state_version: state.state_version,
        peer_count: state.peer_count,
        timestamp: finite(state.timestamp_s),
    })
}

pub(crate) fn gossip(status: &'static str, message_id: &str) -> Vec<u8> {
    json(&GossipBody { status, message_id })
}

/// JSON has no other numbers, and design A expects one.
fn finite(number: f64) -> f64 {
    if number.is_finite() { number } else { 0.0 }
}

pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("strings and numbers are always JSON")
}
