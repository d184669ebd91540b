//! Effects in the order in which they must happen.
//!
//! What does not wait comes first; then everything to be written, as one batch; then what may only
//! happen once that is on disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::{Carried, ChunkStep, Claim, Class, Frame, Push, RecordId, SeedStep, SketchStep, limits};

use crate::{Batch, Effect, LinkId};

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    first: Vec<Effect>,
    verify: BTreeMap<Class, Vec<(RecordId, Claim)>>,
    batch: Batch,
    last: Vec<Effect>,
    /// Frames sent since the last drain.
    pub(crate) frames: u64,
}

/// A record and where it goes.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) class: Class,
    pub(crate) carried: Carried,
    pub(crate) links: Vec<LinkId>,
}

/// Whether an effect waits for the disk.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum When {
    AtOnce,
    OnDisk,
}

impl Outbox {
    pub(crate) fn effect(&mut self, when: When, effect: Effect) {
        match when {
            When::AtOnce => self.first.push(effect),
            When::OnDisk => self.last.push(effect),
        }
    }

    pub(crate) fn now(&mut self, effect: Effect) {
        self.first.push(effect);
    }

    pub(crate) fn send(&mut self, link: LinkId, frame: &Frame) {
        self.send_as(class_of(frame), link, frame);
    }

    /// Sends a frame in another class than its kind's.
    pub(crate) fn send_as(&mut self, class: Class, link: LinkId, frame: &Frame) {
        self.send_bytes(When::AtOnce, link, class, Bytes::from(frame.encode()));
    }

    /// Sends one frame to several links.
    pub(crate) fn send_all(&mut self, when: When, class: Class, links: &[LinkId], frame: &Frame) {
        if links.is_empty() {
            return;
        }
        let bytes = Bytes::from(frame.encode());
        links.iter().for_each(|link| self.send_bytes(when, *link, class, bytes.clone()));
    }

    /// Sends a frame at once or when all that is to be written is on disk.
    pub(crate) fn send_when(&mut self, when: When, link: LinkId, frame: &Frame) {
        self.send_bytes(when, link, class_of(frame), Bytes::from(frame.encode()));
    }

    pub(crate) fn verify(&mut self, class: Class, id: RecordId, claim: Claim) {
        self.verify.entry(class).or_default().push((id, claim));
    }

    pub(crate) fn batch(&mut self) -> &mut Batch {
        &mut self.batch
    }

    /// Says whether what is to be written changes a set.
    pub(crate) fn changes_sets(&self) -> bool {
        !self.batch.keep.is_empty() || !self.batch.drop.is_empty()
    }

    /// Sends records to links; those of one class that go to the same links share frames.
    pub(crate) fn push(&mut self, when: When, parcels: Vec<Parcel>) {
        let mut groups: BTreeMap<(Class, Vec<LinkId>), Vec<Carried>> = BTreeMap::new();
        for Parcel { class, carried, links } in parcels {
            groups.entry((class, links)).or_default().push(carried);
        }
        for ((class, links), records) in groups {
            for frame in into_frames(records, |carried| carried.signed.size(), into_push) {
                let bytes = Bytes::from(frame.encode());
                links.iter().for_each(|link| self.send_bytes(when, *link, class, bytes.clone()));
            }
        }
    }

    /// Takes everything, in order.
    pub(crate) fn drain(&mut self) -> Vec<Effect> {
        let mut effects = std::mem::take(&mut self.first);
        let verify = std::mem::take(&mut self.verify);
        effects.extend(verify.into_iter().map(|(class, checks)| Effect::Verify(class, checks)));
        if self.batch != Batch::default() {
            effects.push(Effect::Persist(std::mem::take(&mut self.batch)));
        }
        effects.append(&mut self.last);
        effects
    }

    fn send_bytes(&mut self, when: When, link: LinkId, class: Class, bytes: Bytes) {
        self.frames += 1;
        self.effect(when, Effect::Send(link, class, bytes));
    }
}

/// Repair waits for what is new; all else that is not a record keeps the network together.
fn class_of(frame: &Frame) -> Class {
    match frame {
        // Nothing may overtake it: before it nobody is heard (LINK-2).
        Frame::Hello(_) => Class::Alert,
        // Records travel by `push`; here it is announcements and what shapes trees.
        Frame::Push(_) => Class::Control,
        Frame::Compare(_) | Frame::Piece(_) | Frame::Records(_) => Class::Bulk,
        Frame::Chunk(chunk) => match chunk.step {
            ChunkStep::Records { .. } => Class::Bulk,
            ChunkStep::Wanted { .. } | ChunkStep::Parts(_) | ChunkStep::Refused(_) => {
                Class::Control
            }
        },
        Frame::Sketch(sketch) => match sketch.step {
            SketchStep::Symbols { .. } => Class::Bulk,
            SketchStep::Begin { .. }
            | SketchStep::More(_)
            | SketchStep::Want(_)
            | SketchStep::Refused => Class::Control,
        },
        Frame::Seed(seed) => match seed.step {
            SeedStep::Piece(_) => Class::Bulk,
            SeedStep::Wanted { .. } | SeedStep::Refused(_) => Class::Control,
        },
        Frame::Direct(_) => Class::Normal,
        Frame::Agreed(_)
        | Frame::Council(_)
        | Frame::Fetch(_)
        | Frame::Goodbye(_)
        | Frame::Peers(_)
        | Frame::PeersWanted(_)
        | Frame::Ping(_)
        | Frame::Pong(_)
        | Frame::Pull(_)
        | Frame::Summary(_) => Class::Control,
    }
}

fn into_push(records: Vec<Carried>) -> Frame {
    Frame::Push(Push { records, ..Push::default() })
}

/// Cuts a list into frames of bounded size.
pub(crate) fn into_frames<T>(
    items: Vec<T>,
    size: impl Fn(&T) -> usize,
    frame: impl Fn(Vec<T>) -> Frame,
) -> Vec<Frame> {
    let (mut frames, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in items {
        let more = size(&item);
        let full = limits::RECORDS_BYTES_TARGET < bytes + more
            || limits::RECORDS_PER_FRAME_MAX <= part.len();
        if full && !part.is_empty() {
            frames.push(frame(std::mem::take(&mut part)));
            bytes = 0;
        }
        bytes += more;
        part.push(item);
    }
    if !part.is_empty() {
        frames.push(frame(part));
    }
    frames
}
