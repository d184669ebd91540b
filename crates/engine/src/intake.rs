//! Records on their way in: each is checked once, however many copies come.
//!
//! Order of checks (INTAKE-1): size, network, time, duplicate, room, signature, meaning. A record
//! counts as known only once its signature was right, so that a copy with a false signature cannot
//! keep the true one out (INTAKE-2). Bound: `pending_max` records; one more from a peer is left to
//! a later comparison (INTAKE-4).

use std::collections::BTreeMap;

use wire::{Content, Opened, Record, RecordId, Refusal, Slot, TreeId, limits};

use crate::sets::{Place, entries_hour, hour_of};
use crate::{Config, LinkId, Now, TicketId};

#[derive(Debug)]
pub(crate) struct Intake {
    /// In boxes: the map keeps a node of eleven places when it is empty, nine kilobytes without them.
    pending: BTreeMap<RecordId, Box<Pending>>,
    pending_max: usize,
    body_bytes_max: usize,
}

/// A record whose signature is being checked.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) opened: Opened,
    pub(crate) place: Option<Place>,
    pub(crate) ttl: u8,
    pub(crate) hops: u8,
    pub(crate) spread: Spread,
    /// Who sent copies, the first of them first.
    pub(crate) sources: Vec<Source>,
    /// Copies with another signature, should this one be wrong.
    pub(crate) rivals: Vec<Arrival>,
}

/// A copy of a record as it came.
#[derive(Clone, Debug)]
pub(crate) struct Arrival {
    pub(crate) opened: Opened,
    pub(crate) ttl: u8,
    pub(crate) hops: u8,
    pub(crate) spread: Spread,
    pub(crate) source: Source,
    /// The tree it came on; 0 for its author's.
    pub(crate) tree: TreeId,
}

/// Where a copy came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Door(TicketId),
    Link(LinkId),
}

/// What happens once it is in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spread {
    /// It was announced, asked for, and goes on like what was pushed.
    Asked,
    /// It is new: on along its tree.
    Push,
    /// We were behind: neighbours are told, or compare.
    Quiet,
}

/// What became of a further copy of a record that is being checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Joined {
    /// It is the first.
    Alone,
    /// Too many wait already.
    Full,
    /// It waits for the verdict.
    Waits,
}

impl Intake {
    pub(crate) fn new(config: &Config) -> Self {
        let (pending_max, body_bytes_max) = (config.pending_max, config.body_bytes_max);
        Self { pending: BTreeMap::new(), pending_max, body_bytes_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    pub(crate) fn is_half_full(&self) -> bool {
        self.pending_max / 2 <= self.pending.len()
    }

    /// Checks what needs no signature and no memory (RECORD-3, MSG-1).
    pub(crate) fn check(
        &self,
        arrival: &Arrival,
        config: &Config,
        now: Now,
    ) -> Result<(), Refusal> {
        let record = &arrival.opened.record;
        let bytes_max = match record.content {
            Content::Contradiction(_) => limits::CONTRADICTION_BYTES_MAX,
            Content::Profile(_) => limits::PROFILE_BYTES_MAX,
            Content::Entry(_) | Content::Message(_) => self.body_bytes_max,
        };
        if bytes_max < arrival.opened.signed.body.len() {
            return Err(Refusal::TooLarge);
        }
        if record.network != config.network {
            return Err(Refusal::WrongNetwork);
        }
        if now.unix_ms + limits::CLOCK_AHEAD_MS_MAX < record.created.ms() {
            return Err(Refusal::Future);
        }
        match &record.content {
            Content::Contradiction(_) | Content::Profile(_) => Ok(()),
            Content::Entry(entry) => {
                entry.slot().map_or(Ok(()), |it| check_slot(it, record, config, now))
            }
            Content::Message(_) => {
                let life_ms = record.expires_ms.saturating_sub(record.created.ms());
                if config.message_life_ms_max < life_ms {
                    return Err(Refusal::LivesTooLong);
                }
                // Between nodes whole hours count; a stranger at the door is told to the millisecond.
                let late = match arrival.source {
                    Source::Door(_) => record.expires_ms <= now.unix_ms,
                    Source::Link(_) => hour_of(record.expires_ms) < hour_of(now.unix_ms),
                };
                if late { Err(Refusal::Expired) } else { Ok(()) }
            }
        }
    }

    /// Joins a copy to the one being checked, if there is one.
    pub(crate) fn join(&mut self, arrival: &Arrival) -> Joined {
        let Some(pending) = self.pending.get_mut(&arrival.opened.id) else { return Joined::Alone };
        if pending.opened.signed.signature != arrival.opened.signed.signature {
            if RIVALS_MAX <= pending.rivals.len() {
                return Joined::Full;
            }
            pending.rivals.push(arrival.clone());
        } else {
            if SOURCES_MAX <= pending.sources.len() {
                return Joined::Full;
            }
            pending.sources.push(arrival.source);
        }
        Joined::Waits
    }

    /// Takes a record in whose signature is to be checked; false where there is no room.
    pub(crate) fn add(&mut self, arrival: Arrival, place: Option<Place>) -> bool {
        if self.pending_max <= self.pending.len() {
            return false;
        }
        let Arrival { opened, ttl, hops, spread, source, .. } = arrival;
        let id = opened.id;
        let sources = vec![source];
        let pending = Pending { opened, place, ttl, hops, spread, sources, rivals: Vec::new() };
        self.pending.insert(id, Box::new(pending));
        true
    }

    /// Says whether a record is being checked.
    pub(crate) fn has(&self, id: &RecordId) -> bool {
        self.pending.contains_key(id)
    }

    /// Takes out a record whose signature was checked.
    pub(crate) fn take(&mut self, id: &RecordId) -> Option<Pending> {
        self.pending.remove(id).map(|pending| *pending)
    }
}

/// Checks what only appended entries say (STATE-7). The hour is a whole one, so the life may be longer by less than that.
fn check_slot(slot: Slot, record: &Record, config: &Config, now: Now) -> Result<(), Refusal> {
    if config.slots_max <= slot.number as usize {
        return Err(Refusal::OverQuota);
    }
    if slot.hour == 0 {
        return Ok(());
    }
    let last_hour = Slot::last_hour(record.created.ms(), config.message_life_ms_max);
    if last_hour.is_none_or(|last| last < slot.hour) {
        return Err(Refusal::LivesTooLong);
    }
    // Nobody writes what has expired already.
    let first = entries_hour(now.unix_ms).max(hour_of(record.created.ms()));
    if slot.hour < first { Err(Refusal::Expired) } else { Ok(()) }
}

/// Links of one record remembered, so that it is not pushed back to them.
const SOURCES_MAX: usize = 64;
/// Copies with differing signatures kept for one record.
const RIVALS_MAX: usize = 4;
