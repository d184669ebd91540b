//! The noise of one kind, and what has been spent of its budget.
//!
//! Noise that is drawn anew is averaged away: ten colluding neighbours need a week to get from 14 %
//! of what fits to a third of a percent. So noise is drawn once for each bucket of levels and kept.

use std::collections::BTreeMap;

use rand_chacha::rand_core::Rng;

use super::laplace::{below, discrete_laplace};

/// What must never leave this machine: who has it knows the level.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Draws {
    /// The period that the rest is of.
    pub period: Option<u64>,
    /// Where buckets begin: a secret, so that nobody knows at which level the answer changes.
    pub offset: u64,
    /// The noise of each bucket; at most [`DRAWS_PER_PERIOD_MAX`].
    pub drawn: BTreeMap<u64, i64>,
    /// The bucket the level is in. It leaves when it is well beyond the edge.
    pub bucket: Option<u64>,
    /// Draws in each period, this one too; at most [`PERIODS_KEPT`], the oldest makes room.
    pub spent: BTreeMap<u64, u32>,
}

impl Draws {
    /// Returns the level that may be shown, in thousandths of what fits. The same level in the same
    /// period gives the same answer for ever, whoever asks and however often (LEVEL-2).
    pub fn show(&mut self, permille: u64, period: u64, random: &mut impl Rng) -> u64 {
        self.turn(period, random);
        let bucket = self.follow(permille);
        if !self.drawn.contains_key(&bucket) && 0 < self.left(self.period.unwrap_or(period)) {
            self.drawn.insert(bucket, discrete_laplace(SCALE, random));
            *self.spent.entry(self.period.unwrap_or(period)).or_default() += 1;
        }
        let nearest = self.drawn.iter().min_by_key(|(drawn, _)| (drawn.abs_diff(bucket), **drawn));
        // None was ever drawn, and the budget of the year is spent: the middle says nothing.
        let Some((bucket, noise)) = nearest else { return ALL / 2 };
        let shown = self.centre(*bucket).saturating_add(*noise);
        u64::try_from(shown.max(0)).unwrap_or(0).min(ALL)
    }

    /// Says how many draws are left at this moment, by the bound of the period and of the year
    /// (LEVEL-7).
    pub fn left(&self, period: u64) -> u32 {
        let here = self.spent.get(&period).copied().unwrap_or(0);
        let of_period = DRAWS_PER_PERIOD_MAX.saturating_sub(here);
        of_period.min(DRAWS_PER_YEAR_MAX.saturating_sub(self.spent_in_year(period)))
    }

    /// Counts the draws of the last year, this period included.
    pub fn spent_in_year(&self, period: u64) -> u32 {
        let first = period.saturating_sub(PERIODS_PER_YEAR - 1);
        self.spent.range(first..).map(|(_, count)| count).sum()
    }

    /// Begins a new period, unless the clock was set back or the year's budget is spent: then what
    /// is known of us stays as it is.
    fn turn(&mut self, period: u64, random: &mut impl Rng) {
        if self.period.is_some_and(|begun| period <= begun) || self.left(period) == 0 {
            return;
        }
        self.period = Some(period);
        self.offset = below(WIDTH, random);
        self.drawn.clear();
        self.bucket = None;
        while PERIODS_KEPT <= self.spent.len() {
            self.spent.pop_first();
        }
    }

    fn follow(&mut self, permille: u64) -> u64 {
        let place = permille.min(ALL) + self.offset;
        let stays = |bucket: &u64| {
            let (from, to) = (bucket * WIDTH, (bucket + 1) * WIDTH);
            from <= place + SLACK && place < to + SLACK
        };
        let bucket = self.bucket.filter(stays).unwrap_or(place / WIDTH);
        self.bucket = Some(bucket);
        bucket
    }

    fn centre(&self, bucket: u64) -> i64 {
        let middle = bucket * WIDTH + WIDTH / 2;
        i64::try_from(middle).unwrap_or(i64::MAX) - i64::try_from(self.offset).unwrap_or(0)
    }
}

/// All that fits, in the unit of levels: thousandths.
pub const ALL: u64 = 1_000;
/// Width of a bucket: 5 % of what fits.
pub const WIDTH: u64 = 50;
/// How far beyond the edge of its bucket a level may go before it leaves.
pub const SLACK: u64 = WIDTH / 4;
/// Scale of the noise: one bucket for each half of epsilon.
pub const SCALE: u64 = WIDTH * 1_000 / EPSILON_MILLI;
/// What one draw costs, in thousandths of epsilon: for two levels at most [`NEIGHBOURS`] apart.
pub const EPSILON_MILLI: u64 = 500;
/// How far apart two levels may be that a draw hides: 2.5 % of what fits. Then, whatever was before,
/// their buckets are the same or next to each other.
pub const NEIGHBOURS: u64 = WIDTH / 2;
/// Draws in a period; beyond, the nearest bucket that has noise answers.
pub const DRAWS_PER_PERIOD_MAX: u32 = 6;
/// Draws in a year; beyond, no new period begins.
pub const DRAWS_PER_YEAR_MAX: u32 = 36;
/// How long noise is kept: 30 days.
pub const PERIOD_MS: u64 = 30 * 86_400_000;
/// Periods that count for a year.
pub const PERIODS_PER_YEAR: u64 = 13;
/// Periods whose draws are remembered.
pub const PERIODS_KEPT: usize = 16;
