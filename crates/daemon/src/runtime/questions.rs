//! Design A's questions at the public door, answered from a look that is at most 200 ms old.

use node::{Answer, Command, Effect, Input, PeerState, PeerStatus, Status};
use tokio::sync::oneshot;
use transport::{DoorMetrics, DoorPeer, DoorState, Health, Question};
use wire::{Digest, Knock, Reply};

use super::Runtime;
use crate::metrics::Queues;

/// Status and peers at one moment, so that a flood of questions costs the node nothing.
#[derive(Debug)]
pub(super) struct Look {
    at_ms: u64,
    status: Status,
    peers: Vec<PeerStatus>,
}

/// The agreement that was logged last.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agreed {
    root: Digest,
    at_ms: u64,
}

impl Runtime {
    pub(super) fn ask(&mut self, question: Question) {
        let now = self.clock.now();
        if let Question::Knock(knock, answer) = question {
            return self.knock(*knock, answer);
        }
        let fresh =
            self.desk.look.as_ref().is_some_and(|look| now.mono_ms < look.at_ms + LOOK_MS_MAX);
        if !fresh {
            self.desk.look = self.look();
        }
        // Without a look the sender is dropped, which answers `busy`.
        let Some(look) = &self.desk.look else { return };
        let uptime_s = self.clock.uptime().as_secs_f64();
        let healthy = !self.condition.borrow().stopping;
        let hung_up = match question {
            Question::Health(answer) => answer.send(look.health(uptime_s, healthy)).is_err(),
            Question::Knock(..) => false,
            Question::Peers(answer) => answer.send(look.doors()).is_err(),
            Question::State(answer) => answer.send(look.state(now.unix_ms)).is_err(),
        };
        if hung_up {
            tracing::trace!("whoever asked at the door has hung up");
        }
    }

    /// Writing down who came waits for the disk: not here.
    fn knock(&self, knock: Knock, answer: oneshot::Sender<Option<Reply>>) {
        let (invites, now_s) = (self.invites.clone(), self.clock.now().unix_ms / 1_000);
        tokio::task::spawn_blocking(move || match invites.knock(&knock, now_s) {
            // Whoever asked may have hung up.
            Ok(reply) => drop(answer.send(reply)),
            Err(error) => tracing::warn!(%error, "a guest was not answered"),
        });
    }

    fn look(&mut self) -> Option<Look> {
        let at_ms = self.clock.now().mono_ms;
        let Some(Answer::Status(status)) = self.ask_node(Command::Status) else { return None };
        let Some(Answer::Peers(peers)) = self.ask_node(Command::Peers) else { return None };
        Some(Look { at_ms, status: *status, peers })
    }

    /// Asks what the node answers at once.
    fn ask_node(&mut self, command: Command) -> Option<Answer> {
        let id = self.next_command();
        let effects = self.node.handle(Input::Command(id, command), self.clock.now());
        let mut found = None;
        let mut rest = Vec::with_capacity(effects.len());
        for effect in effects {
            match effect {
                Effect::Answer(answered, answer) if answered == id => found = Some(answer),
                Effect::Answer(..) | Effect::Net(_) | Effect::Seed(_) => rest.push(effect),
            }
        }
        self.perform(rest);
        found
    }

    /// Notes how long the queues are and whether everybody linked agrees now.
    pub(super) fn glance(&mut self) {
        let count = |waiting: usize| u64::try_from(waiting).unwrap_or(u64::MAX);
        let queues = Queues {
            commands: count(self.requests.len()),
            doors: count(self.desk.doors.len()),
            inbound: count(self.inbound.len()),
            store: self.store.waiting(),
        };
        // Nobody waits for a new number: no need to wake anybody.
        self.condition.send_if_modified(|it| {
            it.queues = queues;
            false
        });
        let Some(Answer::Status(status)) = self.ask_node(Command::Status) else { return };
        let (root, at_ms) = (status.state.root, self.clock.now().mono_ms);
        let known = self.desk.agreed.is_some_and(|agreed| {
            agreed.root == root || at_ms < agreed.at_ms.saturating_add(AGREED_PAUSE_MS)
        });
        if known || status.links == 0 || status.agreeing < status.links {
            return;
        }
        self.desk.agreed = Some(Agreed { root, at_ms });
        let (peers, entries) = (status.links, status.state.count);
        tracing::info!(node = ?status.node, %root, entries, peers, "all linked peers agree");
    }
}

impl Look {
    fn health(&self, uptime_s: f64, healthy: bool) -> Health {
        let counters = &self.status.counters;
        let metrics = DoorMetrics {
            messages_sent: counters.pushed,
            messages_received: counters.messages_received,
            messages_dropped: counters.dropped,
            gossip_rounds: counters.compared,
            peers_discovered: counters.discovered,
            health_checks: counters.door_checks,
        };
        Health { healthy, peer_count: self.peer_count(), uptime_s, metrics }
    }

    fn state(&self, unix_ms: u64) -> DoorState {
        DoorState {
            merkle_root: self.status.state.root,
            state_version: self.status.state_version,
            peer_count: self.peer_count(),
            timestamp_s: seconds(unix_ms),
        }
    }

    fn peer_count(&self) -> u64 {
        u64::try_from(self.status.links.saturating_add(self.status.doors)).unwrap_or(u64::MAX)
    }

    /// Those that have an HTTP door: a strict design-A client drops a list with any other row.
    fn doors(&self) -> Vec<DoorPeer> {
        self.peers.iter().filter_map(door).collect()
    }
}

fn door(peer: &PeerStatus) -> Option<DoorPeer> {
    let id = peer.node.map(|node| node.to_string()).or_else(|| peer.name.clone())?;
    let is_healthy = match peer.state {
        PeerState::Connected | PeerState::Door => true,
        PeerState::Connecting | PeerState::Known | PeerState::Suspect | PeerState::Unreachable => {
            false
        }
    };
    Some(DoorPeer {
        peer_id: id,
        url: peer.addresses.iter().find_map(|it| it.url())?.to_owned(),
        last_seen_s: seconds(peer.heard_ms),
        merkle_root: peer.state_root.map(|root| root.to_string()).unwrap_or_default(),
        is_healthy,
        latency_ms: peer.rtt_ms.map_or(0.0, |ms| f64::from(u32::try_from(ms).unwrap_or(u32::MAX))),
    })
}

fn seconds(ms: u64) -> f64 {
    std::time::Duration::from_millis(ms).as_secs_f64()
}

/// A look older than this is not shown.
const LOOK_MS_MAX: u64 = 200;
/// Pause between two log lines about agreement: a busy state has a new root all the time.
const AGREED_PAUSE_MS: u64 = 30_000;
