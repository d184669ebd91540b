//! Which symbols an id is in: symbol i with probability 1 / (1 + i / 2).

/// The symbols of one id, in rising order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Places {
    state: u64,
    /// The next one.
    pub(crate) at: u64,
}

impl Places {
    /// Begins at symbol 0, in which everything is.
    pub(crate) fn of(id: u64) -> Self {
        Self { state: id, at: 0 }
    }

    /// Goes on to the next one.
    pub(crate) fn advance(&mut self) {
        self.state = self.state.wrapping_add(GOLDEN);
        let drawn = mix(self.state);
        // The larger of two numbers is distributed as the square root of one. The next place is
        // then x = (i + 1.5) (1 / root - 1) further on, rounded up, as the paper has it.
        let root = (drawn >> 32).max(drawn & u64::from(u32::MAX)) + 1;
        let far = (2 * self.at + 3).saturating_mul((1 << 32) - root).div_ceil(2 * root);
        self.at = self.at.saturating_add(far.max(1)).min(END);
    }
}

/// Spreads every bit over all others (the end of splitmix64).
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;
/// Behind every symbol that will ever be asked for; from here on the products above stay exact.
const END: u64 = 1 << 30;
