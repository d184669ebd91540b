//! Hybrid logical clock: wall time that never runs backwards, as one number.

use std::fmt;

/// Unix milliseconds in the upper 48 bits, a counter in the lower 16.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Hlc(pub u64);

impl Hlc {
    /// The first reading of a millisecond.
    pub fn from_ms(unix_ms: u64) -> Self {
        Self(unix_ms << 16)
    }

    /// Returns the unix milliseconds.
    pub fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// Returns a reading later than this one and not before `unix_ms`.
    #[must_use]
    pub fn tick(self, unix_ms: u64) -> Self {
        Self(self.0.saturating_add(1)).max(Self::from_ms(unix_ms))
    }
}

impl fmt::Display for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.ms(), self.0 & 0xffff)
    }
}
