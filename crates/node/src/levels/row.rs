//! A stock as the row it is on disk: lines of text, a word and its values.

use std::str::{FromStr, SplitAsciiWhitespace};

use super::stock::URGENT_PER_DAY_MAX;
use super::{ALL, Amount, Draws, PERIODS_KEPT, Statement, Stock, is_unit};

/// Returns the name of a kind's row.
pub(super) fn name(kind: &str) -> String {
    format!("{PREFIX}{kind}")
}

/// Returns the kind whose row this is.
pub(super) fn kind(name: &str) -> Option<&str> {
    name.strip_prefix(PREFIX)
}

/// Writes a stock down.
pub(super) fn encode(stock: &Stock) -> Vec<u8> {
    let Stock { level, capacity, unit, critical, set_ms, draws, said, urgent_ms } = stock;
    let mut text = format!("{VERSION}\n");
    let mut line = |line: String| text.push_str(&(line + "\n"));
    line(format!("stock {} {} {} {set_ms} {unit}", level.0, capacity.0, critical.0));
    let Draws { period, offset, drawn, bucket, spent } = draws;
    if let Some(period) = period {
        line(format!("period {period} {offset}"));
    }
    if let Some(bucket) = bucket {
        line(format!("bucket {bucket}"));
    }
    drawn.iter().for_each(|(bucket, noise)| line(format!("drawn {bucket} {noise}")));
    spent.iter().for_each(|(period, count)| line(format!("spent {period} {count}")));
    if let Some(Statement { slot, band, unit }) = said {
        line(format!("said {slot} {band} {unit}"));
    }
    urgent_ms.iter().for_each(|at| line(format!("urgent {at}")));
    text.into_bytes()
}

/// Reads a stock; `None` if a single word of it cannot be read: half of what was shown is no basis
/// for showing more.
pub(super) fn decode(bytes: &[u8]) -> Option<Stock> {
    let mut lines = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.lines();
    if lines.next() != Some(VERSION) {
        return None;
    }
    let mut stock = first(lines.next()?)?;
    for line in lines {
        let mut words = line.split_ascii_whitespace();
        let word = words.next()?;
        let draws = &mut stock.draws;
        match word {
            "period" => {
                (draws.period, draws.offset) = (Some(value(&mut words)?), value(&mut words)?);
            }
            "bucket" => draws.bucket = Some(value(&mut words)?),
            "drawn" => {
                draws.drawn.insert(value(&mut words)?, value(&mut words)?);
            }
            "spent" => {
                draws.spent.insert(value(&mut words)?, value(&mut words)?);
            }
            "said" => {
                let (slot, band) = (value(&mut words)?, value(&mut words)?);
                let unit = words.next().filter(|it| is_unit(it))?.to_owned();
                stock.said = Some(Statement { slot, band, unit });
            }
            "urgent" => stock.urgent_ms.push(value(&mut words)?),
            _ => return None,
        }
        words.next().is_none().then_some(())?;
    }
    holds(&stock).then_some(stock)
}

fn first(line: &str) -> Option<Stock> {
    let mut words = line.split_ascii_whitespace();
    (words.next()? == "stock").then_some(())?;
    let mut amount = || value(&mut words).map(Amount);
    let (level, capacity, critical) = (amount()?, amount()?, amount()?);
    let set_ms = value(&mut words)?;
    let unit = words.next().filter(|it| is_unit(it))?.to_owned();
    let draws = Draws::default();
    let (said, urgent_ms) = (None, Vec::new());
    words.next().is_none().then_some(Stock {
        level,
        capacity,
        unit,
        critical,
        set_ms,
        draws,
        said,
        urgent_ms,
    })
}

fn value<T: FromStr>(words: &mut SplitAsciiWhitespace<'_>) -> Option<T> {
    words.next()?.parse().ok()
}

/// Says whether a row keeps the bounds that code relies on: no sum of its numbers overflows.
fn holds(stock: &Stock) -> bool {
    let Stock { level, capacity, draws, urgent_ms, .. } = stock;
    let buckets_max = ALL;
    0 < capacity.0
        && level <= capacity
        && *capacity <= Amount::MAX
        && draws.offset < ALL
        && draws.bucket.is_none_or(|bucket| bucket <= buckets_max)
        && draws.drawn.keys().all(|bucket| *bucket <= buckets_max)
        && draws.drawn.len() <= usize::try_from(super::DRAWS_PER_PERIOD_MAX).unwrap_or(0)
        && draws.spent.len() <= PERIODS_KEPT
        && draws.spent.values().all(|count| *count <= super::DRAWS_PER_PERIOD_MAX)
        && urgent_ms.len() <= URGENT_PER_DAY_MAX
}

const PREFIX: &str = "levels/";
const VERSION: &str = "levels 1";
