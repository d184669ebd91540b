//! The shapes of docs/api.md, as they cross the API in both directions.

mod alerts;
mod checkpoints;
mod contradictions;
mod entries;
mod events;
mod invites;
mod json;
mod letters;
mod levels;
mod log;
mod messages;
mod people;
mod proofs;
mod rules;
mod seeds;
mod transfers;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use alerts::{
    AcknowledgedRow, AlertAnswer, AlertRow, AlertSeverity, Alerts, DisputeRow, NewAcknowledgement,
    NewAlert, NewDispute, Told,
};
pub(crate) use alerts::{Reason, Said};
pub use checkpoints::{
    AttesterAnswer, CheckpointAnswer, CheckpointRow, Checkpoints, EvidenceAnswer,
};
pub use contradictions::{ContradictionRow, Contradictions};
pub use entries::{Appended, Entries, Entry, EntryAnswer, ImportLine, Written};
pub use events::{
    AlertEvent, BridgedOrigin, CheckpointEvent, EVENT_KINDS, EntryEvent, Event, EventData, Gap,
    MessageEvent, PeerEvent, RefusedEvent, RootEvent, RuleEvent,
};
pub use invites::{InviteList, InviteMade, InviteRow, InviteState, NewInvite};
pub use json::Json;
pub use letters::{DirectEvent, NewLetter, SentLetter};
pub use levels::{
    LevelBudget, LevelLine, LevelNeed, LevelRow, LevelSeen, Levels, OwnLevelRow, OwnLevels,
};
pub use log::{Log, LogRow};
pub use messages::{MessageClass, MessageKind, NewMessage, Published};
pub use people::{
    NewPerson, PeopleAnswer, PersonAnswer, PersonRole, PersonRow, QuorumRow, VoteRow, Waits,
};
pub use proofs::EntryProof;
pub use rules::{
    NewChallenge, NewConfirmation, NewRule, RuleAnswer, RuleEvidence, RuleRow, RuleSaid,
    RuleStance, Rules, WordRow,
};
pub use seeds::{
    NewLater, SeedAnswer, SeedHidden, SeedOffer, SeedProgress, SeedRefused, SeedRow, SeedSaid,
    SeedState, Seeds,
};
pub use transfers::{
    NewTransfer, ProposedTransfer, ProvenTransfer, TransferAnswer, TransferList, TransferRow,
    TransferSide, TransferYes,
};

/// What waits for the people of a node.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
pub struct WaitingFor {
    /// Alerts that nobody takes care of.
    pub alerts: usize,
    /// Seeds that nobody decided on.
    pub seeds: usize,
    /// Transfers on which nobody here has said yes or no.
    pub transfers: usize,
    /// Decisions that take another Mirror.
    pub decisions: usize,
}

/// `trellis.status/1`: how this node is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Status {
    /// `trellis.status/1`.
    pub schema: String,
    /// Node id.
    pub node: String,
    /// The network it belongs to.
    pub network: Network,
    /// Version of the program.
    pub version: String,
    /// Process id.
    pub pid: u32,
    /// When it started, RFC 3339.
    pub started: String,
    /// Seconds since then.
    pub uptime_s: u64,
    /// One word.
    pub health: Health,
    /// The word explained.
    pub why: String,
    /// What a human can do about it; null where nothing needs doing.
    pub what_you_can_do: Option<String>,
    /// Where peers can reach it, best first.
    pub addresses: Vec<String>,
    /// URL of the public door as bound here; null where it is closed.
    pub http: Option<String>,
    /// What the door shows where it speaks TLS; null where it does not.
    #[serde(default)]
    pub certificate: Option<DoorCertificate>,
    /// Where libp2p listens here, with the node's id, as `--peer` takes it.
    #[serde(default)]
    pub listen: Vec<String>,
    /// URL of this API as bound here.
    pub api: String,
    /// The node's directory.
    pub directory: String,
    /// What waits for the people here.
    #[serde(default)]
    pub waiting: WaitingFor,
    /// The state.
    pub state: State,
    /// The messages.
    pub messages: Messages,
    /// Linked peers.
    pub links: usize,
    /// Linked peers whose state equals ours.
    pub agreeing: usize,
    /// Other nodes we know of.
    pub known: usize,
    /// Design-A nodes that answer.
    pub doors: usize,
    /// Authors that are proven to have signed two records with one number.
    pub contradictions: u64,
    /// Median difference to the peers' clocks, positive where they are ahead.
    pub clock_skew_ms: Option<i64>,
    /// How peers were found, and how long each way took.
    #[serde(default)]
    pub discovered: Vec<Discovered>,
    /// What multicast DNS tells of the LAN.
    #[serde(default)]
    pub lan: Lan,
    /// How far it is, while most of the state is being fetched; null otherwise.
    pub joining: Option<Joining>,
    /// Counters since the start.
    pub counters: Counters,
}

/// The certificate of a door.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct DoorCertificate {
    /// The hosts that it is for.
    pub names: Vec<String>,
    /// Until when it is good, RFC 3339.
    pub expires: String,
    /// Seconds until then; 0 afterwards.
    pub expires_in_s: u64,
    /// Why newer files are not used; null where all is well.
    pub problem: Option<String>,
}

/// One way to peers; times are from the node's start, null for what has not come.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Discovered {
    /// `book` (known before, or told by peers), `bootstrap`, `dns`, `inbound` (others came) or `lan`.
    pub way: String,
    /// Until it told of the first address.
    pub address_ms: Option<u64>,
    /// Until the first link stood that it led to.
    pub link_ms: Option<u64>,
}

/// What multicast DNS tells of the LAN.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Lan {
    /// Whether the LAN is asked and heard; not where `peers.mdns` is off, nor on loopback alone.
    pub on: bool,
    /// Interfaces that are spoken on.
    pub interfaces: Vec<String>,
    /// Addresses of nodes of this network that were told lately.
    pub heard: u64,
    /// What was told and not used: not the sender's own, or too much.
    pub ignored: u64,
    /// Whether this node says nothing itself, because nobody can dial it.
    pub silent: bool,
    /// Why the LAN cannot be asked; null where it can.
    pub why: Option<String>,
}

/// How far a node is that fetches most of the state.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Joining {
    /// The height of the checkpoint that is fetched; null for what peers hold.
    pub checkpoint: Option<u64>,
    /// Entries there are.
    pub entries: u64,
    /// Of these, in ranges that are here.
    pub held: u64,
    /// Entries that came each second, on average.
    pub per_s: u64,
    /// Linked peers that have more than this node.
    pub peers: u64,
}

/// A network's id and name.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Network {
    /// Hash of the network file.
    pub id: String,
    /// Name in the network file.
    pub name: String,
}

/// How a node stands among its peers.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Every linked peer has the same state.
    Agreeing,
    /// No peer was ever asked for.
    Alone,
    /// Linked, but some peer's state differs.
    Differing,
    /// Peers are known, none is linked.
    Isolated,
    /// The node is stopping.
    Leaving,
}

/// The state in three numbers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct State {
    /// Merkle root.
    pub root: String,
    /// Entries, deleted ones included: they are part of the root.
    pub entries: u64,
    /// Times the root changed since the start.
    pub version: u64,
}

/// The messages in two numbers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Messages {
    /// Merkle root.
    pub root: String,
    /// Messages that have not expired.
    pub count: u64,
}

/// What happened since the start.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
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
    /// Links ended because the peer never said what it holds.
    pub given_up: u64,
    /// Of these, by sketches.
    pub sketched: u64,
    /// Of these, those that told what differs.
    pub sketches_found: u64,
    /// Of these, those that were walked instead.
    pub sketches_failed: u64,
    /// Comparisons by sketches that peers began.
    pub sketches_answered: u64,
    /// Chunks of the state fetched.
    pub chunks_fetched: u64,
    /// Those that were not what was wished; their peers were cut off.
    pub chunks_refused: u64,
    /// Chunks of the state sent to others.
    pub chunks_sent: u64,
    /// Records older than what the state holds that were not taken.
    pub past_refused: u64,
    /// Entries dropped because the newest checkpoint lacks them.
    pub past_dropped: u64,
    /// Entries of this node that it wrote anew for that reason.
    pub past_rewritten: u64,
    /// Nodes discovered.
    pub discovered: u64,
    /// Design-A health checks made.
    pub door_checks: u64,
}

/// `trellis.peers/1`: everybody we know of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Peers {
    /// `trellis.peers/1`.
    pub schema: String,
    /// The peers.
    pub peers: Vec<Peer>,
}

/// One peer; what is unknown is null.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Peer {
    /// Node id.
    pub node: Option<String>,
    /// What a design-A node calls itself.
    pub name: Option<String>,
    /// Where it is, best first.
    pub addresses: Vec<String>,
    /// How it stands.
    pub state: PeerState,
    /// Who opened the link.
    pub direction: Option<Direction>,
    /// What carries the link: `http`, `quic`, `relay` (a third node passes it on) or `tcp`.
    #[serde(default)]
    pub medium: Option<String>,
    /// Last measured round trip.
    pub rtt_ms: Option<u64>,
    /// When it was last heard, RFC 3339.
    pub heard: Option<String>,
    /// The root it told us last.
    pub state_root: Option<String>,
    /// Program and version.
    pub agent: Option<String>,
    /// Why it is not linked.
    pub why: Option<String>,
    /// Time until it is dialled again.
    pub next_dial_ms: Option<u64>,
}

/// How a peer stands with us.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// A link is being opened.
    Connecting,
    /// Linked.
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

/// Who opened a link.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The peer did.
    Inbound,
    /// We did.
    Outbound,
}

/// Body of `POST /v1/peers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPeer {
    /// `http://host:port`, or a multiaddr such as `/ip4/192.0.2.7/udp/8888/quic-v1`.
    pub address: String,
}

/// `trellis.done/1`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Done {
    /// `trellis.done/1`.
    pub schema: String,
}

/// `trellis.root/1`: the state in five numbers.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Root {
    /// `trellis.root/1`.
    pub schema: String,
    /// Merkle root.
    pub root: String,
    /// Entries.
    pub entries: u64,
    /// Times the root changed since the start.
    pub version: u64,
    /// Linked peers.
    pub links: usize,
    /// Linked peers whose state equals ours.
    pub agreeing: usize,
}

/// `trellis.config/1`: every setting and where it comes from.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Config {
    /// `trellis.config/1`.
    pub schema: String,
    /// The settings, by key.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Setting {
    /// Dotted name.
    pub key: String,
    /// What applies.
    pub value: Value,
    /// `default`, `file PATH`, `env NAME` or `flag --NAME`.
    pub origin: String,
    /// What applies where nobody says otherwise.
    pub default: Value,
    /// What it does.
    pub doc: String,
}

/// `DIR/run.json`: how tools find the running node.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct RunFile {
    /// Process id.
    pub pid: u32,
    /// Version of the program.
    pub version: String,
    /// URL of the operator's API.
    pub api: String,
    /// URL of the public door; null where it is closed.
    pub http: Option<String>,
    /// Where libp2p listens.
    #[serde(default)]
    pub listen: Vec<String>,
    /// When it started, RFC 3339.
    pub started: String,
}

/// `application/problem+json`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ProblemBody {
    /// `about:blank`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The HTTP status in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What is wrong and what to do.
    pub detail: String,
    /// A stable name of the problem.
    pub code: String,
}
