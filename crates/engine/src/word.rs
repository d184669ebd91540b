//! Whether a peer sends what it says it has (WALK-8).
//!
//! In a comparison a peer names what we lack, and we ask for it. Nothing proves that it never had it, and
//! an honest one may lose a frame; one that names again and again what never comes is not worth comparing
//! with.

use crate::Time;

/// How one link stands.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Word {
    /// Since when something is asked for of which nothing has come.
    asked: Option<Time>,
    /// How often in a row that was so, an exchange of sketches that came to nothing counting double.
    broken: u8,
}

impl Word {
    /// Notes that we asked for what the peer named.
    pub(crate) fn asked(&mut self, now: Time) {
        self.asked.get_or_insert(now);
    }

    /// Notes that records came in answer.
    pub(crate) fn kept(&mut self) {
        self.asked = None;
    }

    /// Notes that they were new, or that both agree: what was before is forgiven.
    pub(crate) fn settled(&mut self) {
        *self = Self::default();
    }

    /// Notes an exchange of sketches that could not be understood.
    pub(crate) fn nonsense(&mut self) {
        self.broken = self.broken.saturating_add(NONSENSE);
    }

    /// Looks at what was asked for, before something else is.
    pub(crate) fn weigh(&mut self, now: Time) {
        if self.asked.is_some_and(|at| at.0.saturating_add(ANSWER_MS) <= now.0) {
            self.broken = self.broken.saturating_add(1);
            self.asked = None;
        }
    }

    /// Says whether the peer is not worth comparing with.
    pub(crate) fn is_worthless(&self) -> bool {
        BROKEN_MAX <= self.broken
    }
}

/// What was asked for and has not begun to come after so long counts as broken: what else waits on the
/// link goes first, but never all the time (CLASS-1).
const ANSWER_MS: u64 = 5_000;
/// So many in a row: one frame in ten lost breaks a word now and then, six in a row once in a million.
const BROKEN_MAX: u8 = 6;
/// An exchange costs up to half a megabyte.
const NONSENSE: u8 = 2;
