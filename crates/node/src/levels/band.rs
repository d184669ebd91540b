//! What others may see of a level: a band, and whether there is too little or enough to give.

use std::fmt;
use std::str::FromStr;

/// A fifth of what fits, or the word that it is critical.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Band {
    /// Its operator said from where on it is, and that is so. Said without noise.
    Critical,
    /// The lowest fifth.
    Lowest,
    /// The second fifth.
    Low,
    /// The middle.
    Middle,
    /// The fourth fifth.
    High,
    /// The highest fifth.
    Highest,
}

/// What a band means to others.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Need {
    /// There is too little.
    Deficit,
    /// There is enough.
    Balanced,
    /// There is something to give.
    Surplus,
}

/// No such band.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such band")]
pub struct UnknownBand;

impl Band {
    /// All bands, the lowest first.
    pub const ALL: [Self; 6] =
        [Self::Critical, Self::Lowest, Self::Low, Self::Middle, Self::High, Self::Highest];

    /// Returns the fifth in which a noisy level lies, in thousandths of what fits.
    pub fn of(permille: u64) -> Self {
        match permille {
            0..200 => Self::Lowest,
            200..400 => Self::Low,
            400..600 => Self::Middle,
            600..800 => Self::High,
            _ => Self::Highest,
        }
    }

    /// Returns the middle of the band, in thousandths of what fits.
    pub fn centre(self) -> u64 {
        match self {
            Self::Critical => 0,
            Self::Lowest => 100,
            Self::Low => 300,
            Self::Middle => 500,
            Self::High => 700,
            Self::Highest => 900,
        }
    }

    /// Says what it means to others.
    pub fn need(self) -> Need {
        match self {
            Self::Critical | Self::Lowest | Self::Low => Need::Deficit,
            Self::Middle => Need::Balanced,
            Self::High | Self::Highest => Need::Surplus,
        }
    }

    /// Returns its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Lowest => "lowest",
            Self::Low => "low",
            Self::Middle => "middle",
            Self::High => "high",
            Self::Highest => "highest",
        }
    }
}

impl FromStr for Band {
    type Err = UnknownBand;

    fn from_str(text: &str) -> Result<Self, UnknownBand> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(UnknownBand)
    }
}

impl fmt::Display for Band {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deficit => "deficit",
            Self::Balanced => "balanced",
            Self::Surplus => "surplus",
        })
    }
}
