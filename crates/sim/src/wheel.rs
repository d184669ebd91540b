//! What happens next: a timing wheel over a slab.
//!
//! Events of one bucket are sorted when it is opened, so the order is total whatever the order of
//! insertion was. Bound: none of its own; what is under way in a world is the world's figure.

use std::collections::BTreeMap;

/// The place of an event in the order of everything: no global counter, so that it does not depend
/// on threads.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    /// When it happens, microseconds.
    pub at_us: u64,
    /// To whom.
    pub to: u32,
    /// By whom.
    pub from: u32,
    /// Counts what `from` did.
    pub sequence: u32,
}

/// A queue ordered by [`Key`].
#[derive(Debug)]
pub struct Wheel<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    /// Heads of lists, one for each bucket of this turn.
    buckets: Vec<u32>,
    /// One bit for each bucket that has something.
    taken: Vec<u64>,
    /// Heads of lists of later turns.
    later: BTreeMap<u64, u32>,
    /// What is left of the bucket at hand, the last first.
    open: Vec<(Key, u32)>,
    /// The bucket at hand, counted from the beginning of time.
    bucket: u64,
    len: usize,
}

#[derive(Debug)]
struct Slot<T> {
    key: Key,
    next: u32,
    value: Option<T>,
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self {
            slots: Vec::new(),
            free: NONE,
            buckets: vec![NONE; BUCKETS],
            taken: vec![0; BUCKETS / 64],
            later: BTreeMap::new(),
            open: Vec::new(),
            bucket: 0,
            len: 0,
        }
    }
}

impl<T> Wheel<T> {
    /// Adds an event. One before the bucket at hand happens next.
    pub fn insert(&mut self, key: Key, value: T) {
        let slot = self.take_slot(Slot { key, next: NONE, value: Some(value) });
        self.len += 1;
        let bucket = key.at_us >> BUCKET_BITS;
        if bucket <= self.bucket {
            let place = self.open.partition_point(|(other, _)| key < *other);
            self.open.insert(place, (key, slot));
        } else if bucket - self.bucket < BUCKETS as u64 {
            self.link(bucket, slot);
        } else {
            let head = self.later.entry(bucket >> TURN_BITS).or_insert(NONE);
            self.slots[slot as usize].next = *head;
            *head = slot;
        }
    }

    /// Returns when the next event before `end_us` happens.
    pub fn next_us(&mut self, end_us: u64) -> Option<u64> {
        while self.open.is_empty() {
            if !self.turn(end_us) {
                return None;
            }
        }
        self.open.last().map(|(key, _)| key.at_us).filter(|at| *at < end_us)
    }

    /// Takes the next event before `end_us`.
    pub fn pop(&mut self, end_us: u64) -> Option<(Key, T)> {
        self.next_us(end_us)?;
        let (key, at) = self.open.pop()?;
        let slot = &mut self.slots[at as usize];
        let value = slot.value.take()?;
        slot.next = self.free;
        self.free = at;
        self.len -= 1;
        Some((key, value))
    }

    /// Returns how many events wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Says whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns everything that waits, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &T)> {
        self.slots.iter().filter_map(|slot| Some((&slot.key, slot.value.as_ref()?)))
    }

    fn take_slot(&mut self, slot: Slot<T>) -> u32 {
        if let Some(free) = self.slots.get_mut(self.free as usize) {
            let at = self.free;
            self.free = free.next;
            *free = slot;
            return at;
        }
        let at = u32::try_from(self.slots.len()).expect("fewer than four billion events wait");
        self.slots.push(slot);
        at
    }

    fn link(&mut self, bucket: u64, slot: u32) {
        let at = place(bucket);
        self.slots[slot as usize].next = self.buckets[at];
        self.buckets[at] = slot;
        self.taken[at / 64] |= 1 << (at % 64);
    }

    /// Opens the next bucket that has something and begins before `end_us`. Says whether one was
    /// opened.
    fn turn(&mut self, end_us: u64) -> bool {
        let end = end_us.div_ceil(1 << BUCKET_BITS);
        loop {
            let turn_end = ((self.bucket >> TURN_BITS) + 1) << TURN_BITS;
            if let Some(bucket) = self.next_taken(turn_end) {
                if end <= bucket {
                    return false;
                }
                self.bucket = bucket;
                self.open_bucket();
                return true;
            }
            // Beyond this turn lie buckets already linked, and later turns.
            let wheel_has = self.taken.iter().any(|word| *word != 0);
            let later = self.later.first_key_value().map(|(turn, _)| *turn << TURN_BITS);
            let next = if wheel_has { Some(turn_end) } else { later };
            let Some(next) = next.filter(|next| *next < end) else { return false };
            self.bucket = next.max(turn_end);
            self.pour();
            if self.take_first() {
                return true;
            }
        }
    }

    /// Spreads what waited for this turn over its buckets.
    fn pour(&mut self) {
        let Some(mut slot) = self.later.remove(&(self.bucket >> TURN_BITS)) else { return };
        while slot != NONE {
            let Slot { key, next, .. } = self.slots[slot as usize];
            self.link(key.at_us >> BUCKET_BITS, slot);
            slot = next;
        }
    }

    /// Opens the first bucket of a turn, if it has something.
    fn take_first(&mut self) -> bool {
        self.open_bucket();
        !self.open.is_empty()
    }

    fn open_bucket(&mut self) {
        let at = place(self.bucket);
        let mut slot = std::mem::replace(&mut self.buckets[at], NONE);
        self.taken[at / 64] &= !(1 << (at % 64));
        while slot != NONE {
            let Slot { key, next, .. } = &self.slots[slot as usize];
            self.open.push((*key, slot));
            slot = *next;
        }
        self.open.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Returns the first bucket behind the one at hand and before `end` that has something.
    fn next_taken(&self, end: u64) -> Option<u64> {
        let mut bucket = self.bucket + 1;
        while bucket < end {
            let at = place(bucket);
            let word = self.taken[at / 64] >> (at % 64);
            if word != 0 {
                return Some(bucket + u64::from(word.trailing_zeros()));
            }
            bucket += 64 - (bucket % 64);
        }
        None
    }
}

fn place(bucket: u64) -> usize {
    usize::try_from(bucket % BUCKETS as u64).unwrap_or(0)
}

const NONE: u32 = u32::MAX;
/// A bucket is 128 microseconds.
const BUCKET_BITS: u32 = 7;
/// A turn is 32,768 buckets, 4.2 seconds.
const TURN_BITS: u32 = 15;
const BUCKETS: usize = 1 << TURN_BITS;
