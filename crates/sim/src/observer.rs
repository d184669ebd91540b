//! What a world remembers of its messages: when each reached whom, and how often.

mod latencies;
mod traffic;

pub use latencies::Latencies;
pub(crate) use traffic::Labels;
pub use traffic::{HostFigures, Tally, Traffic};

use std::collections::HashMap;
use std::sync::Arc;

use wire::{Class, RecordId, Signed};

use latencies::Histogram;

/// A message or entry that somebody in this world wrote.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Published {
    /// Its name.
    pub id: RecordId,
    /// Who wrote it.
    pub host: usize,
    /// When, microseconds.
    pub at_us: u64,
    /// How urgent it is.
    pub class: Class,
    /// Its body, bytes.
    pub bytes: usize,
}

/// How many copies of a message arrived.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Copies {
    /// In all.
    pub total: u64,
    /// Machines by the number of copies that reached them, 255 for more; empty where there were too
    /// many deliveries to note them one by one.
    pub hosts: Vec<u64>,
}

/// All messages, by number. Changes only while the world stands still.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    pub(crate) published: Vec<Published>,
    by_id: HashMap<RecordId, u32>,
    /// The first bytes of a signature tell records apart without hashing them again.
    by_signature: HashMap<u64, u32>,
}

/// Messages in a frame.
#[derive(Clone, Debug)]
pub(crate) enum Carries {
    Many(Arc<[u32]>),
    None,
    One(u32),
}

/// What one thread saw arrive at its machines.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    messages: Vec<Arrivals>,
    /// Deliveries noted one by one so far.
    exact: usize,
}

#[derive(Debug)]
struct Arrivals {
    delivered: u64,
    copies: u64,
    noted: Noted,
}

#[derive(Debug)]
enum Noted {
    /// One more than the microseconds it took, and copies, by place.
    Exact(Vec<u32>, Vec<u8>),
    Summed(Box<Histogram>),
}

impl Messages {
    pub(crate) fn add(&mut self, published: Published, signed: &Signed) -> usize {
        let number = u32::try_from(self.published.len()).expect("fewer than four billion messages");
        self.by_id.insert(published.id, number);
        self.by_signature.insert(first_bytes(signed), number);
        self.published.push(published);
        number as usize
    }

    pub(crate) fn number(&self, id: &RecordId) -> Option<u32> {
        self.by_id.get(id).copied()
    }

    pub(crate) fn of(&self, signed: &Signed) -> Option<u32> {
        self.by_signature.get(&first_bytes(signed)).copied()
    }
}

impl Carries {
    pub(crate) fn of(numbers: &[u32]) -> Self {
        match numbers {
            [] => Self::None,
            [one] => Self::One(*one),
            many => Self::Many(many.into()),
        }
    }

    pub(crate) fn numbers(&self) -> &[u32] {
        match self {
            Self::Many(numbers) => numbers,
            Self::None => &[],
            Self::One(number) => std::slice::from_ref(number),
        }
    }
}

impl Seen {
    /// Notes that an application heard of a message. Says whether it had before.
    pub(crate) fn delivered(&mut self, number: u32, place: Place, took_us: u64) -> bool {
        let arrivals = self.arrivals(number, place);
        arrivals.delivered += 1;
        match &mut arrivals.noted {
            Noted::Exact(took, _) => {
                let took_us = u32::try_from(took_us + 1).unwrap_or(u32::MAX);
                let before = took[place.at] != 0;
                if !before {
                    took[place.at] = took_us;
                }
                before
            }
            Noted::Summed(histogram) => {
                histogram.add(took_us);
                false
            }
        }
    }

    /// Notes that a copy arrived.
    pub(crate) fn copied(&mut self, number: u32, place: Place) {
        let arrivals = self.arrivals(number, place);
        arrivals.copies += 1;
        if let Noted::Exact(_, copies) = &mut arrivals.noted {
            copies[place.at] = copies[place.at].saturating_add(1);
        }
    }

    pub(crate) fn add_latencies(&self, number: usize, latencies: &mut Latencies) {
        match self.messages.get(number).map(|arrivals| &arrivals.noted) {
            Some(Noted::Exact(took, _)) => {
                took.iter().filter(|took| **took != 0).for_each(|took| latencies.add(took - 1, 1));
            }
            Some(Noted::Summed(histogram)) => histogram.pour(latencies),
            None => {}
        }
    }

    /// Adds the copies of a message; `skipped` is the place of who wrote it, if it lives here.
    pub(crate) fn add_copies(
        &self,
        number: usize,
        places: usize,
        skipped: Option<usize>,
        copies: &mut Copies,
    ) {
        copies.hosts.resize(256, 0);
        let Some(arrivals) = self.messages.get(number) else {
            copies.hosts[0] += (places - usize::from(skipped.is_some())) as u64;
            return;
        };
        copies.total += arrivals.copies;
        if let Noted::Exact(_, by_place) = &arrivals.noted {
            let others = by_place.iter().enumerate().filter(|(at, _)| Some(*at) != skipped);
            others.for_each(|(_, count)| copies.hosts[usize::from(*count)] += 1);
        }
    }

    pub(crate) fn delivered_len(&self, number: usize) -> u64 {
        self.messages.get(number).map_or(0, |arrivals| arrivals.delivered)
    }

    fn arrivals(&mut self, number: u32, place: Place) -> &mut Arrivals {
        while self.messages.len() <= number as usize {
            let fits = self.exact + place.of <= place.exact_max;
            let noted = if fits {
                self.exact += place.of;
                Noted::Exact(vec![0; place.of], vec![0; place.of])
            } else {
                Noted::Summed(Box::default())
            };
            self.messages.push(Arrivals { delivered: 0, copies: 0, noted });
        }
        &mut self.messages[number as usize]
    }
}

/// Where a machine stands among those of its thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) at: usize,
    pub(crate) of: usize,
    /// Deliveries that this thread notes one by one.
    pub(crate) exact_max: usize,
}

fn first_bytes(signed: &Signed) -> u64 {
    signed.signature.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}
