//! What travelled lately: which short id means which record, and who has it.
//!
//! Bound: `recents_max` records, each for a minute; the oldest makes room. What is forgotten here
//! is still in the sets; only announcements of it are no longer understood.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::{RecordId, ShortId, TreeId};

use crate::places::LinkSet;
use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Recents {
    /// Under this key peers tell us short ids.
    key: u64,
    recents: BTreeMap<ShortId, Recent>,
    order: VecDeque<(Time, ShortId)>,
    max: usize,
}

/// One record that came by or was written here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Recent {
    pub(crate) id: RecordId,
    pub(crate) tree: TreeId,
    /// Hops it may still travel from here, and those behind it.
    pub(crate) ttl: u8,
    pub(crate) hops: u8,
    /// The link that pushed it first; `None` if it was asked for, or came otherwise.
    pub(crate) via: Option<LinkId>,
    /// Links that have it.
    pub(crate) holders: LinkSet,
    /// Whether the root of its tree wrote it, and when it came.
    pub(crate) of_root: bool,
    pub(crate) at: Time,
}

impl Recents {
    pub(crate) fn new(key: u64, max: usize) -> Self {
        Self { key, recents: BTreeMap::new(), order: VecDeque::new(), max }
    }

    /// Returns how peers name a record to us.
    pub(crate) fn name(&self, id: &RecordId) -> ShortId {
        ShortId::of(self.key, id)
    }

    pub(crate) fn get(&self, name: ShortId) -> Option<&Recent> {
        self.recents.get(&name)
    }

    /// Remembers a record, unless it is remembered already.
    pub(crate) fn add(&mut self, recent: Recent, now: Now) {
        let name = self.name(&recent.id);
        if self.recents.contains_key(&name) {
            return;
        }
        self.recents.insert(name, recent);
        self.order.push_back((now.time(), name));
        while let Some((at, first)) = self.order.front() {
            if now.mono_ms < at.0 + KEPT_MS && self.order.len() <= self.max {
                break;
            }
            self.recents.remove(first);
            self.order.pop_front();
        }
    }

    /// Forgets a record whose signature was wrong.
    pub(crate) fn forget(&mut self, id: &RecordId) {
        let name = self.name(id);
        self.recents.remove(&name);
        self.order.retain(|(_, other)| *other != name);
    }

    /// Notes that links have a record.
    pub(crate) fn hold(&mut self, name: ShortId, links: LinkSet) {
        if let Some(recent) = self.recents.get_mut(&name) {
            recent.holders.add(links);
        }
    }

    /// A place was freed: whoever takes it next has nothing yet.
    pub(crate) fn unhold(&mut self, links: LinkSet) {
        self.recents.values_mut().for_each(|recent| recent.holders.remove(links));
    }

    /// Finds the records that we announced to a peer under its key, the latest first: what is asked
    /// for was announced a moment ago, so few are looked at however many there are.
    pub(crate) fn announced(&self, key: u64, names: &[ShortId]) -> Vec<Recent> {
        let mut names: BTreeSet<ShortId> = names.iter().copied().collect();
        let mut found = Vec::new();
        for (_, name) in self.order.iter().rev() {
            if names.is_empty() {
                break;
            }
            let Some(recent) = self.recents.get(name) else { continue };
            if names.remove(&ShortId::of(key, &recent.id)) {
                found.push(*recent);
            }
        }
        found
    }
}

/// Longer than any tree needs to repair itself.
const KEPT_MS: u64 = 60_000;
