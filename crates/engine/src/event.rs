//! What happens to a node, and what it wants done: the whole border between core and shell.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use checkpoint::{Done, Evidence, Row, Sealed, Work};
use merkle::{Leaf, Map, Prefix};
use sketch::Task;
use wire::lattice::{Door, Envelope};
use wire::{
    Address, Carried, Claim, Class, Digest, Hlc, Letter, Medium, NodeId, Reason, RecordId, Refusal,
    Set, Signed,
};

use crate::Maps;

/// Names a live connection. The shell gives each a new number and never uses one twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkId(pub u64);

/// Names a question of the outside world; the answer repeats it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TicketId(pub u64);

/// Who opened a link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Direction {
    /// The peer did.
    Inbound,
    /// We did.
    Outbound,
}

/// A link that has just come up. Both ends have proven their keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Connected {
    /// Its name from now on.
    pub link: LinkId,
    /// Who is there.
    pub peer: NodeId,
    /// Who opened it.
    pub direction: Direction,
    /// The address we dialled, for outbound links.
    pub dialled: Option<Address>,
    /// The other end's address on the network.
    pub remote_ip: IpAddr,
    /// Ours, as this link shows it: where peers beside that one can probably reach us.
    pub local_ip: IpAddr,
    /// What carries it.
    pub medium: Medium,
}

/// Something that happened outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A bounded queue of one class towards the peer was full: that many frames were not sent.
    Congested(LinkId, Class, u64),
    /// A link came up.
    Connected(Connected),
    /// An address could not be dialled, or no Trellis node and no design-A node answered there.
    DialFailed(Address, String),
    /// A link is gone.
    Disconnected(LinkId, String),
    /// A design-A node answered at this address.
    DoorFound(Address, Door),
    /// The result of [`Effect::PushDoor`]: the round trip in milliseconds, or why not.
    DoorPushed(Address, Result<u64, String>),
    /// One frame arrived on a link.
    Frame(LinkId, Bytes),
    /// The answer to [`Effect::Glance`].
    Glanced(TicketId, sketch::Done),
    /// A `POST /gossip` arrived and waits for [`Effect::AnswerDoor`]. The address is the client's.
    Gossip(TicketId, IpAddr, Box<Envelope>),
    /// The answer to [`Effect::TellLeft`].
    Left(LinkId, Class),
    /// Where others reach us, beside what links have shown: through relays, or a router that was asked. All of it.
    Reachable(Vec<Address>),
    /// The answer to [`Effect::Fill`]: fewer than asked for at the end of the set.
    Filled(Set, Vec<Kept>),
    /// The answer to [`Effect::Load`]: what the store still has.
    Loaded(TicketId, Vec<Signed>),
    /// The deadline passed.
    Tick,
    /// The answer to [`Effect::Verify`]: which signatures are right.
    Verified(Vec<(RecordId, bool)>),
    /// The answer to [`Effect::Work`].
    Worked(u64, Done),
}

/// Something the shell must do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer a `POST /gossip`.
    AnswerDoor(TicketId, DoorAnswer),
    /// Connect to an address; answered by `Connected`, `DoorFound` or `DialFailed`.
    Dial(Address),
    /// Send what is queued and a goodbye, then close the link.
    Disconnect(LinkId, Reason, String),
    /// Read so many items of a set in the order of their places, the first one there or behind it;
    /// answered by `Filled`.
    Fill(Set, Digest, usize),
    /// Look at a whole set on any thread; answered by `Glanced`.
    Glance(TicketId, Box<Glance>),
    /// Read these records in order, up to the one that brings them to so many bytes; answered by
    /// `Loaded` once everything persisted before is readable.
    Load(TicketId, Vec<RecordId>, usize),
    /// Write. Whatever follows in the same list waits until this is on disk.
    Persist(Batch),
    /// Post a message to a design-A node; answered by `DoorPushed`.
    PushDoor(Address, Box<Envelope>),
    /// Tell the operator's side of the program.
    Report(Event),
    /// Send an encoded frame, in the order of its class.
    Send(LinkId, Class, Bytes),
    /// Say [`Input::Left`] once all that was sent on a link in this class so far has left the
    /// machine, or was dropped; nothing if the link ends before.
    TellLeft(LinkId, Class),
    /// Check these signatures on any thread, the most urgent class first; answered by `Verified`.
    Verify(Class, Vec<(RecordId, Claim)>),
    /// Do this for the council on any thread; answered by `Worked`.
    Work(u64, Box<Work>),
}

/// A look at a whole set, for a worker.
#[derive(Clone, Debug)]
pub struct Glance {
    pub(crate) task: Task,
    pub(crate) map: Map,
}

impl Glance {
    /// Takes it.
    pub fn run(&self) -> sketch::Done {
        let mut after = None;
        let some = std::iter::from_fn(|| {
            let leaves = self.map.leaves(&Prefix::ALL, after.as_ref(), GLANCED_AT_ONCE);
            after = Some(leaves.last()?.key);
            Some(leaves)
        });
        self.task.run(some.flatten().map(|leaf| leaf.value.0))
    }
}

impl PartialEq for Glance {
    fn eq(&self, other: &Self) -> bool {
        self.task == other.task && self.map.root() == other.map.root()
    }
}

/// What becomes of a message posted at the HTTP door.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum DoorAnswer {
    /// It is new, valid, and on disk.
    Accepted,
    /// It is known.
    Duplicate,
    /// The signed record may not enter.
    Refused(Refusal),
    /// Too much at once; the client may try again later.
    Busy,
    /// The signed bytes are no record.
    Malformed,
    /// It carries no signature, and the operator did not allow that.
    Unsigned,
}

/// What must survive a restart, written in one transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// New records.
    pub keep: Vec<Keep>,
    /// Records that have had their time or were replaced without a successor.
    pub drop: Vec<Drop>,
    /// Address book rows that changed.
    pub book: Vec<BookRow>,
    /// Rows that made room.
    pub book_drop: Vec<NodeId>,
    /// Our own clock and sequence number, when we wrote something.
    pub author: Option<AuthorClock>,
    /// Rows of the council: new ones, and `None` for those that go.
    pub council: Vec<(Row, Option<Vec<u8>>)>,
    /// Rows that the applications on top keep for themselves, by name; `None` for those that go. Of
    /// names that begin with [`JOURNAL`] a node wakes up with the last alone.
    pub own: Vec<(String, Option<Vec<u8>>)>,
    /// Both sets after this batch, if it changes any.
    pub maps: Option<Box<Maps>>,
}

/// One record to keep.
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    /// The set it belongs to.
    pub set: Set,
    /// Its place in the map.
    pub key: Digest,
    /// Its name.
    pub id: RecordId,
    /// When it was written.
    pub created: Hlc,
    /// Unix milliseconds after which it goes; 0 for never.
    pub expires_ms: u64,
    /// The bytes.
    pub signed: Signed,
    /// The record that stood at `key` before; it goes.
    pub replaces: Option<RecordId>,
    /// For entries: collection and name, the index of `get` and `list`.
    pub label: Option<Label>,
}

/// What humans call an entry.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Label {
    /// Collection.
    pub collection: String,
    /// Name.
    pub name: String,
    /// Whether it is deleted: kept for the set, hidden from lists.
    pub deleted: bool,
}

/// One record that goes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Drop {
    /// The set.
    pub set: Set,
    /// Its place.
    pub key: Digest,
    /// Its name.
    pub id: RecordId,
}

/// Our own pen: no two records of ours may carry one number.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AuthorClock {
    /// The last sequence number used.
    pub seq: u64,
    /// The last clock reading used or seen.
    pub hlc: Hlc,
}

/// What the address book remembers of a node.
#[derive(Clone, Debug, PartialEq)]
pub struct BookRow {
    /// Who.
    pub node: NodeId,
    /// Its newest profile, as it signed it; shared by all nodes of one process that know it.
    pub profile: Arc<Signed>,
    /// The address at which we last reached it, if we ever did.
    pub reached: Option<Address>,
    /// When we last heard it, unix milliseconds; 0 for never.
    pub heard_ms: u64,
}

/// What a node wakes up with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// Everything in both sets, without the bytes; empty where the store kept the hashes of the sets.
    pub items: Vec<Kept>,
    /// Both sets, where the store kept their hashes.
    pub maps: Option<Box<Maps>>,
    /// The address book.
    pub book: Vec<BookRow>,
    /// Our own pen.
    pub author: AuthorClock,
    /// The council's rows.
    pub council: Vec<(Row, Vec<u8>)>,
    /// Rows of the applications, which the engine does not read.
    pub own: Vec<(String, Vec<u8>)>,
}

/// One item of a set, without its bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Kept {
    /// The set.
    pub set: Set,
    /// Its place.
    pub key: Digest,
    /// Its name.
    pub id: RecordId,
    /// When it was written.
    pub created: Hlc,
    /// Unix milliseconds after which it goes; 0 for never.
    pub expires_ms: u64,
}

impl Kept {
    /// Returns it as it stands in the map of its set.
    pub fn leaf(&self) -> Leaf {
        Leaf { key: self.key, value: self.id, stamp: self.created.0 }
    }
}

/// Something the operator's side may want to know: feed, log, metrics.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message or entry is new here. Reported exactly once for each record.
    Accepted(Box<Accepted>),
    /// A peer's clock differs from ours by this many milliseconds (ahead is positive).
    ClockSkew(NodeId, i64),
    /// Dialling failed.
    DialFailed(Address, String),
    /// Attesters broke their word; the proof.
    Fault(Box<Evidence>),
    /// Somebody wrote to us alone.
    Letter(Box<Letter>),
    /// A peer is no longer linked.
    LinkDown(NodeId, String),
    /// A peer is linked and has said hello.
    LinkUp(NodeId, Direction, Option<Address>),
    /// A peer has not answered for a while.
    Suspect(NodeId),
    /// Somebody sent what may not enter; the link, if it was one, and the fault.
    Refused(Option<NodeId>, String),
    /// Our state has a new root.
    RootChanged(Digest, u64),
    /// A checkpoint is final.
    Sealed(Arc<Sealed>),
}

/// A record that just entered.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// Its name.
    pub id: RecordId,
    /// The record as it travelled.
    pub carried: Carried,
    /// What it says.
    pub record: wire::Record,
    /// Who handed it to us; `None` for our own and for the HTTP door.
    pub from: Option<NodeId>,
}

/// Where rows begin that only grow in number: their names end in a number of twenty digits.
pub const JOURNAL: &str = "journal/";
/// Places read at once: more would hold memory, fewer would find their way too often.
const GLANCED_AT_ONCE: usize = 4_096;
