//! A map most of whose leaves are in a store, against a plain one.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use wire::Digest;

use super::{key, leaf, root_by_definition, some_key};
use crate::{Leaf, Map, Prefix, Source, Stub};

/// A store at one moment.
struct Shelved(BTreeMap<Digest, Leaf>);

impl Source for Shelved {
    fn leaves(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>> {
        Some(self.0.range(head..).take(count).map(|(_, leaf)| *leaf).collect())
    }
}

fn shelved(model: &BTreeMap<Digest, Leaf>) -> Arc<dyn Source> {
    Arc::new(Shelved(model.clone()))
}

#[derive(Clone, Debug)]
enum Step {
    Insert(Digest, u8),
    Remove(Digest),
    DropUnder(Digest, u16),
    /// The store has all of it.
    Stored,
    /// The store has what there was so many changes ago; the rest stays in memory.
    StoredSome,
    Restart,
    /// Some of what is put away comes back, beginning there.
    Fill(Digest, usize),
    /// Somebody writes down what changed since the last time.
    Noted,
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (some_key(), any::<u8>()).prop_map(|(key, value)| Step::Insert(key, value)),
        6 => some_key().prop_map(Step::Remove),
        1 => (some_key(), 0..=256_u16).prop_map(|(key, bits)| Step::DropUnder(key, bits)),
        2 => Just(Step::Stored),
        2 => Just(Step::StoredSome),
        1 => Just(Step::Restart),
        1 => (some_key(), 0..100_usize).prop_map(|(key, count)| Step::Fill(key, count)),
        2 => Just(Step::Noted),
    ]
}

proptest! {
    #[test]
    fn where_the_leaves_are_makes_no_difference(
        steps in proptest::collection::vec(some_step(), 0..400),
        asked in some_key(),
    ) {
        let (mut map, mut plain) = (Map::default(), Map::default());
        let mut model = BTreeMap::new();
        // What a store would have of it: the state before the last few changes, and its number.
        let mut stored: (BTreeMap<Digest, Leaf>, u64) = Default::default();
        let mut noted = (Map::default(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Insert(key, value) => {
                    let leaf = leaf(key, value);
                    prop_assert_eq!(map.insert(leaf), model.insert(key, leaf));
                    plain.insert(leaf);
                }
                Step::Remove(key) => {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                    plain.remove(&key);
                }
                Step::DropUnder(key, bits) => {
                    let prefix = Prefix::new(&key, bits.max(4));
                    let before = model.len();
                    model.retain(|key, _| !prefix.covers(key));
                    prop_assert_eq!(map.drop_under(&prefix), (before - model.len()) as u64);
                    plain.drop_under(&prefix);
                }
                Step::Stored => stored = (model.clone(), map.changes()),
                Step::StoredSome => map.put_away(shelved(&stored.0), stored.1),
                Step::Restart => {
                    map = Map::restore(shelved(&model), &stubs(&map));
                    stored = (model.clone(), map.changes());
                }
                Step::Fill(key, count) => {
                    let leaves: Vec<Leaf> =
                        model.range(key..).take(count).map(|(_, leaf)| *leaf).collect();
                    map.fill(&leaves);
                }
                Step::Noted => note(&map, &mut noted),
            }
            prop_assert_eq!(map.len(), model.len() as u64);
        }
        let leaves: Vec<Leaf> = model.values().copied().collect();
        prop_assert_eq!(map.root(), root_by_definition(&leaves));
        prop_assert_eq!(map.leaves(&Prefix::ALL, None, usize::MAX), leaves.clone());
        for key in model.keys().chain([&asked]) {
            prop_assert_eq!(map.get(key), model.get(key).copied());
            prop_assert_eq!(map.prove(key), plain.prove(key));
        }
        for bits in [0, 3, 8, 90, 255] {
            let prefix = Prefix::new(&asked, bits);
            prop_assert_eq!(map.part(&prefix), plain.part(&prefix));
            prop_assert_eq!(map.parts(&prefix, 9), plain.parts(&prefix, 9));
            prop_assert_eq!(map.children(&prefix), plain.children(&prefix));
            if let (Some(part), Some([left, right])) = (map.part(&prefix), map.children(&prefix)) {
                prop_assert_eq!(part.count, left.count + right.count);
                prop_assert_eq!(map.part(&left.prefix), Some(left));
                prop_assert_eq!(map.part(&right.prefix), Some(right));
            }
        }
        prop_assert_eq!(stubs(&map), stubs(&plain), "buckets follow from the contents");
        note(&map, &mut noted);
        let written: Vec<Stub> = noted.1.into_values().collect();
        prop_assert_eq!(written, stubs(&plain), "what differed adds up to what there is");
        map.fill(&leaves);
        prop_assert_eq!(map.here(), stubs(&plain), "all of it is back");
        prop_assert_eq!(map.lost(), None);
    }
}

/// Writes down which buckets changed since the last time, as a store would.
fn note(map: &Map, (before, buckets): &mut (Map, BTreeMap<Digest, Stub>)) {
    for (head, stub) in map.since(before) {
        match stub {
            Some(stub) => buckets.insert(head, stub),
            None => buckets.remove(&head),
        };
    }
    *before = map.clone();
}

/// Every bucket of a map, in order.
fn stubs(map: &Map) -> Vec<Stub> {
    let (mut stubs, mut last) = (Vec::new(), None);
    while let Some(next) = map.leaves(&Prefix::ALL, last.as_ref(), 1).first() {
        let stub = map.bucket_of(&next.key).unwrap();
        let count = usize::try_from(stub.count).unwrap();
        last = map.leaves(&Prefix::ALL, last.as_ref(), count).last().map(|leaf| leaf.key);
        stubs.push(stub);
    }
    stubs
}

fn many() -> BTreeMap<Digest, Leaf> {
    (0..500_u32).map(|it| key(&it.to_be_bytes())).map(|key| (key, leaf(key, 1))).collect()
}

fn put_away(model: &BTreeMap<Digest, Leaf>) -> Map {
    let mut map = Map::default();
    model.values().for_each(|leaf| {
        map.insert(*leaf);
    });
    map.put_away(shelved(model), map.changes());
    map
}

#[test]
fn what_was_put_away_is_not_in_memory() {
    let model = many();
    let mut map = put_away(&model);
    assert_eq!(map.here(), []);
    let changed = *model.keys().nth(250).unwrap();
    map.insert(leaf(changed, 2));
    let here = map.here();
    assert_eq!(here, [map.bucket_of(&changed).unwrap()]);
    map.put_away(shelved(&model), map.changes() - 1);
    assert_eq!(map.here(), here, "the store does not have the change");
}

#[test]
fn a_clone_keeps_its_moment_and_its_source() {
    let mut model = many();
    let mut map = put_away(&model);
    let before = map.clone();
    let (root, leaves) = (map.root(), before.leaves(&Prefix::ALL, None, usize::MAX));
    for key in model.keys().copied().step_by(3).collect::<Vec<_>>() {
        model.insert(key, leaf(key, 9));
        map.insert(leaf(key, 9));
    }
    map.put_away(shelved(&model), map.changes());
    assert_ne!(map.root(), root);
    assert_eq!((before.root(), before.leaves(&Prefix::ALL, None, usize::MAX)), (root, leaves));
}

#[test]
fn a_source_that_tells_something_else_is_noticed() {
    let model = many();
    let mut wrong = model.clone();
    let damaged = *model.keys().nth(100).unwrap();
    wrong.insert(damaged, leaf(damaged, 200));
    let mut map = put_away(&model);
    map.put_away(shelved(&wrong), map.changes());
    assert_eq!(map.lost(), None, "nobody looked");
    let clone = map.clone();
    assert_eq!(clone.get(&damaged), None);
    assert!(map.lost().is_some(), "a loss is known to all clones");

    let mut gone = model.clone();
    gone.remove(&damaged);
    let mut map = put_away(&model);
    map.put_away(shelved(&gone), map.changes());
    map.insert(leaf(damaged, 3));
    assert!(map.lost().is_some());
}

#[test]
fn what_differs_is_found_without_looking_at_the_rest() {
    let model = many();
    let map = put_away(&model);
    let mut changed = map.clone();
    let place = *model.keys().nth(250).unwrap();
    changed.insert(leaf(place, 2));
    let bucket = changed.bucket_of(&place).unwrap();
    assert_eq!(changed.since(&map), BTreeMap::from([(bucket.head, Some(bucket))]));
    assert_eq!(changed.since(&changed.clone()), BTreeMap::new());
    // Everything else has moved to one side of a new branch.
    let mut taller = map.clone();
    taller.insert(leaf(Digest([0xff; 32]), 1));
    let new = taller.bucket_of(&Digest([0xff; 32])).unwrap();
    assert!(taller.since(&map).len() <= 3 && taller.since(&map)[&new.head] == Some(new));
}
