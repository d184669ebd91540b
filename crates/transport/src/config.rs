//! What a transport is given: an identity, an address, and the bounds of everything.

use std::net::{IpAddr, SocketAddr};

use wire::{Identity, Multiaddr, NetworkId};

use crate::{Certificate, Private, Roots};

/// What [`crate::Transport::start`] needs.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the public door listens; `None` for a node that only dials.
    pub listen: Option<SocketAddr>,
    /// What the door shows, if it speaks TLS; without it, it speaks plain HTTP.
    pub certificate: Option<Certificate>,
    /// Whose certificates are believed at `https://` doors.
    pub roots: Roots,
    /// Set in a private network: then `certificate` and `roots` mean nothing, and the door speaks TLS.
    pub private: Option<Private>,
    /// Links over libp2p; `None` for a node that makes none.
    pub libp2p: Option<Libp2p>,
    /// The address of this machine that HTTP connections to others come from; `None` lets the system
    /// choose. An address of the other family cannot be dialled then.
    pub dial_from: Option<IpAddr>,
    /// The key that every link proves.
    pub identity: Identity,
    /// The network whose nodes may link.
    pub network: NetworkId,
    /// Program and version, sent as `user-agent`.
    pub agent: String,
    /// The bounds.
    pub limits: Limits,
}

/// Links over libp2p.
#[derive(Clone, Debug, Default)]
pub struct Libp2p {
    /// Where to listen, IP addresses; none for a node that only dials.
    pub listen: Vec<Multiaddr>,
    /// How TCP connections are secured. QUIC has TLS 1.3 built in.
    pub security: Security,
    /// Where this node is public, if it passes links on for others (NAT-4); none if it does not.
    /// Of no use in a private network (NAT-5).
    pub relays_at: Vec<Multiaddr>,
    /// Whether a way out of a NAT is looked for: relays, and straight links through holes.
    /// Of no use in a private network (NAT-5).
    pub nat: bool,
}

/// How libp2p's TCP connections are secured.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Security {
    /// With Noise or TLS 1.3, whichever the other end knows; Noise if both.
    #[default]
    Any,
    /// With Noise alone.
    Noise,
    /// With TLS 1.3 alone.
    Tls,
}

/// Every bound of this room. More costs memory and patience, less costs honest slow peers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Frames of each class, and news of links, waiting for the core (default 512). When full,
    /// links that bring more are not read and HTTP requests are told `busy`.
    pub inbox_max: usize,
    /// Bytes of each class waiting for the core (default 4 MiB); the same happens.
    pub inbox_bytes_max: usize,
    /// Connections at the public door, links included (default 1,024). When full, the one that has
    /// been without a request for longest makes room; if all are at work, the new one gets 503.
    pub connections_max: usize,
    /// Connections of one public address, or IPv6 /64 (default 64); the same rule makes room.
    /// Loopback and private addresses count only against the total, so that a lab works.
    pub connections_per_address_max: usize,
    /// Time from accepting, or from the first byte of a later request, until its head is complete
    /// (default 5,000 ms).
    pub header_ms: u64,
    /// Time until a request's body is complete (default 10,000 ms).
    pub body_ms: u64,
    /// Bytes of a request's body (default 384 KiB: a 256 KiB record in base64 and its envelope).
    pub body_bytes_max: usize,
    /// Time a connection may stay open without a request (default 30,000 ms; design A's nodes post
    /// every 5 s, and must not find the door closing just then).
    pub idle_ms: u64,
    /// Time the core has to answer an HTTP request (default 10,000 ms).
    pub answer_ms: u64,
    /// Time for name lookup and TCP connect (default 5,000 ms).
    pub connect_ms: u64,
    /// Time from dialling, or from the upgrade, until both ends have proven their keys (default
    /// 10,000 ms).
    pub handshake_ms: u64,
    /// Dials under way at once (default 64). Beyond, a dial fails at once.
    pub dials_max: usize,
    /// Pushes to design-A nodes under way at once (default 64). Beyond, a push fails at once.
    pub pushes_max: usize,
    /// Time for one push, connecting included (default 10,000 ms).
    pub push_ms: u64,
    /// Parts of frames waiting for one link, by class (default [`lanes::LINK_BOUNDS`]). A frame
    /// that does not fit is not sent.
    pub queues: [lanes::Bounds; 4],
    /// Bytes the system may hold of a link that it has not sent yet (default 16 KiB): an alert
    /// waits behind them. It is asked for only where the system has such a bound (Linux, Android).
    pub unsent_bytes_max: u32,
    /// Time a link's peer may take to accept what is being written (default 30,000 ms).
    pub drain_ms: u64,
    /// Time to send what is queued when a link is closed (default 2,000 ms).
    pub farewell_ms: u64,
    /// Memory of this process from which on no new libp2p connections are made (default 1 GiB).
    pub memory_bytes_max: usize,
    /// Bytes of a stranger's answer to `GET /health` (default 64 KiB).
    pub health_bytes_max: usize,
    /// Bytes of a stranger's answer to `GET /peers` (default 256 KiB).
    pub peers_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbox_max: 512,
            inbox_bytes_max: 4 * 1024 * 1024,
            connections_max: 1_024,
            connections_per_address_max: 64,
            header_ms: 5_000,
            body_ms: 10_000,
            body_bytes_max: 384 * 1024,
            idle_ms: 30_000,
            answer_ms: 10_000,
            connect_ms: 5_000,
            handshake_ms: 10_000,
            dials_max: 64,
            pushes_max: 64,
            push_ms: 10_000,
            queues: lanes::LINK_BOUNDS,
            unsent_bytes_max: 16 * 1024,
            drain_ms: 30_000,
            farewell_ms: 2_000,
            memory_bytes_max: 1024 * 1024 * 1024,
            health_bytes_max: 64 * 1024,
            peers_bytes_max: 256 * 1024,
        }
    }
}
