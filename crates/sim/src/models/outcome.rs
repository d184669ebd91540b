//! What a run of a model came to, in the figures of a run of Trellis.

use super::config::Purpose;

/// What became of a run. Only messages that count, and nodes that live and are honest, are in it.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelOutcome {
    /// The messages that count.
    pub messages: Vec<MessageOutcome>,
    /// Frames and bytes from the first of these messages until half a second after the last.
    pub sent: Vec<(Kind, Sent)>,
    /// Nodes that could receive, of the whole world.
    pub receivers: u64,
    /// Frames lost, in the whole run.
    pub lost: u64,
    /// Events, in the whole run.
    pub events: u64,
    /// A number that depends on everything that happened: equal for equal seeds.
    pub trace: u64,
    /// Latency of each message at each receiver that it reached, sorted.
    latencies_us: Vec<u32>,
}

/// What became of one message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct MessageOutcome {
    /// When it was published.
    pub at_us: u64,
    /// By whom.
    pub source: u32,
    /// Payload size.
    pub payload_bytes: u32,
    /// How many should have received it: all that live and are honest, without the source.
    pub expected: u64,
    /// How many did.
    pub reached: u64,
    /// How many did within one second, and within five.
    pub reached_within: (u64, u64),
    /// Copies that arrived at them, all in all.
    pub copies: u64,
}

/// Kinds of frames.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Messages with their payloads.
    Payload,
    /// Names of messages somebody has.
    Have,
    /// Names of messages somebody wants.
    Want,
    /// Names of messages somebody wants no further copy of.
    DontWant,
    /// Links that become part of the tree or mesh.
    Graft,
    /// Links that leave it.
    Prune,
}

/// What was sent of one kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// How many frames.
    pub frames: u64,
    /// Their bytes, with what each frame costs beyond its own.
    pub bytes: u64,
}

impl ModelOutcome {
    /// Returns the latency that a share of all deliveries did not exceed; none without deliveries.
    pub fn quantile_us(&self, share: f64) -> Option<u32> {
        let last = self.latencies_us.len().checked_sub(1)?;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
        let place = (share.clamp(0.0, 1.0) * last as f64).round() as usize;
        self.latencies_us.get(place).copied()
    }

    /// Returns all latencies, sorted: what a distribution is drawn from.
    pub fn latencies_us(&self) -> &[u32] {
        &self.latencies_us
    }

    /// Returns the share of deliveries that happened.
    pub fn delivered(&self) -> f64 {
        self.ratio(|it| it.reached)
    }

    /// Returns the copies of a payload that arrive at a node, on average.
    pub fn copies(&self) -> f64 {
        self.ratio(|it| it.copies)
    }

    /// Returns bytes of a kind for each node and message.
    pub fn bytes(&self, kind: Kind) -> f64 {
        let bytes = self.sent.iter().filter(|it| it.0 == kind).map(|it| it.1.bytes).sum::<u64>();
        bytes as f64 / (self.receivers.max(1) * self.messages.len().max(1) as u64) as f64
    }

    /// Returns all bytes for each node and message.
    pub fn bytes_all(&self) -> f64 {
        Kind::ALL.iter().map(|it| self.bytes(*it)).sum()
    }

    fn ratio(&self, count: impl Fn(&MessageOutcome) -> u64) -> f64 {
        let expected: u64 = self.messages.iter().map(|it| it.expected).sum();
        self.messages.iter().map(count).sum::<u64>() as f64 / expected.max(1) as f64
    }
}

impl Kind {
    /// All kinds.
    pub const ALL: &'static [Self] =
        &[Self::Payload, Self::Have, Self::Want, Self::DontWant, Self::Graft, Self::Prune];

    /// Returns its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Payload => "payload",
            Self::Have => "have",
            Self::Want => "want",
            Self::DontWant => "dont-want",
            Self::Graft => "graft",
            Self::Prune => "prune",
        }
    }
}

/// Writes down what happens while it happens.
#[derive(Debug)]
pub(crate) struct Ledger {
    nodes: usize,
    pub(crate) published: Vec<super::Publication>,
    /// Latency by node and message, [`NEVER`] before it arrives.
    arrivals_us: Vec<u32>,
    copies: Vec<u64>,
    sent: [Sent; 6],
    window_us: (u64, u64),
    pub(crate) lost: u64,
    pub(crate) events: u64,
    pub(crate) trace: u64,
}

impl Ledger {
    pub(crate) fn new(nodes: usize, published: Vec<super::Publication>) -> Self {
        let measured = || published.iter().filter(|it| it.purpose == Purpose::Measure);
        let window_us = (
            measured().map(|it| it.at_us).min().unwrap_or(0),
            measured().map(|it| it.at_us + AFTER_US).max().unwrap_or(0),
        );
        Self {
            nodes,
            arrivals_us: vec![NEVER; nodes * published.len()],
            copies: vec![0; published.len()],
            published,
            sent: [Sent::default(); 6],
            window_us,
            lost: 0,
            events: 0,
            trace: 0,
        }
    }

    /// Writes down that a message is at a node. Says whether that is new.
    pub(crate) fn arrived(&mut self, node: u32, message: u32, now_us: u64) -> bool {
        let sent_us = self.published[message as usize].at_us;
        let latency = u32::try_from(now_us - sent_us).unwrap_or(NEVER - 1);
        let place = &mut self.arrivals_us[node as usize * self.published.len() + message as usize];
        let new = *place == NEVER;
        if new {
            *place = latency;
        }
        new
    }

    pub(crate) fn copied(&mut self, message: u32) {
        self.copies[message as usize] += 1;
    }

    pub(crate) fn sent(&mut self, kind: Kind, message: Option<u32>, bytes: u64, now_us: u64) {
        let counts = match message {
            Some(message) => self.published[message as usize].purpose == Purpose::Measure,
            None => self.window_us.0 <= now_us && now_us < self.window_us.1,
        };
        if counts {
            let sent = &mut self.sent[kind as usize];
            sent.frames += 1;
            sent.bytes += bytes;
        }
    }

    /// Returns when a message came to a node, if it did.
    pub(crate) fn arrival_us(&self, node: u32, message: u32) -> Option<u64> {
        let at = self.arrivals_us[node as usize * self.published.len() + message as usize];
        (at != NEVER).then(|| self.published[message as usize].at_us + u64::from(at))
    }

    /// Closes the book. `counts` says who lives and is honest.
    pub(crate) fn close(self, counts: impl Fn(u32) -> bool) -> ModelOutcome {
        let receivers: Vec<u32> =
            (0..super::overlay::number(self.nodes)).filter(|it| counts(*it)).collect();
        let mut latencies_us = Vec::new();
        let mut messages = Vec::new();
        let measured = self.published.iter().enumerate();
        for (number, it) in measured.filter(|it| it.1.purpose == Purpose::Measure) {
            let first = latencies_us.len();
            for node in receivers.iter().filter(|node| **node != it.source) {
                let at = self.arrivals_us[*node as usize * self.published.len() + number];
                if at != NEVER {
                    latencies_us.push(at);
                }
            }
            let within = |us| latencies_us[first..].iter().filter(|it| **it <= us).count() as u64;
            let reached_within = (within(1_000_000), within(5_000_000));
            let others = receivers.len() - usize::from(counts(it.source));
            messages.push(MessageOutcome {
                at_us: it.at_us,
                source: it.source,
                payload_bytes: it.payload_bytes,
                expected: others as u64,
                reached: (latencies_us.len() - first) as u64,
                reached_within,
                copies: self.copies[number],
            });
        }
        latencies_us.sort_unstable();
        ModelOutcome {
            messages,
            sent: Kind::ALL.iter().map(|kind| (*kind, self.sent[*kind as usize])).collect(),
            receivers: receivers.len() as u64,
            lost: self.lost,
            events: self.events,
            trace: self.trace,
            latencies_us,
        }
    }
}

const NEVER: u32 = u32::MAX;
/// Control traffic is counted so long after the last message: the time between two of them.
const AFTER_US: u64 = 500_000;
