//! How many bytes of pieces leave in a second.
//!
//! What was handed to a link cannot be taken back, and what a neighbour wishes changes within a
//! round trip. So pieces wait here, not in the queues of the links.

use crate::{Now, Time};

#[derive(Debug)]
pub(super) struct Pace {
    bytes_per_s: u64,
    /// Thousandths of bytes that may leave now; below zero after a piece.
    credit: i64,
    at: Time,
    /// Whether something waits.
    waits: bool,
}

impl Pace {
    pub(super) fn new(bytes_per_s: u64) -> Self {
        Self { bytes_per_s: bytes_per_s.max(1), credit: BURST, at: Time::default(), waits: false }
    }

    pub(super) fn refill(&mut self, now: Now) {
        let passed_ms = now.mono_ms.saturating_sub(self.at.0);
        self.at = now.time();
        let gained = i64::try_from(passed_ms.saturating_mul(self.bytes_per_s)).unwrap_or(i64::MAX);
        self.credit = self.credit.saturating_add(gained).min(BURST);
    }

    pub(super) fn may_send(&mut self) -> bool {
        self.waits = self.credit <= 0;
        !self.waits
    }

    pub(super) fn sent(&mut self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX).saturating_mul(1_000);
        self.credit = self.credit.saturating_sub(bytes);
    }

    /// Nothing waits.
    pub(super) fn rest(&mut self) {
        self.waits = false;
    }

    /// Returns when more may leave, if something waits for that.
    pub(super) fn deadline(&self) -> Option<Time> {
        let lacking = self.credit.min(0).unsigned_abs() + 1;
        self.waits.then(|| Time(self.at.0.saturating_add(lacking.div_ceil(self.bytes_per_s))))
    }
}

/// What may leave at once after a rest: two pieces.
const BURST: i64 = 2 * 15 * 1024 * 1_000;
