//! How far back our state goes: deletions before it are let go, and what else is older comes in no more.
//!
//! A deletion may go once nobody brings back what it deleted. Where a quorum signs what was there at a checkpoint,
//! whoever held all of that needs nothing older that it does not hold: it was deleted, or never got in (STATE-8,
//! STATE-9). Bound: one row for each deletion, of which the state has as many as entries.

use std::collections::BTreeSet;

use wire::{Digest, Hlc, RecordId};

use crate::Kept;
use crate::sets::{HOUR_MS, bucket, contradictions};

/// The horizon, and the deletions that it will pass.
#[derive(Debug, Default)]
pub(crate) struct Horizon {
    /// Set while our state is known to hold all that is older.
    line: Option<Line>,
    /// How long deletions are kept at least, milliseconds.
    deletion_ms: u64,
    /// Deletions by when they go: place and name.
    deletions: BTreeSet<(u64, Digest, RecordId)>,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Line {
    /// The whole hour of the newest checkpoint, unix milliseconds.
    pub(crate) hour_ms: u64,
    /// What was created until then and is not here is past, unix milliseconds.
    pub(crate) past_ms: u64,
}

impl Line {
    /// Returns the one that a checkpoint as of this moment draws.
    pub(crate) fn of(cut_ms: u64, deletion_ms: u64) -> Self {
        let hour_ms = cut_ms - cut_ms % HOUR_MS;
        Self { hour_ms, past_ms: hour_ms.saturating_sub(deletion_ms) }
    }

    /// Says whether what stands at a place, if it is not known to have been there at the checkpoint, is past.
    /// What expires by its place is past then, and proofs against authors never.
    pub(crate) fn is_past(&self, key: &Digest, created: Hlc) -> bool {
        bucket(key) == 0 && created.ms() <= self.past_ms && !contradictions().covers(key)
    }
}

impl Horizon {
    pub(crate) fn new(deletion_ms: u64) -> Self {
        Self { deletion_ms, ..Self::default() }
    }

    /// Notes a deletion that goes some day: whatever else expires has its hour in its place.
    pub(crate) fn note(&mut self, kept: &Kept) {
        if 0 < kept.expires_ms && bucket(&kept.key) == 0 {
            // Whoever wrote it cannot have it go before others have it.
            let goes_ms = end_ms(kept.created, self.deletion_ms).max(kept.expires_ms);
            self.deletions.insert((goes_ms, kept.key, kept.id));
        }
    }

    /// Moves it to where a checkpoint has it; `None` while we do not know that we hold all that is older.
    pub(crate) fn set(&mut self, line: Option<Line>) {
        self.line = line;
    }

    /// Says whether a record that is not here is past.
    pub(crate) fn is_past(&self, key: &Digest, created: Hlc) -> bool {
        self.line.is_some_and(|line| line.is_past(key, created))
    }

    /// Says whether deletions wait to be let go.
    pub(crate) fn is_passing(&self) -> bool {
        let first = self.deletions.first();
        first.zip(self.line).is_some_and(|((goes_ms, ..), line)| *goes_ms <= line.hour_ms)
    }

    /// Takes some deletions that go now, for who looks whether they stand there still: later ones may.
    pub(crate) fn take(&mut self, max: usize) -> Vec<(Digest, RecordId)> {
        let mut taken = Vec::new();
        while taken.len() < max && self.is_passing() {
            taken.extend(self.deletions.pop_first().map(|(_, key, id)| (key, id)));
        }
        taken
    }
}

/// The first hour that begins when a deletion has been kept for so long, unix milliseconds.
pub(crate) fn end_ms(created: Hlc, deletion_ms: u64) -> u64 {
    let hours = created.ms().saturating_add(deletion_ms) / HOUR_MS;
    hours.saturating_add(1).saturating_mul(HOUR_MS)
}
