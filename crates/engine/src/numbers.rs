//! Which number each author used lately for what: two records with one number are a contradiction.
//!
//! Bound: [`NUMBERS_MAX`] numbers, 120 bytes each; the one that entered first makes room. A record whose
//! twin is no longer remembered contradicts nothing here; whoever remembers both tells everybody
//! (CONTRA-1).

use std::collections::{BTreeMap, VecDeque};

use wire::{Content, NodeId, Opened, RecordId, WITNESS};

use crate::TicketId;

#[derive(Debug, Default)]
pub(crate) struct Numbers {
    used: BTreeMap<(NodeId, u64), Used>,
    order: VecDeque<(NodeId, u64)>,
    /// Records that contradict one in the store, until that was read. Bound: [`READING_MAX`]; one more is
    /// left to others.
    reading: BTreeMap<TicketId, Opened>,
}

/// What a number was used for.
#[derive(Debug)]
struct Used {
    id: RecordId,
    /// Whether a second record with it was seen: one proof is enough.
    is_settled: bool,
}

impl Numbers {
    /// Says whether a record has the number of another one, and nobody noticed yet.
    pub(crate) fn is_taken(&self, opened: &Opened) -> bool {
        self.rival(opened).is_some()
    }

    /// Notes a record whose signature was right. Returns the one whose number it has, once.
    pub(crate) fn note(&mut self, opened: &Opened) -> Option<RecordId> {
        if let Some(rival) = self.rival(opened) {
            let used = self.used.get_mut(&key(opened))?;
            used.is_settled = true;
            return Some(rival);
        }
        if is_numbered(opened) && !self.used.contains_key(&key(opened)) {
            self.used.insert(key(opened), Used { id: opened.id, is_settled: false });
            self.order.push_back(key(opened));
            if NUMBERS_MAX < self.order.len()
                && let Some(first) = self.order.pop_front()
            {
                self.used.remove(&first);
            }
        }
        None
    }

    /// Keeps a record until its rival is read. Says whether there was room.
    pub(crate) fn read(&mut self, ticket: TicketId, opened: Opened) -> bool {
        let has_room = self.reading.len() < READING_MAX;
        if has_room {
            self.reading.insert(ticket, opened);
        }
        has_room
    }

    pub(crate) fn is_reading(&self, ticket: TicketId) -> bool {
        self.reading.contains_key(&ticket)
    }

    pub(crate) fn take(&mut self, ticket: TicketId) -> Option<Opened> {
        self.reading.remove(&ticket)
    }

    fn rival(&self, opened: &Opened) -> Option<RecordId> {
        let used = self.used.get(&key(opened)).filter(|_| is_numbered(opened))?;
        (!used.is_settled && used.id != opened.id).then_some(used.id)
    }
}

fn key(opened: &Opened) -> (NodeId, u64) {
    (opened.signed.author, opened.record.seq)
}

fn is_numbered(opened: &Opened) -> bool {
    match &opened.record.content {
        Content::Entry(_) | Content::Message(_) => opened.signed.author != WITNESS,
        Content::Contradiction(_) | Content::Profile(_) => false,
    }
}

/// Half a minute of 500 records a second.
pub(crate) const NUMBERS_MAX: usize = 16_384;
/// Records read at once to be compared.
const READING_MAX: usize = 64;
