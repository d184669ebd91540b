//! The handle by which everybody in this process asks the node: API routes, demo, tests.

use std::time::Duration;

use node::alerts::{Alert, AlertQuery};
use node::levels::{OwnLevel, Reading};
use node::people::{Actor, Assembly};
use node::transfers::TransferView;
use node::{
    Addition, Answer, Command, CommandError, Decision, Delivery, Draft, Minutes, Note, PeerStatus,
    Place, Proven, Publication, Status,
};
use tokio::sync::{mpsc, oneshot};
use wire::{Address, Class, Digest, LetterId, RecordId, Slot};

use crate::feed::Feed;

/// Asks the node. Clones ask the same one.
#[derive(Clone, Debug)]
pub struct Commands {
    requests: mpsc::Sender<Request>,
    feed: Feed,
    message_life_ms: u64,
}

/// A command and where its answer goes.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    pub(crate) answer: oneshot::Sender<Result<Reply, Failure>>,
}

/// The node's answer, and what became of the frames that belong to it.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) answer: Answer,
    pub(crate) handed: Handed,
}

/// What was handed to links.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Handed {
    /// Links that will send all of it.
    pub links_queued: usize,
    /// Links whose queue had no room for all of it: they learn of it by comparison.
    pub links_congested: usize,
    /// Bytes that wait to be sent, on all links.
    pub backlog_bytes: usize,
}

/// What is known of a message once it is on disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Receipt {
    /// Its name.
    pub id: RecordId,
    /// Links of this node: those it is not handed to are told of it.
    pub links: usize,
    /// The class it travels in.
    pub class: Class,
    /// What was handed over.
    pub handed: Handed,
}

/// Why a command has no good answer. What is not said to be unknown changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// Too many commands wait.
    #[error("too many commands are waiting: try again in a moment")]
    Busy,
    /// No room on the disk. Nothing is acknowledged; the command that met it first stays in
    /// memory and is written once there is room, later ones are refused before they change
    /// anything.
    #[error("not acknowledged: {0}; the node goes on by itself once there is room")]
    DiskFull(String),
    /// The node did not answer in time. Whether the command took effect is unknown.
    #[error("no answer within {} s; whether the command took effect is unknown", ANSWER_MAX.as_secs())]
    Late,
    /// The node says no.
    #[error(transparent)]
    Refused(#[from] CommandError),
    /// The node has stopped.
    #[error("the node has stopped")]
    Stopped,
    /// The store failed, with the same consequences.
    #[error("not acknowledged, the store failed: {0}")]
    Store(String),
}

impl Commands {
    pub(crate) fn new(requests: mpsc::Sender<Request>, feed: Feed, message_life_ms: u64) -> Self {
        Self { requests, feed, message_life_ms }
    }

    /// Publishes a message; returns what became of it once it is on disk. Dropping the future does
    /// not undo the command; the same holds for all below.
    pub async fn publish(&self, publication: Publication) -> Result<Receipt, Failure> {
        let Reply { answer, handed } = self.call(Command::Publish(publication)).await?;
        match answer {
            Answer::Published { id, links, class } => Ok(Receipt { id, links, class, handed }),
            other => Err(unexpected(&other)),
        }
    }

    /// Writes entries, all or none; returns their ids once they are on disk.
    pub async fn put(&self, drafts: Vec<Draft>) -> Result<Vec<RecordId>, Failure> {
        match self.ask(Command::Put(drafts)).await? {
            Answer::Written(ids) => Ok(ids),
            other => Err(unexpected(&other)),
        }
    }

    /// Appends entries, all or none; returns their ids and names once they are on disk.
    pub async fn append(
        &self,
        additions: Vec<Addition>,
        life_ms: u64,
    ) -> Result<Vec<(RecordId, Slot)>, Failure> {
        match self.ask(Command::Append(additions, life_ms)).await? {
            Answer::Appended(appended) => Ok(appended),
            other => Err(unexpected(&other)),
        }
    }

    /// Says something to one node and to nobody else; returns its receipt.
    pub async fn send(&self, note: Note) -> Result<(LetterId, Delivery), Failure> {
        match self.ask(Command::Send(note)).await? {
            Answer::Sent(id, delivery) => Ok((id, delivery)),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns all transfers, those that can be decided on first.
    pub async fn transfers(&self) -> Result<Vec<TransferView>, Failure> {
        match self.ask(Command::Transfers).await? {
            Answer::Transfers(views) => Ok(views),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns how the node is.
    pub async fn status(&self) -> Result<Status, Failure> {
        match self.ask(Command::Status).await? {
            Answer::Status(status) => Ok(*status),
            other => Err(unexpected(&other)),
        }
    }

    /// Proves what stands at a place of the state. The record proven is in the store by then.
    pub async fn prove(&self, place: Place) -> Result<Proven, Failure> {
        match self.ask(Command::Prove(place)).await? {
            Answer::Proven(proven) => Ok(proven),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns who is proven to have signed two records with one number, at most so many behind a place:
    /// places and records, which are in the store by then.
    pub async fn contradictions(
        &self,
        after: Option<Digest>,
        max: usize,
    ) -> Result<Vec<(Digest, RecordId)>, Failure> {
        match self.ask(Command::Contradictions(after, max)).await? {
            Answer::Contradictions(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns what the node knows of checkpoints; `None` where its network has no attesters.
    pub async fn checkpoints(&self) -> Result<Option<Box<Minutes>>, Failure> {
        match self.ask(Command::Checkpoints).await? {
            Answer::Checkpoints(minutes) => Ok(minutes),
            other => Err(unexpected(&other)),
        }
    }

    /// Takes readings of levels, all or none; returns what is exact here and what others see.
    pub async fn set_levels(&self, readings: Vec<Reading>) -> Result<Vec<OwnLevel>, Failure> {
        self.levels_of(Command::SetLevels(readings)).await
    }

    /// Takes the level of a kind back; returns the others.
    pub async fn remove_level(&self, kind: String) -> Result<Vec<OwnLevel>, Failure> {
        self.levels_of(Command::RemoveLevel(kind)).await
    }

    /// Returns our levels: exact here, and what others see.
    pub async fn levels(&self) -> Result<Vec<OwnLevel>, Failure> {
        self.levels_of(Command::Levels).await
    }

    async fn levels_of(&self, command: Command) -> Result<Vec<OwnLevel>, Failure> {
        match self.ask(command).await? {
            Answer::Levels(levels) => Ok(levels),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes a decision in somebody's name; the answer is what the decision leads to.
    pub async fn decide(&self, actor: Actor, decision: Decision) -> Result<Answer, Failure> {
        self.ask(Command::Decide(actor, decision)).await
    }

    /// Returns what the node was warned of, the newest first, and how many alerts of its own would go
    /// first by now.
    pub async fn alerts(&self) -> Result<(Vec<Alert>, u64), Failure> {
        match self.ask(Command::Alerts).await? {
            Answer::Alerts(alerts, left) => Ok((alerts, left)),
            other => Err(unexpected(&other)),
        }
    }

    /// The same, a page.
    pub async fn alert_page(&self, query: AlertQuery) -> Result<(Vec<Alert>, u64), Failure> {
        match self.ask(Command::AlertPage(query)).await? {
            Answer::Alerts(alerts, left) => Ok((alerts, left)),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns who may decide here, and what waits for them.
    pub async fn people(&self) -> Result<Assembly, Failure> {
        match self.ask(Command::People).await? {
            Answer::People(assembly) => Ok(*assembly),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns everybody the node knows of.
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, Failure> {
        match self.ask(Command::Peers).await? {
            Answer::Peers(peers) => Ok(peers),
            other => Err(unexpected(&other)),
        }
    }

    /// Has an address dialled now and for ever after.
    pub async fn add_peer(&self, address: Address) -> Result<(), Failure> {
        match self.ask(Command::AddPeer(address)).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Has an address dialled once that somebody nearby tells of.
    pub(crate) async fn hear_of(&self, address: Address) -> Result<(), Failure> {
        match self.ask(Command::HearOf(address)).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Returns the event feed.
    pub fn events(&self) -> &Feed {
        &self.feed
    }

    /// Returns how long a message lives whose author does not say.
    pub fn message_life_ms(&self) -> u64 {
        self.message_life_ms
    }

    pub(crate) async fn ask(&self, command: Command) -> Result<Answer, Failure> {
        self.call(command).await.map(|reply| reply.answer)
    }

    async fn call(&self, command: Command) -> Result<Reply, Failure> {
        let (answer, answered) = oneshot::channel();
        let request = Request { command, answer };
        match self.requests.send_timeout(request, QUEUE_MAX).await {
            Ok(()) => {}
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => return Err(Failure::Busy),
            Err(mpsc::error::SendTimeoutError::Closed(_)) => return Err(Failure::Stopped),
        }
        match tokio::time::timeout(ANSWER_MAX, answered).await {
            Ok(Ok(Ok(Reply { answer: Answer::Refused(error), .. }))) => {
                Err(Failure::Refused(error))
            }
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(Failure::Stopped),
            Err(_) => Err(Failure::Late),
        }
    }
}

/// An answer of another command: a bug in the node, reported rather than believed.
pub(crate) fn unexpected(answer: &Answer) -> Failure {
    let name = match answer {
        Answer::Appended(_) => "appended",
        Answer::Alerts(..) => "alerts",
        Answer::Checkpoints(_) => "checkpoints",
        Answer::Contradictions(_) => "contradictions",
        Answer::Done => "done",
        Answer::Levels(_) => "levels",
        Answer::Peers(_) => "peers",
        Answer::People(_) => "people",
        Answer::Proven(_) => "proven",
        Answer::Published { .. } => "published",
        Answer::Refused(error) => return Failure::Refused(error.clone()),
        Answer::Proposed(_) => "proposed",
        Answer::Sent(..) => "sent",
        Answer::Transfers(_) => "transfers",
        Answer::Rule(..) => "rule",
        Answer::RuleProven(_) => "rule proven",
        Answer::Rules(..) => "rules",
        Answer::Seed(..) => "seed",
        Answer::Seeds(..) => "seeds",
        Answer::Status(_) => "status",
        Answer::Waiting(_) => "waiting",
        Answer::Waits(_) => "waits",
        Answer::Written(_) => "written",
    };
    Failure::Store(format!("the node answered {name} to another question"))
}

/// Longest wait for a place in the queue.
const QUEUE_MAX: Duration = Duration::from_secs(5);
/// Longest wait for an answer.
const ANSWER_MAX: Duration = Duration::from_secs(30);
