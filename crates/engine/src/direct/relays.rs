//! Ways of others that lead through here: what came from where goes where.
//!
//! Bound: `LINK_MAX` ways that one link asked for; one more is not carried (DIRECT-6). Each is
//! forgotten after the time a letter has.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Digest, Found, NodeId, RouteId};

use crate::{LinkId, Now, Time};

#[derive(Debug, Default)]
pub(crate) struct Relays(BTreeMap<RouteId, Relay>);

/// A way through here.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) to: NodeId,
    /// Who asked for it, the first stands for the bound. One of them may lie: all are served.
    pub(crate) backs: Vec<LinkId>,
    /// Whom we asked.
    pub(crate) asked: Vec<LinkId>,
    /// Who of them leads there, and what the end signed.
    pub(crate) found: Vec<LinkId>,
    pub(crate) way: Option<Found>,
    /// Letters and receipts that were passed on, so that none goes round in a ring; bent ones do not stop
    /// the true one.
    passed: BTreeSet<Digest>,
    until: Time,
}

impl Relay {
    /// Says whether bytes from a link are passed on: each once, and so many different ones.
    pub(crate) fn passes(&mut self, from: LinkId, bytes: &[u8]) -> bool {
        let name = Digest::of("passed", &[&from.0.to_be_bytes(), bytes]);
        self.passed.len() < PASSED_MAX && self.passed.insert(name)
    }
}

impl Relays {
    /// Takes a way in, if it is new and there is room for it.
    pub(crate) fn add(
        &mut self,
        route: RouteId,
        to: NodeId,
        back: LinkId,
        ms: u64,
        now: Now,
    ) -> Option<&mut Relay> {
        self.0.retain(|_, it| now.time() < it.until);
        let of_link = self.0.values().filter(|it| it.backs.first() == Some(&back)).count();
        if LINK_MAX <= of_link || self.0.contains_key(&route) {
            return None;
        }
        let (asked, found, until) = (Vec::new(), Vec::new(), now.after(ms));
        let (backs, way) = (vec![back], None);
        let relay = Relay { to, backs, asked, found, way, passed: BTreeSet::new(), until };
        Some(self.0.entry(route).or_insert(relay))
    }

    pub(crate) fn get_mut(&mut self, route: &RouteId) -> Option<&mut Relay> {
        self.0.get_mut(route)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Different letters and receipts passed on along one way.
const PASSED_MAX: usize = 16;
/// Ways that one link may lead through here at once.
pub(crate) const LINK_MAX: usize = 64;
