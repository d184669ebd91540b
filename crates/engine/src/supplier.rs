//! What newcomers wish of us: chunks of the state as it is, or as it was at a checkpoint (SNAP-7).
//!
//! Bounds: [`ORDERS_PER_LINK_MAX`] wishes of one link wait and [`ORDERS_MAX`] in all, [`READING_MAX`] chunks are
//! being read, and so many bytes leave each second (`chunk_bytes_per_s`), for whom they may be. Nobody
//! makes room: one more is told that it may ask later.

use std::collections::{BTreeMap, VecDeque};

use merkle::{Leaf, Prefix};
use wire::{Digest, limits};

use crate::{LinkId, Now, TicketId, Time};

#[derive(Debug, Default)]
pub(crate) struct Supplier {
    orders: VecDeque<Order>,
    reading: BTreeMap<TicketId, Reading>,
    /// When what was sent has had its time.
    free_at: Time,
}

/// What one newcomer wishes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Order {
    pub(crate) link: LinkId,
    /// The newcomer's number for it.
    pub(crate) wish: u32,
    pub(crate) prefix: Prefix,
    pub(crate) hash: Option<Digest>,
}

/// An order whose records are being read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) order: Order,
    pub(crate) leaves: Vec<Leaf>,
}

/// How much leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) bytes_per_s: u64,
    pub(crate) now: Now,
}

impl Rate {
    fn ms(self, bytes: usize) -> u64 {
        (bytes as u64).saturating_mul(1_000) / self.bytes_per_s.max(1)
    }
}

impl Reading {
    /// What it takes, before that is known.
    fn guess(&self) -> usize {
        self.leaves.len() * (limits::CHUNK_BYTES_MAX / limits::CHUNK_RECORDS_MAX)
    }
}

impl Supplier {
    /// Takes an order; false where there is no room for it.
    pub(crate) fn order(&mut self, order: Order) -> bool {
        let of_link = self.orders.iter().filter(|it| it.link == order.link).count();
        let fits = of_link < ORDERS_PER_LINK_MAX && self.orders.len() < ORDERS_MAX;
        if fits {
            self.orders.push_back(order);
        }
        fits
    }

    /// Takes the order that is served next, if one may be now.
    pub(crate) fn next(&mut self, now: Now) -> Option<Order> {
        let free = self.reading.len() < READING_MAX && self.free_at <= now.time();
        if free { self.orders.pop_front() } else { None }
    }

    /// Notes that the records of a chunk are being read, and that they will leave.
    pub(crate) fn reads(&mut self, ticket: TicketId, reading: Reading, rate: Rate) {
        self.free_at = Time(self.free_at.0.max(rate.now.mono_ms) + rate.ms(reading.guess()));
        self.reading.insert(ticket, reading);
    }

    /// Says whether a chunk is read under this ticket.
    pub(crate) fn is_reading(&self, ticket: TicketId) -> bool {
        self.reading.contains_key(&ticket)
    }

    /// Takes what was read: so many bytes.
    pub(crate) fn read(&mut self, ticket: TicketId, bytes: usize, rate: Rate) -> Option<Reading> {
        let reading = self.reading.remove(&ticket)?;
        let at_ms = (self.free_at.0 + rate.ms(bytes)).saturating_sub(rate.ms(reading.guess()));
        self.free_at = Time(at_ms);
        Some(reading)
    }

    /// Notes what leaves at once.
    pub(crate) fn sent(&mut self, bytes: usize, rate: Rate) {
        self.free_at = Time(self.free_at.0.max(rate.now.mono_ms) + rate.ms(bytes));
    }

    /// Forgets a link. What is being read for it is read in vain.
    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.orders.retain(|order| order.link != link);
    }

    /// When the next order may be served.
    pub(crate) fn deadline(&self) -> Option<Time> {
        let waits = !self.orders.is_empty() && self.reading.len() < READING_MAX;
        waits.then_some(self.free_at)
    }
}

/// Into how many parts so many entries are cut: of about as many as fit into a chunk, if that is not too
/// many parts.
pub(crate) fn parts_of(entries: u64) -> usize {
    let wanted = entries.div_ceil(limits::CHUNK_RECORDS_MAX as u64).next_power_of_two();
    usize::try_from(wanted).unwrap_or(usize::MAX).clamp(2, limits::CHUNK_PARTS_MAX)
}

/// Twice what an honest newcomer asks for at once.
const ORDERS_PER_LINK_MAX: usize = 8;
const ORDERS_MAX: usize = 256;
/// 2 MiB of records at once.
const READING_MAX: usize = 8;
