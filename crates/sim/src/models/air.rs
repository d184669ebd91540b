//! What all models share: virtual time, the network, the book, and who is alive.

use super::config::{Delivery, ModelConfig, Network, Role};
use super::outcome::{Kind, Ledger};
use super::overlay::{below, number, shuffle};
use super::terrain::{Places, mixed};
use super::wheel::{Event, NOBODY, What, Wheel};
use crate::chance::Chance;

/// The world of one model.
#[derive(Debug)]
pub(crate) struct Air {
    pub(crate) now_us: u64,
    pub(crate) ledger: Ledger,
    network: Network,
    places: Places,
    wheel: Wheel,
    random: Chance,
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
            network: config.network.clone(),
            places: Places::new(config.network.terrain, config.nodes, config.seed),
            wheel: Wheel::new(),
            random: Chance::new(config.seed, &[CHANCE_STREAM]),
            id_bytes: config.model.id_bytes(),
            nodes,
            young: 0,
        };
        for (message, it) in config.workload.publications.iter().enumerate() {
            air.schedule(it.at_us, it.source, it.source, What::Publish(number(message)));
        }
        for (kill, it) in config.faults.kills.iter().enumerate() {
            air.wheel.push(Event {
                at_us: it.at_us,
                to: NOBODY,
                from: NOBODY,
                number: number(kill),
                what: What::Kill(number(kill)),
            });
        }
        air
    }

    /// Goes to the next event, unless it is later than `end_us`.
    pub(crate) fn next(&mut self, end_us: u64) -> Option<Event> {
        let event = self.wheel.pop().filter(|it| it.at_us <= end_us)?;
        self.now_us = event.at_us;
        self.ledger.events += 1;
        let who = u64::from(event.to) << 32 | u64::from(event.from);
        let step = mixed(event.at_us ^ mixed(who ^ mixed(u64::from(event.number))));
        // A sum, so that it does not depend on the order of independent events.
        self.ledger.trace = self.ledger.trace.wrapping_add(step);
        Some(event)
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, from: u32, to: u32, what: What) {
        let (kind, message, bytes) = self.frame(what);
        let bytes = u64::from(bytes + self.network.frame_overhead_bytes);
        self.ledger.sent(kind, message, bytes, self.now_us);
        let station = &mut self.nodes[from as usize];
        let start_us = station.uplink_free_us.max(self.now_us);
        let sent_us = start_us + bytes * 8_000_000 / self.network.uplink_bits_per_s.max(1);
        station.uplink_free_us = sent_us;
        let one_way_us = self.places.one_way_us(from, to);
        let jitter = below(&mut self.random, usize::from(u8::MAX) + 1);
        let mut at_us = sent_us + one_way_us + one_way_us * u64::from(jitter) / JITTER_DIVISOR;
        let mut losses = 0;
        while below(&mut self.random, 1_000_000) < self.network.loss_ppm && losses < LOSSES_MAX {
            losses += 1;
            self.ledger.lost += 1;
            match self.network.delivery {
                Delivery::Datagram => return,
                Delivery::Reliable => at_us += 3 * one_way_us + RETRANSMIT_US,
            }
        }
        self.schedule(at_us + self.network.hop_us, to, from, what);
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
    pub(crate) fn recent(&mut self, node: u32, us: u64) -> Vec<super::wheel::Ids> {
        let published = &self.ledger.published;
        let oldest_us = self.now_us.saturating_sub(YOUNG_US);
        while published.get(self.young as usize).is_some_and(|it| it.at_us < oldest_us) {
            self.young += 1;
        }
        let mut windows: Vec<super::wheel::Ids> = Vec::new();
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
                None => windows.push(super::wheel::Ids::one(message)),
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
        below(&mut self.random, bound) as usize
    }

    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        shuffle(&mut self.random, items);
    }

    /// Draws a time between two.
    pub(crate) fn between(&mut self, (low_us, high_us): (u64, u64)) -> u64 {
        low_us + self.random.below(high_us.saturating_sub(low_us) + 1)
    }

    /// Returns the one-way path from one node to another with its jitter: what nobody can beat.
    pub(crate) fn direct_us(&mut self, from: u32, to: u32) -> u64 {
        let one_way_us = self.places.one_way_us(from, to);
        let jitter = below(&mut self.random, usize::from(u8::MAX) + 1);
        one_way_us + one_way_us * u64::from(jitter) / JITTER_DIVISOR + self.network.hop_us
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
        let number = station.number;
        self.wheel.push(Event { at_us, to, from, number, what });
    }

    /// Returns kind, message and bytes of a frame, without its overhead.
    fn frame(&self, what: What) -> (Kind, Option<u32>, u32) {
        match what {
            What::Payload { message, .. } => {
                let bytes = self.payload_bytes(message) + self.network.envelope_bytes;
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
/// Jitter is up to a tenth of the way: a random byte divided by this.
const JITTER_DIVISOR: u64 = 2_550;
const RETRANSMIT_US: u64 = 25_000;
/// After so many losses of one frame it comes through.
const LOSSES_MAX: u32 = 8;
/// Older messages are announced by nobody.
const YOUNG_US: u64 = 20_000_000;
const CHANCE_STREAM: u64 = 0x6368_616e_6365_7300;
