//! Links that are behind are told of records instead of being sent them (CLASS-3).
//!
//! A tree has the shape of the shortest way, so all neighbours of an author are its children. Where
//! it writes more than its uplink carries to all of them, what waits for one of them would be old
//! when it leaves, while they could get it from each other. Whoever is told asks somebody who has
//! room, or finds it by comparison.

use wire::{Class, RecordId};

use super::Engine;
use crate::departures::Asker;
use crate::outbox::{Parcel, When};
use crate::{Effect, LinkId, Now};

/// Whose record is sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// Nobody else has it.
    Ours,
    /// Whoever sent it has it as well.
    Theirs,
}

impl Engine {
    /// Moves links that are behind from those that are pushed a record to those that are told of
    /// it. A record of ours goes to one of them all the same if all are: another for each record,
    /// so that together they have everything.
    pub(super) fn relieve(
        &mut self,
        id: &RecordId,
        (class, whose): (Class, Whose),
        (eager, mut lazy): (Vec<LinkId>, Vec<LinkId>),
        now: Now,
    ) -> (Vec<LinkId>, Vec<LinkId>) {
        if class == Class::Alert {
            return (eager, lazy);
        }
        let of = eager.len();
        let behind = |link: &LinkId| self.departures.is_behind(*link, class, now);
        let (mut behind, mut chosen): (Vec<LinkId>, Vec<LinkId>) =
            eager.into_iter().partition(behind);
        let width = self.departures.width(class, (of, behind.len()), now);
        let turn = usize::from(id.0[0]);
        if width < chosen.len() {
            let by = turn % chosen.len();
            chosen.rotate_left(by);
            lazy.extend(chosen.split_off(width));
        }
        if chosen.is_empty() && whose == Whose::Ours && !behind.is_empty() {
            chosen.push(behind.swap_remove(turn % behind.len()));
        }
        lazy.extend(behind);
        (chosen, lazy)
    }

    /// Sends records, and asks now and then when they will have left.
    pub(super) fn depart(&mut self, when: When, parcels: Vec<Parcel>, now: Now) {
        let mut asks = Vec::new();
        for Parcel { class, carried, links } in &parcels {
            let bytes = carried.signed.size();
            let asking =
                links.iter().filter(|link| self.departures.sent(**link, *class, bytes, now));
            asks.extend(asking.map(|link| Effect::TellLeft(*link, *class)));
        }
        self.outbox.push(when, parcels);
        asks.into_iter().for_each(|ask| self.outbox.effect(when, ask));
    }

    /// What was sent on a link in a class has left the machine.
    pub(super) fn left(&mut self, link: LinkId, class: Class, now: Now) {
        match self.departures.left(link, class) {
            Some(Asker::Piece) => self.piece_left(link, now),
            Some(Asker::Records) | None => {}
        }
    }
}
