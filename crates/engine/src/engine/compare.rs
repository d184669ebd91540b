//! Neighbours that differ walk down their sets and fetch what they lack.
//!
//! Every step of a walk looks at both sets as of the moment its first step named, so it never meets
//! what is on its way (WALK-2).

use std::collections::{BTreeSet, VecDeque};

use merkle::Prefix;
use wire::{
    Class, Compare, Content, Digest, Fetch, Frame, Offer, Range, Record, Records, Set, Signed,
    TreeId, Wanted,
};

use super::bodies::is_large;
use super::{Engine, Fetching, Serving};
use crate::intake::{Arrival, Source, Spread};
use crate::links::WANTED_MS;
use crate::outbox::into_frames;
use crate::sets::Place;
use crate::{Effect, LinkId, Now, TicketId, reconcile};

impl Engine {
    pub(super) fn compare(&mut self, id: LinkId, compare: &Compare, now: Now) {
        self.answered(id);
        if self.is_worthless(id, now) {
            return;
        }
        let (set, cutoff_ms) = (compare.set, compare.cutoff_ms);
        let floor_ms = self.sets.floor_ms();
        let map = self.sets.as_of(set, cutoff_ms.map(|it| it.max(floor_ms)));
        let mut outcome = reconcile::compare(&map, &compare.ranges);
        let frame = |ranges| Frame::Compare(Compare { set, ranges, cutoff_ms });
        for frame in into_frames(outcome.ranges, range_size, frame) {
            self.outbox.send(id, &frame);
        }
        if self.is_joining(set) {
            // All of it is being fetched from several at once (SNAP-1).
            return;
        }
        outcome.keys.retain(|key| !self.sets.is_ahead(set, key, cutoff_ms));
        self.want_keys(id, set, outcome.keys, now);
        self.want_ranges(id, set, outcome.prefixes, now);
    }

    pub(super) fn want_keys(&mut self, id: LinkId, set: Set, mut keys: Vec<Digest>, now: Now) {
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
        if !keys.is_empty() {
            link.word.asked(now.time());
        }
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
                if let Some(link) = self.links.get_mut(id) {
                    link.word.asked(now.time());
                }
                let (asked, heard) = (first, now.time());
                self.fetching = Some(Fetching { link: id, asked, queue, held: None, heard });
            }
        }
    }

    /// Takes what we asked for. Neighbours learn of it by comparison, not by push (WALK-5).
    pub(super) fn records(&mut self, id: LinkId, records: Records, now: Now) {
        let Records { records, range, next, .. } = records;
        if let Some(link) = self.links.get_mut(id).filter(|_| !records.is_empty()) {
            link.word.kept();
        }
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
        if self.intake.is_half_full() || self.pieces.is_half_full() {
            return;
        }
        let Some(fetching) = &mut self.fetching else { return };
        if let Some(fetch) = fetching.held.take() {
            fetching.asked = fetch.clone();
            self.outbox.send(fetching.link, &Frame::Fetch(fetch));
        }
    }

    /// Hears what a peer wants. What comes at once is looked up one after the other: a walk asks for a few
    /// keys with each of its steps.
    pub(super) fn fetch(&mut self, id: LinkId, fetch: Fetch) {
        if self.may_serve(id) {
            return self.serve(id, fetch);
        }
        let of_link = self.wishes.iter().filter(|(link, _)| *link == id).map(|(_, it)| size(it));
        let fits = of_link.sum::<usize>() + size(&fetch) <= WISHES_PER_LINK_MAX;
        let all: usize = self.wishes.iter().map(|(_, it)| size(it)).sum();
        if fits && all + size(&fetch) <= WISHES_MAX {
            self.wishes.push_back((id, fetch));
        } else {
            self.counters.dropped += 1;
        }
    }

    /// Serves who waits, now that the store has answered a wish of this link: its next one, or that of
    /// another.
    fn serve_next(&mut self, served: LinkId) {
        let of_link = self.wishes.iter().position(|(id, _)| *id == served);
        let next = of_link.or_else(|| self.wishes.iter().position(|(id, _)| self.may_serve(*id)));
        if let Some((id, fetch)) = next.and_then(|at| self.wishes.remove(at)) {
            self.serve(id, fetch);
        }
    }

    fn may_serve(&self, id: LinkId) -> bool {
        let of_link = self.serving.values().filter(|serving| serving.link == id).count();
        of_link < SERVING_PER_LINK_MAX && self.serving.len() < SERVING_MAX
    }

    /// Looks up what a peer wants; the store has the bytes.
    fn serve(&mut self, id: LinkId, fetch: Fetch) {
        let map = self.sets.map(fetch.set);
        let (leaves, more) = match &fetch.wanted {
            Wanted::Keys(keys) => {
                // Once each, however often a peer names it.
                let keys: BTreeSet<&Digest> = keys.iter().collect();
                (keys.into_iter().filter_map(|key| map.get(key)).collect(), false)
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

    pub(super) fn loaded(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let Some(Serving { link, fetch, mut last, mut more }) = self.serving.remove(&ticket) else {
            return;
        };
        self.serve_next(link);
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
        let (large, records): (Vec<Signed>, Vec<Signed>) = records.into_iter().partition(is_large);
        for opened in large.into_iter().filter_map(|signed| signed.open().ok()) {
            self.offer(link, &opened, None, Offer::Repair, now);
        }
        let (alerts, records): (Vec<Signed>, Vec<Signed>) = records.into_iter().partition(is_alert);
        for mut frame in into_frames(alerts, Signed::size, frame) {
            if let Frame::Records(records) = &mut frame {
                records.range = false;
            }
            self.outbox.send_as(Class::Alert, link, &frame);
        }
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

/// Alerts go first, also those that only came late (WALK-6).
fn is_alert(signed: &Signed) -> bool {
    let record = Record::decode(&signed.body);
    record.is_ok_and(|it| matches!(it.content, Content::Message(it) if it.class == Class::Alert))
}

/// What a wish that waits counts as: its keys, 32 bytes each, or one.
fn size(fetch: &Fetch) -> usize {
    match &fetch.wanted {
        Wanted::Keys(keys) => keys.len().max(1),
        Wanted::Range { .. } => 1,
    }
}

fn range_size(range: &Range) -> usize {
    48 + range.view.parts_len() * 80
}

/// Keys asked of one peer at once; a later walk finds the rest.
const WANTED_MAX: usize = 4_096;
/// Keys in one wish, 34 bytes each: no frame is above 16 KiB.
const KEYS_PER_FETCH: usize = 256;
/// Ranges waiting to be fetched from one peer; a later walk finds the rest.
const RANGES_QUEUED_MAX: usize = 1_024;
/// Records sent in one piece of a range, and their bytes.
const RANGE_RECORDS_MAX: usize = 512;
pub(super) const RANGE_BYTES_MAX: usize = 512 * 1024;
/// Wishes that the store is asked for at once.
const SERVING_MAX: usize = 64;
const SERVING_PER_LINK_MAX: usize = 8;
/// Keys and ranges that wait for their turn, of one link as many as it is ever asked for at once. One more
/// is dropped; who is not answered asks again later.
const WISHES_MAX: usize = 16_384;
const WISHES_PER_LINK_MAX: usize = 4_096;
