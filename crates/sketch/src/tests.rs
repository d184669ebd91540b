//! Whatever two sets differ by is found, for few bytes; and what a liar says costs no more.

mod bytes;
mod exchange;
mod hostile;
mod properties;

use std::collections::BTreeSet;

use crate::places::mix;
use crate::{Decoder, Difference, Estimate, Key, Progress, encode};

/// Ids nobody chose.
fn ids(seed: u64, count: usize) -> Vec<u64> {
    (1..=count as u64).map(|at| mix(seed.wrapping_add(mix(at)))).collect()
}

/// What one exchange took.
#[derive(Debug)]
struct Course {
    progress: Progress,
    symbols: usize,
    /// Questions and their answers, without the last one, which asks for records.
    rounds: usize,
}

/// Compares two sets as two honest sides do.
fn exchange(mine: &[u64], theirs: &[u64]) -> Course {
    let key = Key { asker: 1, answerer: 0 };
    let of = |ids: &[u64]| Estimate::of(ids.iter().map(|id| key.id(&id.to_le_bytes())));
    let differing = of(mine).differing(&of(theirs));
    let mut decoder = Decoder::new(differing);
    let (mut until, mut rounds) = (Decoder::first(differing), 0);
    loop {
        let range = decoder.len()..until;
        let [mine, theirs] = [mine, theirs].map(|ids| encode(ids.iter().copied(), range.clone()));
        rounds += 1;
        let progress = decoder.add(&mine, &theirs);
        if let Progress::More(wanted) = progress {
            until = wanted;
            continue;
        }
        return Course { progress, symbols: decoder.len(), rounds };
    }
}

/// What two sets differ by, looked up.
fn difference(mine: &[u64], theirs: &[u64]) -> Difference {
    let [mine, theirs] = [mine, theirs].map(|ids| ids.iter().copied().collect::<BTreeSet<u64>>());
    Difference {
        mine: mine.difference(&theirs).copied().collect(),
        theirs: theirs.difference(&mine).copied().collect(),
    }
}

/// In an order that does not matter.
fn sorted(progress: Progress) -> Progress {
    match progress {
        Progress::Done(mut difference) => {
            difference.mine.sort_unstable();
            difference.theirs.sort_unstable();
            Progress::Done(difference)
        }
        Progress::More(_) | Progress::GivenUp => progress,
    }
}
