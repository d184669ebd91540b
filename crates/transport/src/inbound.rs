//! What happened outside, as the core's shell hears it.

use std::net::IpAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;
use wire::lattice::{Door, Envelope};
use wire::{Address, Class, Digest, Knock, Medium, Multiaddr, NodeId, Refusal, Reply};

/// Names a link. Never used twice by one transport.
pub type LinkNumber = u64;

/// Something that happened outside.
#[derive(Debug)]
pub enum Inbound {
    /// Somebody asks at the door. Dropping the sender answers `busy`.
    Ask(Question),
    /// A link is gone, for whatever reason; nothing of it follows.
    Closed {
        /// Which.
        link: LinkNumber,
        /// In words for a human.
        why: String,
    },
    /// Frames were not sent because the link's queue was full.
    Congested {
        /// Which link.
        link: LinkNumber,
        /// Which of its queues.
        class: Class,
        /// How many frames since the last report.
        frames: u64,
    },
    /// Neither a node of our network nor a design-A node answered.
    DialFailed {
        /// Where.
        address: Address,
        /// In words for a human.
        why: String,
    },
    /// A design-A node answered.
    DoorFound {
        /// Where.
        address: Address,
        /// What it said.
        door: Door,
    },
    /// A push to a design-A node is done.
    DoorPushed {
        /// Where.
        address: Address,
        /// The round trip, or why the node does not have the message.
        result: Result<Duration, String>,
    },
    /// A frame arrived. Frames of one link and class keep their order.
    Frame {
        /// On which link.
        link: LinkNumber,
        /// What its sender says it is.
        class: Class,
        /// The frame, decrypted.
        bytes: Bytes,
    },
    /// What was queued on a link in a class when [`Transport::tell_left`](crate::Transport::tell_left)
    /// was called is with the system.
    Left {
        /// Which link.
        link: LinkNumber,
        /// Which of its queues.
        class: Class,
    },
    /// A message was posted at the door. Dropping the sender answers `busy`.
    Gossip {
        /// The client's address.
        from: IpAddr,
        /// The message.
        envelope: Box<Envelope>,
        /// For the verdict; it must not wait for forwarding.
        answer: oneshot::Sender<GossipAnswer>,
    },
    /// Where others reach us, beside what links show: all such addresses.
    Reachable(Vec<Multiaddr>),
    /// A link is up; both ends have proven their keys.
    Linked(Linked),
}

/// A link that has just come up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Linked {
    /// Its name from now on.
    pub link: LinkNumber,
    /// Who is there.
    pub peer: NodeId,
    /// Whether we dialled.
    pub outbound: bool,
    /// The address we dialled.
    pub dialled: Option<Address>,
    /// The other end's address.
    pub remote_ip: IpAddr,
    /// Ours, as this link shows it.
    pub local_ip: IpAddr,
    /// What carries it.
    pub medium: Medium,
}

/// A question asked at the door.
#[derive(Debug)]
pub enum Question {
    /// `GET /health`.
    Health(oneshot::Sender<Health>),
    /// `POST /invite`: a guest; `None` where it is not invited (INVITE-2).
    Knock(Box<Knock>, oneshot::Sender<Option<Reply>>),
    /// `GET /peers`: those that have an HTTP door.
    Peers(oneshot::Sender<Vec<DoorPeer>>),
    /// `GET /state`.
    State(oneshot::Sender<DoorState>),
}

/// The answer to `GET /health`; the transport adds node id and network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Health {
    /// `healthy` or `stopped`.
    pub healthy: bool,
    /// Peers with a link or a door.
    pub peer_count: u64,
    /// Seconds since the start.
    pub uptime_s: f64,
    /// Design A's counters.
    pub metrics: DoorMetrics,
}

/// Design A's counters, by its names.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, serde::Serialize)]
pub struct DoorMetrics {
    /// Frames and posts sent.
    pub messages_sent: u64,
    /// Frames and posts received.
    pub messages_received: u64,
    /// What did not fit a queue.
    pub messages_dropped: u64,
    /// Rounds of gossip or comparison.
    pub gossip_rounds: u64,
    /// Nodes heard of.
    pub peers_discovered: u64,
    /// Checks of design-A peers.
    pub health_checks: u64,
}

/// One row of `GET /peers`.
#[derive(Clone, Debug, PartialEq)]
pub struct DoorPeer {
    /// Its id, as text.
    pub peer_id: String,
    /// Its door.
    pub url: String,
    /// When it was last heard, unix seconds.
    pub last_seen_s: f64,
    /// The root it told last, as it told it.
    pub merkle_root: String,
    /// Whether it answered last time.
    pub is_healthy: bool,
    /// Last round trip, milliseconds.
    pub latency_ms: f64,
}

/// The answer to `GET /state`; the transport adds the node id.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct DoorState {
    /// The root.
    pub merkle_root: Digest,
    /// Times it changed since the start.
    pub state_version: u64,
    /// Peers with a link or a door.
    pub peer_count: u64,
    /// Our clock, unix seconds.
    pub timestamp_s: f64,
}

/// What became of a posted message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum GossipAnswer {
    /// It is new, valid, and kept.
    Accepted,
    /// Too much at once.
    Busy,
    /// It is known.
    Duplicate,
    /// The signed bytes are no record.
    Malformed,
    /// The signed record may not enter.
    Refused(Refusal),
    /// It carries no signature, and the operator did not allow that.
    Unsigned,
}
