//! What an operator may ask, and what the node answers.

use std::sync::Arc;

use crate::Decision;
use crate::alerts::{Alert, AlertError, AlertQuery};
use crate::levels::{LevelError, OwnLevel, Reading};
use crate::people::{Actor, Assembly, PeopleError, Vote};
use crate::rules::{Rule, RuleError, RuleProof, Statistics};
use crate::seeds::{SeedError, SeedView, Usage};
use crate::transfers::{TransferError, TransferView};
use bytes::Bytes;
use engine::checkpoint::{Chain, Committee, Evidence, Sealed};
use engine::{Delivery, LetterRefused, PeerStatus, Proven, Status, Undelivered};
use wire::{
    Address, Class, Digest, LetterId, MessageKind, NodeId, RecordId, SeedId, Slot, TransferId,
    WireError,
};

/// Names a command; its answer repeats it.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CommandId(pub u64);

/// An operator's wish.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Append entries of ours to collections, all or none; each stays so many milliseconds, 0 for ever, or until
    /// so many newer ones came that the network keeps no more.
    Append(Vec<Addition>, u64),
    /// Dial an address now, and again until somebody answers; then the address book has it.
    AddPeer(Address),
    /// Dial an address that somebody nearby tells of, once.
    HearOf(Address),
    /// What are we warned of?
    Alerts,
    /// The same, a page.
    AlertPage(AlertQuery),
    /// What is final, and who broke its word?
    Checkpoints,
    /// Who signed two records with one number? At most so many, behind a place.
    Contradictions(Option<Digest>, usize),
    /// Somebody decides something: refused unless its role and a quorum allow it.
    Decide(Actor, Decision),
    /// Say goodbye to everybody; the node is about to stop.
    Leave,
    /// What is exact here of our levels, what do others see, and what of the budget is spent?
    Levels,
    /// Who is around?
    Peers,
    /// Who may decide here, and what waits for them?
    People,
    /// Prove what stands at a place of the state, or that nothing does.
    Prove(Place),
    /// Tell everybody.
    Publish(Publication),
    /// Write entries of ours, all or none.
    Put(Vec<Draft>),
    /// Take the level of a kind back: others see none any more.
    RemoveLevel(String),
    /// Prove that a rule is accepted, by the newest checkpoint.
    ProveRule(Digest),
    /// How does this rule stand, and what does it say?
    Rule(Digest),
    /// How do rules stand: those behind one, at most so many?
    Rules(Option<Digest>, usize),
    /// Ask everybody what this rule says, unless that is here.
    WantRule(Digest),
    /// How does this seed stand?
    Seed(SeedId),
    /// Which seeds are there, and how much of the disk do they take?
    Seeds,
    /// So much there is, in the order given, all or none.
    SetLevels(Vec<Reading>),
    /// Say something to one node and to nobody else; answered once it has it, or cannot be told.
    Send(Note),
    /// How are we?
    Status,
    /// Which transfers are there?
    Transfers,
    /// How much waits for the people here?
    Waiting,
}

impl Command {
    /// Says whether it changes what is on disk: while the disk fails, it is refused beforehand.
    pub fn writes(&self) -> bool {
        match self {
            Self::Append(..)
            | Self::Decide(..)
            | Self::Publish(_)
            | Self::Put(_)
            | Self::RemoveLevel(_)
            | Self::SetLevels(_)
            | Self::WantRule(_) => true,
            Self::AddPeer(_)
            | Self::Alerts
            | Self::AlertPage(_)
            | Self::Checkpoints
            | Self::Contradictions(..)
            | Self::HearOf(_)
            | Self::Leave
            | Self::Levels
            | Self::Peers
            | Self::People
            | Self::Prove(_)
            | Self::ProveRule(_)
            | Self::Send(_)
            | Self::Transfers
            | Self::Waiting
            | Self::Rule(_)
            | Self::Rules(..)
            | Self::Seed(_)
            | Self::Seeds
            | Self::Status => false,
        }
    }
}

/// What waits for the people of a node.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// Alerts that nobody takes care of.
    pub alerts: usize,
    /// Seeds that nobody decided on.
    pub seeds: usize,
    /// Transfers on which nobody here has said yes or no.
    pub transfers: usize,
    /// Decisions that take another Mirror.
    pub votes: usize,
}

/// Words for one node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// The node.
    pub to: NodeId,
    /// JSON text.
    pub payload: Bytes,
}

/// Where an author's entry stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its collection.
    pub collection: String,
    /// Its author.
    pub author: NodeId,
    /// Its name.
    pub name: String,
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
    /// How urgent it is; [`Class::Control`] is refused.
    pub class: Class,
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

/// An entry to be appended: its name says only where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Addition {
    /// Its collection.
    pub collection: String,
    /// JSON text.
    pub value: Bytes,
}

/// What a node knows of checkpoints.
#[derive(Clone, Debug, PartialEq)]
pub struct Minutes {
    /// Those that are kept, the newest last: the last ones, and all at which the committee changed.
    pub sealed: Vec<Arc<Sealed>>,
    /// Who signs the next one.
    pub committee: Arc<Committee>,
    /// Our number among them, if we attest.
    pub number: Option<u16>,
    /// Who broke its word.
    pub evidence: Vec<Evidence>,
    /// What the newest says of rules, where that can be told.
    pub rules: Option<Statistics>,
}

/// An accepted rule, and why somebody should believe that who has the network file.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenRule {
    /// The way from the rule to what the newest checkpoint says.
    pub proof: RuleProof,
    /// What the rule says, where that is here.
    pub content: Option<Bytes>,
    /// Those checkpoints at which the committee changed, and the newest.
    pub chain: Chain,
}

/// The node's answer. `Appended`, `Published` and `Written` come when everything is on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The entries are on disk, in the order given.
    Appended(Vec<(RecordId, Slot)>),
    /// What was heard and has not expired, the newest first, and how many alerts of our own would go
    /// first by now.
    Alerts(Vec<Alert>, u64),
    /// What is known of checkpoints; `None` where the network has no attesters.
    Checkpoints(Option<Box<Minutes>>),
    /// The places of the proofs, and their records; all of them are on disk.
    Contradictions(Vec<(Digest, RecordId)>),
    /// Done.
    Done,
    /// Our levels. After a setting: as they are on disk by then.
    Levels(Vec<OwnLevel>),
    /// Everybody we know of.
    Peers(Vec<PeerStatus>),
    /// Who may decide here; after a change, as it is on disk by then.
    People(Box<Assembly>),
    /// What stands there. All that the proof speaks of is on disk.
    Proven(Proven),
    /// The transfer is on disk and its offer on the way.
    Proposed(TransferId),
    /// The message is on disk and on its way.
    Published {
        /// Its name.
        id: RecordId,
        /// Links of this node: those it is not handed to are told of it.
        links: usize,
        /// The class it travels in: an alert beyond its author's budget is normal (ALERT-1).
        class: Class,
    },
    /// Nothing changed.
    Refused(CommandError),
    /// How a seed stands, and what all of them take.
    Seed(Box<SeedView>, Usage),
    /// All seeds, by name, and what they take.
    Seeds(Vec<SeedView>, Usage),
    /// The one node has it: its receipt is here.
    Sent(LetterId, Delivery),
    /// How a rule stands, and what it says, where that is here.
    Rule(Box<Rule>, Option<Bytes>),
    /// The rule is accepted.
    RuleProven(Box<ProvenRule>),
    /// How rules stand, in the order of their ids, and all of them together.
    Rules(Vec<Rule>, Statistics),
    /// How we are.
    Status(Box<Status>),
    /// All transfers, those that can be decided on first.
    Transfers(Vec<TransferView>),
    /// So much waits for the people here.
    Waiting(Waiting),
    /// The decision takes more people; what was said is on disk.
    Waits(Vote),
    /// The entries are on disk, in the order given.
    Written(Vec<RecordId>),
}

/// Why a command changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// What we wrote last carries a later time than our clock shows: it was set back.
    #[error(
        "this machine's clock was set back: the last record was written {0} s from now, and peers \
         would refuse another one; set the clock, or wait"
    )]
    Ahead(u64),
    /// Not so, or not now.
    #[error(transparent)]
    Rule(#[from] RuleError),
    /// Not so, or not now.
    #[error(transparent)]
    Alert(#[from] AlertError),
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
    /// What nodes say to each other goes before messages, so no message may say that it is that.
    #[error("the class control is for what nodes say to each other: use alert, normal or bulk")]
    Control,
    /// The message would live too long or not at all.
    #[error("it may live at most {} days in this network", .0 / 86_400_000)]
    Life(u64),
    /// All messages that are kept live longer than this one would.
    #[error("no room for a message that lives so short: this node is full of longer ones")]
    NoRoom,
    /// The message to one node was not even tried.
    #[error(transparent)]
    Letter(#[from] LetterRefused),
    /// The levels cannot be so.
    #[error(transparent)]
    Level(#[from] LevelError),
    /// Nothing was appended there.
    #[error("nothing of this node stands at {0}: a name that begins with # is given by appending")]
    NoSlot(Slot),
    /// Entries that the node writes by itself.
    #[error(
        "the collection {0} is written by this node itself, from what it is told elsewhere: see `trellis level`, `trellis rule` and `trellis seed`"
    )]
    OwnCollection(&'static str),
    /// This person may not, or not so.
    #[error(transparent)]
    People(#[from] PeopleError),
    /// Messages that decisions of people alone make.
    #[error("the topic {0} is for decisions of people: see `trellis {word} --help`", word = .0.split('-').next().unwrap_or_default().trim_end_matches('s'))]
    OwnTopic(String),
    /// The seed cannot be so, or not now.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopping,
    /// The transfer cannot be so.
    #[error(transparent)]
    Transfer(#[from] TransferError),
    /// The message to one node has no receipt.
    #[error(transparent)]
    Undelivered(#[from] Undelivered),
}
