//! Exchanges of sketches under way, and with whom there was one lately.
//!
//! Bound: one exchange that we began and [`ANSWERED_AT_ONCE`] that we answer, one for each link. An
//! exchange ends when both agree, when nothing was heard of it for a while, or after a minute
//! (SKETCH-4). Nobody makes room: who comes too late is refused, and walks.

use std::collections::{BTreeMap, VecDeque};

use merkle::Map;
use sketch::{Answerer, Asker};
use wire::{NodeId, RecordId, Set};

use crate::links::Budget;
use crate::{LinkId, Now, TicketId, Time};

#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    asking: Option<Exchange>,
    answering: BTreeMap<LinkId, Exchange>,
    /// Looks and reads under way, and for whom. Those of an exchange that is over stay until they are
    /// done.
    glances: BTreeMap<TicketId, Party>,
    loads: BTreeMap<TicketId, Party>,
    /// Until when there is no other exchange with a peer that we asked, or answered.
    asked: Lately,
    answered: Lately,
    answers: Budget,
}

/// One exchange, and the set as of its moment.
#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) party: Party,
    pub(crate) peer: NodeId,
    pub(crate) about: About,
    pub(crate) map: Map,
    pub(crate) side: Side,
    /// The moment, unix milliseconds.
    as_of_ms: u64,
    /// Whether all is told, and records are on their way.
    pub(crate) is_told: bool,
    pub(crate) heard: Time,
    /// When it is over, whatever is heard.
    pub(crate) until: Time,
    /// Records that the peer lacks, those being read, and when the next may be.
    pub(crate) outgoing: VecDeque<RecordId>,
    pub(crate) reading: Vec<RecordId>,
    pub(crate) send_at: Time,
}

/// One side of one exchange.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Party {
    pub(crate) role: Role,
    pub(crate) link: LinkId,
    /// The asker's number for it.
    pub(crate) number: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    Asker,
    Answerer,
}

/// What is compared, as of when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct About {
    pub(crate) set: Set,
    pub(crate) cutoff_ms: Option<u64>,
}

#[derive(Debug)]
pub(crate) enum Side {
    Asker(Asker),
    Answerer(Answerer),
}

/// Peers and sets, and until when each is left alone. Bound: [`LATELY_MAX`]; who is free first makes room.
#[derive(Debug, Default)]
struct Lately(BTreeMap<(NodeId, Set), Time>);

impl Exchanges {
    pub(crate) fn begin(&mut self, exchange: Exchange) {
        match exchange.party.role {
            Role::Asker => self.asking = Some(exchange),
            Role::Answerer => {
                self.answering.insert(exchange.party.link, exchange);
            }
        }
    }

    /// Finds an exchange, if it is not over.
    pub(crate) fn find(&mut self, party: Party) -> Option<&mut Exchange> {
        let found = match party.role {
            Role::Asker => self.asking.as_mut(),
            Role::Answerer => self.answering.get_mut(&party.link),
        };
        found.filter(|it| it.party == party)
    }

    pub(crate) fn end(&mut self, party: Party) -> Option<Exchange> {
        self.find(party)?;
        match party.role {
            Role::Asker => self.asking.take(),
            Role::Answerer => self.answering.remove(&party.link),
        }
    }

    /// Returns the exchange that we began on this link, if it is about this set.
    pub(crate) fn asking(&self, link: LinkId, set: Set) -> Option<Party> {
        let asking = self.asking.as_ref();
        Some(asking.filter(|it| it.party.link == link && it.about.set == set)?.party)
    }

    /// Says whether we began an exchange that is not over.
    pub(crate) fn is_asking(&self) -> bool {
        self.asking.is_some()
    }

    /// Says whether an exchange on this link is about this set.
    pub(crate) fn is_about(&self, link: LinkId, set: Set) -> bool {
        self.all().any(|it| it.party.link == link && it.about.set == set)
    }

    /// Says whether we may ask this peer now (SKETCH-3).
    pub(crate) fn may_ask(&mut self, peer: NodeId, set: Set, count: u64, now: Now) -> bool {
        self.asked.take((peer, set), every_ms(count), now)
    }

    /// Leaves a peer alone for an hour, with which an exchange did not end in agreement.
    pub(crate) fn failed(&mut self, peer: NodeId, set: Set, now: Now) {
        self.asked.note((peer, set), now.after(FAILED_MS), now);
    }

    /// Says whether we may answer this peer now (SKETCH-3).
    pub(crate) fn may_answer(
        &mut self,
        link: LinkId,
        (peer, set): (NodeId, Set),
        count: u64,
        now: Now,
    ) -> bool {
        let is_free =
            self.answering.len() < ANSWERED_AT_ONCE && !self.answering.contains_key(&link);
        let wait_ms = every_ms(count);
        is_free
            && self.answered.take((peer, set), wait_ms, now)
            && self.answers.take(ANSWERS_MAX, wait_ms, now.time())
    }

    pub(crate) fn glance(&mut self, ticket: TicketId, party: Party) {
        self.glances.insert(ticket, party);
    }

    pub(crate) fn glanced(&mut self, ticket: TicketId) -> Option<Party> {
        self.glances.remove(&ticket)
    }

    pub(crate) fn load(&mut self, ticket: TicketId, party: Party) {
        self.loads.insert(ticket, party);
    }

    pub(crate) fn is_loading(&self, ticket: TicketId) -> bool {
        self.loads.contains_key(&ticket)
    }

    pub(crate) fn loaded(&mut self, ticket: TicketId) -> Option<Party> {
        self.loads.remove(&ticket)
    }

    /// Notes that a link brought something new.
    pub(crate) fn heard(&mut self, link: LinkId, now: Now) {
        let told = self.all_mut().filter(|it| it.is_told && it.party.link == link);
        told.for_each(|it| it.heard = now.time());
    }

    /// Ends what is told of a set on a link, as both ends agree on it as of a moment.
    pub(crate) fn settled(&mut self, link: LinkId, set: Set, cutoff_ms: Option<u64>) {
        let is_over = |it: &mut Exchange| {
            // A moment before says nothing of what is told.
            let is_past = cutoff_ms.is_none_or(|cutoff_ms| it.as_of_ms <= cutoff_ms);
            it.is_told && it.party.link == link && it.about.set == set && is_past
        };
        self.asking.take_if(is_over);
        if self.answering.get_mut(&link).is_some_and(is_over) {
            self.answering.remove(&link);
        }
    }

    /// Sends no more records on a link that has no room for them.
    pub(crate) fn congested(&mut self, link: LinkId) {
        self.all_mut().filter(|it| it.party.link == link).for_each(|it| it.outgoing.clear());
    }

    /// Returns the exchanges of a link.
    pub(crate) fn on(&self, link: LinkId) -> Vec<Party> {
        self.all().map(|it| it.party).filter(|it| it.link == link).collect()
    }

    /// Returns the exchanges that are over by now.
    pub(crate) fn late(&self, now: Now) -> Vec<Party> {
        self.all().filter(|it| it.over_at() <= now.time()).map(|it| it.party).collect()
    }

    /// Returns the exchanges of which records may be sent now.
    pub(crate) fn ready(&self, now: Now) -> Vec<Party> {
        let ready = self.all().filter(|it| it.next_at().is_some_and(|at| at <= now.time()));
        ready.map(|it| it.party).collect()
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.all().flat_map(|it| std::iter::once(it.over_at()).chain(it.next_at())).min()
    }

    fn all(&self) -> impl Iterator<Item = &Exchange> {
        self.asking.iter().chain(self.answering.values())
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.asking.iter_mut().chain(self.answering.values_mut())
    }
}

impl Exchange {
    pub(crate) fn new(
        party: Party,
        peer: NodeId,
        about: About,
        (map, side): (Map, Side),
        now: Now,
    ) -> Self {
        Self {
            party,
            peer,
            about,
            map,
            side,
            as_of_ms: about.cutoff_ms.unwrap_or(now.unix_ms),
            is_told: false,
            heard: now.time(),
            until: now.after(TELLS_MS),
            outgoing: VecDeque::new(),
            reading: Vec::new(),
            send_at: now.time(),
        }
    }

    /// Notes that all is told: from now on records travel.
    pub(crate) fn told(&mut self, now: Now) {
        self.is_told = true;
        (self.heard, self.until) = (now.time(), now.after(SETTLES_MS));
    }

    fn over_at(&self) -> Time {
        let silent_ms = if self.is_told { SETTLE_MS } else { SILENT_MS };
        self.until.min(Time(self.heard.0.saturating_add(silent_ms)))
    }

    /// When the next records are read for the peer.
    fn next_at(&self) -> Option<Time> {
        (self.reading.is_empty() && !self.outgoing.is_empty()).then_some(self.send_at)
    }
}

impl Lately {
    fn take(&mut self, peer: (NodeId, Set), wait_ms: u64, now: Now) -> bool {
        let is_free = self.0.get(&peer).is_none_or(|until| *until <= now.time());
        if is_free {
            self.note(peer, now.after(wait_ms), now);
        }
        is_free
    }

    fn note(&mut self, peer: (NodeId, Set), until: Time, now: Now) {
        if LATELY_MAX <= self.0.len() && !self.0.contains_key(&peer) {
            self.0.retain(|_, until| now.time() < *until);
            if LATELY_MAX <= self.0.len() {
                let first = self.0.iter().min_by_key(|(_, until)| **until);
                let first = first.map(|(peer, _)| *peer);
                first.and_then(|peer| self.0.remove(&peer));
            }
        }
        self.0.insert(peer, until);
    }
}

/// How often with one peer: 0.6 ms for each record. A look at a record takes a quarter of a
/// microsecond and an exchange seven looks at most, so that this is 0.3 % of one processor.
fn every_ms(count: u64) -> u64 {
    (count / 5 * 3).clamp(EVERY_MS_MIN, EVERY_MS_MAX)
}

/// Exchanges answered at once, each with half a megabyte of symbols at most.
const ANSWERED_AT_ONCE: usize = 8;
/// Exchanges answered in the time in which one peer may begin one: a fifth of one processor if all of
/// them are as dear as can be, a twentieth if they are not.
const ANSWERS_MAX: u32 = 64;
/// Ten seconds for small sets, ten minutes for a million records.
const EVERY_MS_MIN: u64 = 10_000;
const EVERY_MS_MAX: u64 = 600_000;
/// So long a peer is walked with which an exchange did not end in agreement: others wait meanwhile.
const FAILED_MS: u64 = 3_600_000;
/// Peers remembered, 48 bytes each.
const LATELY_MAX: usize = 1_024;
/// An exchange in which nothing is heard for so long has failed.
const SILENT_MS: u64 = 10_000;
/// Once all is told: if nothing new comes for so long, and they still differ, they walk.
const SETTLE_MS: u64 = 5_000;
/// An exchange takes no longer, however much is heard, and the records after it
const TELLS_MS: u64 = 30_000;
/// neither.
const SETTLES_MS: u64 = 60_000;
