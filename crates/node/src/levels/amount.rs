//! How much of something: a decimal number with three places, never a float.

use std::fmt;
use std::str::FromStr;

/// Thousandths of a unit.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Amount(pub u64);

/// Why a text is no amount.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "an amount is a number from 0 to 1000000000000 with at most three decimals, such as 1200 or 0.5"
)]
pub struct BadAmount;

impl Amount {
    /// The most that can be written.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// Returns which part of `whole` it is, in thousandths of that; at most all of it.
    pub fn permille_of(self, whole: Self) -> u64 {
        let part = u128::from(self.0) * 1_000 / u128::from(whole.0.max(1));
        u64::try_from(part).unwrap_or(1_000).min(1_000)
    }
}

impl FromStr for Amount {
    type Err = BadAmount;

    fn from_str(text: &str) -> Result<Self, BadAmount> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        // Longer zeros behind the third place change nothing: JSON writers make them.
        let places = places.trim_end_matches('0');
        let is_number = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_number(whole) || !is_number(places) || 3 < places.len() {
            return Err(BadAmount);
        }
        if text.ends_with('.') {
            return Err(BadAmount);
        }
        let whole: u64 = whole.parse().map_err(|_| BadAmount)?;
        let places: u64 = format!("{places:0<3}").parse().map_err(|_| BadAmount)?;
        let amount = whole.checked_mul(1_000).and_then(|it| it.checked_add(places));
        amount.map(Self).filter(|it| *it <= Self::MAX).ok_or(BadAmount)
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, places) = (self.0 / 1_000, self.0 % 1_000);
        if places == 0 {
            return write!(f, "{whole}");
        }
        f.write_str(format!("{whole}.{places:03}").trim_end_matches('0'))
    }
}
