//! The order of what happens.

use std::collections::BTreeMap;

use crate::chance::Chance;
use crate::wheel::{Key, Wheel};

fn key(at_us: u64, to: u32) -> Key {
    Key { at_us, to, from: 0, sequence: 0 }
}

/// Inserts and takes at random, near and far, and compares with a map.
#[test]
fn a_wheel_is_a_map_whatever_comes_in_between() {
    for seed in 0..40 {
        let mut chance = Chance::new(seed, &[]);
        let (mut wheel, mut map) = (Wheel::default(), BTreeMap::new());
        let (mut now_us, mut number) = (0, 0);
        for _ in 0..3_000 {
            for _ in 0..chance.below(4) {
                let range = [1, 200, 50_000, 5_000_000, 90_000_000]
                    [usize::try_from(chance.below(5)).unwrap()];
                number += 1;
                let key = key(now_us + chance.below(range), number);
                wheel.insert(key, number);
                map.insert(key, number);
            }
            let end_us = now_us + chance.below(9_000_000) * chance.below(2);
            for _ in 0..chance.below(5) {
                let expected = map.first_key_value().filter(|(key, _)| key.at_us < end_us);
                assert_eq!(
                    wheel.next_us(end_us),
                    expected.map(|(key, _)| key.at_us),
                    "seed {seed}"
                );
                let Some((key, value)) = wheel.pop(end_us) else { break };
                assert_eq!(map.pop_first(), Some((key, value)), "seed {seed}");
                now_us = key.at_us;
            }
            assert_eq!(wheel.len(), map.len(), "seed {seed}");
        }
        let rest: Vec<_> = std::iter::from_fn(|| wheel.pop(u64::MAX >> 1)).collect();
        assert_eq!(rest, map.into_iter().collect::<Vec<_>>(), "seed {seed}");
    }
}

#[test]
fn at_one_moment_the_smaller_receiver_goes_first_then_the_smaller_sender() {
    let mut wheel = Wheel::default();
    let keys = [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0, 0)];
    let keys = keys.map(|(to, from, sequence)| Key { at_us: 7, to, from, sequence });
    keys.into_iter().for_each(|key| wheel.insert(key, ()));
    let taken: Vec<Key> = std::iter::from_fn(|| wheel.pop(8)).map(|(key, ())| key).collect();
    assert_eq!(taken, keys.into_iter().rev().collect::<Vec<_>>());
}
