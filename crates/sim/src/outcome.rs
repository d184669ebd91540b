//! What a run came to: the JSON file that `trellis sim run --out DIR` writes and `sim report` reads.
//!
//! Units stand at the end of each name. Fields are only ever added.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One run of one scenario under one seed.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Outcome {
    /// [`Outcome::SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub version: String,
    /// The scenario's name.
    pub scenario: String,
    /// What it is about.
    pub about: String,
    /// Machines in the world.
    pub nodes: u64,
    /// The seed.
    pub seed: u64,
    /// Whether every expectation held and no invariant broke.
    pub ok: bool,
    /// The command that does it again.
    pub replay: String,
    /// The invariant that broke, with time and node; the figures then end there.
    pub broken: Option<String>,
    /// What was expected and what was seen.
    pub verdicts: Vec<Verdict>,
    /// Trellis itself: the real core.
    pub trellis: Figures,
    /// Bounds and models under the same latency, loss and uplinks.
    pub compared: Vec<Figures>,
    /// The scenario's streams of messages, each for itself.
    pub streams: Vec<Stream>,
    /// Messages sent after the last fault: what share of the living they reached, and when.
    pub reaches: Vec<Reach>,
    /// The links at the end.
    pub overlay: Overlay,
    /// How it ended.
    pub end: End,
    /// What it cost to simulate.
    pub cost: Cost,
    /// Hash of everything that happened, 16 hexadecimal digits: equal for equal seeds.
    pub trace: String,
}

/// What one protocol did with the workload. Warm-up messages are not in it.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Figures {
    /// Its name in plots and tables.
    pub protocol: String,
    /// How far to trust the comparison.
    pub standing: Standing,
    /// Messages that were measured.
    pub messages: u64,
    /// Deliveries that should have happened: live honest nodes for each message.
    pub expected: u64,
    /// Deliveries that happened.
    pub delivered: u64,
    /// From publishing to delivery, over all deliveries.
    pub latency_ms: Spread,
    /// Share of deliveries (0 to 1) that took at most so many milliseconds.
    pub curve_ms: Vec<(f64, f64)>,
    /// Payloads received for each payload delivered; 1 is the least.
    pub copies: f64,
    /// Bytes sent by all nodes during the measurement, by kind of frame, with all overhead.
    pub bytes_by_kind: BTreeMap<String, u64>,
    /// Payload bytes delivered.
    pub payload_bytes: u64,
}

/// How far to trust a comparison.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// The code that runs in the daemon.
    #[default]
    Real,
    /// A small model of somebody's protocol, not its implementation.
    Model,
    /// What no protocol can beat: on any overlay, or on this one.
    Bound,
}

/// A distribution in five numbers.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Spread {
    /// Half were at most this.
    pub p50: f64,
    /// Nine of ten.
    pub p90: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
    /// The mean.
    pub mean: f64,
}

/// One of the scenario's streams of messages.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Stream {
    /// Its name in the scenario.
    pub name: String,
    /// Messages of it that were measured.
    pub messages: u64,
    /// Deliveries that should have happened.
    pub expected: u64,
    /// Deliveries that happened.
    pub delivered: u64,
    /// From publishing to delivery.
    pub latency_ms: Spread,
    /// Publications the author's own node refused.
    pub refused: u64,
}

/// What became of one message sent after a fault.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Reach {
    /// Milliseconds between the fault and the message.
    pub sent_after_ms: f64,
    /// Share of live honest nodes (0 to 1) reached so many milliseconds after it was sent.
    pub curve_ms: Vec<(f64, f64)>,
}

/// The links between live honest nodes.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Overlay {
    /// Live honest nodes.
    pub live: u64,
    /// Links of a node.
    pub links: Spread,
    /// The fewest links a node has.
    pub links_min: f64,
    /// Live honest nodes outside the largest connected part.
    pub isolated: u64,
    /// Of nodes that sign two records with one number, how many each live honest node has proof against,
    /// per cent; none where nobody does.
    #[serde(default)]
    pub contradicted_percent: Option<f64>,
}

/// How a run ended.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct End {
    /// From the last fault or publication until every live node had everything; none if never.
    pub complete_after_ms: Option<f64>,
    /// The same until all live nodes had equal roots; none if never or not asked for.
    pub equal_after_ms: Option<f64>,
    /// From the last fault until everything published before it was everywhere; none if never.
    pub caught_up_after_ms: Option<f64>,
    /// Deliveries still missing when the run ended, of all messages.
    pub missing: u64,
    /// Messages that no live node has and whose author is gone: nobody was told they were safe.
    pub died_with_author: u64,
    /// Deliveries a node lacked when the workload ended, on average.
    pub behind_mean: f64,
    /// States that differed just before a wall fell, the fewest over all walls.
    pub divided: Option<u64>,
    /// Alerts that every node shows, where all hold the same.
    #[serde(default)]
    pub alerts: u64,
    /// Rules that every node accepts, where all hold the same.
    #[serde(default)]
    pub rules_accepted: u64,
    /// Sides that hold a transfer for agreed, over all live honest nodes.
    #[serde(default)]
    pub transfers_agreed: u64,
    /// Sides for which one ended.
    #[serde(default)]
    pub transfers_ended: u64,
    /// Bytes a node sent each second while nothing was published.
    pub idle_bytes_per_s: Option<f64>,
    /// Records published or written, those of warm-ups too.
    pub published: u64,
    /// The most records that waited for a check at one node when the workload ended.
    pub pending_max: u64,
}

/// What it cost to simulate.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Cost {
    /// Virtual time.
    pub virtual_ms: f64,
    /// Time on the clock.
    pub wall_ms: f64,
    /// Things that happened.
    pub events: u64,
    /// Threads.
    pub threads: u64,
    /// Peak memory of the process, if the system tells.
    pub memory_peak_bytes: Option<u64>,
}

/// One expectation.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Verdict {
    /// What was measured, in words.
    pub what: String,
    /// The bound.
    pub wanted: f64,
    /// The figure; none if there was nothing to measure, which is a failure.
    pub seen: Option<f64>,
    /// Whether the figure is within the bound.
    pub ok: bool,
}

impl Outcome {
    /// What `schema` says.
    pub const SCHEMA: &str = "trellis.sim/1";

    /// Returns the figures of a protocol by its name.
    pub fn figures(&self, protocol: &str) -> Option<&Figures> {
        std::iter::once(&self.trellis).chain(&self.compared).find(|it| it.protocol == protocol)
    }
}

impl Figures {
    /// Returns the share of deliveries that happened, 0 to 1; none if there were none to happen.
    pub fn share(&self) -> Option<f64> {
        ratio(self.delivered as f64, self.expected as f64)
    }

    /// Returns bytes on the wire for each byte of payload delivered.
    pub fn wire_per_payload(&self) -> Option<f64> {
        ratio(self.bytes_by_kind.values().sum::<u64>() as f64, self.payload_bytes as f64)
    }
}

impl Spread {
    /// Describes values, which need not be sorted.
    pub fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let Some(max) = values.last().copied() else { return Self::default() };
        let at = |share: f64| values[place(values.len(), share)];
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max, mean }
    }

    /// Describes microseconds in milliseconds; they must be sorted.
    pub fn of_sorted_us(sorted_us: &[u32]) -> Self {
        let ms = |us: u32| f64::from(us) / 1_000.0;
        let Some(max) = sorted_us.last().copied() else { return Self::default() };
        let at = |share: f64| ms(sorted_us[place(sorted_us.len(), share)]);
        let mean = sorted_us.iter().map(|us| ms(*us)).sum::<f64>() / sorted_us.len() as f64;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: ms(max), mean }
    }
}

/// Returns at most [`CURVE_POINTS`] points of a distribution of sorted microseconds, with more of
/// them where few are left: the tail is what matters. `of` is what counts as all.
pub fn curve_ms(sorted_us: &[u32], of: u64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    let count = sorted_us.len();
    for step in 0..=CURVE_POINTS {
        // The last tenth of the points stands for the last hundredth of the values.
        let along = step as f64 / CURVE_POINTS as f64;
        let share = if along < 0.9 { along * 1.1 } else { 0.99 + (along - 0.9) / 10.0 };
        let Some(us) = sorted_us.get(place(count, share)) else { break };
        let reached = (place(count, share) + 1) as f64 / of.max(1) as f64;
        let point = (f64::from(*us) / 1_000.0, reached);
        if points.last() != Some(&point) {
            points.push(point);
        }
    }
    points
}

/// Returns one number in terms of another, if that is not zero.
pub fn ratio(of: f64, to: f64) -> Option<f64> {
    (to != 0.0).then(|| of / to)
}

/// The place of a share in a sorted list: the smallest value that so many do not exceed.
fn place(count: usize, share: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place")]
    let place = (share * count as f64).ceil() as usize;
    place.clamp(1, count.max(1)) - 1
}

const CURVE_POINTS: usize = 120;
