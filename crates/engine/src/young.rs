//! What was created lately: enough to tell our sets as of a moment ago (WALK-2).
//!
//! Bound: `YOUNG_MAX` changes, at most `YOUNG_MS` old. The one created first makes room; our sets
//! can then no longer be told as of a moment before it, so that the guard shrinks.

use std::collections::BTreeMap;

use merkle::Leaf;
use wire::{Digest, Set};

/// Changes of both sets by the moment at which what caused them was created.
#[derive(Debug, Default)]
pub(crate) struct Young {
    changes: BTreeMap<(u64, u64), Change>,
    number: u64,
    floor_ms: u64,
}

/// What stood at a place before.
#[derive(Debug)]
struct Change {
    set: Set,
    key: Digest,
    previous: Option<Box<Leaf>>,
}

impl Young {
    /// Begins with sets whose newest record was created then.
    pub(crate) fn new(floor_ms: u64) -> Self {
        Self { floor_ms, ..Self::default() }
    }

    /// Returns the earliest moment as of which our sets can be told.
    pub(crate) fn floor_ms(&self) -> u64 {
        self.floor_ms
    }

    /// Notes that a record created then changed a place.
    pub(crate) fn note(&mut self, at_ms: u64, set: Set, key: Digest, previous: Option<Leaf>) {
        if at_ms <= self.floor_ms {
            return;
        }
        self.number += 1;
        let previous = previous.map(Box::new);
        self.changes.insert((at_ms, self.number), Change { set, key, previous });
        while YOUNG_MAX < self.changes.len() {
            self.forget_first();
        }
    }

    /// Forgets what was before a moment: what else happened then is not noted here.
    pub(crate) fn forget_before(&mut self, unix_ms: u64) {
        self.floor_ms = self.floor_ms.max(unix_ms.saturating_sub(1));
        while self.changes.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms < unix_ms) {
            self.forget_first();
        }
    }

    /// Forgets what is no longer young.
    pub(crate) fn age(&mut self, unix_ms: u64) {
        let old_ms = unix_ms.saturating_sub(YOUNG_MS);
        while self.changes.first_key_value().is_some_and(|((at_ms, _), _)| *at_ms < old_ms) {
            self.forget_first();
        }
    }

    /// Returns the last change that a moment includes: moments between two changes are one.
    pub(crate) fn step_ms(&self, cutoff_ms: u64) -> u64 {
        let until = self.changes.range(..=(cutoff_ms, u64::MAX));
        until.last().map_or(self.floor_ms, |((at_ms, _), _)| *at_ms)
    }

    /// Says whether anything was created after a moment.
    pub(crate) fn is_after(&self, cutoff_ms: u64) -> bool {
        self.changes.last_key_value().is_some_and(|((at_ms, _), _)| cutoff_ms < *at_ms)
    }

    /// Returns what stood as of a moment at the places of one set that changed since.
    pub(crate) fn places(&self, set: Set, cutoff_ms: u64) -> BTreeMap<Digest, Option<Leaf>> {
        let mut places = BTreeMap::new();
        // Backwards, so that of several changes of one place the first has the last word.
        let since = self.changes.range((cutoff_ms.saturating_add(1), 0)..).rev();
        for (_, change) in since.filter(|(_, change)| change.set == set) {
            places.insert(change.key, change.previous.as_deref().copied());
        }
        places
    }

    fn forget_first(&mut self) {
        if let Some(((at_ms, _), _)) = self.changes.pop_first() {
            self.floor_ms = self.floor_ms.max(at_ms);
        }
    }
}

/// Changes remembered, 80 to 160 bytes each: two seconds of 2,000 records a second.
pub(crate) const YOUNG_MAX: usize = 4_096;
/// For so long, so that a peer's clock may be this far behind ours.
pub(crate) const YOUNG_MS: u64 = 20_000;
