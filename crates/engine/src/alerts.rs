//! How many alerts of one author go first (ALERT-1).
//!
//! An author may send a burst and then so many each second; what is beyond travels like any other
//! message and is not lost. Only records whose signature is right are counted, so nobody can use
//! up what belongs to another. Bound: `alert_authors_max` authors; the one whose budget is
//! complete first makes room, since it gains the least by being forgotten.

use std::collections::BTreeMap;

use wire::{Class, NodeId};

use crate::{Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Alerts {
    /// When each author's budget will be complete again. Whose is complete is not listed.
    complete_at: BTreeMap<NodeId, Time>,
    every_ms: u64,
    burst: u64,
    authors_max: usize,
}

impl Alerts {
    pub(crate) fn new(config: &Config) -> Self {
        let (every_ms, burst) = (config.alert_every_ms, config.alert_burst);
        let authors_max = config.alert_authors_max.max(1);
        Self { complete_at: BTreeMap::new(), every_ms, burst, authors_max }
    }

    /// Returns the class in which the next record of an author is handled.
    pub(crate) fn class(&self, author: &NodeId, said: Class, now: Now) -> Class {
        match said {
            Class::Alert if self.is_spent(author, now) => Class::Normal,
            Class::Alert | Class::Bulk | Class::Control | Class::Normal => said,
        }
    }

    /// Returns how many more of an author go first at this moment.
    pub(crate) fn left(&self, author: &NodeId, now: Now) -> u64 {
        let owed_ms = self.complete_at(author, now).0.saturating_sub(now.mono_ms);
        self.burst.saturating_sub(owed_ms.div_ceil(self.every_ms.max(1)))
    }

    /// The same, and counts it.
    pub(crate) fn spend(&mut self, author: &NodeId, said: Class, now: Now) -> Class {
        let class = self.class(author, said, now);
        if class == Class::Alert {
            let from = self.complete_at(author, now);
            self.make_room(author, now);
            self.complete_at.insert(*author, Time(from.0.saturating_add(self.every_ms)));
        }
        class
    }

    fn is_spent(&self, author: &NodeId, now: Now) -> bool {
        let one_left_ms = self.every_ms.saturating_mul(self.burst.saturating_sub(1));
        self.burst == 0 || now.after(one_left_ms) < self.complete_at(author, now)
    }

    fn complete_at(&self, author: &NodeId, now: Now) -> Time {
        self.complete_at.get(author).copied().unwrap_or_default().max(now.time())
    }

    fn make_room(&mut self, author: &NodeId, now: Now) {
        if self.complete_at.len() < self.authors_max || self.complete_at.contains_key(author) {
            return;
        }
        self.complete_at.retain(|_, at| now.time() < *at);
        if self.complete_at.len() < self.authors_max {
            return;
        }
        let first = self.complete_at.iter().min_by_key(|(_, at)| **at);
        let first = first.map(|(author, _)| *author);
        first.and_then(|author| self.complete_at.remove(&author));
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.complete_at.len()
    }
}
