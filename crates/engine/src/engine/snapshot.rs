//! A newcomer fetches the state in chunks from several peers at once (SNAP); and the other side of that.
//!
//! What comes are ordinary records: each signature is checked, each record is written as any other is, so
//! that a newcomer that is killed goes on where it was. What is then still missing a comparison finds.

use std::collections::{BTreeMap, BTreeSet};

use merkle::{Leaf, Map, Prefix};
use wire::{
    Chunk, ChunkPart, ChunkRefusal, ChunkStep, Frame, Item, NodeId, Opened, RecordId, Set, Signed,
    Summary, TreeId, limits,
};

use super::Engine;
use super::bodies::is_large;
use crate::intake::{Arrival, Source, Spread};
use crate::newcomer::{Heard, Newcomer, Purpose, Wanted, Whole};
use crate::outbox::into_frames;
use crate::sets::Place;
use crate::supplier::{Order, Rate, Reading, Supplier, parts_of};
use crate::{Effect, LinkId, Now, TicketId, Time};

/// What we fetch, and what others fetch from us.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    /// Set while we fetch most of the state.
    pub(super) newcomer: Option<Box<Newcomer>>,
    pub(super) supplier: Supplier,
    /// Peers that promised much of which little came, and until when they are not asked for it.
    mislisted: BTreeMap<NodeId, Time>,
}

impl Engine {
    /// Hears how large a peer's state is beside ours, and begins to fetch it if we lack most of it (SNAP-1).
    pub(super) fn weigh_size(&mut self, id: LinkId, theirs: &Summary, now: Now) {
        let ours = self.sets.map(Set::State).len();
        let far = ours.saturating_add(self.config.chunks_min) <= theirs.state.count;
        let Some(link) = self.links.get(id).filter(|_| far) else { return };
        if let Some(newcomer) = &mut self.chunks.newcomer {
            newcomer.supplied_by(id);
            return self.turn_newcomer(now);
        }
        if self.chunks.mislisted.get(&link.peer).is_some_and(|until| now.time() < *until) {
            return;
        }
        // The others link up meanwhile, and the newest checkpoint comes.
        let wait_ms = if self.chamber.is_some() { CHECKPOINT_MS } else { 0 };
        let begin = Newcomer::begin(id, theirs.state.count, now.after(wait_ms), now);
        self.chunks.newcomer = Some(Box::new(begin));
        self.turn_newcomer(now);
    }

    /// Says whether chunks are being fetched: then nothing else of this set is.
    pub(super) fn is_joining(&self, set: Set) -> bool {
        set == Set::State && self.chunks.newcomer.is_some()
    }

    /// Does what is due: makes the first wish, takes chunks in, asks for others, ends.
    pub(super) fn turn_newcomer(&mut self, now: Now) {
        let checkpoint = self.checkpoint_wanted();
        let Some(newcomer) = &mut self.chunks.newcomer else { return };
        if newcomer.is_due(now) {
            newcomer.start(checkpoint, now);
        }
        newcomer.give_up_late(now);
        self.take_chunks(now);
        let Some(newcomer) = &mut self.chunks.newcomer else { return };
        // What came last has to enter first: then roots are worth comparing.
        let is_done = newcomer.is_done() && self.intake.is_empty() && self.pasts.is_empty();
        if is_done || newcomer.is_stalled(now) {
            return self.end_newcomer(now);
        }
        for question in newcomer.ask(now) {
            let (prefix, bits) = (*question.prefix.key(), question.prefix.bits());
            let step = ChunkStep::Wanted { prefix, bits, hash: question.hash };
            let chunk = Chunk { wish: question.wish, step };
            self.outbox.send(question.link, &Frame::Chunk(chunk));
        }
    }

    /// The newest checkpoint that we can verify, unless we have fetched it.
    fn checkpoint_wanted(&self) -> Option<Wanted> {
        let (_, sealed) = self.chamber.as_ref()?.council.sealed().last_key_value()?;
        let checkpoint = &sealed.checkpoint;
        let far = self.sets.map(Set::State).len().saturating_add(self.config.chunks_min);
        (far <= checkpoint.count).then(|| self.wanted_of(checkpoint))
    }

    fn end_newcomer(&mut self, now: Now) {
        let Some(newcomer) = self.chunks.newcomer.take() else { return };
        if let Some(height) = newcomer.height() {
            self.fetched(height);
        }
        if newcomer.purpose() == Purpose::Join
            && !newcomer.was_worth_it()
            && let Some(link) = self.links.get(newcomer.lister)
        {
            let peer = link.peer;
            if MISLISTED_MAX <= self.chunks.mislisted.len() {
                // Who may be asked first makes room.
                let first = self.chunks.mislisted.iter().min_by_key(|(_, until)| **until);
                let first = first.map(|(peer, _)| *peer);
                first.and_then(|peer| self.chunks.mislisted.remove(&peer));
            }
            self.chunks.mislisted.insert(peer, now.after(MISLISTED_MS));
        }
        // What is left is compared, and soon.
        self.links.all_mut().for_each(|link| {
            link.walk.reset();
            link.ask.reset();
        });
        self.rounds.wake(now.time());
    }

    /// Forgets a link that supplied us, or that we supplied.
    pub(super) fn chunks_gone(&mut self, id: LinkId, now: Now) {
        self.chunks.supplier.link_gone(id);
        if let Some(newcomer) = &mut self.chunks.newcomer {
            newcomer.link_gone(id);
            self.turn_newcomer(now);
        }
    }

    /// Hears a step of fetching chunks.
    pub(super) fn chunk(&mut self, id: LinkId, chunk: Chunk, now: Now) {
        self.answered(id);
        let Chunk { wish, step } = chunk;
        let heard = match step {
            ChunkStep::Wanted { prefix, bits, hash } => {
                let prefix = Prefix::new(&prefix, bits);
                return self.chunk_wanted(Order { link: id, wish, prefix, hash }, now);
            }
            ChunkStep::Records { records, items, last, from } => {
                let Some(records) = opened(records) else {
                    return self.fault(id, "sent a chunk with what is no part of the state", now);
                };
                let Some(newcomer) = &mut self.chunks.newcomer else { return };
                newcomer.records((id, wish), Heard { records, items, last, from }, now)
            }
            ChunkStep::Parts(parts) => {
                let Some(newcomer) = &mut self.chunks.newcomer else { return };
                newcomer.parts((id, wish), &parts, self.sets.map(Set::State), now)
            }
            ChunkStep::Refused(refusal) => {
                let Some(newcomer) = &mut self.chunks.newcomer else { return };
                match refusal {
                    ChunkRefusal::Absent => newcomer.absent(id, wish),
                    ChunkRefusal::Exhausted => newcomer.exhausted(id, wish, now),
                }
                Ok(())
            }
        };
        match heard {
            Ok(()) => self.turn_newcomer(now),
            Err(lie) => {
                self.counters.chunks_refused += 1;
                self.fault(id, lie.0, now);
            }
        }
    }

    /// Lets the records of whole chunks in, as far as there is room for their signatures (SNAP-5).
    fn take_chunks(&mut self, now: Now) {
        loop {
            let waiting = self.intake.len();
            let room = match waiting {
                0 => usize::MAX,
                _ => (self.config.pending_max * 3 / 4).saturating_sub(waiting),
            };
            let Some(newcomer) = &mut self.chunks.newcomer else { return };
            let Some(whole) = newcomer.take_whole(room, now) else { return };
            let Whole { link, records, keys, past } = whole;
            self.counters.chunks_fetched += 1;
            if let Some((line, signed)) = past {
                self.look_for_past(&line, &signed);
            }
            let (spread, source, tree) = (Spread::Quiet, Source::Link(link), TreeId::default());
            for opened in records {
                self.arrive(Arrival { opened, ttl: 0, hops: 0, spread, source, tree }, now);
            }
            let map = self.sets.map(Set::State);
            let keys = keys.into_iter().filter(|key| map.get(key).is_none()).collect();
            self.want_keys(link, Set::State, keys, now);
        }
    }

    /// Serves a newcomer, at once or when those before it are (SNAP-7).
    fn chunk_wanted(&mut self, order: Order, now: Now) {
        let (link, wish) = (order.link, order.wish);
        if self.chunks.supplier.order(order) {
            self.turn_supplier(now);
        } else {
            self.say_chunk(link, wish, ChunkStep::Refused(ChunkRefusal::Exhausted));
        }
    }

    /// Serves who waits, as far as we give.
    pub(super) fn turn_supplier(&mut self, now: Now) {
        while let Some(order) = self.chunks.supplier.next(now) {
            let (link, wish) = (order.link, order.wish);
            let Some(map) = self.map_with(&order) else {
                self.say_chunk(link, wish, ChunkStep::Refused(ChunkRefusal::Absent));
                continue;
            };
            let count = map.part_count(&order.prefix);
            if (limits::CHUNK_RECORDS_MAX as u64) < count {
                self.say_parts(&order, &map, parts_of(count), now);
                continue;
            }
            let leaves = map.leaves(&order.prefix, None, limits::CHUNK_RECORDS_MAX);
            let ids = leaves.iter().map(|leaf| leaf.value).collect();
            let ticket = self.ticket();
            let rate = self.rate(now);
            self.chunks.supplier.reads(ticket, Reading { order, leaves }, rate);
            self.outbox.now(Effect::Load(ticket, ids, limits::CHUNK_BYTES_MAX));
        }
    }

    /// Finds a map of ours that holds what is wished: the state as it is, or as it was at a checkpoint.
    fn map_with(&self, order: &Order) -> Option<Map> {
        let now = self.sets.map(Set::State);
        let Some(hash) = &order.hash else { return Some(now.clone()) };
        let anchors = self.chamber.iter().flat_map(|chamber| chamber.anchors());
        let holds = |map: &&Map| map.part(&order.prefix).is_some_and(|part| part.hash == *hash);
        std::iter::once(now).chain(anchors).find(holds).cloned()
    }

    fn say_parts(&mut self, order: &Order, map: &Map, parts_max: usize, now: Now) {
        let parts = map.parts(&order.prefix, parts_max);
        let parts: Vec<ChunkPart> = parts
            .iter()
            .map(|part| ChunkPart {
                prefix: *part.prefix.key(),
                bits: part.prefix.bits(),
                hash: part.hash,
                count: part.count,
            })
            .collect();
        let rate = self.rate(now);
        self.chunks.supplier.sent(parts.len() * PART_BYTES, rate);
        self.say_chunk(order.link, order.wish, ChunkStep::Parts(parts));
    }

    /// Sends a chunk that was read, or its parts if it is too large.
    pub(super) fn chunk_loaded(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let bytes: usize = records.iter().map(Signed::size).sum();
        let rate = self.rate(now);
        let Some(reading) = self.chunks.supplier.read(ticket, bytes, rate) else { return };
        let Reading { order, leaves } = reading;
        let (link, wish) = (order.link, order.wish);
        if self.links.is_greeted(link) {
            if limits::CHUNK_BYTES_MAX <= bytes && 1 < leaves.len() {
                // The store stopped there.
                let map = Map::of(leaves);
                self.say_parts(&order, &map, PARTS_OF_LARGE, now);
            } else {
                self.counters.chunks_sent += 1;
                self.send_chunk(link, wish, leaves, records);
            }
        }
        self.turn_supplier(now);
    }

    fn send_chunk(&mut self, link: LinkId, wish: u32, leaves: Vec<Leaf>, records: Vec<Signed>) {
        let all = leaves.len() == records.len();
        let records: Vec<Signed> = records.into_iter().filter(|it| !is_large(it)).collect();
        let mut items = Vec::new();
        if !all || leaves.len() != records.len() {
            // Replaced since, or coming in pieces: the hash commits to them.
            let ids = records.iter().filter_map(|it| Some(it.clone().open().ok()?.id));
            let sent: BTreeSet<RecordId> = ids.collect();
            let others = leaves.iter().filter(|leaf| !sent.contains(&leaf.value));
            items.extend(others.map(|leaf| Item { key: leaf.key, value: leaf.value }));
        }
        let step = |records, items| {
            let step = ChunkStep::Records { records, items, last: false, from: 0 };
            Frame::Chunk(Chunk { wish, step })
        };
        let mut frames = into_frames(records, Signed::size, |it| step(it, Vec::new()));
        frames.extend(items.chunks(ITEMS_PER_FRAME).map(|it| step(Vec::new(), it.to_vec())));
        if frames.is_empty() {
            frames.push(step(Vec::new(), Vec::new()));
        }
        let (count, mut before) = (frames.len(), 0);
        for (at, mut frame) in frames.into_iter().enumerate() {
            if let Frame::Chunk(Chunk { step, .. }) = &mut frame
                && let ChunkStep::Records { records, items, last, from } = step
            {
                (*last, *from) = (at + 1 == count, before);
                before = before.saturating_add(length(records.len() + items.len()));
            }
            self.outbox.send(link, &frame);
        }
    }

    fn rate(&self, now: Now) -> Rate {
        Rate { bytes_per_s: self.config.chunk_bytes_per_s, now }
    }

    fn say_chunk(&mut self, link: LinkId, wish: u32, step: ChunkStep) {
        self.outbox.send(link, &Frame::Chunk(Chunk { wish, step }));
    }

    /// When chunks need us.
    pub(super) fn chunk_deadline(&self) -> Option<Time> {
        let newcomer = self.chunks.newcomer.as_ref().and_then(|it| it.deadline());
        [newcomer, self.chunks.supplier.deadline()].into_iter().flatten().min()
    }
}

/// Opens the records of a chunk, which are part of the state, and says where they stand.
fn opened(records: Vec<Signed>) -> Option<Vec<(Leaf, Opened)>> {
    let open = |signed: Signed| {
        let opened = signed.open().ok()?;
        let place = Place::of(&opened.id, &opened.signed.author, &opened.record);
        let Place { key, .. } = place.filter(|place| place.set == Set::State)?;
        Some((Leaf { key, value: opened.id, stamp: opened.record.created.0 }, opened))
    };
    records.into_iter().map(open).collect()
}

fn length(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// How long a newcomer waits for the newest checkpoint, in a network that has them.
const CHECKPOINT_MS: u64 = 2_000;
/// Peers that promised much of which little came, and how long they are not asked what there is.
const MISLISTED_MAX: usize = 64;
const MISLISTED_MS: u64 = 600_000;
/// Bytes of a part on its way, about.
const PART_BYTES: usize = 80;
/// Into how many parts a chunk is cut that turned out to be too large.
const PARTS_OF_LARGE: usize = 8;
/// Items in one frame, 68 bytes each.
const ITEMS_PER_FRAME: usize = 128;
