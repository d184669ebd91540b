//! The event feed: a ring of the newest events that every reader walks at its own pace.
//!
//! Invariant: a reader is a cursor into the one ring, so a slow one costs nothing and can lose
//! nothing in silence: where the ring has moved past its cursor, it is told how many it missed.
//! Replay and live events come out of the same place, so there is no seam between them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::api::types::{Event, EventData, Gap};

/// Where events go in and readers come from. Clones share one ring.
#[derive(Clone, Debug)]
pub struct Feed(Arc<Shared>);

/// One reader.
#[derive(Debug)]
pub struct Subscription {
    feed: Feed,
    signal: watch::Receiver<Signal>,
    after: u64,
    pending: VecDeque<Item>,
    ended: bool,
}

/// What a reader gets.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// The node is stopping; nothing follows.
    Bye,
    /// Something happened.
    Event(Arc<Event>),
    /// Events are missing here.
    Gap(Gap),
}

#[derive(Debug)]
struct Shared {
    /// A lock, not a channel: readers copy a few pointers out of it and hold it for no longer.
    ring: Mutex<Ring>,
    signal: watch::Sender<Signal>,
    readers: AtomicUsize,
    lost: AtomicU64,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// The first id of this run.
    start: u64,
    /// The id of the next event.
    next: u64,
}

#[derive(Clone, Copy, Debug)]
struct Signal {
    next: u64,
    ended: bool,
}

impl Feed {
    /// Starts a run. Its ids begin above those of any run that began earlier and had fewer than
    /// a thousand events a millisecond.
    pub(crate) fn new(start_unix_ms: u64) -> Self {
        let start = start_unix_ms.saturating_mul(1_000);
        Self(Arc::new(Shared {
            ring: Mutex::new(Ring { events: VecDeque::new(), start, next: start }),
            signal: watch::Sender::new(Signal { next: start, ended: false }),
            readers: AtomicUsize::new(0),
            lost: AtomicU64::new(0),
        }))
    }

    pub(crate) fn publish(&self, time: String, what: EventData) {
        let next = {
            let mut ring = self.ring();
            let id = ring.next;
            let schema = "trellis.event/1".to_owned();
            if ring.events.len() == RING_EVENTS_MAX {
                ring.events.pop_front();
            }
            ring.events.push_back(Arc::new(Event { schema, id, time, what }));
            ring.next = id.saturating_add(1);
            ring.next
        };
        self.0.signal.send_modify(|signal| signal.next = next);
    }

    /// Tells every reader that nothing follows.
    pub(crate) fn end(&self) {
        self.0.signal.send_modify(|signal| signal.ended = true);
    }

    /// Returns a reader of what happens from here on, or from after the event it names.
    pub fn subscribe(&self, after: Option<u64>) -> Subscription {
        let signal = self.0.signal.subscribe();
        let ring = self.ring();
        let mut pending = VecDeque::new();
        let after = match after {
            None => ring.next.saturating_sub(1),
            Some(after) if ring.knew(after) => after,
            Some(after) => {
                // Another run's event: nobody knows how much that run went on to say.
                pending.push_back(Item::Gap(Gap { after, lost: None }));
                ring.first().saturating_sub(1)
            }
        };
        drop(ring);
        self.0.readers.fetch_add(1, Ordering::Relaxed);
        Subscription { feed: self.clone(), signal, after, pending, ended: false }
    }

    /// Returns how many read.
    pub(crate) fn readers(&self) -> usize {
        self.0.readers.load(Ordering::Relaxed)
    }

    /// Returns how many events readers were told they missed.
    pub(crate) fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.0.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn first(&self) -> u64 {
        self.events.front().map_or(self.next, |event| event.id)
    }

    /// Says whether `id` is an event of this run, or the point before its first one.
    fn knew(&self, id: u64) -> bool {
        self.start <= id.saturating_add(1) && id < self.next
    }

    fn after(&self, after: u64) -> impl Iterator<Item = &Arc<Event>> {
        let skip = after.saturating_add(1).saturating_sub(self.first());
        self.events.iter().skip(usize::try_from(skip).unwrap_or(usize::MAX))
    }
}

impl Subscription {
    /// Waits for the next item; `None` after the last. May be dropped at any time.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.pending.pop_front() {
                return Some(item);
            }
            if self.ended {
                return None;
            }
            self.refill();
            if self.pending.is_empty() && self.signal.changed().await.is_err() {
                self.end();
            }
        }
    }

    fn refill(&mut self) {
        let signal = *self.signal.borrow_and_update();
        let ring = self.feed.ring();
        let first = ring.first();
        let next = self.after.saturating_add(1);
        if next < first {
            let lost = first - next;
            self.feed.0.lost.fetch_add(lost, Ordering::Relaxed);
            self.pending.push_back(Item::Gap(Gap { after: self.after, lost: Some(lost) }));
            self.after = first - 1;
        }
        for event in ring.after(self.after).take(BATCH_EVENTS_MAX) {
            self.pending.push_back(Item::Event(Arc::clone(event)));
        }
        drop(ring);
        if let Some(Item::Event(event)) = self.pending.back() {
            self.after = event.id;
        }
        if self.pending.is_empty() && signal.ended && signal.next == self.after.saturating_add(1) {
            self.end();
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.pending.push_back(Item::Bye);
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.0.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Events that a reader may fall behind or be away for.
const RING_EVENTS_MAX: usize = 4_096;
/// Events a reader takes out of the ring at once.
const BATCH_EVENTS_MAX: usize = 256;
