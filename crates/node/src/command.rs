//! What an operator may ask, and what the node answers.

use bytes::Bytes;
use engine::Direction;
use wire::{Address, MessageKind, NetworkId, NodeId, RecordId, SetSummary, WireError};

/// Names a command; its answer repeats it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CommandId(pub u64);

/// An operator's wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Dial an address now and for ever after.
    AddPeer(Address),
    /// Say goodbye to everybody; the node is about to stop.
    Leave,
    /// Who is around?
    Peers,
    /// Tell everybody.
    Publish(Publication),
    /// Write entries of ours, all or none.
    Put(Vec<Draft>),
    /// How are we?
    Status,
}

/// A message to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Its topic.
    pub topic: String,
    /// What it is for.
    pub kind: MessageKind,
    /// JSON text.
    pub payload: Bytes,
    /// The request it answers.
    pub reply_to: Option<RecordId>,
    /// How long it lives, milliseconds.
    pub life_ms: u64,
}

/// An entry to be; `None` deletes.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// Its collection.
    pub collection: String,
    /// Its name.
    pub name: String,
    /// JSON text.
    pub value: Option<Bytes>,
}

/// The node's answer. `Published` and `Written` come when everything is on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Done.
    Done,
    /// Everybody we know of.
    Peers(Vec<PeerStatus>),
    /// The message is on disk and on its way to so many links.
    Published {
        /// Its name.
        id: RecordId,
        /// Links it was handed to.
        links: usize,
    },
    /// Nothing changed.
    Refused(CommandError),
    /// How we are.
    Status(Box<Status>),
    /// The entries are on disk, in the order given.
    Written(Vec<RecordId>),
}

/// Why a command changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// The caller's labels or sizes are off.
    #[error(transparent)]
    Bad(#[from] WireError),
    /// Our clock cannot be right.
    #[error(
        "this machine's clock is {0} s off the median of its peers; set the clock, then try again"
    )]
    Clock(i64),
    /// No more entries fit.
    #[error("the state holds {0} entries, the most this node keeps")]
    Full(usize),
    /// The message would live too long or not at all.
    #[error("a message lives 1 ms to {0} ms")]
    Life(u64),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
}

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
    /// Times the root changed since the start.
    pub state_version: u64,
    /// The messages.
    pub messages: SetSummary,
    /// Links that have said hello.
    pub links: usize,
    /// Linked peers whose last summary equals ours.
    pub agreeing: usize,
    /// Nodes in the address book, ourselves excluded.
    pub known: usize,
    /// Design-A nodes that answer.
    pub doors: usize,
    /// Median clock difference to our peers, milliseconds, positive where they are ahead.
    pub clock_skew_ms: Option<i64>,
    /// Counters since the start.
    pub counters: Counters,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Records that entered.
    pub accepted: u64,
    /// Copies of records we had.
    pub duplicates: u64,
    /// Signatures checked.
    pub verified: u64,
    /// Records and frames refused.
    pub refused: u64,
    /// Frames that did not fit a link's queue.
    pub dropped: u64,
    /// Frames sent.
    pub frames_sent: u64,
    /// Frames received.
    pub frames_received: u64,
    /// Records pushed to links.
    pub pushed: u64,
    /// Records sent because somebody asked.
    pub repaired: u64,
    /// Comparisons begun.
    pub compared: u64,
    /// Nodes discovered.
    pub discovered: u64,
    /// Design-A health checks made.
    pub door_checks: u64,
}

/// What we know of one peer.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerStatus {
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
    /// The root it told us last.
    pub state_root: Option<wire::Digest>,
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
    /// Known, not linked.
    Known,
    /// A design-A node that answers at its door.
    Door,
    /// Linked, but silent for too long.
    Suspect,
    /// Known, and the last try failed.
    Unreachable,
}
