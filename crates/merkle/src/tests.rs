//! The map against a plain `BTreeMap`, and the root against its definition.

mod away;
mod proof;
mod vectors;

use std::collections::BTreeMap;

use proptest::prelude::*;
use wire::Digest;

use crate::{Leaf, Map, Prefix, join};

fn key(text: &[u8]) -> Digest {
    Digest::of("test", &[text])
}

fn leaf(key: Digest, value: u8) -> Leaf {
    Leaf { key, value: Digest([value; 32]), stamp: value.into() }
}

/// The definition in the caption of `map.rs`, written down once more without the trie.
fn root_by_definition(leaves: &[Leaf]) -> Digest {
    match leaves {
        [] => Digest::default(),
        [one] => Digest::of("trellis-map-leaf-v1", &[&one.key.0, &one.value.0]),
        many => {
            let at = (0..=255_u8)
                .find(|at| {
                    let side = |leaf: &Leaf| leaf.key.0[usize::from(at / 8)] >> (7 - at % 8) & 1;
                    side(&many[0]) != side(&many[many.len() - 1])
                })
                .unwrap();
            let right = |leaf: &&Leaf| leaf.key.0[usize::from(at / 8)] >> (7 - at % 8) & 1 == 1;
            let (rights, lefts): (Vec<&Leaf>, Vec<&Leaf>) = many.iter().partition(right);
            let side = |leaves: Vec<&Leaf>| {
                root_by_definition(&leaves.into_iter().copied().collect::<Vec<Leaf>>())
            };
            let (left, right) = (side(lefts), side(rights));
            Digest::of("trellis-map-branch-v1", &[&[at], &left.0, &right.0])
        }
    }
}

/// Keys that collide in long prefixes, so that deep and skewed tries are met often.
fn some_key() -> impl Strategy<Value = Digest> {
    (any::<[u8; 2]>(), 0..3_u8).prop_map(|(bytes, kind)| match kind {
        0 => key(&bytes),
        1 => {
            let mut skewed = Digest::default();
            skewed.0[31] = bytes[0];
            skewed.0[12] = bytes[1] & 3;
            skewed
        }
        _ => Digest([bytes[0] & 7; 32]),
    })
}

proptest! {
    /// What a map is cut into has its hash together, and so has nothing else.
    #[test]
    fn parts_join_to_the_hash_of_the_whole(
        keys in proptest::collection::btree_set(some_key(), 2..80),
        count in 2..40_usize,
        at in any::<proptest::sample::Index>(),
    ) {
        let map = Map::of(keys.iter().map(|key| leaf(*key, 1)).collect());
        let cut = |it: &crate::Part| (it.prefix, it.hash);
        let parts: Vec<(Prefix, Digest)> =
            map.parts(&Prefix::ALL, count).iter().map(cut).collect();
        prop_assert_eq!(join(&parts), Some(map.root()));
        let at = at.index(parts.len() - 1);
        let mut swapped = parts.clone();
        swapped.swap(at, at + 1);
        prop_assert_eq!(join(&swapped), None);
        let mut twice = parts.clone();
        twice[at + 1] = twice[at];
        prop_assert_ne!(join(&twice), Some(map.root()));
        let mut fewer = parts.clone();
        fewer.remove(at);
        prop_assert_ne!(join(&fewer), Some(map.root()));
        let mut over = parts.clone();
        over[at].0 = Prefix::ALL;
        prop_assert_ne!(join(&over), Some(map.root()));
    }

    #[test]
    fn it_holds_what_a_plain_map_holds(
        steps in proptest::collection::vec((some_key(), any::<u8>(), 0..4_u8), 0..200),
    ) {
        let mut map = Map::default();
        let mut model = BTreeMap::new();
        for (key, value, step) in steps {
            if step == 0 {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            } else {
                let leaf = leaf(key, value);
                prop_assert_eq!(map.insert(leaf), model.insert(key, leaf));
            }
            prop_assert_eq!(map.len(), model.len() as u64);
        }
        let leaves: Vec<Leaf> = model.values().copied().collect();
        prop_assert_eq!(map.leaves(&Prefix::ALL, None, usize::MAX), leaves.clone());
        prop_assert_eq!(map.root(), root_by_definition(&leaves));
        for (key, leaf) in &model {
            prop_assert_eq!(map.get(key), Some(*leaf));
        }
    }

    #[test]
    fn the_root_does_not_know_the_order(
        keys in proptest::collection::btree_set(some_key(), 0..80),
        junk in proptest::collection::btree_set(some_key(), 0..40),
        at in any::<prop::sample::Index>(),
    ) {
        let mut forward = Map::default();
        keys.iter().for_each(|key| {
 forward.insert(leaf(*key, 1));
 });
        let mut turned: Vec<Digest> = keys.iter().copied().collect();
        if !turned.is_empty() {
            let by = at.index(turned.len());
            turned.rotate_left(by);
            turned.reverse();
        }
        let mut other = Map::default();
        junk.iter().for_each(|key| {
 other.insert(leaf(*key, 9));
 });
        other.root();
        turned.iter().for_each(|key| {
 other.insert(leaf(*key, 1));
 });
        junk.difference(&keys).for_each(|key| {
 other.remove(key);
 });
        prop_assert_eq!(forward.root(), other.root());
    }

    #[test]
    fn with_other_places_it_is_the_map_built_that_way(
        keys in proptest::collection::btree_set(some_key(), 0..80),
        places in proptest::collection::btree_map(some_key(), proptest::option::of(any::<u8>()), 0..20),
        later in some_key(),
    ) {
        // WALK-2
        let mut map = Map::default();
        keys.iter().for_each(|key| {
            map.insert(leaf(*key, 1));
        });
        let places: BTreeMap<Digest, Option<Leaf>> =
            places.into_iter().map(|(key, value)| (key, value.map(|it| leaf(key, it)))).collect();
        let mut model: BTreeMap<Digest, Leaf> =
            keys.iter().map(|key| (*key, leaf(*key, 1))).collect();
        let before: Vec<Leaf> = model.values().copied().collect();
        for (key, it) in &places {
            match it {
                Some(it) => model.insert(*key, *it),
                None => model.remove(key),
            };
        }
        let after: Vec<Leaf> = model.values().copied().collect();

        let other = map.with(&places);
        prop_assert_eq!(other.root(), root_by_definition(&after));
        prop_assert_eq!(other.len(), after.len() as u64);
        prop_assert_eq!(other.leaves(&Prefix::ALL, None, usize::MAX), after.clone());
        prop_assert_eq!(map.root(), root_by_definition(&before));
        // Neither sees what later happens to the other.
        map.insert(leaf(later, 7));
        keys.iter().step_by(2).for_each(|key| {
            map.remove(key);
        });
        prop_assert_eq!(other.root(), root_by_definition(&after));
        prop_assert_eq!(other.leaves(&Prefix::ALL, None, usize::MAX), after);
    }

    #[test]
    fn a_part_is_the_map_of_what_lies_under_it(
        keys in proptest::collection::btree_set(some_key(), 0..80),
        under in some_key(),
        bits in 0..=256_u16,
        parts_max in 1..20_usize,
        after in proptest::option::of(some_key()),
    ) {
        let mut map = Map::default();
        keys.iter().for_each(|key| {
 map.insert(leaf(*key, 1));
 });
        let prefix = Prefix::new(&under, bits);
        let mut inside = Map::default();
        keys.iter().filter(|key| prefix.covers(key)).for_each(|key| {
 inside.insert(leaf(*key, 1));
 });
        let hash = map.part(&prefix).map_or(Digest::default(), |part| part.hash);
        prop_assert_eq!(hash, inside.root());

        let parts = map.parts(&prefix, parts_max);
        prop_assert!(parts.len() <= parts_max);
        prop_assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), inside.len());
        prop_assert!(parts.iter().all(|part| prefix.includes(&part.prefix)));

        let expected: Vec<Leaf> = inside
            .leaves(&Prefix::ALL, None, usize::MAX)
            .into_iter()
            .filter(|leaf| after.is_none_or(|after| after < leaf.key))
            .take(7)
            .collect();
        prop_assert_eq!(map.leaves(&prefix, after.as_ref(), 7), expected);
    }
}

#[test]
fn many_at_once_are_the_same_as_one_by_one() {
    let mut leaves: Vec<Leaf> = (0..500_u32).map(|n| leaf(key(&n.to_be_bytes()), 1)).collect();
    let again: Vec<Leaf> = leaves.iter().step_by(7).map(|it| leaf(it.key, 2)).collect();
    leaves.extend(again);
    let mut map = Map::default();
    leaves.iter().for_each(|leaf| {
        map.insert(*leaf);
    });
    let at_once = Map::of(leaves);
    assert_eq!((at_once.root(), at_once.len()), (map.root(), map.len()));
    assert_eq!(at_once.here(), map.here());
    assert!(Map::of(Vec::new()).is_empty());
}

#[test]
fn another_value_is_another_root() {
    let mut map = Map::default();
    assert_eq!(map.root(), Digest::default());
    map.insert(leaf(key(b"a"), 1));
    let before = map.root();
    map.insert(leaf(key(b"a"), 2));
    assert_ne!(map.root(), before);
    map.remove(&key(b"a"));
    assert!(map.is_empty());
}

#[test]
fn the_root_of_three_is_what_was_published() {
    let mut map = Map::default();
    [b"a", b"b", b"c"].iter().for_each(|name| {
        map.insert(leaf(key(*name), name[0]));
    });
    assert_eq!(map.root().to_string(), ROOT_OF_THREE);
}

const ROOT_OF_THREE: &str = "65e2c5493974ea870887d65bf168f5060ac9344c93935cef973795e262ebfa5b";
