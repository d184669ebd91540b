//! Transfers and the rest of the node: letters go out once what they stand on is on disk.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use engine::{Now, TicketId, Time};
use wire::{NodeId, Subject, TransferId};

use super::Node;
use crate::Effect;
use crate::transfers::{Status, TransferView};

/// Letters that wait for the disk, in order, and when transfers want to be woken.
#[derive(Debug, Default)]
pub(super) struct Desk {
    held: VecDeque<(TicketId, Vec<(NodeId, Bytes)>)>,
    pub(super) at: Option<Time>,
    /// How far people were told each transfer is. Bound: the transfers that are kept.
    told: BTreeMap<TransferId, (Status, bool)>,
    /// Whether something happened to transfers since.
    stirred: bool,
}

impl Desk {
    /// What has to be said on waking up is said in the first turn.
    pub(super) fn waking(now: Now) -> Self {
        Self { at: Some(now.time()), ..Self::default() }
    }
}

impl Node {
    /// Does what is due of transfers, writes what changed, and sends what may leave.
    pub(super) fn negotiate(&mut self, now: Now) -> Vec<Effect> {
        if self.desk.at.is_some_and(|at| at <= now.time()) && !self.stopping {
            self.transfers.turn(now);
        }
        if !self.transfers.stirred() {
            return Vec::new();
        }
        self.desk.stirred = true;
        let (rows, letters) = (self.transfers.rows(), self.transfers.letters());
        self.desk.at = if self.stopping { None } else { self.transfers.deadline(now) };
        let mut effects = Vec::new();
        if !rows.is_empty() {
            let ticket = self.engine.ticket();
            let batch = engine::Batch { own: rows, ..engine::Batch::default() };
            effects.push(Effect::Net(engine::Effect::Persist(batch)));
            // A wish for nothing is answered when everything before it is written.
            effects.push(Effect::Net(engine::Effect::Load(ticket, Vec::new(), 0)));
            self.desk.held.push_back((ticket, letters));
        } else if let Some((_, held)) = self.desk.held.back_mut() {
            held.extend(letters);
        } else {
            self.post_letters(letters, now);
            effects.extend(self.engine.drain().into_iter().map(Effect::Net));
        }
        effects
    }

    /// Returns transfers that people have not been told of as they are now.
    pub fn take_news(&mut self) -> Vec<TransferView> {
        if !std::mem::take(&mut self.desk.stirred) {
            return Vec::new();
        }
        let views = self.transfers.views();
        let told = std::mem::take(&mut self.desk.told);
        let state = |it: &TransferView| (it.status, it.said_yes);
        self.desk.told = views.iter().map(|it| (it.terms.id, state(it))).collect();
        views.into_iter().filter(|it| told.get(&it.terms.id) != Some(&state(it))).collect()
    }

    /// Says whether this answers a wish of ours; then the letters that waited for it leave.
    pub(super) fn is_written(&mut self, ticket: TicketId, now: Now) -> bool {
        let Some(at) = self.desk.held.iter().position(|(held, _)| *held == ticket) else {
            return false;
        };
        // Writes end in order: what came before is on disk, too.
        for (_, letters) in self.desk.held.drain(..=at).collect::<Vec<_>>() {
            self.post_letters(letters, now);
        }
        true
    }

    fn post_letters(&mut self, letters: Vec<(NodeId, Bytes)>, now: Now) {
        for (to, body) in letters {
            // What is not taken now is said again by whoever needs it.
            if let Err(why) = self.engine.send_letter(to, Subject::Transfer, body, now) {
                tracing::debug!(?to, %why, "a step of a transfer has to wait");
            }
        }
    }
}
