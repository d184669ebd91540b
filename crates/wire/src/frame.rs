//! Frames between two linked nodes: what they can say to each other.

mod chunk;
mod direct;
mod schema;
mod seed;
mod sketch;

use std::hash::Hasher as _;

use bytes::Bytes;
use siphasher::sip::SipHasher13;

pub use chunk::{Chunk, ChunkPart, ChunkRefusal, ChunkStep};
pub(crate) use direct::exactly;
pub use direct::{Direct, DirectStep, Found, RouteId};
pub use seed::{Seed, SeedId, SeedPiece, SeedRefusal, SeedStep};
pub use sketch::{Sketch, SketchStep};

use crate::{CarriedHead, Digest, NetworkId, NodeId, Piece, Pull, RecordId, Signed};

/// Everything one node can say to another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Frame {
    /// As of that moment I hold what you told me; unix milliseconds, `None` for all of it.
    Agreed(Option<u64>),
    /// A step of fetching a large state in chunks.
    Chunk(Chunk),
    /// Here is how my set looks under these prefixes.
    Compare(Compare),
    /// What I know of checkpoints.
    Council(Council),
    /// A step of a message to one node.
    Direct(Direct),
    /// Send me these.
    Fetch(Fetch),
    /// I am closing the link.
    Goodbye(Goodbye),
    /// The first frame on a link, both ways.
    Hello(Box<Hello>),
    /// Profiles of nodes I know.
    Peers(Peers),
    /// Tell me whom you know.
    PeersWanted(PeersWanted),
    /// A piece of a body.
    Piece(Piece),
    /// Are you there?
    Ping(Ping),
    /// I am.
    Pong(Pong),
    /// Send me these pieces.
    Pull(Pull),
    /// New records on their way to everybody, and what shapes the trees they travel on.
    Push(Push),
    /// Records that were asked for.
    Records(Records),
    /// A step of fetching a seed.
    Seed(Seed),
    /// A step of comparing sets by sketches of them.
    Sketch(Sketch),
    /// How my sets look as a whole.
    Summary(Summary),
}

/// Who is there, and how its sets look.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Hello {
    /// [`crate::PROTOCOL_VERSION`] of the sender.
    pub version: u32,
    /// The network it belongs to.
    pub network: NetworkId,
    /// Drawn once per start: tells a restarted peer from a second link to the same one.
    pub session: u64,
    /// Program and version.
    pub agent: String,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// Its wall clock, unix milliseconds.
    pub time_ms: u64,
    /// Its own profile.
    pub profile: Signed,
    /// Its sets.
    pub summary: Summary,
    /// Under this key it is told short ids.
    pub ids_key: u64,
}

/// A sign of life that wants an answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ping {
    /// Comes back in the pong. Nobody can guess it, so nobody can look nearer than it is.
    pub nonce: u32,
    /// Now and then: how the sender is.
    pub report: Option<Report>,
}

/// The answer to a ping, with a report if the ping had one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pong {
    /// The ping's.
    pub nonce: u32,
    /// How the sender is.
    pub report: Option<Report>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Report {
    /// Its wall clock, unix milliseconds.
    pub time_ms: u64,
    /// Its sets.
    pub summary: Summary,
}

/// Nodes the sender knows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Peers {
    /// Where they say they are.
    pub profiles: Vec<Signed>,
    /// Whether about as many are wanted back: a shuffle.
    pub answer_wanted: bool,
}

/// Whom the sender of a wish for profiles wants to hear of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PeersWanted {
    /// Some of all.
    Any,
    /// Those nearest to the one who is asked.
    Near,
}

/// A record on its way, with what changes at every hop and is therefore not signed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Carried {
    /// The record.
    pub signed: Signed,
    /// Hops it may still travel; clamped to [`limits::HOPS_MAX`] when read.
    pub ttl: u8,
    /// Hops it has travelled.
    pub hops: u8,
    /// Whose tree it travels on; the default is its author's.
    pub tree: TreeId,
}

/// Names a tree: the first bytes of the node id at its root. 0 stands for the author of the record.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TreeId(pub u64);

/// Names a record to one node only: a keyed hash of its id (`ShortId::of`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShortId(pub u64);

/// An announcement.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Have {
    /// Which record.
    pub id: ShortId,
    /// How long the sender has had it, milliseconds: had it pushed, the receiver would have had it
    /// for as long.
    pub age_ms: u32,
}

/// What one node tells another of the broadcast under way. Any part may be empty.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Push {
    /// New records.
    pub records: Vec<Carried>,
    /// The sender has these; named by the receiver's key (IHAVE).
    pub have: Vec<Have>,
    /// Send these once; named by the sender's key, as the receiver announced them.
    pub want: Vec<ShortId>,
    /// Trees on which the receiver shall announce to the sender instead of pushing.
    pub prune: Vec<TreeId>,
    /// Trees on which the receiver shall push to the sender again.
    pub graft: Vec<TreeId>,
    /// New records too large for one frame: their bodies follow in pieces.
    pub heads: Vec<CarriedHead>,
}

impl TreeId {
    /// Returns the tree of a node.
    pub fn of(node: &NodeId) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&node.as_bytes()[..8]);
        // 0 means something else; no key is known that begins with it.
        Self(u64::from_be_bytes(first).max(1))
    }
}

impl ShortId {
    /// Names a record under a key that its receiver chose (SipHash-1-3). Whoever does not know the
    /// key cannot make two records of one name.
    pub fn of(key: u64, id: &RecordId) -> Self {
        let mut hasher = SipHasher13::new_with_keys(key, !key);
        hasher.write(&id.0);
        Self(hasher.finish())
    }
}

/// The two sets that neighbours compare.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Set {
    /// The current entries; its root is *the* root.
    State,
    /// The messages that have not expired.
    Messages,
}

/// One set in two numbers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SetSummary {
    /// Merkle root.
    pub root: Digest,
    /// Items.
    pub count: u64,
}

/// Both sets, as of a moment.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Summary {
    /// The state.
    pub state: SetSummary,
    /// The messages.
    pub messages: SetSummary,
    /// Whether the sender wants to hear how the receiver's sets look beside these.
    pub answer_wanted: bool,
    /// What was created later is left out, unix milliseconds; `None` where nothing is.
    pub cutoff_ms: Option<u64>,
}

/// What is told of checkpoints. Notes are another room's: here they are bytes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Council {
    /// How far the sender knows the chain, and what it knows of the next link; it wants to hear
    /// what it lacks.
    pub known: Option<(u64, Digest)>,
    /// What the receiver may lack.
    pub notes: Vec<Bytes>,
}

/// A step of a walk: views of some ranges.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Compare {
    /// Which set.
    pub set: Set,
    /// The ranges.
    pub ranges: Vec<Range>,
    /// As of which moment, as in a summary. Both sides of a walk look at the same one.
    pub cutoff_ms: Option<u64>,
}

/// All that the sender has under one prefix.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Range {
    /// Unused bits are zero.
    pub prefix: Digest,
    /// Length of the prefix in bits, 0 to 256.
    pub bits: u16,
    /// What lies under it.
    pub view: View,
    /// Whether this answers one of the receiver's views: it fetches, and does not answer again.
    pub answer: bool,
}

/// How a range is described.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum View {
    /// Every item.
    Items(Vec<Item>),
    /// Subtrees that together hold every item.
    Subtrees(Vec<Subtree>),
}

impl View {
    /// Returns how many items or subtrees it lists.
    pub fn parts_len(&self) -> usize {
        match self {
            Self::Items(items) => items.len(),
            Self::Subtrees(subtrees) => subtrees.len(),
        }
    }
}

/// The hash of everything under a prefix.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Subtree {
    /// Unused bits are zero.
    pub prefix: Digest,
    /// Length of the prefix in bits, 0 to 256.
    pub bits: u16,
    /// Subtree hash.
    pub hash: Digest,
}

/// One element of a set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Item {
    /// Where it stands in the map.
    pub key: Digest,
    /// Which record stands there.
    pub value: Digest,
}

/// A wish for records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetch {
    /// Of which set.
    pub set: Set,
    /// Which.
    pub wanted: Wanted,
}

/// Which records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Wanted {
    /// Those with these keys.
    Keys(Vec<Digest>),
    /// All under a prefix, in order, behind `after`.
    Range {
        /// Unused bits are zero.
        prefix: Digest,
        /// Length of the prefix in bits.
        bits: u16,
        /// The last key already received.
        after: Option<Digest>,
    },
}

/// An answer to a wish. The receiver knows which records it asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Records {
    /// Of which set.
    pub set: Set,
    /// What the sender has of them.
    pub records: Vec<Signed>,
    /// Whether a range was asked for, not keys.
    pub range: bool,
    /// Where to go on, if a range was asked for and has more.
    pub next: Option<Fetch>,
}

/// Why a link ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Goodbye {
    /// For the machine.
    pub reason: Reason,
    /// For the human.
    pub text: String,
}

/// Why a link ends, in one word.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Reason {
    /// No free place for a link.
    Busy,
    /// Another link to the same node stays.
    Duplicate,
    /// The node is stopping.
    Leaving,
    /// The peer broke the protocol.
    Misbehaved,
    /// The place is given to another peer.
    Rotated,
    /// Nothing was heard for too long.
    Silent,
    /// The peer gave none we know.
    Unspecified,
    /// The protocol versions do not fit.
    Version,
    /// The peer belongs to another network.
    WrongNetwork,
}

impl Frame {
    /// Names the kind, for metrics.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Agreed(_) => "agreed",
            Self::Chunk(_) => "chunk",
            Self::Council(_) => "council",
            Self::Compare(_) => "compare",
            Self::Direct(_) => "direct",
            Self::Fetch(_) => "fetch",
            Self::Goodbye(_) => "goodbye",
            Self::Hello(_) => "hello",
            Self::Peers(_) => "peers",
            Self::PeersWanted(_) => "peers_wanted",
            Self::Piece(_) => "piece",
            Self::Ping(_) => "ping",
            Self::Pong(_) => "pong",
            Self::Pull(_) => "pull",
            Self::Push(_) => "push",
            Self::Records(_) => "records",
            Self::Seed(_) => "seed",
            Self::Sketch(_) => "sketch",
            Self::Summary(_) => "summary",
        }
    }
}

impl Summary {
    /// Says whether both sides hold the same, if both speak of the same moment.
    pub fn agrees_with(&self, other: &Self) -> bool {
        self.state == other.state && self.messages == other.messages
    }
}
