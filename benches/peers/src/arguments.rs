//! What the command line may say.

use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::latency::{Latency, Model};
use crate::workload::{Sources, Workload};

/// Measures other engines and ours over the same latencies.
#[derive(Debug, Parser)]
#[command(name = "peers")]
pub struct Arguments {
    /// Who is measured.
    #[command(subcommand)]
    pub what: What,
}

/// Who is measured.
#[derive(Debug, Subcommand)]
pub enum What {
    /// All three with the same workloads, in one table
    All(Live),
    /// gossipsub of `libp2p`, in real time over its memory transport
    Gossipsub(Live),
    /// `iroh-gossip`, its own state machine in virtual time
    Iroh(Iroh),
    /// Trellis, its real daemons in real time, on sockets with distance between them
    Trellis(Live),
    /// The distance between them: a process of relays
    #[command(hide = true)]
    Wires(Common),
}

/// What all engines are told.
#[derive(Args, Clone, Debug)]
pub struct Common {
    /// Nodes; several networks one after the other
    #[arg(long, value_delimiter = ',', default_value = "100")]
    pub nodes: Vec<usize>,
    /// Bytes of a payload
    #[arg(long, value_delimiter = ',', default_value = "256,1024")]
    payload: Vec<usize>,
    /// Who publishes
    #[arg(long, value_enum, value_delimiter = ',', default_value = "one,rotating")]
    sources: Vec<Sources>,
    /// Messages measured
    #[arg(long, default_value_t = 60)]
    messages: usize,
    /// Messages before those
    #[arg(long, default_value_t = 100)]
    warm_up: usize,
    /// Messages in a second
    #[arg(long, default_value_t = 4.0)]
    per_second: f64,
    /// One-way latencies: a range in milliseconds, or `regions` for those of the world
    #[arg(long, default_value = "10-50")]
    latency: Model,
    /// Another seed is another network
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// JSON instead of tables
    #[arg(long)]
    pub json: bool,
}

/// What engines in real time are told.
#[derive(Args, Clone, Debug)]
pub struct Live {
    /// What all are told.
    #[command(flatten)]
    pub common: Common,
    /// Time without messages before the first, whose traffic is measured, seconds
    #[arg(long, default_value_t = 20)]
    pub idle_s: u64,
    /// Whether gossipsub's messages carry a signature
    #[arg(long, value_enum, default_value = "signed")]
    pub sign: Sign,
    /// Measure in this process; otherwise each row has one of its own
    #[arg(long, hide = true)]
    pub here: bool,
}

/// What `iroh-gossip` is told.
#[derive(Args, Clone, Debug)]
pub struct Iroh {
    /// What all are told.
    #[command(flatten)]
    pub common: Common,
    /// What happens to the network
    #[arg(long, value_enum, default_value = "publish")]
    pub case: Case,
    /// Share of the nodes that is removed, per cent
    #[arg(long, value_delimiter = ',', default_value = "50,90")]
    pub killed: Vec<usize>,
    /// Networks for each fault, with seeds from `--seed` on
    #[arg(long, default_value_t = 1)]
    pub seeds: u64,
    /// Time from the last join to the first event, seconds
    #[arg(long, default_value_t = 130)]
    pub settle_s: u64,
    /// What senders are told of nodes that are gone
    #[arg(long, value_enum, default_value = "silent")]
    pub unreachable: Unreachable,
}

/// What happens to a network.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Case {
    /// Messages in a quiet network
    Publish,
    /// Many nodes removed at once
    Kill,
    /// Halves for a minute
    Partition,
}

/// Whether messages of gossipsub carry a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Sign {
    /// As by default, checked at every copy
    Signed,
    /// No author, no number, no signature, and short ids
    Anonymous,
}

/// What becomes of a message to a node that is dead or behind a wall.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Unreachable {
    /// Its sender is told after a round trip, as by a machine without the program
    Refused,
    /// Nobody is told; the protocol's own timers have to notice
    Silent,
}

impl Common {
    /// Returns the latencies of one network.
    pub fn latency_of(&self, seed: u64) -> Latency {
        Latency::new(seed, self.latency)
    }

    /// Returns every combination of nodes, payload and sources.
    pub fn workloads(&self) -> Vec<Workload> {
        let mut workloads = Vec::new();
        for &nodes in &self.nodes {
            for &payload_bytes in &self.payload {
                for &sources in &self.sources {
                    let Self { warm_up, messages, per_second, .. } = *self;
                    workloads.push(Workload {
                        nodes,
                        payload_bytes,
                        sources,
                        warm_up,
                        messages,
                        per_second,
                    });
                }
            }
        }
        workloads
    }
}

impl Live {
    /// Returns the time without messages.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_s)
    }

    /// Returns the arguments with which another process measures one workload as this one would.
    pub fn for_one(&self, workload: &Workload) -> Vec<String> {
        let pairs = [
            ("--nodes", workload.nodes.to_string()),
            ("--payload", workload.payload_bytes.to_string()),
            ("--sources", workload.sources.name().to_owned()),
            ("--messages", workload.messages.to_string()),
            ("--warm-up", workload.warm_up.to_string()),
            ("--per-second", workload.per_second.to_string()),
            ("--latency", self.common.latency.to_string()),
            ("--seed", self.common.seed.to_string()),
        ];
        let mut arguments = vec!["--json".to_owned()];
        arguments.extend(pairs.into_iter().flat_map(|(key, value)| [key.to_owned(), value]));
        arguments
    }
}

impl Sign {
    /// Returns the word that says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Anonymous => "anonymous",
        }
    }
}
