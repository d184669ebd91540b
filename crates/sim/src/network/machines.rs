//! How a machine is: pure functions of the seed and its number.

use super::config::Machines;
use crate::chance::{mix, scale};

/// What is drawn for each machine, with the settings it is drawn by.
#[derive(Clone, Debug)]
pub(crate) struct Traits {
    seed: u64,
    machines: Machines,
}

impl Traits {
    pub(crate) fn new(seed: u64, machines: Machines) -> Self {
        Self { seed: mix(seed, MACHINES), machines }
    }

    pub(crate) fn machines(&self) -> &Machines {
        &self.machines
    }

    /// Returns how many times longer everything takes here.
    pub(crate) fn factor(&self, host: usize) -> u64 {
        if self.is_among(host, SLOW, self.machines.slow_per_mille) {
            self.machines.slow_factor.max(1)
        } else {
            1
        }
    }

    pub(crate) fn is_undialable(&self, host: usize) -> bool {
        self.is_among(host, UNDIALABLE, self.machines.undialable_per_mille)
    }

    pub(crate) fn skew_ms(&self, host: usize) -> i64 {
        let max_ms = self.machines.clock_skew_ms_max;
        let drawn = scale(self.drawn(host, SKEW), 2 * max_ms + 1);
        i64::try_from(drawn).unwrap_or(0) - i64::try_from(max_ms).unwrap_or(0)
    }

    /// Returns until when the machine pauses, if it does at this moment.
    pub(crate) fn pause_end_us(&self, host: usize, at_us: u64) -> Option<u64> {
        let pauses = self.machines.pauses?;
        if !self.is_among(host, PAUSES, pauses.per_mille) {
            return None;
        }
        let (every_us, pause_us) = (pauses.every_ms.max(1) * 1_000, pauses.pause_ms * 1_000);
        let round = at_us / every_us;
        let room_us = every_us.saturating_sub(pause_us) + 1;
        let start_us = round * every_us + scale(mix(self.drawn(host, PAUSES), round), room_us);
        let paused = start_us <= at_us && at_us < start_us + pause_us;
        paused.then_some(start_us + pause_us)
    }

    fn is_among(&self, host: usize, what: u64, per_mille: u32) -> bool {
        0 < per_mille && scale(self.drawn(host, what), 1_000) < u64::from(per_mille)
    }

    fn drawn(&self, host: usize, what: u64) -> u64 {
        mix(self.seed ^ what, host as u64)
    }
}

const MACHINES: u64 = 0x3ac1;
const SLOW: u64 = 0x510;
const UNDIALABLE: u64 = 0x3a7;
const SKEW: u64 = 0x5c3;
const PAUSES: u64 = 0x9a5;
