//! Shapes of the event stream.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    AlertSeverity, DirectEvent, Json, LevelRow, MessageClass, MessageKind, PeerState, RuleStance,
    TransferRow,
};

/// The `data` of one event of the stream.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Event {
    /// `trellis.event/1`.
    pub schema: String,
    /// Rises with each event.
    pub id: u64,
    /// RFC 3339.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub what: EventData,
}

/// What happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(tag = "kind", content = "data", rename_all = "snake_case")]
pub enum EventData {
    /// Somebody warns; the message that it is comes as an event of its own.
    Alert(AlertEvent),
    /// A checkpoint is final.
    Checkpoint(CheckpointEvent),
    /// A message to this node alone.
    Direct(DirectEvent),
    /// A new entry.
    Entry(EntryEvent),
    /// A node says how much it has; the entry that it is comes as an event of its own.
    Level(LevelRow),
    /// A new message.
    Message(MessageEvent),
    /// A peer came, went or fell silent.
    Peer(PeerEvent),
    /// Something may not enter.
    Refused(RefusedEvent),
    /// The state has a new root.
    Root(RootEvent),
    /// A word on a rule; the entry that it is comes as an event of its own.
    Rule(RuleEvent),
    /// A transfer of this node's is somewhere else than before.
    Transfer(Box<TransferRow>),
}

impl EventData {
    /// Returns the kind, as the stream calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Alert(_) => "alert",
            Self::Checkpoint(_) => "checkpoint",
            Self::Direct(_) => "direct",
            Self::Entry(_) => "entry",
            Self::Level(_) => "level",
            Self::Message(_) => "message",
            Self::Peer(_) => "peer",
            Self::Refused(_) => "refused",
            Self::Root(_) => "root",
            Self::Rule(_) => "rule",
            Self::Transfer(_) => "transfer",
        }
    }
}

/// Kinds of event a reader can ask for.
pub const EVENT_KINDS: [&str; 11] = [
    "alert",
    "checkpoint",
    "direct",
    "entry",
    "level",
    "message",
    "peer",
    "refused",
    "root",
    "rule",
    "transfer",
];

/// Somebody warns.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AlertEvent {
    /// Record id.
    pub id: String,
    /// Who warns.
    pub node: String,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// What is said.
    pub text: String,
}

/// A checkpoint is final.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct CheckpointEvent {
    /// Height; the first is 1.
    pub height: u64,
    /// Root of the state.
    pub root: String,
    /// Entries of the state, deletions included.
    pub entries: u64,
    /// How many attesters signed it.
    pub signers: u64,
}

/// A word on a rule.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RuleEvent {
    /// The rule.
    pub rule: String,
    /// Whose word it is.
    pub node: String,
    /// For or against; null where the word was taken back, or is none.
    pub stance: Option<RuleStance>,
}

/// A new entry.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct EntryEvent {
    /// Record id.
    pub id: String,
    /// Its collection.
    pub collection: String,
    /// Its name.
    pub name: String,
    /// Who wrote it.
    pub author: String,
    /// Whether it deletes.
    pub deleted: bool,
    /// When it was written, RFC 3339.
    pub created: String,
}

/// A new message.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct MessageEvent {
    /// Record id.
    pub id: String,
    /// Its topic.
    pub topic: String,
    /// Who wrote it.
    pub author: String,
    /// What it is for.
    pub kind: MessageKind,
    /// How urgent its author says it is.
    #[serde(default)]
    pub class: MessageClass,
    /// Any JSON, digit for digit as its author wrote it; a string where the author's bytes are no
    /// JSON.
    #[schema(value_type = serde_json::Value)]
    pub payload: Json,
    /// When it was written, RFC 3339.
    pub created: String,
    /// Hops it has travelled.
    pub hops: u8,
    /// Who handed it to us; null for our own and for the HTTP door.
    pub from: Option<String>,
    /// Set where the author carried over an unsigned message.
    pub bridged: Option<BridgedOrigin>,
}

/// Where an unsigned message claims to come from; nothing in it is proven.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct BridgedOrigin {
    /// The sender's id for it.
    pub message_id: String,
    /// The sender's type.
    pub message_type: String,
    /// The node it names as its origin.
    pub origin_peer: String,
}

/// A peer came, went or fell silent.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct PeerEvent {
    /// Node id; null for an address that nobody answered at.
    pub node: Option<String>,
    /// How it stands now.
    pub state: PeerState,
    /// Why.
    pub why: Option<String>,
}

/// Something may not enter.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RefusedEvent {
    /// Who sent it, where a link did.
    pub from: Option<String>,
    /// What is wrong with it.
    pub why: String,
}

/// The state has a new root.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RootEvent {
    /// Merkle root.
    pub root: String,
    /// Entries.
    pub entries: u64,
}

/// Events are missing between the last one a reader has and the next.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Gap {
    /// The last event before the gap.
    pub after: u64,
    /// How many are missing; null where nobody knows.
    pub lost: Option<u64>,
}
