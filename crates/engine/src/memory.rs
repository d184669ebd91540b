//! What was seen lately. Bound: so many keys, for so long; the oldest makes room.

use std::collections::{BTreeMap, VecDeque};

use wire::Digest;

use crate::{Now, Time};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    seen: BTreeMap<Digest, Time>,
    order: VecDeque<Digest>,
}

impl Memory {
    pub(crate) fn has(&self, key: &Digest) -> bool {
        self.seen.contains_key(key)
    }

    /// Remembers a key. Says whether it is new.
    pub(crate) fn add(&mut self, key: Digest, now: Now) -> bool {
        if self.seen.insert(key, now.time()).is_some() {
            return false;
        }
        self.order.push_back(key);
        while let Some(first) = self.order.front() {
            let old = self.seen.get(first).is_none_or(|at| at.0 + SEEN_MS <= now.mono_ms);
            if !old && self.order.len() <= SEEN_MAX {
                break;
            }
            self.seen.remove(first);
            self.order.pop_front();
        }
        true
    }
}

const SEEN_MAX: usize = 10_000;
/// As long as design A remembers.
const SEEN_MS: u64 = 300_000;
