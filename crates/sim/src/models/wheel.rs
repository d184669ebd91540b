//! What happens next: a timing wheel over small events, in an order that depends on nothing else.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Something that happens at one node.
///
/// The order of the fields is the order of events: time, destination, source, number of the source.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Event {
    pub(crate) at_us: u64,
    pub(crate) to: u32,
    pub(crate) from: u32,
    pub(crate) number: u32,
    pub(crate) what: What,
}

/// What happens.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum What {
    /// A message with its payload; how many links it crossed.
    Payload { message: u32, hops: u16 },
    /// A peer says what it has; how many links the first of them crossed.
    Have { ids: Ids, hops: u16 },
    /// A peer asks for these.
    Want(Ids),
    /// A peer has these and wants no further copy.
    DontWant(u32),
    /// A peer wants payloads on this link, and perhaps this one at once.
    Graft(Option<u32>),
    /// A peer wants no payloads on this link.
    Prune,
    /// The beat of a node that has one.
    Heartbeat,
    /// A node waited long enough for a message it heard of.
    Overdue(u32),
    /// The node publishes a message.
    Publish(u32),
    /// A fault of the schedule begins; `to` is nobody.
    Kill(u32),
    /// The node notices that the peer `from` is gone.
    Lost,
}

/// Up to 64 messages with neighbouring numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Ids {
    base: u32,
    mask: u64,
}

impl Ids {
    pub(crate) fn one(message: u32) -> Self {
        Self { base: message, mask: 1 }
    }

    /// Takes one more in, unless it is too far from the first.
    pub(crate) fn with(self, message: u32) -> Option<Self> {
        let place = message.checked_sub(self.base)?;
        (place < u64::BITS).then(|| Self { mask: self.mask | 1 << place, ..self })
    }

    pub(crate) fn len(self) -> u32 {
        self.mask.count_ones()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = u32> {
        (0..u64::BITS).filter(move |it| self.mask >> it & 1 == 1).map(move |it| self.base + it)
    }
}

/// A queue of events.
///
/// Near events lie in buckets of 128 us, as lists in one slab; a bucket is sorted when its time
/// comes. Events further away than four seconds wait in a heap.
#[derive(Debug)]
pub(crate) struct Wheel {
    heads: Vec<u32>,
    /// One bit for each bucket that is not empty.
    filled: Vec<u64>,
    slab: Vec<(Event, u32)>,
    free: u32,
    /// The bucket of now, the next event last.
    open: Vec<Event>,
    open_tick: u64,
    near: usize,
    far: BinaryHeap<Reverse<Event>>,
}

impl Wheel {
    pub(crate) fn new() -> Self {
        Self {
            heads: vec![NOBODY; BUCKETS],
            filled: vec![0; BUCKETS / 64],
            slab: Vec::new(),
            free: NOBODY,
            open: Vec::new(),
            open_tick: 0,
            near: 0,
            far: BinaryHeap::new(),
        }
    }

    pub(crate) fn push(&mut self, event: Event) {
        let tick = event.at_us >> TICK_SHIFT;
        if tick <= self.open_tick {
            let place = self.open.partition_point(|it| event < *it);
            self.open.insert(place, event);
        } else if tick - self.open_tick < BUCKETS as u64 {
            self.link(tick, event);
        } else {
            self.far.push(Reverse(event));
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Event> {
        while self.open.is_empty() {
            let near = self.next_near();
            let far = self.far.peek().map(|it| it.0.at_us >> TICK_SHIFT);
            self.open_tick = match (near, far) {
                (None, None) => return None,
                (Some(tick), None) | (None, Some(tick)) => tick,
                (Some(near), Some(far)) => near.min(far),
            };
            self.open_bucket();
        }
        self.open.pop()
    }

    fn link(&mut self, tick: u64, event: Event) {
        let bucket = bucket_of(tick);
        let next = self.heads[bucket];
        let slot = if self.free == NOBODY {
            self.slab.push((event, next));
            u32::try_from(self.slab.len() - 1).expect("fewer than 2^32 events wait")
        } else {
            let slot = self.free;
            self.free = self.slab[slot as usize].1;
            self.slab[slot as usize] = (event, next);
            slot
        };
        self.heads[bucket] = slot;
        self.filled[bucket / 64] |= 1 << (bucket % 64);
        self.near += 1;
    }

    /// Returns the tick of the next bucket that is not empty.
    fn next_near(&self) -> Option<u64> {
        if self.near == 0 {
            return None;
        }
        let start = bucket_of(self.open_tick + 1);
        let words = self.filled.len();
        // The word of the start comes twice: first its upper part, in the end its lower part.
        (0..=words).find_map(|step| {
            let word = (start / 64 + step) % words;
            let mut bits = self.filled[word];
            if step == 0 {
                bits &= u64::MAX << (start % 64);
            }
            let bucket = (bits != 0).then(|| word * 64 + bits.trailing_zeros() as usize)?;
            let ahead = (bucket + BUCKETS - start) % BUCKETS;
            Some(self.open_tick + 1 + ahead as u64)
        })
    }

    fn open_bucket(&mut self) {
        let bucket = bucket_of(self.open_tick);
        let mut slot = std::mem::replace(&mut self.heads[bucket], NOBODY);
        self.filled[bucket / 64] &= !(1 << (bucket % 64));
        while slot != NOBODY {
            let (event, next) = self.slab[slot as usize];
            self.open.push(event);
            self.slab[slot as usize].1 = self.free;
            self.free = slot;
            self.near -= 1;
            slot = next;
        }
        while let Some(Reverse(event)) = self.far.peek() {
            if self.open_tick < event.at_us >> TICK_SHIFT {
                break;
            }
            self.open.push(*event);
            self.far.pop();
        }
        self.open.sort_unstable_by(|a, b| b.cmp(a));
    }
}

fn bucket_of(tick: u64) -> usize {
    usize::try_from(tick % BUCKETS as u64).expect("fewer buckets than a usize counts")
}

/// No node, no slot.
pub(crate) const NOBODY: u32 = u32::MAX;

const BUCKETS: usize = 32_768;
const TICK_SHIFT: u32 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn events_come_in_order_also_those_pushed_while_others_come() {
        let seed = 11;
        let mut random = Chance::new(seed, &[]);
        let (mut wheel, mut all, mut got) = (Wheel::new(), Vec::new(), Vec::new());
        let mut now_us = 0;
        for number in 0..20_000 {
            let ahead = match random.below(4) {
                0 => 0,
                1 => random.below(300),
                2 => random.below(400_000),
                _ => random.below(20_000_000),
            };
            let to = u32::try_from(random.below(9)).unwrap();
            let event = Event { at_us: now_us + ahead, to, from: to, number, what: What::Lost };
            wheel.push(event);
            all.push(event);
            if random.below(2) == 0 {
                let event = wheel.pop().unwrap();
                assert!(now_us <= event.at_us, "seed {seed}");
                now_us = event.at_us;
                got.push(event);
            }
        }
        got.extend(std::iter::from_fn(|| wheel.pop()));
        assert!(got.is_sorted_by_key(|it| it.at_us), "seed {seed}");
        got.sort_unstable();
        all.sort_unstable();
        assert!(got == all, "seed {seed}");
    }

    #[test]
    fn ids_are_a_window_of_64() {
        let ids = Ids::one(100).with(163).unwrap();
        assert_eq!(ids.iter().collect::<Vec<_>>(), [100, 163]);
        assert_eq!(ids.len(), 2);
        assert!(ids.with(164).is_none() && ids.with(99).is_none());
    }
}
