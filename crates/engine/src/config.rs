//! Settings of the protocol, each with its unit, its default and its reason.

use wire::{Address, NetworkId};

/// How one node behaves. Public fields; start from a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The network this node belongs to.
    pub network: NetworkId,
    /// Program and version, as peers see it.
    pub agent: String,
    /// Addresses dialled at the start and for ever after (default none).
    pub bootstrap: Vec<Address>,
    /// Addresses under which our own door can be reached from anywhere, if the operator knows.
    pub public: Vec<Address>,
    /// Port of our door if it listens on every interface: with the local end of a link it makes
    /// an address for peers nearby. `None` where the door has one fixed address or is closed.
    pub door_port: Option<u16>,
    /// Links we try to have (default 12). More cost traffic, fewer cost resilience.
    pub links_target: usize,
    /// Links we allow; inbound ones beyond are told `busy` (default 50, requirement 7).
    pub links_max: usize,
    /// Dials under way at once (default 8).
    pub dials_max: usize,
    /// Nodes in the address book (default 1,024). Who was never reached makes room first.
    pub book_max: usize,
    /// Links that a new profile is passed on to (default 6).
    pub fanout: usize,
    /// Links without a tree's record that are told of it (default 3): a node hears of what it
    /// misses from three neighbours on average, and of what all of them miss by comparison.
    pub announce_links: usize,
    /// How long announcements and prunes wait for others to the same link (default 50 ms): 60 of 68
    /// bytes are headers.
    pub announce_ms: u64,
    /// How long an announced record has to come by itself before it is asked for (default 30 ms,
    /// and what it usually takes on top, learned), and the longest that can become (500 ms).
    pub graft_ms: u64,
    /// See `graft_ms`.
    pub graft_ms_max: u64,
    /// Trees remembered (default 4,096, about 100 B each). Those used least lately make room.
    pub trees_max: usize,
    /// Trees of others that must be known before a record of ours travels on one of them instead
    /// of flooding (default 8): more shorten the way, fewer cost fewer floods in a quiet network.
    pub landmarks: usize,
    /// How long a tree counts as one that others still know (default 600,000 ms).
    pub warm_ms: u64,
    /// An author that wrote twice in so long gets a tree of its own (default 60,000 ms).
    pub busy_ms: u64,
    /// Records whose announcements are understood, for a minute (default 16,384). The oldest makes
    /// room.
    pub recents_max: usize,
    /// Design-A peers that a new message is posted to (default 3, as in design A).
    pub door_fanout: usize,
    /// Design-A peers remembered (default 50). One that no longer answers makes room.
    pub doors_max: usize,
    /// Whether unsigned messages from design-A nodes are carried, marked, as messages.
    pub unsigned: Unsigned,
    /// Hops a new record may travel on links (default 64; a tree is deeper than a flood). Design-A
    /// nodes get at most 10.
    pub ttl: u8,
    /// Silence after which a peer is pinged (default 30,000 ms; designs A and C).
    pub heartbeat_ms: u64,
    /// How long a ping may stay unanswered before the peer is suspect, and again as long before
    /// the link is closed (default 10,000 ms).
    pub probe_ms: u64,
    /// First wait before dialling again (default 1,000 ms); it doubles up to `redial_max_ms`.
    pub redial_ms: u64,
    /// Longest wait before dialling again (default 300,000 ms). Nobody is given up.
    pub redial_max_ms: u64,
    /// Longest wait while we have no link at all (default 5,000 ms).
    pub redial_alone_ms: u64,
    /// Quiet time after a change before sets are compared (default 250 ms): records in flight
    /// would look missing.
    pub settle_ms: u64,
    /// Longest delay of a comparison while changes go on (default 1,000 ms).
    pub settle_max_ms: u64,
    /// First wait before asking again a peer whose sets still differ (default 1,000 ms); it
    /// doubles up to the heartbeat while nothing comes of it.
    pub compare_ms: u64,
    /// How often one link is given to another known node (default 120,000 ms), so that healed
    /// partitions meet.
    pub rotate_ms: u64,
    /// Largest record body of this network, bytes (default 65,536).
    pub body_bytes_max: usize,
    /// The longest life of a message in this network, ms (default 30 days).
    pub message_life_ms_max: u64,
    /// Messages kept at once (default 100,000). Those that expire first make room.
    pub messages_max: usize,
    /// Entries kept at once (default 2,000,000). A new one beyond is refused.
    pub entries_max: usize,
    /// Signatures waiting to be checked (default 8,192). Beyond, remote records are left to a
    /// later comparison.
    pub pending_max: usize,
    /// Alerts of one author that go first at once (default 50). More are handled as messages.
    pub alert_burst: u64,
    /// How often an author gains one alert back (default 100 ms).
    pub alert_every_ms: u64,
    /// Authors of alerts remembered (default 4,096). Whose budget is complete first makes room.
    pub alert_authors_max: usize,
}

/// What becomes of messages without a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unsigned {
    /// They are refused; announcements are still taken as hints (the default).
    Refuse,
    /// They are carried under our signature, marked as unproven; never into the state.
    Relay,
}

impl Config {
    /// A node on the internet or in a lab: the defaults.
    pub fn server(network: NetworkId) -> Self {
        Self {
            network,
            agent: String::new(),
            bootstrap: Vec::new(),
            public: Vec::new(),
            door_port: None,
            links_target: 12,
            links_max: 50,
            dials_max: 8,
            book_max: 1_024,
            fanout: 6,
            announce_links: 3,
            announce_ms: 50,
            graft_ms: 30,
            graft_ms_max: 500,
            trees_max: 4_096,
            landmarks: 8,
            warm_ms: 600_000,
            busy_ms: 60_000,
            recents_max: 16_384,
            door_fanout: 3,
            doors_max: 50,
            unsigned: Unsigned::Refuse,
            ttl: wire::limits::HOPS_MAX,
            heartbeat_ms: 30_000,
            probe_ms: 10_000,
            redial_ms: 1_000,
            redial_max_ms: 300_000,
            redial_alone_ms: 5_000,
            settle_ms: 250,
            settle_max_ms: 1_000,
            compare_ms: 1_000,
            rotate_ms: 120_000,
            body_bytes_max: wire::limits::BODY_BYTES_MAX,
            message_life_ms_max: wire::limits::MESSAGE_LIFE_MS_MAX,
            messages_max: 100_000,
            entries_max: 2_000_000,
            pending_max: 8_192,
            alert_burst: 50,
            alert_every_ms: 100,
            alert_authors_max: 4_096,
        }
    }
}
