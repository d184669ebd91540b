//! The only reader of clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use engine::{Now, Time};
use jiff::Timestamp;
use node::engine;

/// Both clocks of this machine, the monotonic one counted from the node's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    start: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// Reads both.
    pub(crate) fn now(&self) -> Now {
        let mono_ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        Now { mono_ms, unix_ms: unix_ms() }
    }

    /// Returns when a point of the node's clock is, for a timer.
    pub(crate) fn instant(&self, time: Time) -> tokio::time::Instant {
        let wait = Duration::from_millis(time.0.min(FAR_MS));
        tokio::time::Instant::from_std(self.start + wait)
    }

    pub(crate) fn uptime(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Returns the wall clock, unix milliseconds; 0 before 1970.
pub(crate) fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Writes unix milliseconds as RFC 3339 in UTC, milliseconds included.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let ms = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    // What lies beyond year 9999 is somebody's nonsense; the end of time says so.
    let time = Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX);
    format!("{time:.3}")
}

/// A century: timers of the runtime do not reach further.
const FAR_MS: u64 = 100 * 365 * 24 * 3_600_000;
