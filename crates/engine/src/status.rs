//! How a node is and whom it knows, for its operator.

use wire::{Address, Digest, NetworkId, NodeId, RecordId, SetSummary};

use crate::{Direction, LinkId};

/// How a node is.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// Its id.
    pub node: NodeId,
    /// Its network.
    pub network: NetworkId,
    /// Where it can be reached, best first.
    pub addresses: Vec<Address>,
    /// The state.
    pub state: SetSummary,
    /// Times the state changed since the start.
    pub state_version: u64,
    /// The messages.
    pub messages: SetSummary,
    /// Authors that are proven to have signed two records with one number; 0 for the moment after a start
    /// in which the leaves of the state come into memory.
    pub contradictions: u64,
    /// Links that have said hello.
    pub links: usize,
    /// Linked peers that agreed to the root our state has now.
    pub agreeing: usize,
    /// Nodes in the address book and addresses nobody answered at yet, ourselves excluded.
    pub known: usize,
    /// Design-A nodes that answer.
    pub doors: usize,
    /// Median clock difference to our peers, milliseconds, positive where they are ahead.
    pub clock_skew_ms: Option<i64>,
    /// Signatures waiting to be checked.
    pub pending: usize,
    /// Set while most of the state is being fetched.
    pub joining: Option<Joining>,
    /// Counters since the start.
    pub counters: Counters,
}

/// How far a node is that fetches most of the state (SNAP-5).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Joining {
    /// The height of the checkpoint that is fetched; `None` for what peers hold.
    pub checkpoint: Option<u64>,
    /// Entries there are.
    pub entries: u64,
    /// Of these, in ranges that are here.
    pub held: u64,
    /// Entries that came each second, on average.
    pub per_s: u64,
    /// Peers that have more than we do.
    pub peers: usize,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Records that entered.
    pub accepted: u64,
    /// Copies of records we had, or of older versions of them.
    pub duplicates: u64,
    /// Signatures checked.
    pub verified: u64,
    /// Records and frames refused.
    pub refused: u64,
    /// Frames that did not fit a link's queue, and records that did not fit the intake.
    pub dropped: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Copies of records pushed to links and doors.
    pub pushed: u64,
    /// Announcements sent, one for each record and link.
    pub announced: u64,
    /// Records asked for because they were announced and did not come.
    pub asked: u64,
    /// Links told to announce instead of push, and to push again.
    pub pruned: u64,
    /// See `pruned`.
    pub grafted: u64,
    /// Records sent because somebody asked.
    pub repaired: u64,
    /// Comparisons begun, by a walk or by sketches.
    pub compared: u64,
    /// Links ended because the peer never said what it holds.
    pub given_up: u64,
    /// Exchanges of sketches begun by us.
    pub sketched: u64,
    /// Those that told what differs.
    pub sketches_found: u64,
    /// Those that did not; what was large was walked instead.
    pub sketches_failed: u64,
    /// Exchanges that peers began with us.
    pub sketches_answered: u64,
    /// Chunks of the state fetched that were what was wished.
    pub chunks_fetched: u64,
    /// Those that were not.
    pub chunks_refused: u64,
    /// Chunks sent to others.
    pub chunks_sent: u64,
    /// Records older than the horizon that were not taken (STATE-9).
    pub past_refused: u64,
    /// Entries dropped because the newest checkpoint has nothing there (STATE-10).
    pub past_dropped: u64,
    /// Entries of ours written anew for that reason.
    pub past_rewritten: u64,
    /// Nodes discovered.
    pub discovered: u64,
    /// Design-A health checks made.
    pub door_checks: u64,
    /// Messages received from links and doors.
    pub messages_received: u64,
}

/// What we know of one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStatus {
    /// Its link, if it has one.
    pub link: Option<LinkId>,
    /// Its id; `None` for a design-A node or an address nobody answered at yet.
    pub node: Option<NodeId>,
    /// What it calls itself, for design-A nodes.
    pub name: Option<String>,
    /// Where it is, best first.
    pub addresses: Vec<Address>,
    /// How it stands.
    pub state: PeerState,
    /// Who opened the link.
    pub direction: Option<Direction>,
    /// Last measured round trip, milliseconds.
    pub rtt_ms: Option<u64>,
    /// When it was last heard, unix milliseconds; 0 for never.
    pub heard_ms: u64,
    /// The root of its state, as it last told us or agreed to.
    pub state_root: Option<Digest>,
    /// Program and version.
    pub agent: String,
    /// Why it is not linked, and what comes next.
    pub why: Option<String>,
    /// Milliseconds until it is dialled again.
    pub next_dial_ms: Option<u64>,
}

/// How a peer stands with us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeerState {
    /// A link is being opened.
    Connecting,
    /// Linked, both sides have said hello.
    Connected,
    /// A design-A node that answers at its door.
    Door,
    /// Known, not linked.
    Known,
    /// Linked, but silent for too long.
    Suspect,
    /// Known, and the last try failed.
    Unreachable,
}

/// What stands at a key of the state, or that nothing does, and why one may believe it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Proven {
    /// The root it is proven against.
    pub root: Digest,
    /// Entries under that root.
    pub entries: u64,
    /// The record that stands there.
    pub value: Option<RecordId>,
    /// The proof's bytes.
    pub proof: Vec<u8>,
}
