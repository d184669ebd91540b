//! Profiles there was no room for, or no longer, so that they are not checked and passed on again
//! when another copy comes (INTAKE-3). Bound: so many, for so long; the oldest makes room.

use std::collections::{BTreeSet, VecDeque};

use wire::RecordId;

use crate::Now;

/// The first eight bytes of an id stand for it: a second profile with the same ones would only wait
/// a few minutes, and is 2^63 hashes of work.
#[derive(Debug, Default)]
pub(crate) struct Declined {
    seen: BTreeSet<u64>,
    order: VecDeque<(u64, u64)>,
}

impl Declined {
    pub(crate) fn has(&self, id: &RecordId, now: Now) -> bool {
        let first = first_of(id);
        let is_fresh = |at: u64| now.mono_ms < at.saturating_add(DECLINED_MS);
        self.seen.contains(&first)
            && self.order.iter().rev().any(|(it, at)| *it == first && is_fresh(*at))
    }

    pub(crate) fn add(&mut self, id: &RecordId, now: Now) {
        if self.seen.insert(first_of(id)) {
            self.order.push_back((first_of(id), now.mono_ms));
        }
        while let Some((first, at)) = self.order.front() {
            let old = at.saturating_add(DECLINED_MS) <= now.mono_ms;
            if !old && self.order.len() <= DECLINED_MAX {
                break;
            }
            self.seen.remove(first);
            self.order.pop_front();
        }
    }
}

fn first_of(id: &RecordId) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&id.0[..8]);
    u64::from_be_bytes(first)
}

const DECLINED_MAX: usize = 10_000;
const DECLINED_MS: u64 = 300_000;
