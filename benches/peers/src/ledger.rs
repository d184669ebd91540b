//! Who has which message, since when.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::samples::Samples;

/// All messages of one run: who should have them, and who has.
#[derive(Debug, Default)]
pub struct Ledger {
    messages: Vec<Message>,
    /// Deliveries beyond the first of a message at a node: an application would have seen it twice.
    pub again: u64,
}

#[derive(Debug)]
struct Message {
    sent: Duration,
    /// How many nodes should have it, its author apart.
    wanted: usize,
    nodes: BTreeSet<usize>,
    latencies: Samples,
}

/// What a range of messages came to.
#[derive(Debug)]
pub struct Sum {
    /// Deliveries that happened.
    pub deliveries: usize,
    /// Deliveries that should have.
    pub wanted: usize,
    /// Latency of each delivery.
    pub each: Samples,
    /// Time until the last node had it, for each message that reached everybody.
    pub full: Samples,
}

impl Ledger {
    /// Opens a message; returns its number.
    pub fn open(&mut self, sent: Duration, wanted: usize) -> usize {
        let (nodes, latencies) = (BTreeSet::new(), Samples::default());
        self.messages.push(Message { sent, wanted, nodes, latencies });
        self.messages.len() - 1
    }

    /// Notes that a node has a message.
    pub fn deliver(&mut self, number: usize, node: usize, now: Duration) {
        let Some(message) = self.messages.get_mut(number) else { return };
        if message.nodes.insert(node) {
            message.latencies.add(now.saturating_sub(message.sent));
        } else {
            self.again += 1;
        }
    }

    /// Returns how many messages there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Returns which share of its nodes a message has reached.
    pub fn share(&self, number: usize) -> f64 {
        let message = self.messages.get(number);
        message.map_or(0.0, |it| it.nodes.len() as f64 / it.wanted.max(1) as f64)
    }

    /// Returns how many nodes lack a message.
    pub fn missing(&self, number: usize) -> usize {
        self.messages.get(number).map_or(0, |it| it.wanted.saturating_sub(it.nodes.len()))
    }

    /// Sums up the messages from `first` on.
    pub fn sum_from(&self, first: usize) -> Sum {
        let mut sum =
            Sum { deliveries: 0, wanted: 0, each: Samples::default(), full: Samples::default() };
        for message in self.messages.iter().skip(first) {
            sum.deliveries += message.nodes.len();
            sum.wanted += message.wanted;
            sum.each.append(&message.latencies);
            if message.nodes.len() == message.wanted
                && let Some(last_ms) = message.latencies.max_ms()
            {
                sum.full.add(Duration::from_secs_f64(last_ms / 1_000.0));
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_counts_what_is_missing_and_what_came_twice() {
        let at = Duration::from_millis;
        let mut ledger = Ledger::default();
        let (warm, first, second) =
            (ledger.open(at(0), 2), ledger.open(at(10), 2), ledger.open(at(20), 2));
        ledger.deliver(warm, 1, at(900));
        for (number, node, ms) in [(first, 1, 30), (first, 2, 50), (first, 2, 60), (second, 1, 21)]
        {
            ledger.deliver(number, node, at(ms));
        }
        let sum = ledger.sum_from(first);
        assert_eq!((sum.deliveries, sum.wanted, ledger.again), (3, 4, 1));
        assert_eq!(sum.full.len(), 1, "the second message has not reached everybody");
        assert_eq!(sum.full.max_ms(), Some(40.0));
        assert_eq!(sum.each.part_ms(1), Some(1.0));
        assert_eq!((ledger.missing(first), ledger.missing(second)), (0, 1));
        assert!((ledger.share(second) - 0.5).abs() < 1e-9);
    }
}
