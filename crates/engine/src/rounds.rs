//! When we tell neighbours how our sets look, and how many of them at once (WALK-1).
//!
//! A round is one link while something changes, a few when all is still, and several quick ones
//! after a repair, which others probably need too. Bound: `HURRIES_MAX` links in quick rounds, and
//! one more each `HURRY_REFILL_MS`.

use crate::{Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Rounds {
    guard_ms: u64,
    /// The next round; `None` while everybody agrees.
    at: Option<Time>,
    /// When something entered last.
    entered: Option<Time>,
    /// Whether something old came and not all neighbours were told yet.
    repaired: bool,
    /// Links that may still be told in quick rounds, and when one more may be.
    hurries: usize,
    refill_at: Time,
}

impl Rounds {
    pub(crate) fn new(config: &Config, now: Now) -> Self {
        let (guard_ms, at, entered) = (config.guard_ms, None, None);
        let refill_at = now.time();
        Self { guard_ms, at, entered, repaired: false, hurries: HURRIES_MAX, refill_at }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.at
    }

    pub(crate) fn is_due(&self, now: Now) -> bool {
        self.at.is_some_and(|at| at <= now.time())
    }

    /// Says whether nothing can be on its way: nothing came for longer than that takes.
    pub(crate) fn is_quiet(&self, now: Now) -> bool {
        self.entered.is_none_or(|at| at.0.saturating_add(self.guard_ms) <= now.mono_ms)
    }

    /// Notes that our sets changed.
    pub(crate) fn entered(&mut self, now: Now) {
        self.entered = Some(now.time());
    }

    /// Notes that something old came by a comparison: others are told soon.
    /// Says whether a hurry begins with it.
    pub(crate) fn repaired(&mut self, now: Now) -> bool {
        let begins = !self.repaired && 0 < self.hurries(now);
        if begins {
            self.repaired = true;
            self.wake(now.after(HURRY_MS));
        }
        begins
    }

    /// Asks for a round then, or earlier.
    pub(crate) fn wake(&mut self, at: Time) {
        self.at = Some(self.at.map_or(at, |old| old.min(at)));
    }

    /// Asks for the next round, if there is one, not to be later than then.
    pub(crate) fn hasten(&mut self, at: Time) {
        self.at = self.at.map(|old| old.min(at));
    }

    /// How many links this round may tell, of so many that are due.
    pub(crate) fn width(&mut self, due: usize, now: Now) -> usize {
        if self.repaired {
            let hurries = self.hurries(now).min(HURRY_LINKS).min(due);
            self.hurries -= hurries;
            self.repaired = hurries < due && 0 < self.hurries;
            return hurries.max(1);
        }
        if self.is_quiet(now) { QUIET_LINKS } else { 1 }
    }

    /// Sets the next round; `wait_ms` where nobody is in a hurry.
    pub(crate) fn go_on(&mut self, wait_ms: u64, now: Now) {
        self.at = Some(now.after(if self.repaired { HURRY_MS } else { wait_ms }));
    }

    /// Ends the rounds until something changes.
    pub(crate) fn rest(&mut self) {
        self.at = None;
        self.repaired = false;
    }

    fn hurries(&mut self, now: Now) -> usize {
        let more = now.mono_ms.saturating_sub(self.refill_at.0) / HURRY_REFILL_MS;
        self.hurries = HURRIES_MAX
            .min(self.hurries.saturating_add(usize::try_from(more).unwrap_or(usize::MAX)));
        self.refill_at =
            Time(self.refill_at.0.saturating_add(more.saturating_mul(HURRY_REFILL_MS)));
        self.hurries
    }
}

/// Links told at once when nothing changes any more: a handful a second.
const QUIET_LINKS: usize = 3;
/// How soon the others are told after a repair, and the next of them after that.
const HURRY_MS: u64 = 100;
/// Links told at once in a hurry: what was repaired reaches four times as many with each step.
const HURRY_LINKS: usize = 4;
/// Links told in quick rounds, eight rounds of twelve; and how often one more is allowed.
const HURRIES_MAX: usize = 96;
const HURRY_REFILL_MS: u64 = 1_000;
