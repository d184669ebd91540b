//! The walk over two maps, without a network.

use merkle::{Leaf, Map, Prefix};
use proptest::prelude::*;
use wire::{Digest, Item, Range, Subtree, View};

use crate::reconcile::{compare, whole};

fn leaf(number: u32, value: u8) -> Leaf {
    // Three shapes of keys: spread, in one far corner, in one bucket.
    let mut key = Digest::of("k", &[&number.to_be_bytes()]);
    match number % 3 {
        0 => {}
        1 => key.0[..30].fill(0xff),
        _ => key.0[..12].fill(7),
    }
    Leaf { key, value: Digest([value; 32]), stamp: 0 }
}

fn map_of(items: impl IntoIterator<Item = (u32, u8)>) -> Map {
    let mut map = Map::default();
    for (number, value) in items {
        map.insert(leaf(number, value));
    }
    map
}

/// Walks until nobody has anything to say; what each side asked for, and how many steps it took.
fn walk(left: &Map, right: &Map) -> ([Vec<Digest>; 2], usize) {
    let maps = [left, right];
    let mut asked: [Vec<Digest>; 2] = [Vec::new(), Vec::new()];
    let (mut ranges, mut turn, mut steps) = (vec![whole(left)], 1, 0);
    let mut queue = Vec::new();
    loop {
        let outcome = compare(maps[turn], &ranges);
        let other = maps[1 - turn];
        for prefix in &outcome.prefixes {
            asked[turn].extend(other.leaves(prefix, None, usize::MAX).iter().map(|it| it.key));
        }
        asked[turn].extend(&outcome.keys);
        if !outcome.ranges.is_empty() {
            queue.push((1 - turn, outcome.ranges));
        }
        steps += 1;
        assert!(steps < 1_000, "the walk does not end");
        let Some((next, views)) = queue.pop() else { return (asked, steps) };
        (turn, ranges) = (next, views);
    }
}

fn missing(from: &Map, to: &Map) -> Vec<Digest> {
    let leaves = from.leaves(&Prefix::ALL, None, usize::MAX).into_iter();
    leaves
        .filter(|it| to.get(&it.key).map(|it| it.value) != Some(it.value))
        .map(|it| it.key)
        .collect()
}

#[track_caller]
fn check(left: &Map, right: &Map) {
    // WALK-3
    let (mut asked, _) = walk(left, right);
    for (side, (mine, theirs)) in [(0, (left, right)), (1, (right, left))] {
        asked[side].sort_unstable();
        asked[side].dedup();
        assert_eq!(asked[side], missing(theirs, mine), "side {side}");
    }
}

#[test]
fn equal_sets_need_one_step() {
    let (left, right) = (map_of((0..500).map(|it| (it, 1))), map_of((0..500).map(|it| (it, 1))));
    let (asked, steps) = walk(&left, &right);
    assert_eq!((asked[0].len(), asked[1].len(), steps), (0, 0, 1));
}

#[test]
fn one_missing_one_differing_and_disjoint_sets_are_found() {
    let full = map_of((0..2_000).map(|it| (it, 1)));
    check(&full, &map_of((1..2_000).map(|it| (it, 1))));
    check(&map_of((0..1_999).map(|it| (it, 1))), &full);
    check(&full, &map_of((0..2_000).map(|it| (it, if it == 77 { 2 } else { 1 }))));
    check(&map_of((0..300).map(|it| (it, 1))), &map_of((300..600).map(|it| (it, 1))));
    check(&full, &Map::default());
    check(&Map::default(), &full);
    check(&full, &map_of([(3, 1)]));
    check(&map_of([(3, 2), (9_999, 1)]), &full);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn each_side_asks_for_exactly_what_it_lacks(
        left in proptest::collection::btree_map(0..400_u32, 0..3_u8, 0..300),
        right in proptest::collection::btree_map(0..400_u32, 0..3_u8, 0..300),
    ) {
        check(&map_of(left), &map_of(right));
    }

    #[test]
    fn a_liar_gets_a_bounded_answer(
        ranges in proptest::collection::vec(
            (any::<[u8; 32]>(), 0..=256_u16, any::<bool>(), any::<bool>(),
             proptest::collection::vec((any::<[u8; 32]>(), 0..=256_u16), 0..20)),
            0..20,
        ),
    ) {
        let map = map_of((0..1_000).map(|it| (it, 1)));
        let ranges: Vec<Range> = ranges
            .into_iter()
            .map(|(prefix, bits, items, answer, parts)| {
                let prefix = *Prefix::new(&Digest(prefix), bits).key();
                let view = if items {
                    let item = |it: &([u8; 32], u16)| Item { key: Digest(it.0), value: Digest(it.0) };
                    View::Items(parts.iter().map(item).collect())
                } else {
                    let part = |it: &([u8; 32], u16)| {
                        let prefix = *Prefix::new(&Digest(it.0), it.1).key();
                        Subtree { prefix, bits: it.1, hash: Digest(it.0) }
                    };
                    View::Subtrees(parts.iter().map(part).collect())
                };
                Range { prefix, bits, view, answer }
            })
            .collect();
        let outcome = compare(&map, &ranges);
        prop_assert!(outcome.ranges.len() <= 256);
    }
}
