//! Large sets that differ are compared by sketches first; the walk is for whatever a sketch cannot do.
//!
//! Whole sets are looked at by a worker (`Effect::Glance`), as they were when the exchange began. What
//! comes of it is never trusted: roots are compared as after a walk (SKETCH-5).

use bytes::Bytes;
use merkle::Map;
use sketch::{Act, Answer, Answerer, Asker, Done, Estimate, Question, SYMBOL_BYTES, Symbol};
use wire::{Compare, Digest, Fetch, Frame, Set, SetSummary, Signed, SketchStep, Wanted};

use super::compare::RANGE_BYTES_MAX;
use super::{Engine, Serving};
use crate::event::Glance;
use crate::exchanges::{About, Exchange, Party, Role, Side};
use crate::{Effect, LinkId, Now, TicketId, Time, reconcile};

/// How a set that differs is compared.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    /// By an exchange of sketches that we begin.
    Sketch,
    /// An exchange under way will tell.
    Wait,
    /// By a walk.
    Walk,
}

impl Engine {
    /// Chooses how to compare a set with a peer (SKETCH-1).
    pub(super) fn way_to_compare(
        &mut self,
        id: LinkId,
        set: Set,
        (ours, theirs): (&SetSummary, &SetSummary),
        now: Now,
    ) -> Way {
        if self.exchanges.is_about(id, set) || self.is_joining(set) {
            return Way::Wait;
        }
        let is_large = self.config.sketch_min <= ours.count.min(theirs.count);
        let is_near = ours.count.abs_diff(theirs.count) <= APART_MAX;
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return Way::Walk };
        if !is_large || !is_near {
            return Way::Walk;
        }
        if self.exchanges.is_asking() {
            // Most of what differs is the same with everybody.
            return Way::Wait;
        }
        if self.exchanges.may_ask(peer, set, ours.count, now) { Way::Sketch } else { Way::Walk }
    }

    /// Tells a peer that it was heard, and that an exchange under way comes first (SKETCH-3).
    pub(super) fn let_wait(&mut self, id: LinkId) {
        self.say_sketch(id, NO_EXCHANGE, SketchStep::Refused);
    }

    /// Begins an exchange.
    pub(super) fn begin_sketch(&mut self, id: LinkId, about: About, now: Now) {
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        let number = self.random.number();
        let (asker, act) = Asker::begin(number);
        let party = Party { role: Role::Asker, link: id, number };
        let map = self.sets.as_of(about.set, about.cutoff_ms);
        let exchange = Exchange::new(party, peer, about, (map, Side::Asker(asker)), now);
        self.exchanges.begin(exchange);
        self.counters.sketched += 1;
        self.perform(party, vec![act], now);
    }

    /// Hears a step of an exchange.
    pub(super) fn sketch_heard(&mut self, id: LinkId, heard: wire::Sketch, now: Now) {
        self.answered(id);
        let wire::Sketch { exchange: number, step } = heard;
        let asker = Party { role: Role::Asker, link: id, number };
        match step {
            SketchStep::Begin { set, cutoff_ms, estimate } => {
                self.sketch_begun(id, number, About { set, cutoff_ms }, &estimate, now);
            }
            SketchStep::More(until) => {
                self.sketch_asked(id, number, Question::More(to_usize(until)), now);
            }
            SketchStep::Want(ids) => self.sketch_asked(id, number, Question::Want(ids), now),
            SketchStep::Refused => {
                if self.exchanges.find(asker).is_some_and(|it| !it.is_told) {
                    self.walk_instead(asker);
                }
            }
            SketchStep::Symbols { nonce, differing, from, until, symbols } => {
                let is_whole = symbols.len().is_multiple_of(SYMBOL_BYTES);
                let Some(exchange) = self.exchanges.find(asker) else { return };
                let Side::Asker(side) = &mut exchange.side else { return };
                exchange.heard = now.time();
                let acts = side.hear(Answer {
                    nonce,
                    differing: to_usize(differing),
                    from: to_usize(from),
                    until: to_usize(until),
                    symbols: Symbol::read(&symbols),
                });
                self.perform(asker, if is_whole { acts } else { vec![Act::Accuse] }, now);
            }
        }
    }

    fn sketch_begun(&mut self, id: LinkId, number: u64, about: About, estimate: &Bytes, now: Now) {
        let Some(estimate) = Estimate::read(estimate) else {
            return self.fault(id, "sent an estimate that is none", now);
        };
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        let crossing = self.exchanges.asking(id, about.set);
        let count = self.sets.map(about.set).len();
        if crossing.is_some() && self.me < peer
            || !self.exchanges.may_answer(id, (peer, about.set), count, now)
        {
            // Of two that ask each other the smaller one does (SKETCH-3).
            return self.say_sketch(id, number, SketchStep::Refused);
        }
        if let Some(ours) = crossing {
            self.counters.sketches_failed += 1;
            self.exchanges.end(ours);
        }
        let (answerer, act) = Answerer::begin(number, Box::new(estimate), self.random.number());
        let party = Party { role: Role::Answerer, link: id, number };
        let floor_ms = self.sets.floor_ms();
        let map = self.sets.as_of(about.set, about.cutoff_ms.map(|it| it.max(floor_ms)));
        let exchange = Exchange::new(party, peer, about, (map, Side::Answerer(answerer)), now);
        self.exchanges.begin(exchange);
        self.counters.sketches_answered += 1;
        self.perform(party, vec![act], now);
    }

    fn sketch_asked(&mut self, id: LinkId, number: u64, question: Question, now: Now) {
        let party = Party { role: Role::Answerer, link: id, number };
        let Some(exchange) = self.exchanges.find(party) else {
            return self.say_sketch(id, number, SketchStep::Refused);
        };
        let Side::Answerer(side) = &mut exchange.side else { return };
        exchange.heard = now.time();
        let acts = side.hear(question);
        self.perform(party, acts, now);
    }

    /// Takes what came of a look at a set.
    pub(super) fn glanced(&mut self, ticket: TicketId, done: Done, now: Now) {
        let Some(party) = self.exchanges.glanced(ticket) else { return };
        let Some(exchange) = self.exchanges.find(party) else { return };
        // The peer could say nothing meanwhile.
        exchange.heard = now.time();
        let acts = match &mut exchange.side {
            Side::Asker(side) => side.done(done),
            Side::Answerer(side) => side.done(done),
        };
        self.perform(party, acts, now);
    }

    fn perform(&mut self, party: Party, acts: Vec<Act>, now: Now) {
        for act in acts {
            let Some(exchange) = self.exchanges.find(party) else { return };
            match act {
                Act::Ask(question) => {
                    let step = step_of(question, exchange.about);
                    self.say_sketch(party.link, party.number, step);
                }
                Act::Answer(answer) => {
                    self.say_sketch(party.link, party.number, step_of_answer(&answer));
                }
                Act::Work(task) => {
                    let map = exchange.map.clone();
                    let ticket = self.ticket();
                    self.exchanges.glance(ticket, party);
                    self.outbox.now(Effect::Glance(ticket, Box::new(Glance { task, map })));
                }
                Act::Send(items) => {
                    exchange.outgoing.extend(items.into_iter().map(Digest));
                    self.read_outgoing(party);
                }
                Act::Close => {
                    exchange.told(now);
                    // What is compared from now on are records and roots.
                    exchange.map = Map::default();
                    self.counters.sketches_found += u64::from(party.role == Role::Asker);
                }
                Act::GiveUp => self.sketch_failed(party, now),
                Act::Accuse => {
                    self.fault(party.link, "sent a sketch that cannot be", now);
                    return;
                }
            }
        }
    }

    /// Walks, as that is what is always right (SKETCH-4).
    fn sketch_failed(&mut self, party: Party, now: Now) {
        let Some(exchange) = self.exchanges.find(party) else { return };
        let (peer, set, is_told) = (exchange.peer, exchange.about.set, exchange.is_told);
        match party.role {
            Role::Asker => {
                self.exchanges.failed(peer, set, now);
                if let Some(link) = self.links.get_mut(party.link) {
                    link.word.nonsense();
                }
                if is_told {
                    // The next summary begins the walk, if they still differ.
                    self.exchanges.end(party);
                } else {
                    self.walk_instead(party);
                }
            }
            Role::Answerer => {
                self.exchanges.end(party);
                if !is_told {
                    self.say_sketch(party.link, party.number, SketchStep::Refused);
                }
            }
        }
    }

    fn walk_instead(&mut self, party: Party) {
        let Some(exchange) = self.exchanges.end(party) else { return };
        self.counters.sketches_failed += 1;
        if self.links.is_greeted(party.link) {
            let About { set, cutoff_ms } = exchange.about;
            let ranges = vec![reconcile::whole(&exchange.map)];
            self.outbox.send(party.link, &Frame::Compare(Compare { set, ranges, cutoff_ms }));
        }
    }

    /// Reads some of the records that a peer lacks: no more than leaves in a moment.
    fn read_outgoing(&mut self, party: Party) {
        let Some(exchange) = self.exchanges.find(party).filter(|it| it.reading.is_empty()) else {
            return;
        };
        let some = exchange.outgoing.len().min(ITEMS_PER_LOAD);
        if some == 0 {
            return;
        }
        exchange.reading = exchange.outgoing.drain(..some).collect();
        let ids = exchange.reading.clone();
        let fetch = Fetch { set: exchange.about.set, wanted: Wanted::Keys(Vec::new()) };
        let ticket = self.ticket();
        let serving = Serving { link: party.link, fetch, last: None, more: false };
        self.serving.insert(ticket, serving);
        self.exchanges.load(ticket, party);
        self.outbox.now(Effect::Load(ticket, ids, RANGE_BYTES_MAX));
    }

    /// Sends records that a peer lacks, and sees when the next ones go.
    pub(super) fn sketch_loaded(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let party = self.exchanges.loaded(ticket);
        let bytes: usize = records.iter().map(Signed::size).sum();
        if let Some(exchange) = party.and_then(|party| self.exchanges.find(party)) {
            let reading = std::mem::take(&mut exchange.reading);
            if RANGE_BYTES_MAX <= bytes {
                // The store stopped there.
                let last = records.last().and_then(|it| Some(it.clone().open().ok()?.id));
                let unread = reading.into_iter().rev().take_while(|id| Some(*id) != last);
                unread.for_each(|id| exchange.outgoing.push_front(id));
            }
            let wait_ms = (bytes as u64).saturating_mul(1_000) / SENT_BYTES_PER_S;
            exchange.send_at = now.after(wait_ms);
            exchange.heard = now.time();
        }
        self.loaded(ticket, records, now);
    }

    /// Ends exchanges that are over, and goes on sending.
    pub(super) fn turn_exchanges(&mut self, now: Now) {
        for party in self.exchanges.late(now) {
            self.sketch_failed(party, now);
        }
        for party in self.exchanges.ready(now) {
            self.read_outgoing(party);
        }
    }

    /// Forgets the exchanges of a link that is gone.
    pub(super) fn sketch_gone(&mut self, id: LinkId) {
        for party in self.exchanges.on(id) {
            let ended = self.exchanges.end(party);
            let is_open = ended.is_some_and(|it| !it.is_told);
            self.counters.sketches_failed += u64::from(is_open && party.role == Role::Asker);
        }
    }

    /// When an exchange needs us.
    pub(super) fn sketch_deadline(&self) -> Option<Time> {
        self.exchanges.deadline()
    }

    fn say_sketch(&mut self, link: LinkId, exchange: u64, step: SketchStep) {
        if self.links.is_greeted(link) {
            self.outbox.send(link, &Frame::Sketch(wire::Sketch { exchange, step }));
        }
    }
}

fn step_of(question: Question, about: About) -> SketchStep {
    match question {
        Question::Begin { estimate, .. } => {
            let About { set, cutoff_ms } = about;
            let estimate = Bytes::copy_from_slice(estimate.bytes());
            SketchStep::Begin { set, cutoff_ms, estimate }
        }
        Question::More(until) => SketchStep::More(to_u32(until)),
        Question::Want(ids) => SketchStep::Want(ids),
    }
}

/// Symbols as they travel (SKETCH-2).
fn step_of_answer(answer: &Answer) -> SketchStep {
    SketchStep::Symbols {
        nonce: answer.nonce,
        differing: to_u32(answer.differing),
        from: to_u32(answer.from),
        until: to_u32(answer.until),
        symbols: Bytes::from(Symbol::write(&answer.symbols)),
    }
}

fn to_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn to_usize(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Sets whose sizes are further apart are walked: most of what differs is fetched by prefix.
const APART_MAX: u64 = 16_384;
/// The number of none.
const NO_EXCHANGE: u64 = 0;
/// Records read at once for a peer that lacks them.
const ITEMS_PER_LOAD: usize = 256;
/// How fast those leave: an uplink of 20 Mbit/s. What a slower one has no room for, a walk brings.
const SENT_BYTES_PER_S: u64 = 2_500_000;
