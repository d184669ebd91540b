//! Time as an argument: the caller's two clocks, in milliseconds.

/// Both clocks, read once before an input is handled.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Now {
    /// Monotonic clock since some start of the caller's: for waiting.
    pub mono_ms: u64,
    /// Wall clock since 1970: for what is written into records.
    pub unix_ms: u64,
}

/// A point on the monotonic clock.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Time(pub u64);

impl Now {
    /// Returns the monotonic reading.
    pub fn time(self) -> Time {
        Time(self.mono_ms)
    }

    /// Returns the point `ms` from now.
    pub fn after(self, ms: u64) -> Time {
        Time(self.mono_ms.saturating_add(ms))
    }
}
