//! The council and the rest of the node: its notes go from link to link, its moments are pinned.

use bytes::Bytes;
use checkpoint::{Act, Checkpoint, Council, Done, Note};
use merkle::Leaf;
use wire::{Digest, Frame, Opened, Set};

use super::Engine;
use crate::outbox::{When, into_frames};
use crate::sets::Place;
use crate::{Effect, Event, LinkId, Now};

impl Engine {
    /// Returns what this node knows of checkpoints, if its network has attesters.
    pub fn council(&self) -> Option<&Council> {
        self.chamber.as_ref().map(|chamber| &chamber.council)
    }

    /// Does what is due: pins a moment, lets the council speak, asks a neighbour.
    pub(super) fn hold_council(&mut self, now: Now) {
        let Some(chamber) = &mut self.chamber else { return };
        if now.time() < chamber.at() {
            return;
        }
        for cut_ms in chamber.council.cuts_wanted(now.unix_ms) {
            // After a flood of young records it can no longer be told: the next view, then.
            // Nor may what is pinned rest on a store that goes on: after a start it waits a moment.
            let told = self.sets.floor_ms() <= cut_ms && self.sets.filling.is_over();
            if !told || self.sets.is_letting_go() {
                break;
            }
            if !chamber.is_pinned(cut_ms) {
                chamber.pin(cut_ms, self.sets.as_of(Set::State, Some(cut_ms)));
            }
        }
        self.sit_and_ask(now);
    }

    /// Returns the moments as of which the council wants to know what the rules came to. Whoever drives the
    /// engine asks after each input, and answers with [`Engine::count`].
    pub fn cuts(&self) -> Vec<u64> {
        self.chamber.as_ref().map_or_else(Vec::new, |chamber| chamber.due())
    }

    /// Says what the rules came to as of a moment, or that this cannot be told here.
    pub fn count(&mut self, cut_ms: u64, rules: Option<Digest>, now: Now) {
        let Some(chamber) = &mut self.chamber else { return };
        let acts = chamber.show(cut_ms, rules, now);
        self.act(acts, now);
    }

    /// Returns entries that came too late for our state and belong into a moment that is being agreed on.
    pub fn take_late(&mut self) -> Vec<Opened> {
        std::mem::take(&mut self.late)
    }

    pub(super) fn worked(&mut self, ticket: u64, done: Done, now: Now) {
        let Some(chamber) = &mut self.chamber else { return };
        let acts = chamber.council.done(ticket, done, now.unix_ms);
        self.act(acts, now);
    }

    /// Hears what a neighbour knows, and what it wants to know.
    pub(super) fn council_heard(&mut self, id: LinkId, council: wire::Council, now: Now) {
        let Some(chamber) = &mut self.chamber else { return };
        if let Some((height, known)) = council.known
            && chamber.answers.take(ANSWERS_MAX, 1_000, now.time())
        {
            let notes = chamber.council.tell(height, &known, ANSWER_BYTES_MAX);
            let behind = chamber.council.head().height < height;
            let notes = notes.iter().map(|note| Bytes::from(note.encode())).collect();
            for frame in into_notes(notes) {
                self.outbox.send(id, &frame);
            }
            if behind {
                self.tell_council(id);
            }
        }
        for note in council.notes {
            let Ok(note) = Note::decode(&note) else {
                return self.fault(id, "sent a note that is none", now);
            };
            let Some(chamber) = &mut self.chamber else { return };
            let acts = chamber.council.hear(note, id.0, now.unix_ms);
            self.act(acts, now);
        }
    }

    /// Says on a link how far we know the chain.
    pub(super) fn tell_council(&mut self, id: LinkId) {
        let Some(chamber) = &self.chamber else { return };
        let known = Some(chamber.council.known());
        self.outbox.send(id, &Frame::Council(wire::Council { known, notes: Vec::new() }));
    }

    /// Says whether a record that came too late for our state belongs into a moment that is being
    /// agreed on.
    pub(super) fn is_for_council(&self, place: Option<&Place>, opened: &Opened) -> bool {
        let leaf = place.and_then(|place| leaf_of(place, opened));
        let created_ms = opened.record.created.ms();
        leaf.zip(self.chamber.as_ref()).is_some_and(|(leaf, it)| it.lacks(&leaf, created_ms))
    }

    /// Shows the council a genuine record.
    pub(super) fn show_council(&mut self, place: &Place, opened: &Opened, now: Now) {
        let (Some(chamber), Some(leaf)) = (&mut self.chamber, leaf_of(place, opened)) else {
            return;
        };
        let created_ms = opened.record.created.ms();
        let stands = self.sets.map(Set::State).get(&leaf.key);
        let is_late = stands.is_some_and(|it| (leaf.stamp, leaf.value) < (it.stamp, it.value));
        if is_late && chamber.lacks(&leaf, created_ms) {
            self.late.push(opened.clone());
        }
        chamber.take(&leaf, created_ms);
        chamber.hurry(now);
    }

    fn sit_and_ask(&mut self, now: Now) {
        let Some(chamber) = &mut self.chamber else { return };
        let acts = chamber.sit(now);
        let asks = chamber.ask_at <= now.time();
        if asks {
            let open = chamber.council.is_open();
            let wait_ms = if open { ASK_MS } else { self.config.heartbeat_ms };
            chamber.ask_at = now.after(self.random.jitter(wait_ms).max(1));
        }
        self.act(acts, now);
        if asks {
            let chosen = self.random.pick(self.links.greeted_ids(), 1);
            chosen.into_iter().for_each(|id| self.tell_council(id));
        }
    }

    fn act(&mut self, acts: Vec<Act>, now: Now) {
        let mut when = When::AtOnce;
        for act in acts {
            match act {
                Act::Blame(link) => self.fault(LinkId(link), "passed on a forged note", now),
                Act::Fault(evidence) => {
                    self.outbox.effect(when, Effect::Report(Event::Fault(evidence)));
                }
                Act::Keep(row, value) => {
                    self.outbox.batch().council.push((row, value));
                    when = When::OnDisk;
                }
                Act::Sealed(sealed) => {
                    self.sealed(&sealed.checkpoint, now);
                    self.outbox.effect(when, Effect::Report(Event::Sealed(sealed)));
                    self.chamber.iter_mut().for_each(|it| it.unpin());
                }
                Act::Spread(note, except) => self.spread_note(&note, except, when, now),
                Act::Work(ticket, work) => self.outbox.now(Effect::Work(ticket, work)),
            }
        }
    }

    /// Keeps the state as it was at a final checkpoint, for newcomers (SNAP-4). Says whether it was that, as far as
    /// that can be told.
    pub(super) fn anchor(&mut self, checkpoint: &Checkpoint) -> Option<bool> {
        let cut_ms = checkpoint.cut_ms;
        // What rests on a store that goes on is no state that stays.
        let told = self.sets.filling.is_over() && self.sets.floor_ms() <= cut_ms;
        let as_of = told.then(|| self.sets.as_of(Set::State, Some(cut_ms)));
        let held = self.chamber.as_mut()?.anchor(cut_ms, &checkpoint.root, as_of);
        (told || held).then_some(held)
    }

    /// Tells neighbours: all of them what is ours, some of them what is somebody else's. Who is left
    /// out asks.
    fn spread_note(&mut self, note: &Note, except: Option<u64>, when: When, now: Now) {
        let links = self.links.greeted_ids();
        let links = match except {
            None => links,
            Some(except) => {
                let others = links.into_iter().filter(|id| id.0 != except).collect();
                self.random.pick(others, FANOUT)
            }
        };
        let notes = vec![Bytes::from(note.encode())];
        let frame = Frame::Council(wire::Council { known: None, notes });
        links.into_iter().for_each(|id| self.outbox.send_when(when, id, &frame));
        if let Some(chamber) = &mut self.chamber {
            // Something is going on: who missed a word hears of it soon.
            chamber.ask_at = chamber.ask_at.min(now.after(self.random.jitter(ASK_MS)));
        }
    }
}

fn leaf_of(place: &Place, opened: &Opened) -> Option<Leaf> {
    let leaf = Leaf { key: place.key, value: opened.id, stamp: opened.record.created.0 };
    match place.set {
        Set::State => Some(leaf),
        Set::Messages => None,
    }
}

fn into_notes(notes: Vec<Bytes>) -> Vec<Frame> {
    let frame = |notes| Frame::Council(wire::Council { known: None, notes });
    into_frames(notes, Bytes::len, frame)
}

/// Neighbours that hear a note of somebody else's.
const FANOUT: usize = 5;
/// How often a neighbour is asked while something is being agreed on.
const ASK_MS: u64 = 1_000;
/// Questions answered in a second, and bytes of one answer.
const ANSWERS_MAX: u32 = 20;
const ANSWER_BYTES_MAX: usize = 128 * 1024;
