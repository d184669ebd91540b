//! How many ids differ, roughly, from a few bytes (the "fast AMS" sketch).

/// Counters of a set: each id counts one up or down in one of them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Estimate {
    counters: [u8; ESTIMATE_BYTES],
}

impl Estimate {
    /// Counts a set of ids, which were made for this and nothing else.
    pub fn of(ids: impl IntoIterator<Item = u64>) -> Self {
        let mut estimate = Self { counters: [0; ESTIMATE_BYTES] };
        ids.into_iter().for_each(|id| estimate.add(id));
        estimate
    }

    /// Counts one more id.
    pub fn add(&mut self, id: u64) {
        let [at, sign, ..] = id.to_le_bytes();
        let counter = &mut self.counters[usize::from(at)];
        *counter = if sign & 1 == 0 { counter.wrapping_add(1) } else { counter.wrapping_sub(1) };
    }

    /// Reads a peer's counters; `None` if these are none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self { counters: *bytes.as_array()? })
    }

    /// Returns the counters as they travel.
    pub fn bytes(&self) -> &[u8] {
        &self.counters
    }

    /// Estimates how many ids only one of two sets has: exact for one, within a fifth of it for nearly
    /// all others up to half a million; from there on it is too small.
    pub fn differing(&self, other: &Self) -> usize {
        let pairs = self.counters.iter().zip(&other.counters);
        // What both sets have counts nothing; the square of a sum of signs is, on average, how many
        // there are.
        pairs
            .map(|(a, b)| {
                usize::from(i8::from_le_bytes([a.wrapping_sub(*b)]).unsigned_abs()).pow(2)
            })
            .sum()
    }
}

/// One byte each: the error is a root of two over this.
pub const ESTIMATE_BYTES: usize = 256;
