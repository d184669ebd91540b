//! What is published, by whom, how often.

use std::time::Duration;

use clap::ValueEnum;

use crate::ledger::Sum;
use crate::report::Row;

/// Who publishes.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Sources {
    /// Always the same node.
    One,
    /// Another node each time.
    Rotating,
}

/// One workload.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Nodes in the network.
    pub nodes: usize,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// Who publishes.
    pub sources: Sources,
    /// Messages before those that are measured.
    pub warm_up: usize,
    /// Messages that are measured.
    pub messages: usize,
    /// Messages in a second, all sources together.
    pub per_second: f64,
}

impl Sources {
    /// Returns the name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Rotating => "rotating",
        }
    }
}

impl Workload {
    /// Returns who publishes a message.
    pub fn source(&self, number: usize) -> usize {
        match self.sources {
            Sources::One => 0,
            // Far from the last one in any order of joining; the step is prime.
            Sources::Rotating => (number * 7_919 + 1) % self.nodes,
        }
    }

    /// Returns the time from one message to the next.
    pub fn pause(&self) -> Duration {
        Duration::from_secs_f64(1.0 / self.per_second)
    }

    /// Begins a row with what every engine fills in alike.
    pub fn row(&self, sum: &Sum) -> Row {
        Row {
            nodes: self.nodes,
            payload_bytes: self.payload_bytes,
            sources: self.sources.name().to_owned(),
            messages: self.messages,
            deliveries: sum.deliveries,
            wanted: sum.wanted,
            p50_ms: sum.each.part_ms(50),
            p99_ms: sum.each.part_ms(99),
            full_p50_ms: sum.full.part_ms(50),
            full_p90_ms: sum.full.part_ms(90),
            full_max_ms: sum.full.max_ms(),
            ..Row::default()
        }
    }
}
