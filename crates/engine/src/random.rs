//! The one stream of randomness a node has: seeded by the caller, so that runs repeat.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};

#[derive(Debug)]
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha8Rng::from_seed(seed))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Returns what a ping carries: four bytes on the wire.
    pub(crate) fn nonce(&mut self) -> u32 {
        u32::try_from(self.number() >> 36).unwrap_or(0)
    }

    /// Returns a number below `bound`, or 0 where there is none.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        // Multiply and shift: the bias is below 2^-32 for every bound we use.
        let wide = u128::from(self.0.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// Returns at most `count` of the items, in random order.
    pub(crate) fn pick<T>(&mut self, mut items: Vec<T>, count: usize) -> Vec<T> {
        let count = count.min(items.len());
        for at in 0..count {
            let left = items.len() - at;
            let ahead = usize::try_from(self.below(left as u64)).unwrap_or(0);
            items.swap(at, at + ahead);
        }
        items.truncate(count);
        items
    }

    /// Returns a wait between three and five quarters of `ms`, so that nodes do not march in step.
    pub(crate) fn jitter(&mut self, ms: u64) -> u64 {
        ms - ms / 4 + self.below(ms / 2 + 1)
    }
}
