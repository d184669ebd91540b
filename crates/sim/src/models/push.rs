//! A model of infect-and-die push with a fanout and a TTL, as designs A and C have it.
//!
//! The TTL is what a message has left on the way that arrives first; later copies are dropped.

use super::air::Air;
use super::config::{ModelConfig, Role};
use super::event::{Event, What};
use super::overlay::Overlay;

#[derive(Debug)]
pub(crate) struct Push {
    views: Overlay,
    /// For each node, which of those it knows it believes alive.
    usable: Vec<u64>,
    fanout: usize,
    ttl: u16,
}

impl Push {
    pub(crate) fn new(config: &ModelConfig<'_>, fanout: usize, ttl: u16) -> Self {
        let views = Overlay::random_views(config.nodes, VIEW_MAX, config.seed);
        Self { views, usable: vec![u64::MAX; config.nodes], fanout, ttl }
    }

    pub(crate) fn overlay(&self) -> &Overlay {
        &self.views
    }

    pub(crate) fn handle(&mut self, air: &mut Air, event: Event) {
        let node = event.to;
        match event.what {
            What::Publish(message) => {
                air.ledger.arrived(node, message, air.now_us);
                self.forward(air, node, None, message, 0);
            }
            What::Payload { message, hops } => {
                let new = air.receive(node, message);
                if new && hops < self.ttl && air.role(node) == Role::Honest {
                    self.forward(air, node, Some(event.from), message, hops);
                }
            }
            What::Lost => {
                if let Some(slot) = self.views.slot(node, event.from) {
                    self.usable[node as usize] &= !(1 << slot);
                }
            }
            What::Have { .. }
            | What::Want(_)
            | What::DontWant(_)
            | What::Graft(_)
            | What::Prune
            | What::Heartbeat
            | What::Overdue(_)
            | What::Kill(_) => unreachable!("no part of push"),
        }
    }

    fn forward(&self, air: &mut Air, node: u32, from: Option<u32>, message: u32, hops: u16) {
        let view = self.views.peers(node);
        let mut left = self.usable[node as usize] & low_bits(view.len());
        if let Some(slot) = from.and_then(|from| self.views.slot(node, from)) {
            left &= !(1 << slot);
        }
        for _ in 0..self.fanout {
            let Some(slot) = draw_bit(air, left) else { return };
            left &= !(1 << slot);
            air.send_once(node, view[slot], What::Payload { message, hops: hops + 1 });
        }
    }
}

/// Draws one of the bits that are set.
pub(crate) fn draw_bit(air: &mut Air, bits: u64) -> Option<usize> {
    let count = bits.count_ones() as usize;
    if count == 0 {
        return None;
    }
    let mut left = bits;
    for _ in 0..air.below(count) {
        left &= left - 1;
    }
    Some(left.trailing_zeros() as usize)
}

/// Returns a set of the first `count` of 64.
pub(crate) fn low_bits(count: usize) -> u64 {
    assert!(count <= 64, "at most 64 peers a node in these models");
    if count == 64 { u64::MAX } else { (1 << count) - 1 }
}

/// Whom a node knows.
const VIEW_MAX: usize = 50;
