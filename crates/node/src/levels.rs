//! How much there is of water, energy, food: exact here, a band with noise for everybody else.
//!
//! A node tells a band once an hour, in one signed entry that everybody gets. What it draws is on
//! disk, in the same transaction as the entry, before anybody sees it.

mod amount;
mod band;
mod draws;
mod laplace;
mod reading;
mod row;
mod stock;

use std::collections::{BTreeMap, BTreeSet};

use engine::{Now, Time};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use wire::{Entry, NodeId};

pub use amount::{Amount, BadAmount};
pub use band::{Band, Need, UnknownBand};
pub use draws::{
    ALL, DRAWS_PER_PERIOD_MAX, DRAWS_PER_YEAR_MAX, Draws, EPSILON_MILLI, NEIGHBOURS, PERIOD_MS,
    PERIODS_KEPT, PERIODS_PER_YEAR, SCALE, SLACK, WIDTH,
};
pub use laplace::{SCALE_MAX, below, discrete_laplace};
pub use reading::{
    KIND_BYTES_MAX, KINDS_MAX, LevelError, READINGS_MAX, Reading, UNIT_BYTES_MAX, is_kind, is_unit,
};
pub use stock::{LEVEL_AGE_MS_MAX, Statement, Stock, URGENT_PER_DAY_MAX};

/// What a node shows of its own levels to its operator.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnLevel {
    /// The kind.
    pub kind: String,
    /// How much there is, what fits, and what others were told.
    pub stock: Stock,
    /// When others are told again, unix milliseconds; `None` if the level is too old for that.
    pub next_ms: Option<u64>,
    /// What was spent.
    pub budget: Budget,
}

/// What of a kind's privacy is spent, in draws; each costs [`EPSILON_MILLI`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Budget {
    /// Draws in this period.
    pub period: u32,
    /// Draws in this year.
    pub year: u32,
    /// When noise is drawn anew, unix milliseconds.
    pub period_ends_ms: u64,
}

/// All kinds of one node.
#[derive(Debug)]
pub struct Levels {
    stocks: BTreeMap<String, Stock>,
    /// Kinds whose rows cannot be read.
    unreadable: BTreeSet<String>,
    /// Kinds that differ from what is on disk.
    changed: BTreeSet<String>,
    /// Kinds that others must be told are gone.
    removed: BTreeSet<String>,
    random: ChaCha20Rng,
    /// Nodes speak at different minutes, each always at its own.
    phase_ms: u64,
    /// Earliest next try, after one that could not be written.
    wait_until: Time,
}

impl Levels {
    /// Wakes up with the rows that were kept; `seed` is the only randomness it will ever have.
    pub fn new(rows: &[(String, Vec<u8>)], me: &NodeId, seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        // Another part of the node draws from the same seed.
        random.set_stream(STREAM);
        let phase =
            me.as_bytes().iter().fold(0_u64, |sum, it| (sum * 257 + u64::from(*it)) % SLOT_MS);
        let (mut stocks, mut unreadable) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in rows {
            let Some(kind) = row::kind(name) else { continue };
            match row::decode(value) {
                Some(stock) => {
                    stocks.insert(kind.to_owned(), stock);
                }
                None => {
                    tracing::error!(kind, "the row of a level cannot be read: it is not shown");
                    unreadable.insert(kind.to_owned());
                }
            }
        }
        let (changed, removed, wait_until) = (BTreeSet::new(), BTreeSet::new(), Time::default());
        Self { stocks, unreadable, changed, removed, random, phase_ms: phase, wait_until }
    }

    /// Takes readings in order, all or none (LEVEL-5).
    pub fn set(&mut self, readings: &[Reading], now: Now) -> Result<(), LevelError> {
        if readings.is_empty() || READINGS_MAX < readings.len() {
            return Err(LevelError::Readings(readings.len()));
        }
        let mut after = BTreeMap::new();
        for reading in readings {
            let before = after.get(&reading.kind).or_else(|| self.stocks.get(&reading.kind));
            let stock = self.read(reading, before.cloned(), now)?;
            after.insert(reading.kind.clone(), stock);
        }
        let count = after.keys().filter(|kind| !self.stocks.contains_key(*kind)).count();
        if let Some(kind) = after.keys().next()
            && KINDS_MAX < self.stocks.len() + self.unreadable.len() + count
        {
            return Err(LevelError::Many(kind.clone()));
        }
        self.changed.extend(after.keys().cloned());
        self.stocks.append(&mut after);
        self.wait_until = now.time();
        Ok(())
    }

    /// Takes a kind back. Its noise stays, so that it cannot be drawn anew by setting it again
    /// (LEVEL-8).
    pub fn remove(&mut self, kind: &str) -> Result<(), LevelError> {
        let stock = self.stocks.get_mut(kind).filter(|it| !it.is_withdrawn());
        let Some(stock) = stock else {
            return Err(LevelError::Unknown(kind.chars().take(40).collect()));
        };
        if stock.withdraw() {
            self.removed.insert(kind.to_owned());
        }
        self.changed.insert(kind.to_owned());
        Ok(())
    }

    /// Returns the deletions that others must be told of.
    pub fn gone(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.removed).iter().map(|kind| entry(kind, None)).collect()
    }

    /// Returns the kinds of which something must be said now.
    pub fn due(&self, now: Now) -> Vec<String> {
        if now.time() < self.wait_until {
            return Vec::new();
        }
        let slot = self.slot(now);
        let is_due = |stock: &Stock| stock.is_due(slot, now.unix_ms);
        self.stocks.iter().filter(|(_, it)| is_due(it)).map(|(kind, _)| kind.clone()).collect()
    }

    /// Says it, once: the entry of a kind.
    pub fn say(&mut self, kind: &str, now: Now) -> Option<Entry> {
        let slot = self.slot(now);
        let statement = self.stocks.get_mut(kind)?.say(slot, now.unix_ms, &mut self.random);
        self.changed.insert(kind.to_owned());
        Some(entry(kind, Some(&statement)))
    }

    /// Tries again later: what is due could not be written.
    pub fn wait(&mut self, now: Now) {
        self.wait_until = now.after(RETRY_MS);
    }

    /// Returns the rows that must be on disk before anything that follows.
    pub fn rows(&mut self) -> Vec<(String, Option<Vec<u8>>)> {
        let changed = std::mem::take(&mut self.changed);
        let row = |kind: String| {
            let value = self.stocks.get(&kind).map(row::encode);
            (row::name(&kind), value)
        };
        changed.into_iter().map(row).collect()
    }

    /// Returns when something must be said next, on the monotonic clock.
    pub fn deadline(&self, now: Now) -> Option<Time> {
        let wait_ms = |stock: &Stock| Some(self.next_ms(stock, now)?.saturating_sub(now.unix_ms));
        let soonest = self.stocks.values().filter_map(wait_ms).min()?;
        Some(now.after(soonest).max(self.wait_until))
    }

    /// Returns all that the operator may see.
    pub fn own(&self, now: Now) -> Vec<OwnLevel> {
        let own = |(kind, stock): (&String, &Stock)| OwnLevel {
            kind: kind.clone(),
            stock: stock.clone(),
            next_ms: self.next_ms(stock, now),
            budget: budget(&stock.draws, now),
        };
        self.stocks.iter().filter(|(_, stock)| !stock.is_withdrawn()).map(own).collect()
    }

    fn read(
        &self,
        reading: &Reading,
        before: Option<Stock>,
        now: Now,
    ) -> Result<Stock, LevelError> {
        reading.check()?;
        let kind = || reading.kind.clone();
        if self.unreadable.contains(&reading.kind) {
            return Err(LevelError::Unreadable(kind()));
        }
        let known = before.as_ref().map(|it| (it.capacity, it.unit.clone(), it.critical));
        let (old_capacity, old_unit, old_critical) = match known {
            Some((capacity, unit, critical)) => (Some(capacity), Some(unit), critical),
            None => (None, None, Amount::default()),
        };
        let capacity = reading.capacity.or(old_capacity).filter(|it| 0 < it.0);
        let unit = reading.unit.clone().or(old_unit);
        let (Some(capacity), Some(unit)) = (capacity, unit) else {
            return Err(LevelError::New(kind()));
        };
        if capacity < reading.level {
            let level = reading.level;
            return Err(LevelError::Above { kind: kind(), level, capacity });
        }
        let critical = reading.critical.unwrap_or(old_critical);
        if capacity <= critical {
            return Err(LevelError::Critical(kind()));
        }
        let (draws, said, urgent_ms) = match before {
            Some(stock) => (stock.draws, stock.said, stock.urgent_ms),
            None => (Draws::default(), None, Vec::new()),
        };
        let (level, set_ms) = (reading.level, now.unix_ms);
        Ok(Stock { level, capacity, unit, critical, set_ms, draws, said, urgent_ms })
    }

    fn slot(&self, now: Now) -> u64 {
        now.unix_ms.saturating_add(self.phase_ms) / SLOT_MS
    }

    fn next_ms(&self, stock: &Stock, now: Now) -> Option<u64> {
        if stock.is_due(self.slot(now), now.unix_ms) {
            return Some(now.unix_ms);
        }
        let slot = stock.said.as_ref().map_or(0, |said| said.slot).max(self.slot(now));
        let begins_ms =
            slot.saturating_add(1).saturating_mul(SLOT_MS).saturating_sub(self.phase_ms);
        (begins_ms <= stock.set_ms.saturating_add(LEVEL_AGE_MS_MAX)).then_some(begins_ms)
    }
}

/// Returns the entry of a kind; without a statement, the one that a write would replace.
pub fn entry(kind: &str, statement: Option<&Statement>) -> Entry {
    let value = statement.map(Statement::value);
    Entry { collection: COLLECTION.to_owned(), name: kind.to_owned(), value }
}

fn budget(draws: &Draws, now: Now) -> Budget {
    let current = now.unix_ms / PERIOD_MS;
    let period = draws.period.unwrap_or(current);
    Budget {
        period: draws.spent.get(&period).copied().unwrap_or(0),
        year: draws.spent_in_year(current.max(period)),
        period_ends_ms: period.saturating_add(1).saturating_mul(PERIOD_MS),
    }
}

/// The collection of levels; nothing else writes to it.
pub const COLLECTION: &str = "levels";
/// How often others are told: an hour.
pub const SLOT_MS: u64 = 3_600_000;
/// How long to wait where the disk, the clock or the bounds of the state do not let us write.
const RETRY_MS: u64 = 60_000;
/// Names the stream of randomness that noise is drawn from.
const STREAM: u64 = 0x6c65_7665_6c73;

#[cfg(test)]
mod tests;
