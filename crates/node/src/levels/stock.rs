//! One kind: what is exact here, and what others were told.

use bytes::Bytes;
use rand_chacha::rand_core::Rng;

use super::{ALL, Amount, Band, Draws, PERIOD_MS};

/// One kind of this node's own.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stock {
    /// How much there is.
    pub level: Amount,
    /// How much fits.
    pub capacity: Amount,
    /// What it is measured in.
    pub unit: String,
    /// Below this it is critical; 0 for never.
    pub critical: Amount,
    /// When the level was said, unix milliseconds; 0 where it was taken back.
    pub set_ms: u64,
    /// The noise, and what was spent of the budget.
    pub draws: Draws,
    /// What others were told last.
    pub said: Option<Statement>,
    /// When it was said between two slots, unix milliseconds; the last [`URGENT_PER_DAY_MAX`].
    pub urgent_ms: Vec<u64>,
}

/// What others are told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The hour it is for, counted by its author.
    pub slot: u64,
    /// What it says.
    pub band: Band,
    /// What its author measures in.
    pub unit: String,
}

impl Stock {
    /// Says whether it was taken back.
    pub fn is_withdrawn(&self) -> bool {
        self.set_ms == 0
    }

    /// Takes it back, and says whether others had been told of it.
    pub fn withdraw(&mut self) -> bool {
        self.set_ms = 0;
        self.said.take().is_some()
    }

    /// Says whether it is so low that others are told at once.
    pub fn is_critical(&self) -> bool {
        self.level < self.critical
    }

    /// Says whether something must be said in this slot: the first of it, or that it has become
    /// critical or is so no longer (LEVEL-4).
    pub fn is_due(&self, slot: u64, now_ms: u64) -> bool {
        if self.set_ms.saturating_add(LEVEL_AGE_MS_MAX) < now_ms {
            return false;
        }
        let Some(said) = &self.said else { return true };
        said.slot < slot || self.has_crossed(slot, now_ms)
    }

    /// Makes what others are told. It is drawn here at most once for a bucket and a period, and must
    /// be on disk, with this stock, before anybody sees it.
    pub fn say(&mut self, slot: u64, now_ms: u64, random: &mut impl Rng) -> Statement {
        if self.has_crossed(slot, now_ms) {
            self.urgent_ms.push(now_ms);
            let more = self.urgent_ms.len().saturating_sub(URGENT_PER_DAY_MAX);
            self.urgent_ms.drain(..more);
        }
        let band = if self.is_critical() {
            Band::Critical
        } else {
            let permille = self.level.permille_of(self.capacity).min(ALL);
            Band::of(self.draws.show(permille, now_ms / PERIOD_MS, random))
        };
        let statement = Statement { slot, band, unit: self.unit.clone() };
        self.said = Some(statement.clone());
        statement
    }

    /// Has it become critical, or is so no longer, since something was said in this slot?
    fn has_crossed(&self, slot: u64, now_ms: u64) -> bool {
        let Some(said) = &self.said else { return false };
        let recent = |at: &&u64| now_ms < at.saturating_add(DAY_MS);
        slot == said.slot
            && (said.band == Band::Critical) != self.is_critical()
            && self.urgent_ms.iter().filter(recent).count() < URGENT_PER_DAY_MAX
    }
}

impl Statement {
    /// Writes it as the value of an entry. No field of it needs an escape.
    pub fn value(&self) -> Bytes {
        let Self { slot, band, unit } = self;
        let need = band.need();
        Bytes::from(format!(
            "{{\"band\":\"{band}\",\"need\":\"{need}\",\"slot\":{slot},\"unit\":\"{unit}\"}}"
        ))
    }
}

/// How long a level is repeated that nobody has said anew: 7 days.
pub const LEVEL_AGE_MS_MAX: u64 = 7 * DAY_MS;
/// Statements between two slots, for each kind and day; beyond, the next slot says it.
pub const URGENT_PER_DAY_MAX: usize = 2;
const DAY_MS: u64 = 86_400_000;
