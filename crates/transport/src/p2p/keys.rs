//! Node keys as libp2p knows them.

use libp2p::PeerId;
use libp2p::identity::Keypair;
use wire::{Identity, NodeId};

/// Returns the key in libp2p's form.
pub(crate) fn keypair(identity: &Identity) -> Keypair {
    // It wipes the bytes it is handed.
    Keypair::ed25519_from_bytes(identity.seed()).expect("any 32 bytes are a seed")
}

/// Reads a peer id: only an Ed25519 key, and no weak one (SIGN-3).
pub(crate) fn node_of(peer: &PeerId) -> Option<NodeId> {
    peer.to_base58().parse().ok()
}

/// Writes a peer id.
pub(crate) fn peer_of(node: &NodeId) -> Option<PeerId> {
    node.to_string().parse().ok()
}
