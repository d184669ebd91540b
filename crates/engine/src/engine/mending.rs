//! What becomes of a state that is not what the checkpoints say: it is mended by them (STATE-10).
//!
//! A node that was away for longer than deletions are kept holds what the others deleted and forgot. No comparison
//! tells that from something new, but a checkpoint does: what is older than its horizon and not in it is past.
//! Chunks of the checkpoint are fetched as a newcomer does; what they have not, and is past, goes. What this
//! node wrote itself and nobody knows is written anew. Bound: one chunk's worth of past entries for each chunk
//! under way; records of them are read [`RANGE_BYTES_MAX`] at once.

use std::collections::BTreeMap;

use checkpoint::{Checkpoint, Row};
use merkle::Leaf;
use wire::{Content, RecordId, Set, Signed};

use super::Engine;
use super::compare::RANGE_BYTES_MAX;
use crate::chamber::Missed;
use crate::horizon::Line;
use crate::newcomer::{self as chunk, Newcomer, Wanted};
use crate::{Effect, Now, TicketId};

/// Entries of ours that are past, while it is looked up who wrote them.
#[derive(Debug, Default)]
pub(super) struct Pasts {
    reading: BTreeMap<TicketId, Vec<Past>>,
}

#[derive(Clone, Copy, Debug)]
struct Past {
    leaf: Leaf,
    /// Whether the checkpoint has another record there.
    rival: bool,
}

impl Pasts {
    pub(super) fn is_empty(&self) -> bool {
        self.reading.is_empty()
    }

    pub(super) fn is_reading(&self, ticket: TicketId) -> bool {
        self.reading.contains_key(&ticket)
    }
}

impl Engine {
    /// Sees whether our state was that of a final checkpoint, and moves the horizon behind it.
    pub(super) fn sealed(&mut self, checkpoint: &Checkpoint, now: Now) {
        match self.anchor(checkpoint) {
            Some(true) => self.matched(checkpoint.cut_ms),
            Some(false) => self.missed(checkpoint, now),
            None => {}
        }
        self.look_back();
        if self.sets.is_letting_go() {
            self.clocks.sweep_at = now.time();
        }
    }

    /// Puts the horizon where the newest checkpoint has it, if we were once in step behind it (STATE-9).
    pub(super) fn look_back(&mut self) {
        let deletion_ms = self.config.deletions_end_ms();
        let Some(chamber) = self.chamber.as_ref().filter(|_| 0 < deletion_ms) else { return };
        let line = Line::of(chamber.council.head().cut_ms, deletion_ms);
        self.sets.look_back_to(Some(line).filter(|line| line.past_ms < chamber.matched_ms));
    }

    fn matched(&mut self, cut_ms: u64) {
        let Some(chamber) = &mut self.chamber else { return };
        chamber.missed = None;
        chamber.matched_ms = cut_ms;
        self.outbox.batch().council.push((Row::Matched, Some(cut_ms.to_be_bytes().to_vec())));
    }

    /// Begins to mend once several checkpoints passed: what was only on its way would have come.
    fn missed(&mut self, checkpoint: &Checkpoint, now: Now) {
        let deletion_ms = self.config.deletions_end_ms();
        let every_ms = self.config.checkpoints.as_ref().map_or(0, |it| it.pace.every_ms);
        let links = self.links.greeted_ids();
        if deletion_ms == 0 || links.is_empty() || self.is_joining(Set::State) {
            return;
        }
        let Some(chamber) = &mut self.chamber else { return };
        let mut missed =
            chamber.missed.unwrap_or(Missed { since: now.time(), count: 0, mended: 0 });
        missed.count += 1;
        // Where mending does not help, something else is wrong: ever more rarely.
        let enough = MISSED_MAX << missed.mended.min(MENDED_MAX);
        let long = missed.since.0.saturating_add(every_ms.saturating_mul(2)) <= now.mono_ms;
        if missed.count < enough || !long {
            chamber.missed = Some(missed);
            return;
        }
        chamber.missed = Some(Missed { since: now.time(), count: 0, mended: missed.mended + 1 });
        chamber.matched_ms = 0;
        self.outbox.batch().council.push((Row::Matched, None));
        let links = self.random.pick(links, SUPPLIERS_MAX);
        let newcomer = Newcomer::mend(&links, self.wanted_of(checkpoint), now);
        self.chunks.newcomer = newcomer.map(Box::new);
        self.turn_newcomer(now);
    }

    /// Returns a checkpoint as something to fetch.
    pub(super) fn wanted_of(&self, checkpoint: &Checkpoint) -> Wanted {
        let deletion_ms = self.config.deletions_end_ms();
        let line = (0 < deletion_ms).then(|| Line::of(checkpoint.cut_ms, deletion_ms));
        let Checkpoint { height, root, count, .. } = *checkpoint;
        Wanted { height, root, entries: count, line }
    }

    /// Sees whether our state is that of a checkpoint now that it was fetched.
    pub(super) fn fetched(&mut self, height: u64) {
        let sealed = self.chamber.as_ref().and_then(|it| it.council.sealed().get(&height).cloned());
        let Some(sealed) = sealed else { return };
        if self.anchor(&sealed.checkpoint) == Some(true) {
            self.matched(sealed.checkpoint.cut_ms);
            self.look_back();
        }
    }

    /// Looks what of ours a chunk of the checkpoint has not, and who wrote that.
    pub(super) fn look_for_past(&mut self, line: &Line, signed: &chunk::Signed) {
        let leaves = self.sets.past_under(line, signed);
        let past = |leaf: Leaf| Past { leaf, rival: signed.leaves.contains_key(&leaf.key) };
        self.read_past(leaves.into_iter().map(past).collect());
    }

    fn read_past(&mut self, pasts: Vec<Past>) {
        if pasts.is_empty() {
            return;
        }
        let ticket = self.ticket();
        let ids = pasts.iter().map(|past| past.leaf.value).collect();
        self.pasts.reading.insert(ticket, pasts);
        self.outbox.now(Effect::Load(ticket, ids, RANGE_BYTES_MAX));
    }

    /// Writes anew what is ours, and drops the rest.
    pub(super) fn past_read(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let Some(pasts) = self.pasts.reading.remove(&ticket) else { return };
        let opened = records.into_iter().filter_map(|signed| signed.open().ok());
        let opened: BTreeMap<RecordId, _> = opened.map(|it| (it.id, it)).collect();
        // The store stopped where enough was read; what it passed over is not there at all.
        let last = pasts.iter().rposition(|past| opened.contains_key(&past.leaf.value));
        let until = last.map_or(pasts.len(), |last| last + 1);
        let mut anew = Vec::new();
        for Past { leaf, rival } in &pasts[..until] {
            let ours = opened.get(&leaf.value).filter(|it| it.signed.author == self.me);
            match ours.map(|it| it.record.content.clone()) {
                Some(Content::Entry(entry)) if entry.value.is_some() || *rival => {
                    anew.push((Content::Entry(entry), 0));
                }
                _ => {
                    if let Some(dropped) = self.sets.forget_past(leaf) {
                        self.counters.past_dropped += 1;
                        self.outbox.batch().drop.push(dropped);
                    }
                }
            }
        }
        self.counters.past_rewritten += self.write(anew, now).len() as u64;
        self.mark_changed(now);
        self.read_past(pasts[until..].to_vec());
        self.turn_newcomer(now);
    }
}

/// Checkpoints in a row that our state was not, before it is mended.
const MISSED_MAX: u32 = 3;
/// How often that number is doubled.
const MENDED_MAX: u32 = 6;
/// Peers that a checkpoint's chunks are fetched from.
const SUPPLIERS_MAX: usize = 4;
