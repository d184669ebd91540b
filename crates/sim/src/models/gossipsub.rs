//! A model of gossipsub v1.1 (v1.2 with IDONTWANT) as rust-libp2p has it, without scores.
//!
//! One topic, everybody subscribed. A node's mesh, its peers believed alive and the like are bit
//! sets over its connections. What it announces follows from when messages came to it.

use super::air::Air;
use super::config::{DontWant, Gossipsub, Publishing, Role};
use super::event::{Event, Ids, What};
use super::overlay::{Overlay, number};
use super::push::{draw_bit, low_bits};

#[derive(Debug)]
pub(crate) struct Mesh {
    overlay: Overlay,
    settings: Gossipsub,
    nodes: Vec<Member>,
    /// For each end of a link: until when it is not grafted, in milliseconds.
    backoff_until_ms: Vec<u32>,
}

#[derive(Clone, Debug, Default)]
struct Member {
    /// Connections that carry payloads.
    mesh: u64,
    /// Connections that still are.
    alive: u64,
    /// Messages asked for, and until when nobody else is asked.
    promises: Vec<(u32, u64)>,
    /// Who needs no copy of which message, and since when.
    unwanted: Vec<(u32, u64, u64)>,
}

impl Mesh {
    pub(crate) fn new(overlay: Overlay, settings: Gossipsub) -> Self {
        let all = (0..number(overlay.nodes()))
            .map(|node| Member { alive: low_bits(overlay.peers(node).len()), ..Member::default() });
        let nodes = all.collect();
        let backoff_until_ms = vec![0; overlay.ends()];
        Self { overlay, settings, nodes, backoff_until_ms }
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    /// Brings the connections up, one after the other, and gives each node its beat.
    pub(crate) fn start(&mut self, air: &mut Air) {
        self.subscribe_all(air);
        for node in 0..number(self.nodes.len()) {
            let after_us = air.between((0, self.settings.heartbeat_us - 1));
            air.wake(node, after_us, What::Heartbeat);
        }
    }

    pub(crate) fn handle(&mut self, air: &mut Air, event: Event) {
        let (node, from) = (event.to, event.from);
        match event.what {
            What::Publish(message) => self.publish(air, node, message),
            What::Heartbeat => self.beat(air, node),
            What::Overdue(_) | What::Kill(_) => unreachable!("no part of gossipsub"),
            What::Payload { message, hops } => self.payload(air, (node, from), message, hops),
            What::Have { ids, .. } => self.have(air, (node, from), ids),
            What::Want(ids) => self.want(air, (node, from), ids),
            What::DontWant(message) => {
                if let Some(slot) = self.overlay.slot(node, from) {
                    self.dont_want(node, slot, message, air.now_us);
                }
            }
            What::Graft(_) => self.grafted(air, (node, from)),
            What::Prune => {
                if let Some(slot) = self.overlay.slot(node, from) {
                    self.nodes[node as usize].mesh &= !(1 << slot);
                    self.back_off(air.now_us, node, slot);
                }
            }
            What::Lost => {
                if let Some(slot) = self.overlay.slot(node, from) {
                    let member = &mut self.nodes[node as usize];
                    member.alive &= !(1 << slot);
                    member.mesh &= !(1 << slot);
                }
            }
        }
    }

    /// A node takes a peer that subscribes into its mesh as long as it has fewer than it needs;
    /// the peer follows unless it is full. So meshes are larger than what is wanted.
    fn subscribe_all(&mut self, air: &mut Air) {
        let mut dialled: Vec<(u32, usize)> = (0..number(self.nodes.len()))
            .flat_map(|node| (0..self.overlay.dialled(node)).map(move |slot| (node, slot)))
            .collect();
        air.shuffle(&mut dialled);
        let (_, low, high) = self.settings.mesh;
        for (node, slot) in dialled {
            let peer = self.overlay.peers(node)[slot];
            let Some(back) = self.overlay.slot(peer, node) else { continue };
            let (near, far) = (self.mesh_len(node), self.mesh_len(peer));
            // Whoever dialled takes a graft also when it is full.
            if near < low && far < high || far < low {
                self.nodes[node as usize].mesh |= 1 << slot;
                self.nodes[peer as usize].mesh |= 1 << back;
            }
        }
    }

    fn publish(&mut self, air: &mut Air, node: u32, message: u32) {
        air.ledger.arrived(node, message, air.now_us);
        let Member { mut mesh, alive, .. } = self.nodes[node as usize];
        let to = match self.settings.publishing {
            Publishing::Everybody => alive,
            Publishing::Mesh => {
                // A thin mesh is filled up for this message.
                while (mesh.count_ones() as usize) < self.settings.mesh.0 {
                    let Some(slot) = draw_bit(air, alive & !mesh) else { break };
                    mesh |= 1 << slot;
                }
                mesh
            }
        };
        self.send_to(air, node, to, What::Payload { message, hops: 1 });
    }

    fn payload(&mut self, air: &mut Air, (node, from): (u32, u32), message: u32, hops: u16) {
        if !air.receive(node, message) {
            return;
        }
        let member = &mut self.nodes[node as usize];
        member.promises.retain(|it| it.0 != message);
        if air.role(node) != Role::Honest {
            return;
        }
        let source = air.ledger.published[message as usize].source;
        let mut to = self.nodes[node as usize].mesh;
        for peer in [from, source] {
            if let Some(slot) = self.overlay.slot(node, peer) {
                to &= !(1 << slot);
            }
        }
        match self.settings.dont_want {
            DontWant::Above(bytes) if bytes < air.payload_bytes(message) => {
                self.send_to(air, node, to, What::DontWant(message));
            }
            DontWant::Above(_) | DontWant::Off => {}
        }
        let to = to & !self.unwanted(node, message);
        self.send_to(air, node, to, What::Payload { message, hops: hops + 1 });
    }

    fn have(&mut self, air: &mut Air, (node, from): (u32, u32), ids: Ids) {
        if air.role(node) != Role::Honest {
            return;
        }
        let member = &mut self.nodes[node as usize];
        let until_us = air.now_us + self.settings.follow_up_us;
        let mut wanted: Option<Ids> = None;
        for id in ids.iter() {
            let promised = member.promises.iter().any(|it| it.0 == id && air.now_us < it.1);
            if air.has(node, id) || promised {
                continue;
            }
            member.promises.push((id, until_us));
            wanted = match wanted {
                None => Some(Ids::one(id)),
                Some(ids) => ids.with(id),
            };
        }
        if let Some((slot, ids)) = self.overlay.slot(node, from).zip(wanted) {
            self.send_to(air, node, 1 << slot, What::Want(ids));
        }
    }

    fn want(&mut self, air: &mut Air, (node, from): (u32, u32), ids: Ids) {
        if air.role(node) != Role::Honest {
            return;
        }
        let kept_us = self.settings.history.1 * self.settings.heartbeat_us;
        let Some(slot) = self.overlay.slot(node, from) else { return };
        for message in ids.iter() {
            let kept = air.ledger.arrival_us(node, message);
            let kept = kept.is_some_and(|at| air.now_us < at + kept_us);
            if kept && self.unwanted(node, message) >> slot & 1 == 0 {
                self.send_to(air, node, 1 << slot, What::Payload { message, hops: 1 });
            }
        }
    }

    fn grafted(&mut self, air: &mut Air, (node, from): (u32, u32)) {
        let Some(slot) = self.overlay.slot(node, from) else { return };
        let member = &self.nodes[node as usize];
        if member.mesh >> slot & 1 == 1 {
            return;
        }
        let full = self.settings.mesh.2 <= member.mesh.count_ones() as usize;
        let dialled = slot < self.overlay.dialled(node);
        if self.backs_off(air.now_us, node, slot) || full && !dialled {
            self.back_off(air.now_us, node, slot);
            self.send_to(air, node, 1 << slot, What::Prune);
            return;
        }
        self.nodes[node as usize].mesh |= 1 << slot;
    }

    /// The beat: keeps the mesh between its bounds, then announces.
    fn beat(&mut self, air: &mut Air, node: u32) {
        let now_us = air.now_us;
        let old_us = now_us.saturating_sub(self.settings.history.1 * self.settings.heartbeat_us);
        let member = &mut self.nodes[node as usize];
        member.promises.retain(|it| now_us <= it.1);
        member.unwanted.retain(|it| old_us < it.2);
        let (wanted, low, high) = self.settings.mesh;
        let count = self.mesh_len(node);
        if count < low {
            self.graft_some(air, node, wanted - count, u64::MAX);
        }
        if high <= self.mesh_len(node) {
            self.prune_some(air, node);
        }
        if low <= self.mesh_len(node) {
            let dialled = low_bits(self.overlay.dialled(node));
            let outbound = (self.nodes[node as usize].mesh & dialled).count_ones() as usize;
            let needed = self.settings.mesh_outbound_min.saturating_sub(outbound);
            self.graft_some(air, node, needed, dialled);
        }
        if air.role(node) != Role::Mute {
            self.announce(air, node);
        }
        air.wake(node, self.settings.heartbeat_us, What::Heartbeat);
    }

    fn graft_some(&mut self, air: &mut Air, node: u32, count: usize, among: u64) {
        let member = &self.nodes[node as usize];
        let mut left = member.alive & !member.mesh & among;
        for _ in 0..count {
            let slot = loop {
                let Some(slot) = draw_bit(air, left) else { return };
                left &= !(1 << slot);
                if !self.backs_off(air.now_us, node, slot) {
                    break slot;
                }
            };
            self.nodes[node as usize].mesh |= 1 << slot;
            self.send_to(air, node, 1 << slot, What::Graft(None));
        }
    }

    fn prune_some(&mut self, air: &mut Air, node: u32) {
        let dialled = low_bits(self.overlay.dialled(node));
        let mut left = self.nodes[node as usize].mesh;
        while self.settings.mesh.0 < self.mesh_len(node) {
            let Some(slot) = draw_bit(air, left) else { return };
            left &= !(1 << slot);
            let outbound = (self.nodes[node as usize].mesh & dialled).count_ones() as usize;
            if dialled >> slot & 1 == 1 && outbound <= self.settings.mesh_outbound_min {
                continue;
            }
            self.nodes[node as usize].mesh &= !(1 << slot);
            self.back_off(air.now_us, node, slot);
            self.send_to(air, node, 1 << slot, What::Prune);
        }
    }

    fn announce(&mut self, air: &mut Air, node: u32) {
        let windows = air.recent(node, self.settings.history.0 * self.settings.heartbeat_us);
        if windows.is_empty() {
            return;
        }
        let member = &self.nodes[node as usize];
        let mut left = member.alive & !member.mesh;
        let others = left.count_ones() as usize;
        let count = self.settings.lazy.max(others * self.settings.gossip_percent / 100);
        for _ in 0..count {
            let Some(slot) = draw_bit(air, left) else { return };
            left &= !(1 << slot);
            for ids in &windows {
                self.send_to(air, node, 1 << slot, What::Have { ids: *ids, hops: 0 });
            }
        }
    }

    fn dont_want(&mut self, node: u32, slot: usize, message: u32, now_us: u64) {
        let unwanted = &mut self.nodes[node as usize].unwanted;
        match unwanted.iter_mut().find(|it| it.0 == message) {
            Some(it) => it.1 |= 1 << slot,
            None => unwanted.push((message, 1 << slot, now_us)),
        }
    }

    fn unwanted(&self, node: u32, message: u32) -> u64 {
        let unwanted = &self.nodes[node as usize].unwanted;
        unwanted.iter().find(|it| it.0 == message).map_or(0, |it| it.1)
    }

    fn mesh_len(&self, node: u32) -> usize {
        self.nodes[node as usize].mesh.count_ones() as usize
    }

    fn backs_off(&self, now_us: u64, node: u32, slot: usize) -> bool {
        now_us / 1_000 < u64::from(self.backoff_until_ms[self.overlay.start(node) + slot])
    }

    fn back_off(&mut self, now_us: u64, node: u32, slot: usize) {
        let until_ms = (now_us + self.settings.prune_backoff_us) / 1_000;
        let until = &mut self.backoff_until_ms[self.overlay.start(node) + slot];
        *until = u32::try_from(until_ms).unwrap_or(u32::MAX);
    }

    fn send_to(&self, air: &mut Air, node: u32, slots: u64, what: What) {
        let peers = self.overlay.peers(node);
        let mut left = slots;
        while left != 0 {
            let slot = left.trailing_zeros() as usize;
            air.send((node, peers[slot]), self.overlay.start(node) + slot, what);
            left &= left - 1;
        }
    }
}
