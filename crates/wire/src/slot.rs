//! Where an appended entry stands among those of its author: STATE-7.
//!
//! An author's entries in one collection that expire in one hour stand in a ring of numbered slots. Its name
//! says hour and slot, so that every rule about it is still a rule about one place.

use std::fmt;

use crate::WireError;

/// The name of an appended entry: `#HHHHHHH.SSSSSS`, both decimal.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Slot {
    /// The last hour in which it is kept, counted from 1970; 0 for ever.
    pub hour: u32,
    /// Its number in the ring.
    pub number: u32,
}

impl Slot {
    /// Reads a name; `None` where it is an ordinary one, which does not begin with `#`.
    pub fn of(name: &str) -> Option<Result<Self, WireError>> {
        let digits = name.strip_prefix('#')?;
        let read = |part: &str, width| {
            let all = part.len() == width && part.bytes().all(|byte| byte.is_ascii_digit());
            all.then(|| part.parse::<u32>().ok()).flatten()
        };
        let parts = digits.split_once('.');
        let slot = parts.and_then(|(hour, number)| {
            Some(Self { hour: read(hour, HOUR_DIGITS)?, number: read(number, NUMBER_DIGITS)? })
        });
        Some(slot.ok_or(WireError::Slot))
    }

    /// Returns when it expires: the moment its last hour begins, unix milliseconds; 0 for never.
    pub fn expires_ms(&self) -> u64 {
        u64::from(self.hour) * HOUR_MS
    }

    /// Returns the last hour of what shall live for so long; `None` where it cannot be told.
    pub fn last_hour(unix_ms: u64, life_ms: u64) -> Option<u32> {
        let hour = unix_ms.checked_add(life_ms)?.div_ceil(HOUR_MS);
        u32::try_from(hour).ok().filter(|hour| *hour <= HOUR_MAX)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hour, number } = self;
        write!(f, "#{hour:0HOUR_DIGITS$}.{number:0NUMBER_DIGITS$}")
    }
}

/// Expiry is by whole hours.
pub(crate) const HOUR_MS: u64 = 3_600_000;
/// Fixed, so that names sort as hours and slots do; the last hour lies in the year 3110.
const HOUR_DIGITS: usize = 7;
const NUMBER_DIGITS: usize = 6;
const HOUR_MAX: u32 = 9_999_999;
