//! Pieces that others wish of us: fairly, slowly, and never more than was asked for (SEED-6).
//!
//! Bounds: [`WISHED_MAX`] pieces of one link wait, one more is refused; [`READING_MAX`] are being read; each
//! link gets so many bytes a second, and [`BURST_BYTES`] at once after a pause.

use std::collections::{BTreeMap, VecDeque};

use engine::{LinkId, Now, Time};
use wire::{SeedId, limits};

#[derive(Debug)]
pub(super) struct Server {
    links: BTreeMap<LinkId, Customer>,
    /// Who was served last; the one behind it is next.
    last: LinkId,
    reading: usize,
    bytes_per_s: u64,
}

/// A piece to read for a link.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Order {
    pub(super) link: LinkId,
    pub(super) id: SeedId,
    pub(super) index: u32,
}

#[derive(Debug)]
struct Customer {
    waiting: VecDeque<(SeedId, u32)>,
    /// Bytes it may have now.
    credit: u64,
    credited: Time,
}

impl Server {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { links: BTreeMap::new(), last: LinkId(0), reading: 0, bytes_per_s }
    }

    /// Takes a wish; false where that is too much.
    pub(super) fn wish(
        &mut self,
        link: LinkId,
        id: SeedId,
        from: u32,
        count: u32,
        now: Now,
    ) -> bool {
        let fresh =
            || Customer { waiting: VecDeque::new(), credit: BURST_BYTES, credited: now.time() };
        let customer = self.links.entry(link).or_insert_with(fresh);
        if WISHED_MAX < customer.waiting.len() + count as usize {
            return false;
        }
        customer.waiting.extend((from..from.saturating_add(count)).map(|index| (id, index)));
        true
    }

    /// Takes the pieces that may be read now.
    pub(super) fn orders(&mut self, now: Now) -> Vec<Order> {
        let mut orders = Vec::new();
        for customer in self.links.values_mut() {
            customer.earn(self.bytes_per_s, now);
        }
        while self.reading < READING_MAX {
            let ready =
                |(_, it): &(&LinkId, &Customer)| !it.waiting.is_empty() && PIECE <= it.credit;
            let behind = self.links.range(LinkId(self.last.0.saturating_add(1))..);
            let next = behind.chain(self.links.range(..=self.last)).find(ready);
            let Some(link) = next.map(|(link, _)| *link) else { break };
            let Some(customer) = self.links.get_mut(&link) else { break };
            let Some((id, index)) = customer.waiting.pop_front() else { break };
            customer.credit -= PIECE;
            self.reading += 1;
            self.last = link;
            orders.push(Order { link, id, index });
        }
        orders
    }

    /// Notes that a piece was read.
    pub(super) fn read(&mut self) {
        self.reading = self.reading.saturating_sub(1);
    }

    /// Forgets links that are gone, and those that have wanted nothing for long.
    pub(super) fn forget(&mut self, is_open: impl Fn(&LinkId) -> bool) {
        let full = |it: &Customer| it.waiting.is_empty() && BURST_BYTES <= it.credit;
        self.links.retain(|link, it| is_open(link) && !full(it));
    }

    /// Returns when the next piece may go, if one waits for that alone.
    pub(super) fn deadline(&self, now: Now) -> Option<Time> {
        if READING_MAX <= self.reading {
            return None;
        }
        let waiting = self.links.values().filter(|it| !it.waiting.is_empty());
        waiting.map(|it| it.ready_at(self.bytes_per_s)).min().map(|at| at.max(now.time()))
    }

    /// Says whether anybody waits.
    pub(super) fn is_idle(&self) -> bool {
        self.links.is_empty() && self.reading == 0
    }
}

impl Customer {
    fn earn(&mut self, bytes_per_s: u64, now: Now) {
        let ms = now.mono_ms.saturating_sub(self.credited.0);
        let earned = ms.saturating_mul(bytes_per_s) / 1_000;
        if 0 < earned {
            self.credit = self.credit.saturating_add(earned).min(BURST_BYTES);
            self.credited = now.time();
        }
    }

    fn ready_at(&self, bytes_per_s: u64) -> Time {
        let short = PIECE.saturating_sub(self.credit);
        let ms = short.saturating_mul(1_000).div_ceil(bytes_per_s.max(1));
        Time(self.credited.0.saturating_add(ms))
    }
}

const PIECE: u64 = limits::SEED_PIECE_BYTES as u64;
/// Pieces that one link may wish at once.
pub(super) const WISHED_MAX: usize = 64;
/// Pieces being read at once: 128 KiB.
pub(super) const READING_MAX: usize = 16;
/// What a link gets at once after a pause.
const BURST_BYTES: u64 = 256 * 1024;
