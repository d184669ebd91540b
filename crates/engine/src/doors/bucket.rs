//! Tokens that come back with time: how much somebody may ask of us.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::{Now, Time};

/// One allowance.
#[derive(Debug)]
pub(super) struct Bucket {
    left: u64,
    max: u64,
    every_ms: u64,
    filled: Time,
}

/// An allowance for each neighbourhood of clients, and one for all together. Bound: so many
/// neighbourhoods; those whose allowance is full again make room, and if there is none a new
/// neighbourhood gets nothing.
#[derive(Debug)]
pub(super) struct Buckets {
    all: Bucket,
    each: BTreeMap<IpAddr, Bucket>,
}

impl Bucket {
    pub(super) fn new(max: u64, every_ms: u64) -> Self {
        Self { left: max, max, every_ms, filled: Time(0) }
    }

    pub(super) fn take(&mut self, now: Now) -> bool {
        self.refill(now);
        let taken = self.left.checked_sub(1);
        self.left = taken.unwrap_or(0);
        taken.is_some()
    }

    fn refill(&mut self, now: Now) {
        let gained = now.mono_ms.saturating_sub(self.filled.0) / self.every_ms;
        if 0 < gained {
            self.left = self.left.saturating_add(gained).min(self.max);
            self.filled = Time(self.filled.0 + gained * self.every_ms);
        }
    }

    fn is_full(&mut self, now: Now) -> bool {
        self.refill(now);
        self.left == self.max
    }
}

impl Buckets {
    pub(super) fn new(all: Bucket) -> Self {
        Self { all, each: BTreeMap::new() }
    }

    pub(super) fn take(&mut self, from: IpAddr, now: Now) -> bool {
        let from = neighbourhood(from);
        if NEIGHBOURHOODS_MAX <= self.each.len() && !self.each.contains_key(&from) {
            self.each.retain(|_, bucket| !bucket.is_full(now));
            if NEIGHBOURHOODS_MAX <= self.each.len() {
                return false;
            }
        }
        let each = self.each.entry(from).or_insert_with(|| Bucket::new(EACH_MAX, EACH_EVERY_MS));
        each.take(now) && self.all.take(now)
    }
}

/// Clients that one party is likely to hold together: /24 and /64.
fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            IpAddr::from([a, b, c, 0])
        }
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
    }
}

const NEIGHBOURHOODS_MAX: usize = 1_024;
/// A neighbourhood may name so many addresses at once, and one more every so often.
const EACH_MAX: u64 = 10;
const EACH_EVERY_MS: u64 = 5_000;
