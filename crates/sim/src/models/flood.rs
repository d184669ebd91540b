//! A model of flooding: everything new goes to all links but the one it came by.

use super::air::Air;
use super::config::Role;
use super::event::{Event, What};
use super::overlay::Overlay;

#[derive(Debug)]
pub(crate) struct Flood {
    overlay: Overlay,
}

impl Flood {
    pub(crate) fn new(overlay: Overlay) -> Self {
        Self { overlay }
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.overlay
    }

    pub(crate) fn handle(&mut self, air: &mut Air, event: Event) {
        let (message, hops, from) = match event.what {
            What::Publish(message) => (message, 0, None),
            What::Payload { message, hops } => (message, hops, Some(event.from)),
            // A dead peer costs nothing but what is sent to it.
            What::Lost => return,
            What::Have { .. }
            | What::Want(_)
            | What::DontWant(_)
            | What::Graft(_)
            | What::Prune
            | What::Heartbeat
            | What::Overdue(_)
            | What::Kill(_) => unreachable!("no part of flooding"),
        };
        let node = event.to;
        let new = match from {
            None => air.ledger.arrived(node, message, air.now_us),
            Some(_) => air.receive(node, message),
        };
        if !new || air.role(node) != Role::Honest {
            return;
        }
        for (end, peer) in (self.overlay.start(node)..).zip(self.overlay.peers(node)) {
            if Some(*peer) != from {
                air.send((node, *peer), end, What::Payload { message, hops: hops + 1 });
            }
        }
    }
}
