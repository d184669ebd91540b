//! Keys that we gave out for letters, and the letters we have (DIRECT-2, DIRECT-4).
//!
//! Bounds: `LINK_MAX` keys that one link asked for; one more is not answered. `HAD_MAX` names of
//! letters; the oldest makes room. `AUTHORS_MAX` authors with a budget; the one heard longest ago
//! makes room.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::{LetterId, NodeId, RouteId};

use super::sealed::Pair;
use crate::links::Budget;
use crate::{Config, LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Receivers {
    open: BTreeMap<RouteId, Opening>,
    had: BTreeSet<(NodeId, LetterId)>,
    /// The same in the order they came.
    order: VecDeque<(NodeId, LetterId)>,
    authors: BTreeMap<NodeId, (Time, Budget)>,
    open_ms: u64,
    letters_per_minute: u32,
}

/// A way that ends here.
#[derive(Debug)]
pub(crate) struct Opening {
    /// Gone once a letter was opened with it: it is for one.
    pub(crate) pair: Option<Pair>,
    pub(crate) key: [u8; 32],
    pub(crate) signature: [u8; 64],
    /// Where the way was asked for; the first stands for the bound.
    pub(crate) links: Vec<LinkId>,
    /// Our signature, once we have the letter.
    pub(crate) receipt: Option<[u8; 64]>,
    until: Time,
}

impl Receivers {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            open: BTreeMap::new(),
            had: BTreeSet::new(),
            order: VecDeque::new(),
            authors: BTreeMap::new(),
            open_ms: config.letter_ms,
            letters_per_minute: config.letters_per_minute,
        }
    }

    /// Says whether one more way from there may end here.
    pub(crate) fn has_room(&mut self, link: LinkId, now: Now) -> bool {
        self.open.retain(|_, it| now.time() < it.until);
        let of_link = self.open.values().filter(|it| it.links.first() == Some(&link));
        of_link.count() < LINK_MAX
    }

    pub(crate) fn get_mut(&mut self, route: &RouteId) -> Option<&mut Opening> {
        self.open.get_mut(route)
    }

    pub(crate) fn open(
        &mut self,
        route: RouteId,
        pair: Pair,
        signature: [u8; 64],
        link: LinkId,
        now: Now,
    ) {
        let (key, links, receipt) = (pair.public(), vec![link], None);
        let until = now.after(self.open_ms);
        let pair = Some(pair);
        self.open.insert(route, Opening { pair, key, signature, links, receipt, until });
    }

    /// Says whether a letter is here already.
    pub(crate) fn has(&self, author: &NodeId, id: &LetterId) -> bool {
        self.had.contains(&(*author, *id))
    }

    /// Takes note of a letter, if its author did not send too many (DIRECT-6).
    pub(crate) fn take(&mut self, author: NodeId, id: LetterId, now: Now) -> bool {
        if AUTHORS_MAX <= self.authors.len() && !self.authors.contains_key(&author) {
            let oldest = self.authors.iter().min_by_key(|(_, (heard, _))| *heard);
            let oldest = oldest.map(|(author, _)| *author);
            oldest.and_then(|author| self.authors.remove(&author));
        }
        let (heard, budget) = self.authors.entry(author).or_default();
        *heard = now.time();
        if !budget.take(self.letters_per_minute, MINUTE_MS, now.time()) {
            return false;
        }
        if HAD_MAX <= self.order.len() {
            self.order.pop_front().map(|oldest| self.had.remove(&oldest));
        }
        self.order.push_back((author, id));
        self.had.insert((author, id))
    }

    #[cfg(test)]
    pub(crate) fn sizes(&self) -> (usize, usize, usize) {
        (self.open.len(), self.had.len(), self.authors.len())
    }
}

/// Ways that one link may have end here at once.
pub(crate) const LINK_MAX: usize = 64;
/// Letters remembered, so that none is shown twice.
const HAD_MAX: usize = 4_096;
const AUTHORS_MAX: usize = 1_024;
const MINUTE_MS: u64 = 60_000;
