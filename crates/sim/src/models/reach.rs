//! How far a message gets with a fanout and a TTL: what designs A and C promise, and what they do.

use super::{Faults, Model, ModelConfig, Sources, Workload, run};
use crate::network::{Machines, NetworkConfig};

/// What to try.
#[derive(Clone, Debug)]
pub struct ReachConfig {
    /// Sizes of networks.
    pub nodes: Vec<usize>,
    /// How many links a message may cross.
    pub ttls: Vec<u16>,
    /// To how many a node sends.
    pub fanout: usize,
    /// Messages for each point.
    pub messages: usize,
    /// The network under it.
    pub network: NetworkConfig,
    /// The machines.
    pub machines: Machines,
    /// Where all chances come from.
    pub seed: u64,
}

/// One point of the plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReachRow {
    /// Nodes of the network.
    pub nodes: usize,
    /// How many links a message may cross.
    pub ttl: u16,
    /// To how many a node sends.
    pub fanout: usize,
    /// Share of the other nodes that was reached.
    pub reached: f64,
    /// What a tree without any overlap would reach.
    pub without_overlap: f64,
    /// What this fanout reaches with any TTL in a large network.
    pub with_any_ttl: f64,
}

/// Runs the push model for each size and TTL.
pub fn reach(config: &ReachConfig) -> Vec<ReachRow> {
    let point = |nodes: usize, ttl: u16| {
        let sources = Sources::Any;
        let workload =
            Workload::steady((0, config.messages), PAYLOAD_BYTES, sources, (nodes, config.seed));
        let outcome = run(&ModelConfig {
            model: Model::Push { fanout: config.fanout, ttl },
            nodes,
            seed: config.seed,
            network: config.network.clone(),
            machines: config.machines.clone(),
            workload,
            faults: Faults::none(),
            overlay: None,
        });
        let others = nodes.saturating_sub(1).max(1) as f64;
        ReachRow {
            nodes,
            ttl,
            fanout: config.fanout,
            reached: outcome.delivered(),
            without_overlap: (layers(config.fanout, ttl) / others).min(1.0),
            with_any_ttl: fixed_point(config.fanout),
        }
    };
    let sizes = config.nodes.iter();
    sizes.flat_map(|nodes| config.ttls.iter().map(move |ttl| point(*nodes, *ttl))).collect()
}

/// Nodes in so many layers of a tree, without its root.
fn layers(fanout: usize, ttl: u16) -> f64 {
    (1..=i32::from(ttl)).map(|layer| (fanout as f64).powi(layer)).sum()
}

/// The share s with s = 1 - e^(-fs), above zero.
pub(crate) fn fixed_point(fanout: usize) -> f64 {
    (0..200).fold(1.0, |share: f64, _| 1.0 - (-(fanout as f64) * share).exp())
}

const PAYLOAD_BYTES: u32 = 1_024;
