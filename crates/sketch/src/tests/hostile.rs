//! Peers that lie, and strangers who chose what is in our sets.

use super::{exchange, ids};
use crate::places::{Places, mix};
use crate::{Decoder, Key, Progress, SYMBOLS_MAX, Symbol, encode};

/// Feeds a decoder with what a liar makes of symbol numbers until it gives up, and counts them.
fn feed(differing: usize, mine: &[u64], lie: impl Fn(usize) -> Symbol) -> usize {
    let mut decoder = Decoder::new(differing);
    let mut until = Decoder::first(differing);
    loop {
        let range = decoder.len()..until;
        let theirs: Vec<Symbol> = range.clone().map(&lie).collect();
        match decoder.add(&encode(mine.iter().copied(), range), &theirs) {
            Progress::More(wanted) => {
                assert!(decoder.len() < wanted, "no progress");
                until = wanted;
            }
            Progress::GivenUp => return decoder.len(),
            Progress::Done(difference) => panic!("found {difference:?} in garbage"),
        }
    }
}

#[test]
fn garbage_for_ever_ends_with_the_budget() {
    let mine = ids(1, 1_000);
    let garbage = |at: usize| {
        let [sum, check] = [1, 2].map(|salt| mix(mix(at as u64) ^ salt));
        let [low, second, ..] = check.to_le_bytes();
        Symbol { sum, check: u32::from(low), count: i8::from_le_bytes([second]) }
    };
    assert!(feed(0, &mine, garbage) <= 64);
    assert!(feed(100, &mine, garbage) <= 264);
    assert!(feed(usize::MAX, &mine, garbage) <= SYMBOLS_MAX);
    assert!(Decoder::first(usize::MAX) <= SYMBOLS_MAX);
}

#[test]
fn lying_counts_give_nothing_away_and_cost_the_budget() {
    let all = ids(2, 200);
    let honest = encode(all.iter().copied(), 0..SYMBOLS_MAX);
    for wrong in [1_i8, -1, 2, 64, 127] {
        let lie = |at: usize| Symbol { count: honest[at].count.wrapping_add(wrong), ..honest[at] };
        assert!(feed(100, &all[100..], lie) <= 264);
    }
}

/// Every symbol pretends to hold one id alone, another one each time, or for ever the same.
#[test]
fn ids_that_are_alone_everywhere_end_with_the_budget() {
    let alone = |id: u64| encode([id], 0..1)[0];
    assert!(feed(1_000, &[], |at| alone(mix(at as u64))) <= 2_064);
    let mut decoder = Decoder::new(1_000);
    let theirs = vec![alone(9); 2_064];
    assert_eq!(decoder.add(&encode([], 0..2_064), &theirs), Progress::GivenUp);
}

#[test]
fn a_decoder_takes_no_more_than_its_budget() {
    let mut decoder = Decoder::new(10);
    let zeros = vec![Symbol::default(); 10_000];
    assert!(matches!(decoder.add(&zeros, &zeros), Progress::Done(_)));
    assert_eq!(decoder.len(), decoder.budget());
    assert_eq!(Decoder::new(10).add(&[], &[]), Progress::More(8));
}

/// Two names that are in the same first symbols cannot be told apart by them. Without a key a stranger
/// finds such a pair once and stops every comparison; under a key it is a pair like any other.
#[test]
fn names_that_were_ground_under_one_key_are_harmless_under_another() {
    let (known, fresh) = (Key { asker: 0, answerer: 0 }, Key { asker: 5, answerer: 6 });
    let places = |id: u64| {
        let mut places = Places::of(id);
        let mut mask = 0_u64;
        while places.at < 64 {
            mask |= 1 << places.at;
            places.advance();
        }
        mask
    };
    let names: Vec<[u8; 8]> = (0..20_000_u64).map(u64::to_le_bytes).collect();
    let mut by_mask = std::collections::BTreeMap::<u64, Vec<&[u8; 8]>>::new();
    for name in &names {
        by_mask.entry(places(known.id(name))).or_default().push(name);
    }
    let ground = by_mask.values().max_by_key(|names| names.len()).unwrap();
    let pair = [ground[0], ground[1]];
    let progress = |key: Key| {
        let mut decoder = Decoder::new(0);
        let theirs = encode(pair.map(|name| key.id(name)), 0..64);
        decoder.add(&encode([], 0..64), &theirs)
    };
    assert_eq!(progress(known), Progress::GivenUp, "the attack works where the key is known");
    assert!(matches!(progress(fresh), Progress::Done(_)));
    // One nonce of two is enough.
    for key in [Key { asker: 0, answerer: 6 }, Key { asker: 5, answerer: 0 }] {
        assert!(matches!(progress(key), Progress::Done(_)));
    }
}

#[test]
fn bytes_that_are_no_symbols_are_none() {
    assert!(Symbol::read(&[1; 12]).is_empty());
    assert_eq!(Symbol::read(&[1; 40]).len(), 3);
    assert!(crate::Estimate::read(&[0; 255]).is_none());
    assert!(crate::Estimate::read(&[0; 257]).is_none());
}

#[test]
fn no_id_is_special() {
    for id in [0, 1, u64::MAX, 1 << 63] {
        let course = exchange(&[], &[id]);
        let Progress::Done(difference) = course.progress else { panic!("{id}: {course:?}") };
        assert_eq!(difference.theirs, [id]);
    }
}
