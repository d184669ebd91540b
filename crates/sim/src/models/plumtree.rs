//! A model of Plumtree with one tree for all sources, as iroh-gossip has it.
//!
//! Links never change: repair of the overlay is not in this model, and dead peers leave gaps.

use super::air::Air;
use super::config::{Plumtree, Role};
use super::event::{Event, Ids, What};
use super::overlay::{Overlay, number};
use super::push::low_bits;

#[derive(Debug)]
pub(crate) struct Tree {
    overlay: Overlay,
    settings: Plumtree,
    nodes: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    /// Links that carry payloads; the others of `alive` carry announcements.
    eager: u64,
    alive: u64,
    missing: Vec<Missing>,
}

/// A message somebody announced.
#[derive(Clone, Debug)]
struct Missing {
    message: u32,
    /// Who, and how far from the source it is there; the first one is asked first.
    announcers: Vec<(u32, u16)>,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Timer {
    Runs,
    Stands,
}

impl Tree {
    pub(crate) fn new(overlay: Overlay, settings: Plumtree) -> Self {
        let all = (0..number(overlay.nodes())).map(|node| {
            let alive = low_bits(overlay.peers(node).len());
            Member { eager: alive, alive, missing: Vec::new() }
        });
        let nodes = all.collect();
        Self { overlay, settings, nodes }
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    pub(crate) fn handle(&mut self, air: &mut Air, event: Event) {
        let (node, from) = (event.to, event.from);
        match event.what {
            What::Publish(message) => {
                air.ledger.arrived(node, message, air.now_us);
                self.forward(air, node, None, message, 0);
            }
            What::Payload { message, hops } => self.payload(air, (node, from), message, hops),
            What::Have { ids, hops } => self.have(air, (node, from), ids, hops),
            What::Graft(message) => self.grafted(air, (node, from), message),
            What::Prune => self.set_lazy(node, from),
            What::Overdue(message) => self.overdue(air, node, message),
            What::Lost => {
                let Some(slot) = self.overlay.slot(node, from) else { return };
                let member = &mut self.nodes[node as usize];
                member.alive &= !(1 << slot);
                member.eager &= !(1 << slot);
                for missing in &mut member.missing {
                    missing.announcers.retain(|it| it.0 != from);
                }
            }
            What::Want(_) | What::DontWant(_) | What::Heartbeat | What::Kill(_) => {
                unreachable!("no part of Plumtree")
            }
        }
    }

    fn payload(&mut self, air: &mut Air, (node, from): (u32, u32), message: u32, hops: u16) {
        let new = air.receive(node, message);
        if air.role(node) != Role::Honest {
            return;
        }
        if !new {
            self.set_lazy(node, from);
            self.send(air, node, from, What::Prune);
            return;
        }
        self.set_eager(node, from);
        self.forward(air, node, Some(from), message, hops);
        let missing = &mut self.nodes[node as usize].missing;
        let Some(place) = missing.iter().position(|it| it.message == message) else { return };
        let announced = missing.swap_remove(place).announcers;
        self.optimise(air, (node, from), hops, &announced);
    }

    /// Changes the link a payload came by for one that announced it from much nearer.
    fn optimise(
        &mut self,
        air: &mut Air,
        (node, from): (u32, u32),
        hops: u16,
        announced: &[(u32, u16)],
    ) {
        let Some(threshold) = self.settings.optimise_hops else { return };
        let nearest = announced.iter().min_by_key(|it| it.1);
        let Some((peer, its_hops)) = nearest.copied() else { return };
        if hops < its_hops.saturating_add(threshold) {
            return;
        }
        if !self.is_eager(node, peer) {
            self.set_eager(node, peer);
            self.send(air, node, peer, What::Graft(None));
        }
        self.set_lazy(node, from);
        self.send(air, node, from, What::Prune);
    }

    fn have(&mut self, air: &mut Air, (node, from): (u32, u32), ids: Ids, hops: u16) {
        if air.role(node) != Role::Honest {
            return;
        }
        for message in ids.iter().filter(|it| !air.has(node, *it)).collect::<Vec<_>>() {
            let missing = &mut self.nodes[node as usize].missing;
            let timer = match missing.iter_mut().find(|it| it.message == message) {
                Some(it) => {
                    it.announcers.push((from, hops));
                    std::mem::replace(&mut it.timer, Timer::Runs)
                }
                None => {
                    let announcers = vec![(from, hops)];
                    missing.push(Missing { message, announcers, timer: Timer::Runs });
                    Timer::Stands
                }
            };
            if timer == Timer::Stands {
                air.wake(node, self.settings.graft_us.0, What::Overdue(message));
            }
        }
    }

    fn overdue(&mut self, air: &mut Air, node: u32, message: u32) {
        let missing = &mut self.nodes[node as usize].missing;
        let Some(it) = missing.iter_mut().find(|it| it.message == message) else { return };
        if it.announcers.is_empty() {
            it.timer = Timer::Stands;
            return;
        }
        let (peer, _) = it.announcers.remove(0);
        self.set_eager(node, peer);
        self.send(air, node, peer, What::Graft(Some(message)));
        air.wake(node, self.settings.graft_us.1, What::Overdue(message));
    }

    fn grafted(&mut self, air: &mut Air, (node, from): (u32, u32), message: Option<u32>) {
        if air.role(node) != Role::Honest {
            return;
        }
        self.set_eager(node, from);
        if let Some(message) = message.filter(|it| air.has(node, *it)) {
            self.send(air, node, from, What::Payload { message, hops: 1 });
        }
    }

    fn forward(&self, air: &mut Air, node: u32, from: Option<u32>, message: u32, hops: u16) {
        let Member { eager, alive, .. } = self.nodes[node as usize];
        let payload = What::Payload { message, hops: hops + 1 };
        let have = What::Have { ids: Ids::one(message), hops: hops + 1 };
        for (slot, peer) in self.overlay.peers(node).iter().enumerate() {
            if alive >> slot & 1 == 0 || Some(*peer) == from {
                continue;
            }
            let what = if eager >> slot & 1 == 1 { payload } else { have };
            air.send((node, *peer), self.overlay.start(node) + slot, what);
        }
    }

    fn send(&self, air: &mut Air, node: u32, peer: u32, what: What) {
        if let Some(slot) = self.overlay.slot(node, peer) {
            air.send((node, peer), self.overlay.start(node) + slot, what);
        }
    }

    fn is_eager(&self, node: u32, peer: u32) -> bool {
        let slot = self.overlay.slot(node, peer);
        slot.is_some_and(|slot| self.nodes[node as usize].eager >> slot & 1 == 1)
    }

    fn set_eager(&mut self, node: u32, peer: u32) {
        if let Some(slot) = self.overlay.slot(node, peer) {
            let member = &mut self.nodes[node as usize];
            member.eager |= 1 << slot & member.alive;
        }
    }

    fn set_lazy(&mut self, node: u32, peer: u32) {
        if let Some(slot) = self.overlay.slot(node, peer) {
            self.nodes[node as usize].eager &= !(1 << slot);
        }
    }
}
