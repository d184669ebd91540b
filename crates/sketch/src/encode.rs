//! A set becomes symbols, as many as are wished.

use std::ops::Range;

use crate::places::Places;
use crate::symbol::{Symbol, check_of};

/// Makes these symbols of a set of ids. Costs a few jumps for each id, whatever the range: who may need
/// more makes a thousand at once.
pub fn encode(ids: impl IntoIterator<Item = u64>, range: Range<usize>) -> Vec<Symbol> {
    let mut symbols = vec![Symbol::default(); range.len()];
    let (start, end) = (range.start as u64, range.end as u64);
    for id in ids {
        let check = check_of(id);
        let mut places = Places::of(id);
        while places.at < end {
            if let Some(within) = places.at.checked_sub(start)
                && let Ok(within) = usize::try_from(within)
            {
                symbols[within].add(id, check);
            }
            places.advance();
        }
    }
    symbols
}
