//! What all models share: virtual time, the network, the book, and who is alive.

use super::config::{ModelConfig, Role};
use super::event::{Event, Ids, NOBODY, What};
use super::outcome::{Kind, Ledger};
use super::overlay::{Overlay, number, shuffle};
use crate::chance::{Chance, mix};
use crate::network::{Flight, Network, Traits, Way};
use crate::wheel::{Key, Wheel};

/// The world of one model.
#[derive(Debug)]
pub(crate) struct Air {
    pub(crate) now_us: u64,
    pub(crate) ledger: Ledger,
    network: Network,
    traits: Traits,
    wheel: Wheel<What>,
    chance: Chance,
    /// What the network remembers of each way of a link.
    ways: Vec<Way>,
    id_bytes: u32,
    nodes: Vec<Station>,
    /// The first message young enough to be announced.
    young: u32,
}

#[derive(Clone, Copy, Debug)]
struct Station {
    uplink_free_us: u64,
    /// Events it caused.
    number: u32,
    role: Role,
    life: Life,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Life {
    Alive,
    Dead,
}

impl Air {
    pub(crate) fn new(config: &ModelConfig<'_>) -> Self {
        let honest =
            Station { uplink_free_us: 0, number: 0, role: Role::Honest, life: Life::Alive };
        let mut nodes = vec![honest; config.nodes];
        for (node, role) in &config.faults.liars {
            nodes[*node as usize].role = *role;
        }
        let mut air = Self {
            now_us: 0,
            ledger: Ledger::new(config.nodes, config.workload.publications.clone()),
            network: Network::new(config.seed, config.nodes, config.network.clone()),
            traits: Traits::new(config.seed, config.machines.clone()),
            wheel: Wheel::default(),
            chance: Chance::new(config.seed, &[CHANCE_STREAM]),
            ways: Vec::new(),
            id_bytes: config.model.id_bytes(),
            nodes,
            young: 0,
        };
        for (message, it) in config.workload.publications.iter().enumerate() {
            air.schedule(it.at_us, it.source, it.source, What::Publish(number(message)));
        }
        for (kill, it) in config.faults.kills.iter().enumerate() {
            let kill = number(kill);
            let key = Key { at_us: it.at_us, to: NOBODY, from: NOBODY, sequence: kill };
            air.wheel.insert(key, What::Kill(kill));
        }
        air
    }

    /// Makes room for the links of a protocol, in the order of its overlay.
    pub(crate) fn link(&mut self, overlay: &Overlay) {
        self.ways = vec![Way::default(); overlay.ends()];
    }

    /// Goes to the next event, unless it is later than `end_us`.
    pub(crate) fn next(&mut self, end_us: u64) -> Option<Event> {
        let (key, what) = self.wheel.pop(end_us + 1)?;
        self.now_us = key.at_us;
        self.ledger.events += 1;
        let who = u64::from(key.to) << 32 | u64::from(key.from);
        let step = mix(key.at_us, mix(who, u64::from(key.sequence)));
        // A sum, so that it does not depend on the order of independent events.
        self.ledger.trace = self.ledger.trace.wrapping_add(step);
        Some(Event { to: key.to, from: key.from, what })
    }

    /// Sends a frame on a link; `end` is the sender's end of it.
    pub(crate) fn send(&mut self, (from, to): (u32, u32), end: usize, what: What) {
        let mut way = self.ways[end];
        self.post(from, to, &mut way, what);
        self.ways[end] = way;
    }

    /// Sends a frame to somebody without a link.
    pub(crate) fn send_once(&mut self, from: u32, to: u32, what: What) {
        self.post(from, to, &mut Way::default(), what);
    }

    fn post(&mut self, from: u32, to: u32, way: &mut Way, what: What) {
        let (kind, message, bytes) = self.frame(what);
        let bytes = u64::from(bytes);
        let wire_bytes = bytes + self.network.config().overhead_bytes;
        self.ledger.sent(kind, message, wire_bytes, self.now_us);
        let station = &mut self.nodes[from as usize];
        let start_us = station.uplink_free_us.max(self.now_us);
        station.uplink_free_us = start_us + self.network.sending_us(bytes);
        let (sent_us, ends) = (station.uplink_free_us, (from as usize, to as usize));
        match self.network.fly(ends, bytes, sent_us, way, &mut self.chance) {
            Flight::Arrives { at_us, again_us } => {
                for at_us in std::iter::once(at_us).chain(again_us) {
                    self.schedule(self.read_us(to, at_us, kind), to, from, what);
                }
            }
            Flight::Lost | Flight::Walled => self.ledger.lost += 1,
        }
    }

    /// Returns when a machine has read and checked what arrives. It checks every copy of a payload,
    /// and does not wait for itself: a model's queue is the uplink.
    fn read_us(&self, node: u32, at_us: u64, kind: Kind) -> u64 {
        let (machines, node) = (self.traits.machines(), node as usize);
        let at_us = self.traits.pause_end_us(node, at_us).unwrap_or(at_us);
        let cost_us = match kind {
            Kind::Payload => machines.step_us + machines.verify_us,
            Kind::DontWant | Kind::Graft | Kind::Have | Kind::Prune | Kind::Want => {
                machines.step_us
            }
        };
        at_us + cost_us * self.traits.factor(node)
    }

    /// Lets something happen at a node later, by itself.
    pub(crate) fn wake(&mut self, node: u32, after_us: u64, what: What) {
        self.schedule(self.now_us + after_us, node, node, what);
    }

    /// Lets a node notice later that a peer is gone.
    pub(crate) fn lose(&mut self, node: u32, peer: u32, after_us: u64) {
        self.schedule(self.now_us + after_us, node, peer, What::Lost);
    }

    /// A payload is at a node. Says whether it is the first copy.
    pub(crate) fn receive(&mut self, node: u32, message: u32) -> bool {
        let station = self.nodes[node as usize];
        if station.role == Role::Honest {
            self.ledger.copied(message);
        }
        self.ledger.arrived(node, message, self.now_us)
    }

    /// Returns the messages that came to a node in the last `us`, in windows of 64.
    pub(crate) fn recent(&mut self, node: u32, us: u64) -> Vec<Ids> {
        let published = &self.ledger.published;
        let oldest_us = self.now_us.saturating_sub(YOUNG_US);
        while published.get(self.young as usize).is_some_and(|it| it.at_us < oldest_us) {
            self.young += 1;
        }
        let mut windows: Vec<Ids> = Vec::new();
        for message in self.young..number(published.len()) {
            if self.now_us < published[message as usize].at_us {
                break;
            }
            let fresh = self.ledger.arrival_us(node, message);
            if fresh.is_none_or(|at| at + us <= self.now_us) {
                continue;
            }
            match windows.last().and_then(|it| it.with(message)) {
                Some(wider) => *windows.last_mut().expect("it was just there") = wider,
                None => windows.push(Ids::one(message)),
            }
        }
        windows
    }

    pub(crate) fn has(&self, node: u32, message: u32) -> bool {
        self.ledger.arrival_us(node, message).is_some()
    }

    pub(crate) fn role(&self, node: u32) -> Role {
        self.nodes[node as usize].role
    }

    pub(crate) fn lives(&self, node: u32) -> bool {
        self.nodes.get(node as usize).is_some_and(|it| it.life == Life::Alive)
    }

    pub(crate) fn kill(&mut self, node: u32) {
        self.nodes[node as usize].life = Life::Dead;
    }

    pub(crate) fn payload_bytes(&self, message: u32) -> u32 {
        self.ledger.published[message as usize].payload_bytes
    }

    /// Draws a number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.chance.below(bound as u64)).expect("below a usize")
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        shuffle(&mut self.chance, items);
    }

    /// Draws a time between two.
    pub(crate) fn between(&mut self, (low_us, high_us): (u64, u64)) -> u64 {
        low_us + self.chance.below(high_us.saturating_sub(low_us) + 1)
    }

    /// Returns the one-way path from one node to another with its jitter: what nobody can beat.
    pub(crate) fn direct_us(&mut self, from: u32, to: u32) -> u64 {
        let arrives_us = self.network.trip_us((from as usize, to as usize), 0, &mut self.chance);
        let machines = self.traits.machines();
        arrives_us + machines.step_us + machines.verify_us
    }

    pub(crate) fn close(self) -> super::ModelOutcome {
        let nodes = self.nodes;
        self.ledger.close(|node| {
            let station = nodes[node as usize];
            station.life == Life::Alive && station.role == Role::Honest
        })
    }

    fn schedule(&mut self, at_us: u64, to: u32, from: u32, what: What) {
        let station = &mut self.nodes[from as usize];
        station.number += 1;
        let key = Key { at_us, to, from, sequence: station.number };
        self.wheel.insert(key, what);
    }

    /// Returns kind, message and bytes of a frame, without its overhead.
    fn frame(&self, what: What) -> (Kind, Option<u32>, u32) {
        match what {
            What::Payload { message, .. } => {
                let bytes = self.payload_bytes(message) + ENVELOPE_BYTES;
                (Kind::Payload, Some(message), bytes)
            }
            What::Have { ids, .. } => (Kind::Have, None, CONTROL_BYTES + ids.len() * self.id_bytes),
            What::Want(ids) => (Kind::Want, None, CONTROL_BYTES + ids.len() * self.id_bytes),
            What::DontWant(_) => (Kind::DontWant, None, CONTROL_BYTES + self.id_bytes),
            What::Graft(Some(_)) => (Kind::Graft, None, CONTROL_BYTES + self.id_bytes),
            What::Graft(None) => (Kind::Graft, None, CONTROL_BYTES),
            What::Prune => (Kind::Prune, None, CONTROL_BYTES),
            What::Heartbeat | What::Overdue(_) | What::Publish(_) | What::Kill(_) | What::Lost => {
                unreachable!("not a frame")
            }
        }
    }
}

/// Type, length and topic of a control frame.
const CONTROL_BYTES: u32 = 8;
/// What a message costs beyond its payload: a name and lengths. Signed messages of gossipsub need
/// about 120 bytes; this is the kinder figure.
const ENVELOPE_BYTES: u32 = 40;
/// Older messages are announced by nobody.
const YOUNG_US: u64 = 20_000_000;
const CHANCE_STREAM: u64 = 0x6368_616e_6365_7300;
