//! Chances: one stream for each machine, all from one seed, and hashes that are as good as drawn.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014): eight bytes of state, so that a million machines can
//! each have a stream of their own.

/// A stream of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Makes the stream that a seed and some names stand for.
    pub fn new(seed: u64, names: &[u64]) -> Self {
        Self(names.iter().fold(scramble(seed), |state, name| mix(state, *name)))
    }

    /// Draws a number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GOLDEN);
        scramble(self.0)
    }

    /// Draws a number below `bound`, or 0 where there is none.
    pub fn below(&mut self, bound: u64) -> u64 {
        scale(self.draw(), bound)
    }

    /// Says yes in so many of a million cases.
    pub fn hits(&mut self, per_million: u32) -> bool {
        0 < per_million && self.below(1_000_000) < u64::from(per_million)
    }
}

/// Joins two numbers into one that looks drawn.
pub fn mix(one: u64, other: u64) -> u64 {
    scramble(one.wrapping_add(GOLDEN) ^ scramble(other.wrapping_mul(GOLDEN)))
}

/// Makes a number below `bound` of one that looks drawn.
pub fn scale(drawn: u64, bound: u64) -> u64 {
    // Multiply and shift: the bias is below 2^-32 for every bound we use.
    let wide = u128::from(drawn) * u128::from(bound);
    u64::try_from(wide >> 64).unwrap_or(0)
}

/// Hashes bytes, eight at a time. For traces and caches of a world nobody attacks from outside.
pub fn digest(start: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut hash = start ^ (bytes.len() as u64);
    for word in words {
        hash = (hash.rotate_left(23) ^ u64::from_le_bytes(*word)).wrapping_mul(GOLDEN);
    }
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

fn scramble(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
