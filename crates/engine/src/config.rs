//! Settings of the protocol, each with its unit, its default and its reason.

use std::sync::Arc;

use checkpoint::{Committee, Pace, Seat};
use wire::{Address, Medium, NetworkId};

/// How one node behaves. Public fields; start from a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The network this node belongs to.
    pub network: NetworkId,
    /// Program and version, as peers see it.
    pub agent: String,
    /// How checkpoints are made in this network; `None` where nobody attests (the default).
    pub checkpoints: Option<Checkpoints>,
    /// Addresses dialled at the start and for ever after (default none).
    pub bootstrap: Vec<Address>,
    /// Addresses under which our own door can be reached from anywhere, if the operator knows.
    pub public: Vec<Address>,
    /// Port of our door if it listens on every interface: with the local end of a link it makes
    /// an address for peers nearby. `None` where the door has one fixed address or is closed.
    pub door_port: Option<u16>,
    /// Whether the door speaks TLS and needs no name for it, as in a network with an authority of its own.
    pub door_tls: bool,
    /// The same for a QUIC listener.
    pub quic_port: Option<u16>,
    /// The same for a libp2p listener on TCP.
    pub tcp_port: Option<u16>,
    /// Which addresses of others are dialled, the best first (default QUIC, TCP, HTTP, relays).
    pub dials: Vec<Medium>,
    /// Links we try to have (default 12): half of our own choice, the rest chosen by others. Of our
    /// own, half are the nearest and half random: near ones make it fast (p99 a quarter less than
    /// with random ones), random ones keep it whole. In a network of fewer nodes all are linked.
    pub links_target: usize,
    /// Nodes dialled at the start to find the nearest (default 24).
    pub candidates: usize,
    /// Links we allow; inbound ones beyond are told `busy` (default 50, requirement 7).
    pub links_max: usize,
    /// Links below which we dial many at once, without waiting for those that do not answer
    /// (default 3): after a mass failure most dials go to the dead.
    pub links_live_min: usize,
    /// Dials begun at once then, and again after `redial_round_ms` (default 8).
    pub redial_burst: usize,
    /// Time between two rounds of dials (default 500 ms).
    pub redial_round_ms: u64,
    /// Dials under way at once (default 64): a dial of a dead machine takes 5 s, and a tenth alive
    /// still brings the third link within a few seconds.
    pub dials_max: usize,
    /// Nodes in the address book (default 1,024). Who was never reached makes room first.
    pub book_max: usize,
    /// Nodes known up to which a new profile goes to everybody, so that a small network is one
    /// where all know each other (default 200); beyond, it is passed on by a random walk.
    pub passive_target: usize,
    /// Hops of that walk (default 6, as in HyParView).
    pub walk_hops: u8,
    /// How often a few profiles are exchanged with one linked peer (default 30,000 ms); up to ten
    /// times as long while that brings nothing new.
    pub shuffle_ms: u64,
    /// Links that a new profile is passed on to in a small network (default 6).
    pub fanout: usize,
    /// Links without a tree's record that are told of it (default 3): a node hears of what it
    /// misses from three neighbours on average, and of what all of them miss by comparison.
    pub announce_links: usize,
    /// How long announcements and prunes wait for others to the same link, behind the last ones
    /// (default 50 ms): 60 of 68 bytes are headers.
    pub announce_ms: u64,
    /// How long an announced record has to come by itself before it is asked for (default 10 ms,
    /// and what it usually takes on top, learned), and the longest that can become (500 ms).
    pub graft_ms: u64,
    /// See `graft_ms`.
    pub graft_ms_max: u64,
    /// Round trip from which on a tree keeps a second link that pushes (default 180 ms): a record
    /// lost on a long way is late for everybody behind it.
    pub far_ms: u64,
    /// Trees remembered (default 4,096, about 100 B each). Those used least lately make room.
    pub trees_max: usize,
    /// Trees of others that must be known before a record of ours travels on one of them instead
    /// of flooding (default 24): the nearest of more is nearer, and with 8 of 1,000 authors the
    /// slowest in a hundred waited half as long again; fewer cost fewer floods in a quiet network.
    pub landmarks: usize,
    /// How long a tree counts as one that others still know (default 600,000 ms).
    pub warm_ms: u64,
    /// An author that wrote twice in so long gets a tree of its own (default 60,000 ms).
    pub busy_ms: u64,
    /// Records whose announcements are understood, for a minute (default 65,536). The oldest makes
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
    /// How often the two ends of a link tell each other clocks and sets (default 30,000 ms;
    /// designs A and C).
    pub heartbeat_ms: u64,
    /// How long a new link may be without a hello, and the most patience with one ping however far
    /// and slow the peer is (default 10,000 ms).
    pub probe_ms: u64,
    /// How often the link heard longest ago is pinged (default 1,000 ms): 67 bytes with all that is
    /// around them, and a dead peer is found in 1 to 3 s.
    pub probe_every_ms: u64,
    /// The same while all is quiet and everybody answers (default 3,000 ms).
    pub probe_quiet_ms: u64,
    /// How long a ping may stay unanswered: twice the round trip and 50 ms, at least this (default
    /// 300 ms: schedulers and collectors of garbage pause)
    pub patience_min_ms: u64,
    /// and at most this (default 2,000 ms), times 1 to 8 as far as live links answer late.
    pub patience_max_ms: u64,
    /// First wait before dialling again (default 1,000 ms); it doubles up to `redial_max_ms`.
    pub redial_ms: u64,
    /// Longest wait before dialling again (default 300,000 ms). Nobody is given up.
    pub redial_max_ms: u64,
    /// Longest wait while we have no link at all (default 5,000 ms).
    pub redial_alone_ms: u64,
    /// How often one node that was heard once and does not answer is tried beside its turn (default
    /// 5,000 ms; a tenth of the time it is gone, up to 60 s): healed partitions meet within seconds.
    pub lost_ms: u64,
    /// Quiet time after a change before the operator is told the new root (default 250 ms).
    pub settle_ms: u64,
    /// Longest delay of that while changes go on (default 1,000 ms).
    pub settle_max_ms: u64,
    /// While something changes, one neighbour is compared with in so long (default 1,000 ms). One
    /// that still differs is asked again after twice as long each time, up to the heartbeat.
    pub compare_ms: u64,
    /// Records from which on two sets are compared by sketches before they are walked (default
    /// 20,000): in smaller ones a walk takes few steps, and needs no look at all of them.
    pub sketch_min: u64,
    /// Entries that a peer must have more than we do for the state to be fetched in chunks from
    /// several at once (default 20,000): what is less, a comparison finds.
    pub chunks_min: u64,
    /// Bytes of chunks that leave each second, for all newcomers together (default 32 MiB): a
    /// newcomer takes as much as it gets, and our disk and processor are for others, too.
    pub chunk_bytes_per_s: u64,
    /// Age at which a record takes part in comparisons (default 2,000 ms): longer than a broadcast
    /// takes, clocks that are off by a second included. What is younger would look missing and be
    /// sent twice.
    pub guard_ms: u64,
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
    /// Slots of an author in each collection and hour of expiry: the newest so many appended entries stay (default
    /// 1,000). All nodes of a network must say the same.
    pub slots_max: usize,
    /// Signatures waiting to be checked (default 8,192). Beyond, remote records are left to a
    /// later comparison.
    pub pending_max: usize,
    /// Bodies larger than one frame that are coming or kept at hand for others (default 128), and
    /// their bytes (8 MiB). Complete ones make room first, then those of which nothing comes.
    pub bodies_max: usize,
    /// See `bodies_max`.
    pub bodies_bytes_max: usize,
    /// Incomplete bodies whose heads one link brought (default 40: what one answer to a comparison
    /// may hold). One more is left to a later comparison.
    pub bodies_per_link_max: usize,
    /// Pieces handed to links that have not left the machine (default 4, 60 KiB): enough to keep an
    /// uplink busy. More could not be taken back when somebody else has sent them meanwhile.
    pub pieces_under_way_max: usize,
    /// Alerts of one author that go first at once (default 50). More are handled as messages.
    pub alert_burst: u64,
    /// How long a letter may take from the wish to the receipt (default 10,000 ms).
    pub letter_ms: u64,
    /// Letters taken from one author in a minute (default 120). More get no receipt.
    pub letters_per_minute: u32,
    /// How often an author gains one alert back (default 100 ms).
    pub alert_every_ms: u64,
    /// Authors of alerts remembered (default 4,096). Whose budget is complete first makes room.
    pub alert_authors_max: usize,
}

/// How checkpoints are made: what the network file says, and what makes this node an attester.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoints {
    /// When.
    pub pace: Pace,
    /// Who signs the first.
    pub committee: Arc<Committee>,
    /// Set where this node has an attester's key.
    pub seat: Option<Seat>,
    /// How long a deletion is kept, so that no older write comes back, ms (the network file's default: 90 days; 0
    /// for ever): longer than a node is away.
    pub deletion_ms: u64,
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
    /// How long a deletion is kept, ms; 0 for ever, as where nobody attests what was there (STATE-8).
    pub(crate) fn deletions_end_ms(&self) -> u64 {
        self.checkpoints.as_ref().map_or(0, |it| it.deletion_ms)
    }

    /// A node on the internet or in a lab: the defaults.
    #[expect(clippy::too_many_lines, reason = "a table")]
    pub fn server(network: NetworkId) -> Self {
        Self {
            network,
            agent: String::new(),
            checkpoints: None,
            bootstrap: Vec::new(),
            public: Vec::new(),
            door_port: None,
            door_tls: false,
            quic_port: None,
            tcp_port: None,
            dials: vec![Medium::Quic, Medium::Tcp, Medium::Http, Medium::Relay],
            links_target: 12,
            candidates: 24,
            links_max: 50,
            links_live_min: 3,
            redial_burst: 8,
            redial_round_ms: 500,
            dials_max: 64,
            book_max: 1_024,
            passive_target: 200,
            walk_hops: 6,
            shuffle_ms: 30_000,
            fanout: 6,
            announce_links: 3,
            announce_ms: 50,
            graft_ms: 10,
            graft_ms_max: 500,
            far_ms: 180,
            trees_max: 4_096,
            landmarks: 24,
            warm_ms: 600_000,
            busy_ms: 60_000,
            recents_max: 65_536,
            door_fanout: 3,
            doors_max: 50,
            unsigned: Unsigned::Refuse,
            ttl: wire::limits::HOPS_MAX,
            heartbeat_ms: 30_000,
            probe_ms: 10_000,
            probe_every_ms: 1_000,
            probe_quiet_ms: 3_000,
            patience_min_ms: 300,
            patience_max_ms: 2_000,
            redial_ms: 1_000,
            redial_max_ms: 300_000,
            redial_alone_ms: 5_000,
            lost_ms: 5_000,
            settle_ms: 250,
            settle_max_ms: 1_000,
            compare_ms: 1_000,
            sketch_min: 20_000,
            chunks_min: 20_000,
            chunk_bytes_per_s: 32 * 1024 * 1024,
            guard_ms: 2_000,
            rotate_ms: 120_000,
            body_bytes_max: wire::limits::BODY_BYTES_MAX,
            message_life_ms_max: wire::limits::MESSAGE_LIFE_MS_MAX,
            messages_max: 100_000,
            entries_max: 2_000_000,
            slots_max: 1_000,
            pending_max: 8_192,
            bodies_max: 128,
            bodies_bytes_max: 8 * 1024 * 1024,
            bodies_per_link_max: 40,
            pieces_under_way_max: 4,
            alert_burst: 50,
            letter_ms: 10_000,
            letters_per_minute: 120,
            alert_every_ms: 100,
            alert_authors_max: 4_096,
        }
    }
}
