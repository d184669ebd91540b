//! Figures as a table for people and as JSON for programs.

use std::io::Write;

use serde::{Deserialize, Serialize};

/// What one engine did with one workload.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Row {
    /// Who was measured, with its version.
    pub engine: String,
    /// Nodes.
    pub nodes: usize,
    /// Bytes of one payload.
    pub payload_bytes: usize,
    /// `one` or `rotating`.
    pub sources: String,
    /// Messages measured, after those that warmed the network.
    pub messages: usize,
    /// Deliveries that happened, and that should have.
    pub deliveries: usize,
    /// See `deliveries`.
    pub wanted: usize,
    /// Payloads received for each delivery; nothing where an engine does not say.
    pub copies: Option<f64>,
    /// Bytes on the wire for each delivery, all kinds.
    pub wire_bytes: Option<f64>,
    /// Frames without payload for each delivery.
    pub control_frames: Option<f64>,
    /// Latency of a delivery, milliseconds.
    pub p50_ms: Option<f64>,
    /// See `p50_ms`.
    pub p99_ms: Option<f64>,
    /// Time until the last node had a message, milliseconds.
    pub full_p50_ms: Option<f64>,
    /// See `full_p50_ms`.
    pub full_p90_ms: Option<f64>,
    /// See `full_p50_ms`.
    pub full_max_ms: Option<f64>,
    /// Processor time for each delivery, microseconds.
    pub cpu_us: Option<f64>,
    /// Resident memory for each node, KiB.
    pub memory_kib: Option<f64>,
    /// Traffic of a node while nobody publishes, sent, bytes a second.
    pub idle_bytes_per_s: Option<f64>,
    /// Load average of the machine when it ended, one and five minutes.
    pub load: String,
}

/// What a fault did to a network.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Fault {
    /// Who was measured, with its version.
    pub engine: String,
    /// Which fault.
    pub fault: String,
    /// Nodes before it.
    pub nodes: usize,
    /// Seed of the network.
    pub seed: u64,
    /// Share of the living reached by the first message after the fault.
    pub first: f64,
    /// By the second, a second later.
    pub second: f64,
    /// Share reached by the best of the last messages.
    pub last: f64,
    /// Nodes that none of the last messages reached.
    pub never: usize,
    /// Nodes that have no neighbour in the end.
    pub alone: usize,
    /// Time from the end of a partition to the first message that reached everybody, seconds.
    pub healed_s: Option<f64>,
    /// Share of deliveries of messages sent meanwhile that had not happened in the end.
    pub lost: Option<f64>,
}

/// All that a command measured.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Report {
    /// Workloads.
    pub rows: Vec<Row>,
    /// Faults.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Adds another one's figures.
    pub fn append(&mut self, other: Self) {
        self.rows.extend(other.rows);
        self.faults.extend(other.faults);
    }

    /// Writes one JSON document.
    pub fn json(&self, out: &mut impl Write) -> anyhow::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        Ok(writeln!(out)?)
    }

    /// Writes Markdown tables.
    pub fn table(&self, out: &mut impl Write) -> anyhow::Result<()> {
        if !self.rows.is_empty() {
            writeln!(out, "{ROW_HEAD}")?;
        }
        for row in &self.rows {
            writeln!(out, "{}", row.line())?;
        }
        if !self.faults.is_empty() {
            writeln!(out, "\n{FAULT_HEAD}")?;
        }
        for fault in &self.faults {
            writeln!(out, "{}", fault.line())?;
        }
        Ok(())
    }
}

impl Row {
    fn line(&self) -> String {
        let delivered = match (self.deliveries, self.wanted) {
            (have, want) if have == want => "all".to_owned(),
            (have, want) => format!("{have} of {want}"),
        };
        let (copies, bytes) = (number(self.copies, 2), number(self.wire_bytes, 0));
        let control = number(self.control_frames, 2);
        let each = join(&[self.p50_ms, self.p99_ms]);
        let full = join(&[self.full_p50_ms, self.full_p90_ms, self.full_max_ms]);
        let (cpu, memory) = (number(self.cpu_us, 0), number(self.memory_kib, 0));
        let idle = number(self.idle_bytes_per_s, 0);
        let Self { engine, nodes, payload_bytes, sources, messages, load, .. } = self;
        format!(
            "| {engine} | {nodes} | {payload_bytes} | {sources} | {messages} | {delivered} \
             | {copies} | {bytes} | {control} | {each} | {full} | {cpu} | {memory} | {idle} | {load} |"
        )
    }
}

impl Fault {
    fn line(&self) -> String {
        let Self { engine, fault, nodes, seed, never, alone, .. } = self;
        let shares = [self.first, self.second, self.last];
        let shares = shares.map(|it| format!("{:.2}", it * 100.0)).join(" / ");
        let healed = self.healed_s.map_or_else(|| "-".to_owned(), |it| format!("{it:.0}"));
        let lost = self.lost.map_or_else(|| "-".to_owned(), |it| format!("{:.1}", it * 100.0));
        format!(
            "| {engine} | {fault} | {nodes} | {seed} | {shares} | {never} | {alone} | {healed} | {lost} |"
        )
    }
}

fn join(parts: &[Option<f64>]) -> String {
    parts.iter().map(|it| number(*it, 0)).collect::<Vec<_>>().join(" / ")
}

fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |it| format!("{it:.digits$}"))
}

const ROW_HEAD: &str = "\
| engine | nodes | payload, B | sources | messages | delivered | copies | wire B per delivery \
| control frames per delivery | delivery p50 / p99, ms | last node p50 / p90 / max, ms \
| CPU us per delivery | KiB per node | idle B/s per node, sent | load 1, 5 min |
|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|";
const FAULT_HEAD: &str = "\
| engine | fault | nodes | seed | living reached by message 1 / 2 / last, % | never reached again \
| without neighbours in the end | whole after, s | deliveries missing for good, % |
|---|---|---|---|---|---|---|---|---|";
