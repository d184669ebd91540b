//! How far two nodes are from each other: a pure function, the same for every engine.

use std::time::Duration;

/// One-way latencies between the nodes of one network.
#[derive(Clone, Copy, Debug)]
pub struct Latency {
    /// Another seed is another network.
    pub seed: u64,
    /// Shortest one-way latency, milliseconds.
    pub low_ms: u64,
    /// Longest one-way latency, milliseconds.
    pub high_ms: u64,
}

impl Latency {
    /// Returns the one-way latency between two nodes: equal both ways, drawn once for each pair.
    pub fn between(&self, one: usize, other: usize) -> Duration {
        let (low, high) = (one.min(other) as u64, one.max(other) as u64);
        let drawn = mix(mix(mix(self.seed) ^ low) ^ high);
        let range_us = self.high_ms.saturating_sub(self.low_ms) * 1_000;
        let part_us = (u128::from(drawn) * u128::from(range_us + 1)) >> 64;
        let part_us = u64::try_from(part_us).unwrap_or(range_us);
        Duration::from_micros(self.low_ms * 1_000 + part_us)
    }
}

/// The finalizer of `SplitMix64`: every bit of the input changes half of the bits of the output.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_symmetric_and_fill_their_range() {
        let latency = Latency { seed: 7, low_ms: 10, high_ms: 50 };
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
        assert_ne!(latency.between(1, 2), Latency { seed: 8, ..latency }.between(1, 2));
    }
}
