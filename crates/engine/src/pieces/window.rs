//! How many pieces are under way from here: handed to a link, and not yet out of the machine.
//!
//! What was handed to a link cannot be taken back, and what a neighbour wishes changes within a
//! round trip. So pieces wait here, not in the queues of the links, and the uplink itself says how
//! fast it is. A link that takes nothing for a while does not hold up the others.
//! Bound: `max` under way, and as many on each link that takes nothing.

use std::collections::BTreeMap;

use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(super) struct Window {
    max: usize,
    /// Only links on which something is under way.
    links: BTreeMap<LinkId, UnderWay>,
}

#[derive(Clone, Copy, Debug)]
struct UnderWay {
    pieces: usize,
    /// When one of them left last, or when the first was handed over.
    since: Time,
}

impl Window {
    pub(super) fn new(max: usize) -> Self {
        Self { max: max.max(1), links: BTreeMap::new() }
    }

    pub(super) fn has_room(&self, now: Now) -> bool {
        let moving = self.links.values().filter(|it| !it.is_stuck(now));
        moving.map(|it| it.pieces).sum::<usize>() < self.max
    }

    /// Says whether a link takes nothing: what it wants waits.
    pub(super) fn is_stuck(&self, link: LinkId, now: Now) -> bool {
        self.links.get(&link).is_some_and(|it| it.is_stuck(now))
    }

    pub(super) fn sent(&mut self, link: LinkId, now: Now) {
        let fresh = UnderWay { pieces: 0, since: now.time() };
        self.links.entry(link).or_insert(fresh).pieces += 1;
    }

    /// Notes that a piece has left.
    pub(super) fn left(&mut self, link: LinkId, now: Now) {
        if let Some(it) = self.links.get_mut(&link) {
            it.pieces -= 1;
            it.since = now.time();
            if it.pieces == 0 {
                self.links.remove(&link);
            }
        }
    }

    pub(super) fn link_gone(&mut self, link: LinkId) {
        self.links.remove(&link);
    }

    /// Returns when a link counts as one that takes nothing.
    pub(super) fn deadline(&self, now: Now) -> Option<Time> {
        let moving = self.links.values().filter(|it| !it.is_stuck(now));
        moving.map(|it| it.stuck_at()).min()
    }
}

impl UnderWay {
    fn stuck_at(&self) -> Time {
        Time(self.since.0.saturating_add(STUCK_MS))
    }

    fn is_stuck(&self, now: Now) -> bool {
        self.stuck_at() <= now.time()
    }
}

/// A link out of which nothing went for so long takes nothing.
const STUCK_MS: u64 = 500;
