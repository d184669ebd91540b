//! How far two nodes are from each other: the simulator's latencies, the same for every engine.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use sim::network::{self, Network, NetworkConfig};

/// One-way latencies between the nodes of one network.
#[derive(Clone, Debug)]
pub struct Latency {
    /// Another seed is another network.
    pub seed: u64,
    /// How they come about.
    pub model: Model,
    network: Arc<Network>,
}

/// How latencies come about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Model {
    /// Every pair draws from this range, milliseconds.
    Range(u64, u64),
    /// Ten regions of the world.
    Regions,
}

impl Latency {
    /// Makes the latencies of a seed.
    pub fn new(seed: u64, model: Model) -> Self {
        let latency = match model {
            Model::Range(low_ms, high_ms) => {
                network::Latency::Uniform { low_us: low_ms * 1_000, high_us: high_ms * 1_000 }
            }
            Model::Regions => network::Latency::Regions,
        };
        // Only its distances are asked for; walls, loss and order are not its business here.
        let config = NetworkConfig { latency, ..NetworkConfig::default() };
        Self { seed, model, network: Arc::new(Network::new(seed, 0, config)) }
    }

    /// Returns the one-way latency between two nodes: equal both ways, the same at every call.
    pub fn between(&self, one: usize, other: usize) -> Duration {
        Duration::from_micros(self.network.latency_us(one, other))
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == REGIONS {
            return Ok(Self::Regions);
        }
        let ends = text.split_once('-');
        let ends = ends.and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
        match ends {
            Some((low, high)) if low <= high => Ok(Self::Range(low, high)),
            Some(_) | None => Err(format!("write LOW-HIGH, such as 10-50, or {REGIONS}")),
        }
    }
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(low_ms, high_ms) => write!(f, "{low_ms}-{high_ms}"),
            Self::Regions => f.write_str(REGIONS),
        }
    }
}

const REGIONS: &str = "regions";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_symmetric_and_fill_their_range() {
        let latency = Latency::new(7, Model::Range(10, 50));
        let mut drawn: Vec<u128> = Vec::new();
        for one in 0..100 {
            for other in 0..one {
                assert_eq!(latency.between(one, other), latency.between(other, one));
                drawn.push(latency.between(one, other).as_micros());
            }
        }
        drawn.sort_unstable();
        let mean = drawn.iter().sum::<u128>() / drawn.len() as u128;
        assert!(10_000 <= drawn[0] && drawn[0] < 10_200, "{}", drawn[0]);
        assert!(drawn[drawn.len() - 1] <= 50_000 && 49_800 < drawn[drawn.len() - 1]);
        assert!((29_500..30_500).contains(&mean), "{mean}");
        let other = Latency::new(8, latency.model);
        assert_ne!(latency.between(1, 2), other.between(1, 2));
    }

    #[test]
    fn models_are_written_as_they_are_read() {
        for text in ["10-50", "0-0", "regions"] {
            assert_eq!(text.parse::<Model>().map(|it| it.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "50-10", "10", "a-b"] {
            assert!(text.parse::<Model>().is_err(), "{text}");
        }
    }
}
