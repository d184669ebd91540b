//! Links over libp2p: QUIC, or TCP with Noise or TLS and Yamux.
//!
//! A swarm lives in a task of its own and makes connections; each carries one link, whose five
//! streams are handed to a task of ours (LIBP2P-2). From there on it is a link like any other.

mod counted;
mod dial;
mod frames;
mod host;
mod keys;
mod link;
mod nat;
mod opening;
mod place;
mod porch;
mod security;
mod sockets;
mod usher;

pub(crate) use dial::dial;
pub(crate) use frames::{prefix_bytes, prefixed};
pub(crate) use host::{Desk, Host};
