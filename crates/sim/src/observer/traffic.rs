//! What crossed the network, by kind of frame and class.

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::{Class, Frame, Signed};

use super::{Carries, Messages};
use crate::chance::digest;

/// Some frames.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// How many.
    pub frames: u64,
    /// Their bytes, without what surrounds a frame on the wire.
    pub bytes: u64,
    /// Bytes of records that were written in this world, as far as they are among them.
    pub record_bytes: u64,
}

/// Everything that was sent, and what became of it. What was sent or arrived twice is what arrived,
/// was lost, or is still under way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Sent, by name of the frame and class.
    pub kinds: BTreeMap<(&'static str, Class), Tally>,
    /// Sent, all together.
    pub sent: Tally,
    /// Copies that the network made.
    pub duplicated: Tally,
    /// Arrived at the machine it was sent to.
    pub received: Tally,
    /// A packet was lost.
    pub lost: Tally,
    /// A wall stood between.
    pub walled: Tally,
    /// Nobody held the link any more, here or there.
    pub unclaimed: Tally,
    /// Did not fit the queue of its class.
    pub congested: Tally,
    /// Waiting in queues or flying.
    pub under_way: Tally,
}

/// What one machine sent and got.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct HostFigures {
    /// Frames sent.
    pub frames_sent: u64,
    /// Their bytes, without what surrounds them on the wire.
    pub bytes_sent: u64,
    /// Frames that arrived.
    pub frames_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// Copies of messages that arrived.
    pub copies_received: u64,
    /// Frames that did not fit a queue.
    pub frames_congested: u64,
    /// The most bytes that ever waited on one link.
    pub queued_bytes_max: u64,
    /// Steps of the node.
    pub steps: u64,
}

/// What a frame is, read from its bytes once for all links it goes to.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub(crate) kind: &'static str,
    pub(crate) digest: u64,
    pub(crate) carries: Carries,
    pub(crate) record_bytes: u64,
}

/// Labels lately read.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    last: Option<(Bytes, Label)>,
}

impl Tally {
    pub(crate) fn add(&mut self, bytes: u64, record_bytes: u64) {
        self.frames += 1;
        self.bytes += bytes;
        self.record_bytes += record_bytes;
    }

    pub(crate) fn add_all(&mut self, other: Self) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        self.record_bytes += other.record_bytes;
    }
}

impl Traffic {
    pub(crate) fn add_all(&mut self, other: &Self) {
        for (kind, tally) in &other.kinds {
            self.kinds.entry(*kind).or_default().add_all(*tally);
        }
        self.sent.add_all(other.sent);
        self.duplicated.add_all(other.duplicated);
        self.received.add_all(other.received);
        self.lost.add_all(other.lost);
        self.walled.add_all(other.walled);
        self.unclaimed.add_all(other.unclaimed);
        self.congested.add_all(other.congested);
        self.under_way.add_all(other.under_way);
    }

    /// Says what does not add up, if anything.
    pub(crate) fn audit(&self) -> Result<(), String> {
        let mut came = self.sent;
        came.add_all(self.duplicated);
        let mut went = Tally::default();
        let ways =
            [self.received, self.lost, self.walled, self.unclaimed, self.congested, self.under_way];
        ways.into_iter().for_each(|tally| went.add_all(tally));
        if came == went { Ok(()) } else { Err(format!("sent {came:?}, accounted for {went:?}")) }
    }
}

impl Labels {
    /// Reads a frame, unless it is the one read last.
    pub(crate) fn of(&mut self, bytes: &Bytes, messages: &Messages) -> Label {
        if let Some((last, label)) = &self.last
            && last.as_ptr() == bytes.as_ptr()
            && last.len() == bytes.len()
        {
            return label.clone();
        }
        let label = read(bytes, messages);
        self.last = Some((bytes.clone(), label.clone()));
        label
    }

    /// Forgets the last frame, whose bytes it keeps alive.
    pub(crate) fn forget(&mut self) {
        self.last = None;
    }
}

fn read(bytes: &Bytes, messages: &Messages) -> Label {
    let (mut numbers, mut record_bytes) = (Vec::new(), 0);
    let mut note = |signed: &Signed| {
        if let Some(number) = messages.of(signed) {
            numbers.push(number);
            record_bytes += signed.body.len() as u64;
        }
    };
    let mut piece_bytes = 0;
    let kind = match Frame::decode(bytes) {
        Ok(frame) => {
            match &frame {
                Frame::Push(push) => push.records.iter().for_each(|it| note(&it.signed)),
                Frame::Records(records) => records.records.iter().for_each(note),
                // Which record it is of only its receiver knows.
                Frame::Piece(piece) => piece_bytes = piece.bytes.len() as u64,
                _ => {}
            }
            match &frame {
                // What shapes trees, without a record.
                Frame::Push(push) if !push.heads.is_empty() => "push_heads",
                Frame::Push(push) if push.records.is_empty() => "push_ids",
                frame => frame.name(),
            }
        }
        Err(_) => "malformed",
    };
    let record_bytes = record_bytes + piece_bytes;
    Label { kind, digest: digest(0, bytes), carries: Carries::of(&numbers), record_bytes }
}
