//! What the operator sees.

use std::collections::BTreeSet;

use merkle::Prefix;
use wire::{Address, Class, Content, Digest, NodeId, RecordId, Set};

use super::Engine;
use crate::book::Known;
use crate::links::Link;
use crate::{Config, Now, PeerState, PeerStatus, Proven, Status};

impl Engine {
    /// Returns the settings the engine runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the ids of the records of one set, in the order of their places.
    pub fn held(&self, set: Set) -> Vec<RecordId> {
        let leaves = self.sets.map(set).leaves(&Prefix::ALL, None, usize::MAX);
        leaves.iter().map(|leaf| leaf.value).collect()
    }

    /// Proves against the root of the state what stands at a key (STATE-6).
    pub fn prove(&self, key: &Digest) -> Proven {
        let map = self.sets.map(Set::State);
        let value = map.get(key).map(|leaf| leaf.value);
        Proven { root: map.root(), entries: map.len(), value, proof: map.prove(key).encode(key) }
    }

    /// Returns who we are.
    pub fn me(&self) -> NodeId {
        self.me
    }

    /// Returns how many links have said hello.
    pub fn links_len(&self) -> usize {
        self.links.greeted_len()
    }

    /// Returns the class in which the next message of ours that says this one is handled.
    pub fn class_of_own(&self, said: Class, now: Now) -> Class {
        self.alerts.class(&self.me, said, now)
    }

    /// Returns how many more alerts of ours go first at this moment (ALERT-1).
    pub fn own_alerts_left(&self, now: Now) -> u64 {
        self.alerts.left(&self.me, now)
    }

    /// Returns how many bodies larger than one frame are coming or kept at hand, and their bytes.
    pub fn bodies(&self) -> (usize, usize) {
        (self.pieces.len(), self.pieces.bytes())
    }

    /// Returns how many signatures are waiting to be checked.
    pub fn pending_len(&self) -> usize {
        self.intake.len()
    }

    /// Returns how the node is.
    pub fn status(&self) -> Status {
        let ours = self.sets.summary();
        let agreeing = self
            .links
            .greeted()
            .filter(|(_, link)| link.agreed.is_some_and(|agreed| agreed.has_state(&ours)));
        Status {
            node: self.me,
            network: self.config.network,
            addresses: self.own_addresses(),
            state: ours.state,
            state_version: self.sets.version(),
            messages: ours.messages,
            contradictions: self.sets.contradictions_len(),
            links: self.links.greeted_len(),
            agreeing: agreeing.count(),
            known: self.membership.book().len() + self.unanswered().count(),
            doors: self.doors.healthy_len(),
            clock_skew_ms: self.links.skew_ms(),
            pending: self.intake.len(),
            joining: self.chunks.newcomer.as_ref().map(|it| it.status()),
            counters: self.counters,
        }
    }

    /// Returns everybody we know of: nodes, addresses nobody answered at yet, design-A nodes.
    pub fn peer_list(&self, now: Now) -> Vec<PeerStatus> {
        let book = self.membership.book();
        let mut peers: Vec<PeerStatus> =
            book.iter().map(|known| self.node_status(known, now)).collect();
        // A link whose profile is still being checked.
        let unknown = self.links.greeted().filter(|(_, link)| !book.has(&link.peer));
        let unknown: Vec<NodeId> = unknown.map(|(_, link)| link.peer).collect();
        peers.extend(
            unknown.into_iter().map(|node| self.link_status(node, PeerStatus::empty(), now)),
        );
        peers.extend(self.unanswered().map(|(address, retry)| PeerStatus {
            addresses: vec![address.clone()],
            state: if self.membership.is_dialling(address) {
                PeerState::Connecting
            } else if 0 < retry.failures {
                PeerState::Unreachable
            } else {
                PeerState::Known
            },
            why: retry.why.as_deref().map(str::to_owned),
            next_dial_ms: Some(retry.at.0.saturating_sub(now.mono_ms)),
            ..PeerStatus::empty()
        }));
        peers.extend(self.doors.all().iter().map(|(address, door)| PeerStatus {
            name: Some(door.name.clone()),
            addresses: vec![address.clone()],
            state: if door.healthy { PeerState::Door } else { PeerState::Unreachable },
            rtt_ms: door.rtt_ms,
            heard_ms: door.heard_ms,
            state_root: Digest::from_hex(&door.root),
            why: door.why.clone(),
            ..PeerStatus::empty()
        }));
        peers
    }

    pub(super) fn own_addresses(&self) -> Vec<Address> {
        match &self.profile.record.content {
            Content::Profile(profile) => profile.addresses.clone(),
            Content::Contradiction(_) | Content::Entry(_) | Content::Message(_) => Vec::new(),
        }
    }

    /// Operator's addresses at which no known node answered.
    fn unanswered(&self) -> impl Iterator<Item = (&Address, &crate::book::Retry)> {
        let mut taken: BTreeSet<&Address> = self.doors.all().keys().collect();
        taken.extend(self.membership.book().iter().filter_map(Known::reached));
        let open = self.membership.bootstrap().iter();
        open.filter(move |(address, it)| {
            let known =
                it.node.is_some_and(|node| node == self.me || self.membership.book().has(&node));
            !known && !taken.contains(address)
        })
        .map(|(address, it)| (address, &it.retry))
    }

    fn node_status(&self, known: &Known, now: Now) -> PeerStatus {
        let address = self.membership.address(known);
        let dialling = address.as_ref().is_some_and(|it| self.membership.is_dialling(it));
        let profile = known.read().map(|(_, profile)| profile);
        let (addresses, agent) = profile.map(|it| (it.addresses, it.agent)).unwrap_or_default();
        let state = match (dialling, known.failures()) {
            (true, _) => PeerState::Connecting,
            (false, 0) => PeerState::Known,
            (false, _) => PeerState::Unreachable,
        };
        let at = known.retry_at().0;
        let next_dial_ms = address.as_ref().map(|_| at.saturating_sub(now.mono_ms));
        let why = match known.past().and_then(|past| past.retry.why.as_deref()) {
            None if address.is_none() => Some("has no address: it dials us".to_owned()),
            why => why.map(str::to_owned),
        };
        let status = PeerStatus {
            addresses,
            state,
            heard_ms: known.heard_ms(),
            agent,
            why,
            next_dial_ms,
            ..PeerStatus::empty()
        };
        self.link_status(*known.node(), status, now)
    }

    /// Returns a peer's root: ours if it agreed to that, or else what it told us last.
    fn root_of(&self, link: &Link) -> Option<Digest> {
        let ours = self.sets.summary();
        let agrees = link.agreed.is_some_and(|agreed| agreed.has_state(&ours));
        if agrees { Some(ours.state.root) } else { link.root }
    }

    fn link_status(&self, node: NodeId, status: PeerStatus, now: Now) -> PeerStatus {
        let status = PeerStatus { node: Some(node), ..status };
        let id = self.links.of(&node);
        let Some(link) = id.and_then(|id| self.links.get(id)) else {
            return status;
        };
        PeerStatus {
            link: id,
            state: if link.is_suspect() { PeerState::Suspect } else { PeerState::Connected },
            direction: Some(link.direction),
            heard_ms: now.unix_ms.saturating_sub(now.mono_ms.saturating_sub(link.heard.0)),
            rtt_ms: link.rtt_ms,
            state_root: self.root_of(link),
            agent: link.greeting.as_ref().map_or(status.agent, |it| it.agent.clone()),
            why: None,
            next_dial_ms: None,
            ..status
        }
    }
}

impl PeerStatus {
    fn empty() -> Self {
        Self {
            link: None,
            node: None,
            name: None,
            addresses: Vec::new(),
            state: PeerState::Known,
            direction: None,
            rtt_ms: None,
            heard_ms: 0,
            state_root: None,
            agent: String::new(),
            why: None,
            next_dial_ms: None,
        }
    }
}
