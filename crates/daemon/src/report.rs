//! What the node reports becomes events for readers and lines in the log.

use engine::{Accepted, Event};
use node::rules::Word;
use node::transfers::TransferView;
use node::{alerts, engine, levels, rules};
use wire::{Class, Content, Entry, Letter, Message, NodeId, Signed};

use crate::api::types::{
    AlertEvent, AlertSeverity, BridgedOrigin, CheckpointEvent, DirectEvent, EntryEvent, EventData,
    Json, LevelRow, MessageEvent, MessageKind, PeerEvent, PeerState, RefusedEvent, RootEvent,
    RuleEvent, Said, TransferRow,
};
use crate::clock::rfc3339;
use crate::feed::Feed;

/// Where reports go.
#[derive(Debug)]
pub(crate) struct Reporter {
    feed: Feed,
    me: NodeId,
    /// The last digits of the node id, for the log.
    node: String,
    refused_feed: Pace,
    refused_log: Pace,
    skewed_log: Pace,
}

impl Reporter {
    pub(crate) fn new(feed: Feed, node: NodeId) -> Self {
        Self {
            feed,
            me: node,
            node: short(node),
            refused_feed: Pace::new(REFUSED_BURST),
            refused_log: Pace::new(1),
            skewed_log: Pace::new(1),
        }
    }

    pub(crate) fn report(&mut self, event: Event, unix_ms: u64) {
        let what = match event {
            Event::Accepted(accepted) => {
                let meaning = meaning(&accepted, self.me);
                let what = accepted_event(*accepted);
                for what in what.into_iter().chain(meaning) {
                    self.feed.publish(rfc3339(unix_ms), what);
                }
                None
            }
            Event::ClockSkew(peer, skew_ms) => {
                self.skew(peer, skew_ms, unix_ms);
                None
            }
            Event::DialFailed(address, why) => {
                let why = format!("{address}: {why}");
                tracing::debug!(node = self.node, %address, why, "dial failed");
                Some(peer_event(None, PeerState::Unreachable, Some(why)))
            }
            Event::Letter(letter) => {
                tracing::debug!(node = self.node, from = short(letter.author), "a letter");
                Some(direct_event(&letter))
            }
            Event::LinkDown(peer, why) => {
                tracing::info!(node = self.node, peer = short(peer), why, "link down");
                Some(peer_event(Some(peer), PeerState::Known, Some(why)))
            }
            Event::LinkUp(peer, direction, address) => {
                let peer_short = short(peer);
                tracing::info!(node = self.node, peer = peer_short, ?direction, "link up");
                tracing::debug!(node = self.node, peer = peer_short, ?address, "dialled at");
                Some(peer_event(Some(peer), PeerState::Connected, None))
            }
            Event::Refused(peer, why) => {
                self.refusal(peer, &why, unix_ms);
                self.refused_feed.pass(unix_ms).map(|untold| refused_event(peer, why, untold))
            }
            Event::Fault(evidence) => {
                let (height, guilty) = (evidence.height(), evidence.guilty());
                let advice = "attesters broke their word: see `trellis checkpoint list`";
                tracing::warn!(node = self.node, height, ?guilty, advice);
                None
            }
            Event::Sealed(sealed) => {
                let checkpoint = &sealed.checkpoint;
                let (height, root, entries) =
                    (checkpoint.height, &checkpoint.root, checkpoint.count);
                tracing::info!(node = self.node, height, %root, entries, "checkpoint is final");
                let (root, signers) = (root.to_string(), sealed.certificate.signers.len() as u64);
                Some(EventData::Checkpoint(CheckpointEvent { height, root, entries, signers }))
            }
            Event::RootChanged(root, entries) => {
                tracing::debug!(node = self.node, %root, entries, "new root");
                Some(EventData::Root(RootEvent { root: root.to_string(), entries }))
            }
            Event::Suspect(peer) => {
                tracing::info!(node = self.node, peer = short(peer), "peer is silent");
                let why = "it has not answered for a while".to_owned();
                Some(peer_event(Some(peer), PeerState::Suspect, Some(why)))
            }
        };
        if let Some(what) = what {
            self.feed.publish(rfc3339(unix_ms), what);
        }
    }

    /// Tells that a transfer of ours is somewhere else than before.
    pub(crate) fn transfer(&self, view: &TransferView, unix_ms: u64) {
        let what = EventData::Transfer(Box::new(TransferRow::of(view)));
        self.feed.publish(rfc3339(unix_ms), what);
    }

    fn skew(&mut self, peer: NodeId, skew_ms: i64, unix_ms: u64) {
        if skew_ms.unsigned_abs() <= wire::limits::CLOCK_AHEAD_MS_MAX {
            return;
        }
        let Some(untold) = self.skewed_log.pass(unix_ms) else { return };
        let skew_s = skew_ms / 1_000;
        tracing::warn!(
            node = self.node,
            peer = short(peer),
            skew_s,
            untold,
            "a peer's clock differs from ours by more than a minute: check this machine's clock \
             (for example `timedatectl`), then the peer's"
        );
    }

    fn refusal(&mut self, peer: Option<NodeId>, why: &str, unix_ms: u64) {
        let Some(untold) = self.refused_log.pass(unix_ms) else { return };
        let from = peer.map(short);
        tracing::warn!(node = self.node, from, why, untold, "refused");
    }
}

/// Lets a few through every ten seconds and counts the others.
#[derive(Debug)]
struct Pace {
    burst: u64,
    left: u64,
    until_ms: u64,
    untold: u64,
}

impl Pace {
    fn new(burst: u64) -> Self {
        Self { burst, left: burst, until_ms: 0, untold: 0 }
    }

    /// Returns how many were held back since the last one, where this one may pass.
    fn pass(&mut self, unix_ms: u64) -> Option<u64> {
        // A clock that was set back by more than the pause must not silence us.
        let waiting = unix_ms < self.until_ms && self.until_ms - unix_ms <= PAUSE_MS;
        if !waiting {
            self.until_ms = unix_ms.saturating_add(PAUSE_MS);
            self.left = self.burst;
        }
        if self.left == 0 {
            self.untold += 1;
            return None;
        }
        self.left -= 1;
        Some(std::mem::take(&mut self.untold))
    }
}

/// Returns the last digits of a node id, enough for a human to follow it through a log.
pub(crate) fn short(node: NodeId) -> String {
    format!("{node:?}")
}

fn peer_event(node: Option<NodeId>, state: PeerState, why: Option<String>) -> EventData {
    EventData::Peer(PeerEvent { node: node.map(|node| node.to_string()), state, why })
}

fn direct_event(letter: &Letter) -> EventData {
    let (id, author) = (letter.id.to_string(), letter.author.to_string());
    EventData::Direct(DirectEvent { id, author, payload: Json::of(&letter.body) })
}

fn refused_event(peer: Option<NodeId>, why: String, untold: u64) -> EventData {
    let from = peer.map(|peer| peer.to_string());
    let why = match untold {
        0 => why,
        untold => format!("{why} (and {untold} more since the last of these events)"),
    };
    EventData::Refused(RefusedEvent { from, why })
}

/// Says what a record means to people, beside what it is.
fn meaning(accepted: &Accepted, me: NodeId) -> Option<EventData> {
    let node = accepted.carried.signed.author.to_string();
    match &accepted.record.content {
        Content::Entry(entry) if entry.collection == levels::COLLECTION => {
            LevelRow::of(&accepted.carried.signed, me).map(EventData::Level)
        }
        Content::Entry(entry) if entry.collection == rules::COLLECTION => {
            let word = entry.value.as_deref().and_then(Word::decode);
            let stance = word.map(|word| word.stance.into());
            Some(EventData::Rule(RuleEvent { rule: entry.name.clone(), node, stance }))
        }
        Content::Message(message)
            if message.topic == alerts::TOPIC
                && message.class == Class::Alert
                && message.bridged.is_none() =>
        {
            let said: Option<Said> = serde_json::from_slice(&message.payload).ok();
            let (severity, text) = said.map_or_else(
                || (AlertSeverity::Warning, Json::of(&message.payload).text().to_owned()),
                |said| (said.severity, said.text),
            );
            let id = accepted.id.to_string();
            Some(EventData::Alert(AlertEvent { id, node, severity, text }))
        }
        Content::Contradiction(_)
        | Content::Entry(_)
        | Content::Message(_)
        | Content::Profile(_) => None,
    }
}

fn accepted_event(accepted: Accepted) -> Option<EventData> {
    let Accepted { id, carried, record, from } = accepted;
    let (id, created) = (id.to_string(), rfc3339(record.created.ms()));
    match record.content {
        Content::Entry(entry) => {
            Some(EventData::Entry(entry_event(id, created, &carried.signed, entry)))
        }
        Content::Message(message) => {
            let from = from.map(|peer| peer.to_string());
            let origin = Origin { id, created, hops: carried.hops, from };
            Some(EventData::Message(message_event(origin, &carried.signed, message)))
        }
        Content::Contradiction(proof) => {
            let (author, advice) = (short(proof.author), "see `trellis contradictions`");
            tracing::warn!(author, advice, "an author signed two records with one number");
            None
        }
        Content::Profile(_) => None,
    }
}

fn entry_event(id: String, created: String, signed: &Signed, entry: Entry) -> EntryEvent {
    let Entry { collection, name, value } = entry;
    let (author, deleted) = (signed.author.to_string(), value.is_none());
    EntryEvent { id, collection, name, author, deleted, created }
}

struct Origin {
    id: String,
    created: String,
    hops: u8,
    from: Option<String>,
}

fn message_event(origin: Origin, signed: &Signed, message: Message) -> MessageEvent {
    let Origin { id, created, hops, from } = origin;
    let kind = match message.kind {
        wire::MessageKind::Announce => MessageKind::Announce,
        wire::MessageKind::Heartbeat => MessageKind::Heartbeat,
        wire::MessageKind::Request => MessageKind::Request,
        wire::MessageKind::Response => MessageKind::Response,
    };
    let bridged = message.bridged.map(|it| BridgedOrigin {
        message_id: it.message_id,
        message_type: it.message_type,
        origin_peer: it.origin_peer,
    });
    let (topic, author) = (message.topic, signed.author.to_string());
    let payload = Json::of(&message.payload);
    let class = message.class.into();
    MessageEvent { id, topic, author, kind, class, payload, created, hops, from, bridged }
}

/// Time in which a pace lets its burst through.
const PAUSE_MS: u64 = 10_000;
/// Refusals a stranger can put into the feed within that time: a flood must not push out what
/// readers came for.
const REFUSED_BURST: u64 = 64;

#[cfg(test)]
mod tests;
