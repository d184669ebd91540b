//! What waits to be sent on one link, by class: bounded, never blocking the sender.
//!
//! Bounds are [`Limits::queues`]. Nobody makes room: a frame that does not fit its class is not
//! sent and is counted, and the core is told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lanes::{Lanes, Pushed};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use wire::limits::FRAME_BYTES_MAX;
use wire::{Class, Medium};

use super::parts::{Part, Then, cut};
use crate::p2p::prefixed;
use crate::{Limits, Sent};

/// The sender's end.
#[derive(Debug)]
pub(crate) struct Entrance(Arc<Room>, Medium);

/// The link's end.
#[derive(Debug)]
pub(crate) struct Queue(Arc<Room>);

/// What both ends know.
#[derive(Debug)]
pub(crate) struct Room {
    /// A lock, not a channel: whoever sends next chooses among all that waits.
    waiting: Mutex<Waiting>,
    ready: Notify,
    congested: Notify,
    left: Notify,
    closing: CancellationToken,
}

#[derive(Debug)]
struct Waiting {
    lanes: Lanes<Part>,
    dropped: [u64; 4],
    /// Parts of each class that were ever queued, taken or dropped from the queue, and handed to
    /// the system.
    queued: [u64; 4],
    taken: [u64; 4],
    left: [u64; 4],
    /// Who wants to know when so many parts of a class have left.
    watches: VecDeque<(Class, u64)>,
    farewell: Option<Bytes>,
}

pub(crate) fn queue(limits: &Limits, medium: Medium) -> (Entrance, Queue) {
    let lanes = Lanes::with_each(limits.queues);
    let room = Arc::new(Room {
        waiting: Mutex::new(Waiting::new(lanes)),
        ready: Notify::new(),
        congested: Notify::new(),
        left: Notify::new(),
        closing: CancellationToken::new(),
    });
    (Entrance(room.clone(), medium), Queue(room))
}

impl Waiting {
    fn new(lanes: Lanes<Part>) -> Self {
        let none = [0; 4];
        let (watches, farewell) = (VecDeque::new(), None);
        Self { lanes, dropped: none, queued: none, taken: none, left: none, watches, farewell }
    }
}

impl Entrance {
    /// Queues a frame, or counts it as not sent.
    pub(crate) fn push(&self, class: Class, frame: &Bytes) -> Sent {
        let size = frame.len();
        if FRAME_BYTES_MAX < size {
            tracing::error!(size, "a frame of our own is too large and was not sent");
        }
        let mut waiting = self.0.waiting();
        let pushed = if size <= FRAME_BYTES_MAX {
            let parts = match self.1 {
                Medium::Http => cut(class, frame, Then::More),
                // Each class has a stream there, and each frame stands behind its length.
                Medium::Quic | Medium::Relay | Medium::Tcp => {
                    cut(class, &prefixed(frame), Then::More)
                }
            };
            let parts = parts.into_iter();
            let parts = parts.map(|part| {
                let cost_bytes = part.cost_bytes();
                (part, cost_bytes)
            });
            let parts: Vec<(Part, usize)> = parts.collect();
            let count = parts.len() as u64;
            let pushed = waiting.lanes.push_parts(class, parts);
            if pushed == Pushed::Queued {
                waiting.queued[class.index()] += count;
            }
            pushed
        } else {
            Pushed::Full
        };
        match pushed {
            Pushed::Queued => {
                self.0.ready.notify_one();
                Sent::Queued
            }
            Pushed::Full => {
                waiting.dropped[class.index()] += 1;
                self.0.congested.notify_one();
                Sent::Full
            }
        }
    }

    /// Lets [`Room::left`] say when all that is queued in a class so far has left.
    pub(crate) fn watch(&self, class: Class) {
        let mut waiting = self.0.waiting();
        let queued = waiting.queued[class.index()];
        waiting.watches.push_back((class, queued));
        drop(waiting);
        self.0.left.notify_one();
    }

    pub(crate) fn medium(&self) -> Medium {
        self.1
    }

    /// Returns how many parts and bytes of a class wait.
    pub(crate) fn waiting(&self, class: Class) -> (usize, usize) {
        self.0.waiting().lanes.waiting(class)
    }

    /// Returns how many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.0.waiting().lanes.bytes()
    }

    /// Lets the link send what is queued, then the farewell, then end. Bulk is left out (CLASS-2).
    pub(crate) fn close(self, farewell: Option<Bytes>) {
        let mut waiting = self.0.waiting();
        let (parts, _) = waiting.lanes.clear(Class::Bulk);
        waiting.dropped[Class::Bulk.index()] += parts as u64;
        waiting.taken[Class::Bulk.index()] += parts as u64;
        waiting.farewell = farewell;
        drop(waiting);
        self.0.congested.notify_one();
        self.0.closing.cancel();
    }
}

impl Queue {
    pub(crate) fn room(&self) -> Arc<Room> {
        self.0.clone()
    }

    /// Waits for the next part; `None` after the last one. May be dropped.
    pub(crate) async fn next(&self) -> Option<Part> {
        loop {
            // Read before the queue is, so that nothing can be pushed between.
            let closing = self.0.is_closing();
            if let Some(part) = self.next_within(usize::MAX) {
                return Some(part);
            }
            if closing {
                return None;
            }
            tokio::select! {
                () = self.0.ready.notified() => {}
                () = self.0.closing() => {}
            }
        }
    }

    /// Returns the next part if there is one already and it costs no more than that.
    pub(crate) fn next_within(&self, cost_bytes_max: usize) -> Option<Part> {
        let mut waiting = self.0.waiting();
        let (class, part) = waiting.lanes.pop_within(cost_bytes_max)?;
        waiting.taken[class.index()] += 1;
        Some(part)
    }

    /// Takes the next part of a class that can be sent now.
    pub(crate) fn next_among(&self, open: [bool; 4]) -> Option<Part> {
        let mut waiting = self.0.waiting();
        let (class, part) = waiting.lanes.pop_among(open)?;
        waiting.taken[class.index()] += 1;
        Some(part)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.0.is_closing()
    }

    /// Returns when there may be more, or when the link is to end, once. May be dropped.
    pub(crate) async fn news(&self) {
        if self.0.is_closing() {
            return self.0.ready.notified().await;
        }
        tokio::select! {
            () = self.0.ready.notified() => {}
            () = self.0.closing() => {}
        }
    }

    /// Notes that all that was taken of a class is with the system.
    pub(crate) fn flushed_class(&self, class: Class) {
        let mut waiting = self.0.waiting();
        let taken = waiting.taken[class.index()];
        let told = std::mem::replace(&mut waiting.left[class.index()], taken) == taken;
        drop(waiting);
        if !told {
            self.0.left.notify_one();
        }
    }

    /// Takes what follows the last part.
    pub(crate) fn farewell_frame(&self) -> Option<Bytes> {
        self.0.waiting().farewell.take()
    }

    /// Notes that all that was taken is with the system.
    pub(crate) fn flushed(&self) {
        let mut waiting = self.0.waiting();
        waiting.left = waiting.taken;
        drop(waiting);
        self.0.left.notify_one();
    }

    /// Takes the parts of what follows the last one.
    pub(crate) fn farewell(&self) -> Vec<Part> {
        self.farewell_frame()
            .map(|frame| cut(Class::Control, &frame, Then::End))
            .unwrap_or_default()
    }
}

impl Room {
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.is_cancelled()
    }

    /// Returns when our side wants the link to end. May be dropped.
    pub(crate) async fn closing(&self) {
        self.closing.cancelled().await;
    }

    /// Returns a class and how many of its frames were not sent, once there are any. May be
    /// dropped.
    pub(crate) async fn congested(&self) -> (Class, u64) {
        loop {
            if let Some(dropped) = self.take_dropped() {
                return dropped;
            }
            self.congested.notified().await;
        }
    }

    /// Returns a class of which all has left that was queued when somebody wanted to know. May be
    /// dropped.
    pub(crate) async fn left(&self) -> Class {
        loop {
            if let Some(class) = self.take_left() {
                return class;
            }
            self.left.notified().await;
        }
    }

    fn take_left(&self) -> Option<Class> {
        let mut waiting = self.waiting();
        let left = waiting.left;
        let has_left = |(class, parts): &(Class, u64)| *parts <= left[class.index()];
        let at = waiting.watches.iter().position(has_left)?;
        waiting.watches.remove(at).map(|(class, _)| class)
    }

    fn take_dropped(&self) -> Option<(Class, u64)> {
        let mut waiting = self.waiting();
        let class = Class::ALL.into_iter().find(|class| 0 < waiting.dropped[class.index()])?;
        Some((class, std::mem::take(&mut waiting.dropped[class.index()])))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
