//! Many durations, and what is asked of them.

use std::time::Duration;

/// Durations, in no order.
#[derive(Clone, Debug, Default)]
pub struct Samples(Vec<u32>);

impl Samples {
    /// Adds one; above 71 minutes it counts as that.
    pub fn add(&mut self, duration: Duration) {
        self.0.push(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX));
    }

    /// Adds all of another.
    pub fn append(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// Returns how many there are.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the longest, milliseconds; nothing if there is none.
    pub fn max_ms(&self) -> Option<f64> {
        self.0.iter().max().map(|&us| f64::from(us) / 1_000.0)
    }

    /// Returns the duration that `per_cent` of them do not exceed (nearest rank), milliseconds.
    pub fn part_ms(&self, per_cent: usize) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * per_cent).div_ceil(100).max(1);
        sorted.get(rank - 1).map(|&us| f64::from(us) / 1_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_nearest_ranks() {
        let mut samples = Samples::default();
        assert_eq!(samples.part_ms(50), None);
        for ms in (1..=200).rev() {
            samples.add(Duration::from_millis(ms));
        }
        assert_eq!(samples.part_ms(50), Some(100.0));
        assert_eq!(samples.part_ms(99), Some(198.0));
        assert_eq!(samples.part_ms(100), samples.max_ms());
        assert_eq!(samples.part_ms(0), Some(1.0));
    }
}
