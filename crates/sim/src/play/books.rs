//! What was published, and what the world saw of it.

use std::collections::BTreeMap;

use super::pending::{Whereabouts, whereabouts};
use crate::World;
use crate::observer::Traffic;
use crate::outcome::{End, Figures, Reach, Spread, Standing, Stream, curve_ms};
use crate::scenario::Scenario;

/// One record that somebody of the story wrote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// Its number in the world.
    pub(super) message: usize,
    pub(super) stream: usize,
    pub(super) author: usize,
    pub(super) at_us: u64,
    pub(super) payload_bytes: usize,
    pub(super) purpose: Purpose,
}

/// Whether a message counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Purpose {
    Measure,
    WarmUp,
}

/// The books of one run.
#[derive(Debug, Default)]
pub(super) struct Books {
    pub(super) sent: Vec<Sent>,
    /// Refused publications of each stream.
    pub(super) refused: Vec<u64>,
    /// Traffic when the measurement began and ended.
    pub(super) begin: Option<Traffic>,
    pub(super) finish: Option<Traffic>,
    /// The links when the measurement began.
    pub(super) rows: Vec<Vec<u32>>,
    pub(super) last_fault_us: Option<u64>,
    pub(super) end: End,
}

/// What became of some messages.
#[derive(Debug, Default)]
struct Sum {
    messages: u64,
    expected: u64,
    delivered: u64,
    /// Deliveries of all kinds: also to those that died later.
    arrived: u64,
    copies: u64,
    payload_bytes: u64,
    took_us: Vec<u32>,
}

impl Books {
    /// Returns the numbers of all messages so far.
    pub(super) fn messages(&self) -> Vec<usize> {
        self.sent.iter().map(|it| it.message).collect()
    }

    /// Returns what was measured.
    pub(super) fn measured(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|it| it.purpose == Purpose::Measure)
    }

    /// Returns what became of all messages that count.
    pub(super) fn figures(&self, world: &World) -> Figures {
        let mut sum = self.sum(world, |_| true);
        sum.took_us.sort_unstable();
        let bytes_by_kind = match (&self.begin, &self.finish) {
            (Some(begin), Some(finish)) => between(begin, finish, overhead_bytes(world)),
            _ => BTreeMap::new(),
        };
        Figures {
            protocol: "Trellis".to_owned(),
            standing: Standing::Real,
            messages: sum.messages,
            expected: sum.expected,
            delivered: sum.delivered,
            latency_ms: Spread::of_sorted_us(&sum.took_us),
            curve_ms: curve_ms(&sum.took_us, sum.expected.max(sum.took_us.len() as u64)),
            copies: sum.copies as f64 / sum.arrived.max(1) as f64,
            bytes_by_kind,
            payload_bytes: sum.payload_bytes,
        }
    }

    /// Returns what became of each stream.
    pub(super) fn streams(&self, world: &World, scenario: &Scenario) -> Vec<Stream> {
        let numbered = scenario.streams.iter().enumerate();
        numbered
            .map(|(number, stream)| {
                let mut sum = self.sum(world, |it| it.stream == number);
                sum.took_us.sort_unstable();
                Stream {
                    name: stream.name.clone(),
                    messages: sum.messages,
                    expected: sum.expected,
                    delivered: sum.delivered,
                    latency_ms: Spread::of_sorted_us(&sum.took_us),
                    refused: self.refused.get(number).copied().unwrap_or(0),
                }
            })
            .collect()
    }

    /// Returns how far the first messages after the last fault got, and when.
    pub(super) fn reaches(&self, world: &World, live: u64) -> Vec<Reach> {
        let Some(fault_us) = self.last_fault_us else { return Vec::new() };
        let after = self.measured().filter(|it| fault_us <= it.at_us);
        after
            .take(REACHES_MAX)
            .map(|it| Reach {
                sent_after_ms: (it.at_us - fault_us) as f64 / 1_000.0,
                curve_ms: curve_ms(&took_us(world, it.message), live.saturating_sub(1)),
            })
            .collect()
    }

    /// Counts what is still missing, message by message.
    pub(super) fn count_missing(&mut self, world: &World) {
        let places = self.sent.iter().map(|it| whereabouts(world, it.message));
        let (mut missing, mut gone) = (0, 0);
        for place in places {
            match place {
                Whereabouts::Everywhere => {}
                Whereabouts::Lacking(count) => missing += count,
                Whereabouts::Gone => gone += 1,
            }
        }
        (self.end.missing, self.end.died_with_author) = (missing, gone);
        self.end.published = self.sent.len() as u64;
    }

    fn sum(&self, world: &World, counts: impl Fn(&Sent) -> bool) -> Sum {
        let honest = world.honest_len() as u64;
        let mut sum = Sum::default();
        for it in self.measured().filter(|it| counts(it)) {
            let lacking = match whereabouts(world, it.message) {
                Whereabouts::Everywhere => 0,
                Whereabouts::Lacking(count) => count,
                Whereabouts::Gone => continue,
            };
            let others = honest - u64::from(world.is_up(it.author));
            let took_us = took_us(world, it.message);
            sum.messages += 1;
            sum.expected += others;
            sum.delivered += others.saturating_sub(lacking);
            sum.arrived += took_us.len() as u64;
            sum.copies += world.copies(it.message).total;
            sum.payload_bytes += (it.payload_bytes * took_us.len()) as u64;
            sum.took_us.extend(took_us);
        }
        sum
    }
}

/// Returns bytes by kind of frame that were sent between two moments, with what surrounds frames.
pub(super) fn between(
    begin: &Traffic,
    finish: &Traffic,
    overhead_bytes: u64,
) -> BTreeMap<String, u64> {
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, tally) in &finish.kinds {
        let before = begin.kinds.get(kind).copied().unwrap_or_default();
        let bytes = tally.bytes - before.bytes + (tally.frames - before.frames) * overhead_bytes;
        *kinds.entry(kind.0.to_owned()).or_default() += bytes;
    }
    kinds.retain(|_, bytes| 0 < *bytes);
    kinds
}

pub(super) fn overhead_bytes(world: &World) -> u64 {
    world.config().network.overhead_bytes
}

/// Returns how long the deliveries of a message took, sorted.
fn took_us(world: &World, message: usize) -> Vec<u32> {
    let latencies = world.latencies(message);
    let each = latencies.counts().flat_map(|(us, count)| {
        std::iter::repeat_n(us, usize::try_from(count).unwrap_or(usize::MAX))
    });
    each.collect()
}

/// Curves that fit into one picture.
const REACHES_MAX: usize = 8;
