//! What an exchange costs. Ids that both sides have cancel out of every symbol, and symbols have one
//! size, so that the size of the sets does not matter here.

use super::{Course, exchange, ids};
use crate::{ESTIMATE_BYTES, Progress, SYMBOL_BYTES};

/// Bytes of one exchange without the frames around them: the estimate, symbols, and the wanted ids.
fn bytes(course: &Course) -> usize {
    let Progress::Done(difference) = &course.progress else { panic!("given up: {course:?}") };
    ESTIMATE_BYTES + course.symbols * SYMBOL_BYTES + difference.theirs.len() * 8
}

/// Runs exchanges of which so many ids differ, half on each side. Returns bytes and rounds.
fn runs(differing: usize, seeds: u64) -> Vec<(usize, usize)> {
    let run = |seed| {
        let all = ids(seed, differing);
        let course = exchange(&all[..differing / 2], &all[differing / 2..]);
        (bytes(&course), course.rounds)
    };
    (0..seeds).map(run).collect()
}

fn average(numbers: impl ExactSizeIterator<Item = usize>) -> usize {
    let count = numbers.len();
    numbers.sum::<usize>().div_ceil(count)
}

#[test]
fn a_difference_costs_little_more_than_itself() {
    // Differing ids; bytes on average and at most, of 200 exchanges, or 20 of the largest.
    for (differing, seeds, average_max, most) in [
        (1, 200, 450, 450),
        (10, 200, 700, 900),
        (100, 200, 3_000, 3_800),
        (1_000, 200, 25_000, 32_000),
        (10_000, 20, 255_000, 290_000),
    ] {
        let runs = runs(differing, seeds);
        let mean = average(runs.iter().map(|(bytes, _)| *bytes));
        let max = runs.iter().map(|(bytes, _)| *bytes).max().unwrap();
        assert!(
            mean <= average_max && max <= most,
            "{differing} differ: {mean} bytes, at most {max}"
        );
    }
}

#[test]
fn most_exchanges_end_after_one_answer() {
    for differing in [1, 10, 100, 1_000] {
        let runs = runs(differing, 200);
        let once = runs.iter().filter(|(_, rounds)| *rounds == 1).count();
        let most = runs.iter().map(|(_, rounds)| *rounds).max().unwrap();
        assert!(150 <= once, "{differing} differ: {once} of 200 after one answer, at most {most}");
    }
}
