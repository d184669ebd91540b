//! What went over the wire, counted where it passes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counters since the start, for `/metrics`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Bytes of links on their TCP connections, WebSocket and Noise overhead included.
    pub link: ByteCount,
    /// Bytes of all other HTTP: the door's, and our calls at design-A nodes.
    pub door: ByteCount,
    /// Frames received on links.
    pub frames_in: u64,
    /// Frames sent on links.
    pub frames_out: u64,
    /// Handshakes by result.
    pub handshakes: Handshakes,
    /// Requests answered with success.
    pub requests_answered: u64,
    /// Requests refused, by the code of the problem.
    pub requests_refused: BTreeMap<&'static str, u64>,
    /// Connections refused because the door was full.
    pub connections_refused: u64,
    /// Connections cut: too slow, idle for too long, or to make room.
    pub connections_cut: u64,
    /// Connections open at the door, inbound links included.
    pub connections_open: u64,
    /// Links open, both directions.
    pub links_open: u64,
}

/// Bytes both ways.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ByteCount {
    /// Received.
    pub received: u64,
    /// Sent.
    pub sent: u64,
}

/// Handshakes on links, inbound and outbound, by result.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handshakes {
    /// Both ends have proven their keys.
    pub completed: u64,
    /// The connection broke, or what came was no handshake.
    pub broken: u64,
    /// A proof did not fit the channel, or the key was weak.
    pub forged: u64,
    /// We met ourselves.
    pub ourselves: u64,
    /// Took too long.
    pub timed_out: u64,
    /// Another network.
    pub wrong_network: u64,
}
