//! Which body sends next, and which is to be looked at next: known without asking them all.
//!
//! Kept beside the bodies and renewed for each that changes. A node takes a step for every frame;
//! with hundreds of bodies under way, asking all of them each time was most of its work.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Class, ShortId};

use super::body::Body;
use super::plan::Turn;
use crate::Time;

#[derive(Debug, Default)]
pub(super) struct Schedule {
    entries: BTreeMap<ShortId, (Option<Rank>, Time)>,
    turns: BTreeSet<(Rank, ShortId)>,
    dues: BTreeSet<(Time, ShortId)>,
}

/// Alerts first (`false` is less), then the body that began first: with more to send than leaves,
/// some are complete early and none is late for having waited with all others. Then the turn.
type Rank = (bool, Time, Turn);

impl Schedule {
    /// Notes how a body stands now; `None` once it is gone.
    pub(super) fn renew(&mut self, name: ShortId, body: Option<&Body>) {
        let new = body.map(|body| (rank(body), body.due()));
        let old = match new {
            Some(new) => self.entries.insert(name, new),
            None => self.entries.remove(&name),
        };
        if old == new {
            return;
        }
        if let Some((turn, due)) = old {
            turn.map(|turn| self.turns.remove(&(turn, name)));
            self.dues.remove(&(due, name));
        }
        if let Some((turn, due)) = new {
            turn.map(|turn| self.turns.insert((turn, name)));
            self.dues.insert((due, name));
        }
    }

    /// Returns whose turn it is to send, where to and which piece.
    pub(super) fn next(&self) -> Option<(ShortId, Turn)> {
        self.turns.first().map(|((_, _, turn), name)| (*name, *turn))
    }

    /// Returns which bodies are due, in the order of their names.
    pub(super) fn due(&self, now: Time) -> BTreeSet<ShortId> {
        self.dues.iter().take_while(|(at, _)| *at <= now).map(|(_, name)| *name).collect()
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        self.dues.first().map(|(at, _)| *at)
    }
}

fn rank(body: &Body) -> Option<Rank> {
    Some((body.class != Class::Alert, body.begun(), body.next()?))
}
