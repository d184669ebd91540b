//! How far nodes are from each other: a pure function of the seed and the two.

/// A map of latencies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Terrain {
    /// Ten regions of the world, weighted like nodes of large public networks.
    Regions,
    /// Any one-way latency between two bounds, for each pair of nodes.
    Uniform {
        /// The shortest.
        from_us: u32,
        /// The longest.
        to_us: u32,
    },
}

/// A terrain with its nodes on it.
#[derive(Debug)]
pub(crate) struct Places {
    terrain: Terrain,
    seed: u64,
    /// Region, and the way from the node to its exchange point.
    nodes: Vec<(u8, u16)>,
}

impl Places {
    pub(crate) fn new(terrain: Terrain, nodes: usize, seed: u64) -> Self {
        let nodes = match terrain {
            Terrain::Regions => (0..nodes as u64).map(|node| place(seed, node)).collect(),
            Terrain::Uniform { .. } => Vec::new(),
        };
        Self { terrain, seed, nodes }
    }

    /// Returns the one-way latency between two nodes, without jitter.
    pub(crate) fn one_way_us(&self, a: u32, b: u32) -> u64 {
        match self.terrain {
            Terrain::Regions => {
                let ((here, way), (there, other_way)) =
                    (self.nodes[a as usize], self.nodes[b as usize]);
                let between = ROUND_TRIP_MS[usize::from(here)][usize::from(there)] * 500;
                u64::from(between) + u64::from(way) + u64::from(other_way)
            }
            Terrain::Uniform { from_us, to_us } => {
                let pair = u64::from(a.min(b)) << 32 | u64::from(a.max(b));
                let span = u64::from(to_us.saturating_sub(from_us)) + 1;
                u64::from(from_us) + mixed(self.seed ^ mixed(pair)) % span
            }
        }
    }
}

fn place(seed: u64, node: u64) -> (u8, u16) {
    let drawn = mixed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mixed(node));
    let mut ticket = drawn % 100;
    let mut region = 0;
    for (number, weight) in WEIGHTS_PERCENT.iter().enumerate() {
        region = u8::try_from(number).expect("ten regions");
        if ticket < *weight {
            break;
        }
        ticket -= weight;
    }
    let way_us = 1_000 + (drawn >> 32) % 14_001;
    (region, u16::try_from(way_us).expect("at most 15 ms"))
}

/// The finishing step of `SplitMix64`: every bit of the answer depends on every bit of the question.
pub(crate) fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

const WEIGHTS_PERCENT: [u64; 10] = [22, 11, 18, 22, 6, 6, 6, 4, 3, 2];

/// East and west of North America, west, middle and north of Europe, Japan, south-east Asia,
/// Australia, India, South America.
const ROUND_TRIP_MS: [[u32; 10]; 10] = [
    [16, 65, 75, 90, 105, 155, 225, 200, 195, 115],
    [65, 16, 135, 150, 165, 105, 170, 145, 225, 175],
    [75, 135, 16, 25, 40, 215, 175, 260, 125, 180],
    [90, 150, 25, 16, 25, 225, 165, 275, 115, 200],
    [105, 165, 40, 25, 16, 245, 180, 290, 140, 220],
    [155, 105, 215, 225, 245, 16, 70, 105, 125, 260],
    [225, 170, 175, 165, 180, 70, 16, 95, 60, 360],
    [200, 145, 260, 275, 290, 105, 95, 16, 150, 315],
    [195, 225, 125, 115, 140, 125, 60, 150, 16, 300],
    [115, 175, 180, 200, 220, 260, 360, 315, 300, 16],
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_are_the_same_in_both_directions_and_10_to_210_ms_long() {
        let places = Places::new(Terrain::Regions, 2_000, 7);
        let pairs = (0..2_000).flat_map(|a| (0..2_000).step_by(37).map(move |b| (a, b)));
        for (a, b) in pairs {
            let us = places.one_way_us(a, b);
            assert_eq!(us, places.one_way_us(b, a));
            assert!((10_000..=210_000).contains(&us), "{us}");
        }
        assert!(ROUND_TRIP_MS.iter().enumerate().all(|(row, it)| {
            it.iter().enumerate().all(|(column, ms)| ROUND_TRIP_MS[column][row] == *ms)
        }));
        assert_eq!(WEIGHTS_PERCENT.iter().sum::<u64>(), 100);
    }
}
