//! Neighbours compare their sets and fetch what they lack.
//!
//! Both ends tell each other their summaries until each has heard the other agree (WALK-1). Where
//! they differ, the smaller id begins a walk (WALK-3). Sets in motion wait a little: records in
//! flight would look missing (WALK-2).

use std::collections::{BTreeSet, VecDeque};

use merkle::Prefix;
use wire::{
    Compare, Digest, Fetch, Frame, Range, Records, Set, Signed, Summary, TreeId, Wanted, limits,
};

use super::{Engine, Fetching, Serving};
use crate::intake::{Arrival, Source, Spread};
use crate::links::WANTED_MS;
use crate::outbox::into_frames;
use crate::sets::Place;
use crate::{Effect, Event, LinkId, Now, TicketId, Time, reconcile};

impl Engine {
    pub(super) fn summary_heard(&mut self, id: LinkId, theirs: Summary, now: Now) {
        let ours = self.sets.summary();
        let settled = self.settled_at().is_none_or(|at| at <= now.time());
        let (me, settle_max_ms) = (self.me, self.config.settle_max_ms);
        // Under steady traffic nothing is ever quiet.
        let late = |walked: Time| walked.0.saturating_add(settle_max_ms) <= now.mono_ms;
        let Some(link) = self.links.get_mut(id) else { return };
        link.theirs = Some(theirs);
        if theirs.answer_wanted {
            link.told = Some(ours);
            self.outbox.send(id, &Frame::Summary(ours));
        }
        if ours.agrees_with(&theirs) {
            link.ask.reset();
            link.walk.reset();
        } else if me < link.peer && link.walk.is_due(now.time()) && (settled || late(link.walked)) {
            link.walked = now.time();
            link.walk.tried(now.time(), self.config.compare_ms, self.config.heartbeat_ms);
            self.begin_walk(id, &theirs);
        }
    }

    fn begin_walk(&mut self, id: LinkId, theirs: &Summary) {
        let ours = self.sets.summary();
        self.counters.compared += 1;
        // Messages first: they do not wait as well as the state does.
        let sets = [
            (Set::Messages, ours.messages != theirs.messages),
            (Set::State, ours.state != theirs.state),
        ];
        for (set, _) in sets.into_iter().filter(|(_, differs)| *differs) {
            let ranges = vec![reconcile::whole(self.sets.map(set))];
            self.outbox.send(id, &Frame::Compare(Compare { set, ranges }));
        }
    }

    pub(super) fn compare(&mut self, id: LinkId, compare: &Compare, now: Now) {
        let set = compare.set;
        let outcome = reconcile::compare(self.sets.map(set), &compare.ranges);
        let frame = |ranges| Frame::Compare(Compare { set, ranges });
        for frame in into_frames(outcome.ranges, range_size, frame) {
            self.outbox.send(id, &frame);
        }
        self.want_keys(id, set, outcome.keys, now);
        self.want_ranges(id, set, outcome.prefixes, now);
    }

    fn want_keys(&mut self, id: LinkId, set: Set, mut keys: Vec<Digest>, now: Now) {
        keys.retain(|key| {
            let asked = self.links.is_wanted(id, key, now.time());
            !asked && !self.sets.is_past(set, key, now.unix_ms)
        });
        let Some(link) = self.links.get_mut(id) else { return };
        if WANTED_MAX <= link.wanted.len() {
            link.wanted.retain(|_, at| now.mono_ms < at.0.saturating_add(WANTED_MS));
        }
        keys.truncate(WANTED_MAX.saturating_sub(link.wanted.len()));
        link.wanted.extend(keys.iter().map(|key| (*key, now.time())));
        for keys in keys.chunks(KEYS_PER_FETCH) {
            let wanted = Wanted::Keys(keys.to_vec());
            self.outbox.send(id, &Frame::Fetch(Fetch { set, wanted }));
        }
    }

    fn want_ranges(&mut self, id: LinkId, set: Set, prefixes: Vec<Prefix>, now: Now) {
        let wanted = prefixes.into_iter().filter(|prefix| {
            let has_hour = 96 <= prefix.bits();
            !(has_hour && self.sets.is_past(set, prefix.key(), now.unix_ms))
        });
        let fetches = wanted.map(|prefix| {
            let (key, bits) = (*prefix.key(), prefix.bits());
            Fetch { set, wanted: Wanted::Range { prefix: key, bits, after: None } }
        });
        let mut queue: VecDeque<Fetch> = fetches.take(RANGES_QUEUED_MAX).collect();
        match &mut self.fetching {
            Some(fetching) if fetching.link == id => {
                let room = RANGES_QUEUED_MAX.saturating_sub(fetching.queue.len());
                fetching.queue.extend(queue.into_iter().take(room));
            }
            // Somebody else is already sending; what is then still missing is asked for later.
            Some(_) => {}
            None => {
                let Some(first) = queue.pop_front() else { return };
                self.outbox.send(id, &Frame::Fetch(first.clone()));
                let (asked, heard) = (first, now.time());
                self.fetching = Some(Fetching { link: id, asked, queue, held: None, heard });
            }
        }
    }

    /// Takes what we asked for. Neighbours learn of it by comparison, not by push (WALK-5).
    pub(super) fn records(&mut self, id: LinkId, records: Records, now: Now) {
        let Records { records, range, next, .. } = records;
        for signed in records {
            match signed.open() {
                Ok(opened) => {
                    let (spread, source) = (Spread::Quiet, Source::Link(id));
                    let (ttl, hops) = (0, 0);
                    self.arrive(
                        Arrival { opened, ttl, hops, spread, source, tree: TreeId::default() },
                        now,
                    );
                }
                Err(error) => return self.fault(id, &format!("sent no record: {error}"), now),
            }
        }
        let Some(fetching) = self.fetching.as_mut().filter(|it| range && it.link == id) else {
            return;
        };
        let next = next.filter(|next| goes_on(&fetching.asked, next));
        fetching.held = next.or_else(|| fetching.queue.pop_front());
        if fetching.held.is_none() {
            self.fetching = None;
        }
        self.go_on_fetching();
    }

    /// Asks for the next piece, once the signatures of the last are nearly done (WALK-4).
    pub(super) fn go_on_fetching(&mut self) {
        if self.intake.is_half_full() {
            return;
        }
        let Some(fetching) = &mut self.fetching else { return };
        if let Some(fetch) = fetching.held.take() {
            fetching.asked = fetch.clone();
            self.outbox.send(fetching.link, &Frame::Fetch(fetch));
        }
    }

    /// Looks up what a peer wants; the store has the bytes.
    pub(super) fn fetch(&mut self, id: LinkId, fetch: Fetch) {
        let of_link = self.serving.values().filter(|serving| serving.link == id).count();
        if SERVING_PER_LINK_MAX <= of_link || SERVING_MAX <= self.serving.len() {
            self.counters.dropped += 1;
            return;
        }
        let map = self.sets.map(fetch.set);
        let (leaves, more) = match &fetch.wanted {
            Wanted::Keys(keys) => {
                // Once each, however often a peer names it.
                let keys: BTreeSet<&Digest> = keys.iter().collect();
                (keys.into_iter().filter_map(|key| map.get(key).copied()).collect(), false)
            }
            Wanted::Range { prefix, bits, after } => {
                let prefix = Prefix::new(prefix, *bits);
                let leaves = map.leaves(&prefix, after.as_ref(), RANGE_RECORDS_MAX);
                let more = leaves.len() == RANGE_RECORDS_MAX;
                (leaves, more)
            }
        };
        let last = leaves.last().map(|leaf| leaf.key);
        let ticket = self.ticket();
        self.serving.insert(ticket, Serving { link: id, fetch, last, more });
        let ids = leaves.iter().map(|leaf| leaf.value).collect();
        self.outbox.now(Effect::Load(ticket, ids, RANGE_BYTES_MAX));
    }

    pub(super) fn loaded(&mut self, ticket: TicketId, records: Vec<Signed>) {
        let Some(Serving { link, fetch, mut last, mut more }) = self.serving.remove(&ticket) else {
            return;
        };
        let set = fetch.set;
        let range = match fetch.wanted {
            Wanted::Keys(_) => None,
            Wanted::Range { prefix, bits, .. } => Some((prefix, bits)),
        };
        let bytes: usize = records.iter().map(Signed::size).sum();
        if range.is_some() && RANGE_BYTES_MAX <= bytes {
            // The store stopped here; what is left of a list of keys a later walk asks for.
            last = records.last().and_then(|signed| {
                let opened = signed.clone().open().ok()?;
                Some(Place::of(&opened.id, &signed.author, &opened.record)?.key)
            });
            more = true;
        }
        let next = range.filter(|_| more && last.is_some()).map(|(prefix, bits)| Fetch {
            set,
            wanted: Wanted::Range { prefix, bits, after: last },
        });
        if !self.links.is_greeted(link) {
            return;
        }
        self.counters.repaired += records.len() as u64;
        let frame =
            |records| Frame::Records(Records { set, records, range: range.is_some(), next: None });
        let mut frames = into_frames(records, Signed::size, frame);
        if frames.is_empty() && range.is_some() {
            frames.push(frame(Vec::new()));
        }
        let count = frames.len();
        for (at, mut frame) in frames.into_iter().enumerate() {
            if let Frame::Records(records) = &mut frame {
                // Only the last frame ends the piece.
                records.range = range.is_some() && at + 1 == count;
                records.next = next.clone().filter(|_| at + 1 == count);
            }
            self.outbox.send(link, &frame);
        }
    }

    /// Tells neighbours how our sets look, where they do not know or have not agreed.
    pub(super) fn tell(&mut self, now: Now) {
        if self.settled_at().is_some_and(|at| now.time() < at) {
            return;
        }
        let ours = self.sets.summary();
        if self.changed.take().is_some() {
            self.report_root(&ours, now);
            for id in self.links.greeted_ids() {
                if let Some(link) = self.links.get_mut(id) {
                    link.ask.reset();
                }
            }
        }
        for id in self.links.greeted_ids() {
            let Some(link) = self.links.get_mut(id) else { continue };
            let agreed = link.theirs.is_some_and(|theirs| theirs.agrees_with(&ours));
            let knows = link.told.is_some_and(|told| told.agrees_with(&ours));
            if knows && (agreed || !link.ask.is_due(now.time())) {
                continue;
            }
            if !agreed {
                link.ask.tried(now.time(), self.config.compare_ms, self.config.heartbeat_ms);
            }
            link.told = Some(ours);
            self.outbox.send(id, &Frame::Summary(Summary { answer_wanted: !agreed, ..ours }));
        }
    }

    /// When the neighbours are told or asked next.
    pub(super) fn tell_deadline(&self) -> Option<Time> {
        if let Some(at) = self.settled_at() {
            return (0 < self.links.greeted_len() || self.changed.is_some()).then_some(at);
        }
        let ours = self.sets.summary();
        let open = self.links.greeted().filter(|(_, link)| {
            !link.theirs.is_some_and(|theirs| theirs.agrees_with(&ours))
                || !link.told.is_some_and(|told| told.agrees_with(&ours))
        });
        open.map(|(_, link)| {
            let knows = link.told.is_some_and(|told| told.agrees_with(&ours));
            if knows { link.ask.at } else { Time(0) }
        })
        .min()
    }

    /// Notes that somebody brought something new.
    pub(super) fn made_progress(&mut self, sources: &[Source], now: Now) {
        for source in sources {
            let Source::Link(id) = source else { continue };
            if let Some(link) = self.links.get_mut(*id) {
                link.walk.reset();
            }
            if let Some(fetching) = self.fetching.as_mut().filter(|it| it.link == *id) {
                fetching.heard = now.time();
            }
        }
    }

    /// When the sets will have been quiet long enough; `None` if they are.
    fn settled_at(&self) -> Option<Time> {
        let changed = self.changed?;
        let quiet = changed.last.0.saturating_add(self.config.settle_ms);
        let latest = changed.first.0.saturating_add(self.config.settle_max_ms);
        Some(Time(quiet.min(latest)))
    }

    fn report_root(&mut self, ours: &Summary, now: Now) {
        if ours.state.root == self.reported_root {
            return;
        }
        self.reported_root = ours.state.root;
        let event = Event::RootChanged(ours.state.root, ours.state.count);
        self.outbox.now(Effect::Report(event));
        self.tell_doors_root(ours, now);
    }
}

/// Says whether a peer's next step continues what we asked for: same range, further on.
fn goes_on(asked: &Fetch, next: &Fetch) -> bool {
    match (&asked.wanted, &next.wanted) {
        (
            Wanted::Range { prefix, bits, after },
            Wanted::Range { prefix: next_prefix, bits: next_bits, after: next_after },
        ) => {
            let same = asked.set == next.set && (prefix, bits) == (next_prefix, next_bits);
            let inside = next_after.is_some_and(|key| Prefix::new(prefix, *bits).covers(&key));
            same && inside && after < next_after
        }
        (Wanted::Keys(_) | Wanted::Range { .. }, Wanted::Keys(_) | Wanted::Range { .. }) => false,
    }
}

fn range_size(range: &Range) -> usize {
    48 + range.view.parts_len() * 80
}

/// Keys asked of one peer at once; a later walk finds the rest.
const WANTED_MAX: usize = 4_096;
/// Keys in one wish.
const KEYS_PER_FETCH: usize = limits::KEYS_MAX / 2;
/// Ranges waiting to be fetched from one peer; a later walk finds the rest.
const RANGES_QUEUED_MAX: usize = 1_024;
/// Records sent in one piece of a range, and their bytes.
const RANGE_RECORDS_MAX: usize = 512;
const RANGE_BYTES_MAX: usize = 1024 * 1024;
/// Wishes that wait for the store; a peer that is not answered asks again later.
const SERVING_MAX: usize = 64;
const SERVING_PER_LINK_MAX: usize = 8;
