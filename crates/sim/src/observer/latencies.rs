//! How long deliveries took.

use std::collections::BTreeMap;

/// How long the deliveries of some messages took, microseconds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Latencies {
    counts: BTreeMap<u32, u64>,
    len: u64,
}

/// A log-linear histogram: values are off by at most three hundredths.
#[derive(Debug)]
pub(crate) struct Histogram(Vec<u32>);

impl Latencies {
    /// Adds some deliveries that took equally long.
    pub fn add(&mut self, us: u32, count: u64) {
        *self.counts.entry(us).or_default() += count;
        self.len += count;
    }

    /// Adds all of another message.
    pub fn add_all(&mut self, other: &Self) {
        other.counts.iter().for_each(|(us, count)| self.add(*us, *count));
    }

    /// Returns how many deliveries there were.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Says whether nothing was delivered.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns what so many of a thousand deliveries took at most: 500 for the median, 1,000 for
    /// the longest.
    pub fn quantile_us(&self, per_mille: u64) -> u32 {
        let wanted = (self.len * per_mille).div_ceil(1_000).max(1);
        let mut sum = 0;
        for (us, count) in &self.counts {
            sum += count;
            if wanted <= sum {
                return *us;
            }
        }
        0
    }

    /// Returns how many deliveries took at most so long.
    pub fn within_us(&self, us: u32) -> u64 {
        self.counts.range(..=us).map(|(_, count)| count).sum()
    }

    /// Returns how long deliveries took and how many took so long, the shortest first.
    pub fn counts(&self) -> impl Iterator<Item = (u32, u64)> {
        self.counts.iter().map(|(us, count)| (*us, *count))
    }
}

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; (33 - SUB_BITS as usize) << SUB_BITS])
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, us: u64) {
        let us = u32::try_from(us).unwrap_or(u32::MAX);
        self.0[bucket(us)] += 1;
    }

    pub(crate) fn pour(&self, latencies: &mut Latencies) {
        let taken = self.0.iter().enumerate().filter(|(_, count)| **count != 0);
        taken.for_each(|(bucket, count)| latencies.add(last_of(bucket), u64::from(*count)));
    }
}

fn bucket(us: u32) -> usize {
    let octave = us.max(1).ilog2().saturating_sub(SUB_BITS);
    let sub = us >> octave;
    ((octave << SUB_BITS) + sub) as usize
}

/// Returns the longest time that falls into a bucket.
fn last_of(bucket: usize) -> u32 {
    let bucket = u64::try_from(bucket).unwrap_or(0);
    let octave = (bucket >> SUB_BITS).saturating_sub(1);
    let sub = bucket - (octave << SUB_BITS);
    u32::try_from(((sub + 1) << octave) - 1).unwrap_or(u32::MAX)
}

/// 32 steps for each doubling.
const SUB_BITS: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_is_off_by_three_hundredths_at_most() {
        for us in (0..2_000_u32).chain([65_535, 65_536, 123_456, 4_000_000_000, u32::MAX]) {
            let last = last_of(bucket(us));
            assert!(us <= last, "{us} {last}");
            assert!(u64::from(last - us) * 32 <= u64::from(us), "{us} {last}");
        }
    }

    #[test]
    fn quantiles_count_deliveries() {
        let mut latencies = Latencies::default();
        (1..=100).for_each(|us| latencies.add(us, 2));
        assert_eq!(latencies.quantile_us(500), 50);
        assert_eq!(latencies.quantile_us(990), 99);
        assert_eq!(latencies.quantile_us(1_000), 100);
        assert_eq!(latencies.within_us(10), 20);
    }
}
