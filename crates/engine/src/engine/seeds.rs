//! Seeds on links: the node on top knows what is wanted and what is held; here frames pass.

use wire::{Frame, NodeId, Seed};

use super::Engine;
use crate::{Effect, LinkId, Now};

/// What a peer said of a seed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SeedMail {
    /// The link it came on.
    pub link: LinkId,
    /// Who is there.
    pub peer: NodeId,
    /// What it said.
    pub seed: Seed,
}

impl Engine {
    /// Hears a step. Bound: the node takes it out before the next input.
    pub(super) fn seed_heard(&mut self, link: LinkId, seed: Seed) {
        if let Some(peer) = self.links.get(link).map(|it| it.peer) {
            self.seed_mail.push(SeedMail { link, peer, seed });
        }
    }

    /// Takes what peers said of seeds since it was asked last.
    pub fn take_seed_mail(&mut self) -> Vec<SeedMail> {
        std::mem::take(&mut self.seed_mail)
    }

    /// Says a step on a link, if that still is one.
    pub fn send_seed(&mut self, link: LinkId, seed: Seed) {
        if self.links.is_greeted(link) {
            self.outbox.send(link, &Frame::Seed(seed));
        }
    }

    /// Returns the link that leads to a node.
    pub fn link_of(&self, node: &NodeId) -> Option<LinkId> {
        self.links.of(node)
    }

    /// Says whether a link still stands for its peer.
    pub fn has_link(&self, link: LinkId) -> bool {
        self.links.is_greeted(link)
    }

    /// Leaves a link to what it carries for so long: it is not let go for a better one.
    pub fn keep_link(&mut self, link: LinkId, ms: u64, now: Now) {
        if let Some(link) = self.links.get_mut(link) {
            link.kept_until = now.after(ms);
        }
    }

    /// Dials a node that is wanted now, if we know where, and nobody does so already.
    pub fn reach(&mut self, node: &NodeId, now: Now) {
        let may = !self.stopping && 0 < self.dials_open() && !self.is_outcast(node, now);
        if may && let Some(address) = self.membership.dial_wanted(node, now) {
            self.outbox.now(Effect::Dial(address));
        }
    }

    /// Ends the link of a peer that broke its word in what only the node on top can tell.
    pub fn blame(&mut self, link: LinkId, what: &str, now: Now) {
        self.fault(link, what, now);
    }
}
