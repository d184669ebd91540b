//! Virtual time around `iroh_gossip::proto::State`, one state for each node.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::time::Duration;

use bytes::Bytes;
use iroh_gossip::proto::state::MessageKind;
use iroh_gossip::proto::{
    Command, Config, Event, InEvent, Message, OutEvent, PeerData, Scope, State, TopicId,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use tokio::time::Instant;

use super::peer::Peer;
use crate::arguments::Unreachable;
use crate::latency::Latency;
use crate::ledger::Ledger;

/// A network of its states, its clock and what has been counted.
#[derive(Debug)]
pub struct World {
    /// Who has what.
    pub ledger: Ledger,
    /// What has been sent.
    pub traffic: Traffic,
    nodes: Vec<Option<State<Peer, ChaCha8Rng>>>,
    latency: Latency,
    unreachable: Unreachable,
    start: Instant,
    now: Duration,
    queue: BinaryHeap<Reverse<Entry>>,
    /// Breaks ties of time: what was scheduled first happens first.
    sequence: u64,
    /// Pairs, the smaller first: connected since a message arrived.
    connections: BTreeSet<(Peer, Peer)>,
    living: Vec<bool>,
    /// Which side of a wall each node is on.
    sides: Vec<u8>,
}

/// Frames and bytes of all nodes together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// Frames with a payload that arrived at a living node.
    pub payloads_received: u64,
    /// Frames without one, sent.
    pub control_frames: u64,
    /// Bytes of all frames sent, with the length before each, as its streams carry them.
    pub bytes: u64,
}

/// Something due; ordered by time, then by when it was scheduled.
#[derive(Debug)]
struct Entry {
    at: Duration,
    sequence: u64,
    to: Peer,
    event: InEvent<Peer>,
}

impl World {
    /// Makes nodes that know nobody.
    pub fn new(nodes: usize, latency: Latency, unreachable: Unreachable) -> Self {
        let seed = latency.seed << 32;
        let mut world = Self {
            ledger: Ledger::default(),
            traffic: Traffic::default(),
            nodes: Vec::with_capacity(nodes),
            latency,
            unreachable,
            start: Instant::now(),
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            sequence: 0,
            connections: BTreeSet::new(),
            living: vec![true; nodes],
            sides: vec![0; nodes],
        };
        for index in 0..nodes {
            let random = ChaCha8Rng::seed_from_u64(seed | index as u64);
            let data = PeerData::default();
            let state = State::new(Peer::from(index), data, Config::default(), random);
            world.nodes.push(Some(state));
        }
        world
    }

    /// Returns the time since the beginning.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// Returns the nodes that live.
    pub fn living(&self) -> Vec<usize> {
        let nodes = self.nodes.iter().enumerate();
        nodes.filter(|(_, it)| it.is_some()).map(|(index, _)| index).collect()
    }

    /// Returns how many living nodes have no neighbour.
    pub fn alone(&self) -> usize {
        self.nodes.iter().flatten().filter(|state| !state.has_active_peers(&TOPIC)).count()
    }

    /// Joins by way of another node, or begins a network.
    pub fn join(&mut self, node: usize, contact: Option<usize>) {
        let contacts = contact.into_iter().map(Peer::from).collect();
        self.step(Peer::from(node), InEvent::Command(TOPIC, Command::Join(contacts)));
    }

    /// Publishes a message that everybody alive should get; returns its number.
    pub fn publish(&mut self, source: usize, payload_bytes: usize) -> usize {
        let wanted = self.nodes.iter().flatten().count().saturating_sub(1);
        let number = self.ledger.open(self.now, wanted);
        // Equal contents would be one message there.
        let mut content = vec![0; payload_bytes.max(NUMBER_BYTES)];
        content[..NUMBER_BYTES].copy_from_slice(&(number as u64).to_be_bytes());
        let command = Command::Broadcast(Bytes::from(content), Scope::Swarm);
        self.step(Peer::from(source), InEvent::Command(TOPIC, command));
        number
    }

    /// Runs for a while.
    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.queue.peek().is_some_and(|Reverse(entry)| entry.at <= end) {
            let Some(Reverse(entry)) = self.queue.pop() else { break };
            self.now = entry.at;
            self.step(entry.to, entry.event);
        }
        self.now = end;
    }

    /// Takes nodes away at once. Whoever was connected to one is told within one latency, which
    /// is kind to it: a real connection notices after its idle time.
    pub fn kill(&mut self, dead: &[usize]) {
        let dead: BTreeSet<Peer> = dead.iter().map(|&index| Peer::from(index)).collect();
        for peer in &dead {
            self.nodes[peer.index()] = None;
            self.living[peer.index()] = false;
        }
        let broken = self.connections.iter().copied();
        let broken: Vec<_> =
            broken.filter(|(one, other)| dead.contains(one) || dead.contains(other)).collect();
        for (one, other) in broken {
            self.disconnect(one, other);
            self.tell(other, one);
        }
    }

    /// Builds a wall, or takes it away where all are on one side. Connections through it break,
    /// and both ends are told within one latency; messages through it are lost.
    pub fn divide(&mut self, side_of: impl Fn(usize) -> u8) {
        self.sides = (0..self.nodes.len()).map(side_of).collect();
        let connections = self.connections.iter().copied();
        let broken: Vec<_> =
            connections.filter(|(one, other)| !self.reaches(*one, *other)).collect();
        for (one, other) in broken {
            self.disconnect(one, other);
            self.tell(other, one);
        }
    }

    fn reaches(&self, one: Peer, other: Peer) -> bool {
        let alive = self.living[one.index()] && self.living[other.index()];
        alive && self.sides[one.index()] == self.sides[other.index()]
    }

    /// Breaks a connection; `to` is told.
    fn disconnect(&mut self, from: Peer, to: Peer) {
        if self.connections.remove(&(from.min(to), from.max(to))) {
            self.tell(from, to);
        }
    }

    /// Tells `to` that `from` is gone, right after all that `from` has sent so far.
    fn tell(&mut self, from: Peer, to: Peer) {
        let latency = self.latency.between(from.index(), to.index());
        let at = self.now + latency + Duration::from_micros(1);
        self.schedule(at, to, InEvent::PeerDisconnected(from));
    }

    fn step(&mut self, node: Peer, event: InEvent<Peer>) {
        let Some(mut state) = self.nodes[node.index()].take() else { return };
        if let InEvent::RecvMessage(from, message) = &event {
            self.connections.insert((node.min(*from), node.max(*from)));
            if matches!(message.kind(), MessageKind::Data) {
                self.traffic.payloads_received += 1;
            }
        }
        let effects: Vec<_> = state.handle(event, self.start + self.now, None).collect();
        self.nodes[node.index()] = Some(state);
        for effect in effects {
            self.perform(node, effect);
        }
    }

    fn perform(&mut self, node: Peer, effect: OutEvent<Peer>) {
        match effect {
            OutEvent::SendMessage(to, message) => self.send(node, to, message),
            OutEvent::ScheduleTimer(delay, timer) => {
                self.schedule(self.now + delay, node, InEvent::TimerExpired(timer));
            }
            OutEvent::DisconnectPeer(other) => self.disconnect(node, other),
            OutEvent::EmitEvent(_, Event::Received(received)) => {
                if let Some(number) = received.content.first_chunk::<NUMBER_BYTES>() {
                    let number = usize::try_from(u64::from_be_bytes(*number));
                    self.ledger.deliver(number.unwrap_or(usize::MAX), node.index(), self.now);
                }
            }
            OutEvent::EmitEvent(_, Event::NeighborUp(_) | Event::NeighborDown(_))
            | OutEvent::PeerData(..) => {}
        }
    }

    fn send(&mut self, from: Peer, to: Peer, message: Message<Peer>) {
        let size = message.size().unwrap_or(TOPIC_BYTES);
        // Its streams name the topic once, not in each message, and put a length before each.
        self.traffic.bytes += (size - TOPIC_BYTES + LENGTH_BYTES) as u64;
        if matches!(message.kind(), MessageKind::Control) {
            self.traffic.control_frames += 1;
        }
        if self.reaches(from, to) {
            let at = self.now + self.latency.between(from.index(), to.index());
            self.schedule(at, to, InEvent::RecvMessage(from, message));
            return;
        }
        match self.unreachable {
            Unreachable::Refused => {
                let at = self.now + self.latency.between(from.index(), to.index()) * 2;
                self.schedule(at, from, InEvent::PeerDisconnected(to));
            }
            Unreachable::Silent => {}
        }
    }

    fn schedule(&mut self, at: Duration, to: Peer, event: InEvent<Peer>) {
        self.sequence += 1;
        self.queue.push(Reverse(Entry { at, sequence: self.sequence, to, event }));
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

const TOPIC: TopicId = TopicId::from_bytes([7; TOPIC_BYTES]);
const TOPIC_BYTES: usize = 32;
/// The length before each message on a stream.
const LENGTH_BYTES: usize = 4;
/// A message's content begins with its number.
const NUMBER_BYTES: usize = 8;
