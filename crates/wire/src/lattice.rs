//! Design A's messages as values. The HTTP door turns them from and into JSON.

use crate::{Address, Signed};

/// One body of `POST /gossip`, after the door checked its types.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// An opaque key against duplicates.
    pub message_id: String,
    /// What it is.
    pub message_type: String,
    /// Any JSON, as text.
    pub payload: String,
    /// The sender's clock, unix seconds.
    pub timestamp_s: f64,
    /// Hops it may still travel, clamped to [`crate::limits::TTL_MAX`].
    pub ttl: u8,
    /// The node that made it.
    pub origin_peer: String,
    /// Nodes it says it has visited: a hint, never trusted.
    pub seen_by: Vec<String>,
    /// The signed record, where a Trellis node speaks.
    pub signed: Option<Signed>,
    /// What the payload means, where we understand it.
    pub meaning: Meaning,
}

/// The unsigned payloads we understand.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// `peer_announce`: a node says where it is. Believed only after it answered there.
    Announce {
        /// The id it claims.
        node_id: String,
        /// Where it says it listens.
        address: Address,
    },
    /// Anything else is carried, not understood.
    Other,
    /// `state_update`: a node says its root changed.
    StateUpdate {
        /// The root it claims.
        merkle_root: String,
    },
}

/// What a design-A node said of itself at `GET /health`, and whom it named at `GET /peers`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Door {
    /// Its `node_id`, as text.
    pub node_id: String,
    /// Addresses it named.
    pub peers: Vec<Address>,
}
