//! Any two sets.

use proptest::prelude::*;

use super::{difference, exchange, ids, sorted};
use crate::places::Places;
use crate::{Decoder, Estimate, Progress, Symbol, encode};

proptest! {
    #[test]
    fn any_two_sets_are_told_apart(
        seed: u64, shared in 0_usize..400, mine in 0_usize..120, theirs in 0_usize..120,
    ) {
        let all = ids(seed, shared + mine + theirs);
        let (shared, others) = all.split_at(shared);
        let (mine, theirs) = others.split_at(mine);
        let [mine, theirs] = [mine, theirs].map(|own| [shared, own].concat());
        let course = exchange(&mine, &theirs);
        // Now and then the estimate is too small, and a walk has to do it; never is it wrong.
        if course.progress != Progress::GivenUp {
            prop_assert_eq!(sorted(course.progress), Progress::Done(difference(&mine, &theirs)));
        }
    }

    #[test]
    fn few_ids_of_any_shape_are_told_apart(
        mine in prop::collection::btree_set(any::<u64>(), 0..20),
        theirs in prop::collection::btree_set(any::<u64>(), 0..20),
    ) {
        let [mine, theirs] = [mine, theirs].map(|ids| ids.into_iter().collect::<Vec<u64>>());
        let symbols = |ids: &[u64]| encode(ids.iter().copied(), 0..256);
        let mut decoder = Decoder::new(128);
        let progress = decoder.add(&symbols(&mine), &symbols(&theirs));
        prop_assert_eq!(sorted(progress), Progress::Done(difference(&mine, &theirs)));
    }

    #[test]
    fn the_steps_in_which_symbols_come_do_not_matter(
        seed: u64, mine in 0_usize..60, theirs in 0_usize..60, cuts in prop::collection::vec(0_usize..400, 0..9),
    ) {
        let all = ids(seed, mine + theirs);
        let (mine, theirs) = all.split_at(mine);
        let mut decoder = Decoder::new(200);
        let mut last = None;
        let mut cuts = cuts;
        cuts.push(400);
        cuts.sort_unstable();
        for until in cuts {
            let range = decoder.len()..until;
            let [mine, theirs] = [mine, theirs].map(|ids| encode(ids.iter().copied(), range.clone()));
            last = Some(decoder.add(&mine, &theirs));
            if let Some(Progress::Done(_)) = last {
                break;
            }
        }
        prop_assert_eq!(sorted(last.unwrap()), Progress::Done(difference(mine, theirs)));
    }

    #[test]
    fn symbols_are_the_same_made_at_once_or_in_parts(seed: u64, count in 0_usize..200, cut in 0_usize..300) {
        let set = ids(seed, count);
        let [head, tail] = [0..cut, cut..300].map(|range| encode(set.iter().copied(), range));
        prop_assert_eq!(encode(set, 0..300), [head, tail].concat());
    }

    #[test]
    fn symbols_and_estimates_travel(seed: u64, count in 0_usize..200) {
        let set = ids(seed, count);
        let symbols = encode(set.iter().copied(), 0..64);
        prop_assert_eq!(Symbol::read(&Symbol::write(&symbols)), symbols);
        let estimate = Estimate::of(set);
        prop_assert_eq!(Estimate::read(estimate.bytes()), Some(estimate));
    }

    /// Somebody who counts an id twice gets no answer rather than a wrong one.
    #[test]
    fn what_is_twice_in_a_set_is_no_difference_of_sets(seed: u64, twice in 1_usize..20, once in 0_usize..20) {
        let all = ids(seed, twice + once);
        let mine = [&all[..], &all[..twice]].concat();
        prop_assert_eq!(exchange(&mine, &[]).progress, Progress::GivenUp);
        let equal = exchange(&mine, &mine).progress;
        prop_assert_eq!(equal, Progress::Done(crate::Difference::default()));
    }
}

#[test]
fn equal_and_one_sided_sets_are_found_to_be_so() {
    let all = ids(7, 5_000);
    for (mine, theirs) in
        [(5_000, 5_000), (5_000, 4_999), (4_000, 5_000), (0, 300), (300, 0), (0, 0)]
    {
        let (mine, theirs) = (&all[..mine], &all[..theirs]);
        let course = exchange(mine, theirs);
        let mut expected = difference(mine, theirs);
        expected.mine.sort_unstable();
        assert_eq!(sorted(course.progress), Progress::Done(expected));
    }
}

#[test]
fn an_id_is_in_symbol_i_once_in_one_and_half_i() {
    let trials = 200_000_u32;
    let mut hits = vec![0_u32; 200];
    for id in ids(3, trials as usize) {
        let mut places = Places::of(id);
        while let Ok(at) = usize::try_from(places.at)
            && at < hits.len()
        {
            hits[at] += 1;
            places.advance();
        }
    }
    for (at, hits) in (0_u32..).zip(hits) {
        let share = 1.0 / (1.0 + f64::from(at) / 2.0);
        let off = f64::from(hits) / f64::from(trials) / share - 1.0;
        // Five times what chance makes of it, and the paper's own rounding.
        let most = 5.0 / (share * f64::from(trials)).sqrt() + 0.04;
        assert!(off.abs() < most, "symbol {at}: {off}");
    }
}

#[test]
fn estimates_are_near() {
    for (seed, differing) in [(1_u64, 1_usize), (2, 10), (3, 100), (4, 10_000), (5, 300_000)] {
        for seed in (0..20).map(|round| seed * 100 + round) {
            let all = ids(seed, differing);
            // Two thirds on one side.
            let (mine, theirs) = all.split_at(differing * 2 / 3);
            let of = |ids: &[u64]| Estimate::of(ids.iter().copied());
            let off = of(mine).differing(&of(theirs)).abs_diff(differing);
            // Of few, some fall into one counter.
            assert!(off * 3 <= differing + 10, "seed {seed}: {differing} differ, off by {off}");
        }
    }
    let one = Estimate::of([42]);
    assert_eq!((one.differing(&Estimate::of([])), one.differing(&one)), (1, 0));
}
