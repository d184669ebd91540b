//! Whatever two nodes do in whatever order, and however they compare: in the end both hold the same, and
//! what the rules say.

use std::collections::BTreeMap;

use bytes::Bytes;
use merkle::{Leaf, Map};
use proptest::collection::vec;
use proptest::prelude::*;
use wire::{Content, Digest, Entry, Frame, Hlc, RecordId, Signed};

use super::lab::*;
use super::pair::Pair;
use crate::Config;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8, Option<u8>),
    Many(usize, u8, usize),
    Connect,
    Cut,
    Pass(u64),
    /// One in so many frames is lost from now on; 0 for none.
    Lose(u8),
}

/// A version of an entry of somebody else's, and who holds it at first.
type Version = (u8, u64, Option<u8>, u8);

fn step() -> impl Strategy<Value = Step> {
    let side = 0_usize..2;
    prop_oneof![
        4 => (side.clone(), 0_u8..6, proptest::option::of(any::<u8>()))
            .prop_map(|(side, name, value)| Step::Put(side, name, value)),
        2 => (side, any::<u8>(), 1_usize..40)
            .prop_map(|(side, name, count)| Step::Many(side, name, count)),
        3 => Just(Step::Connect),
        1 => Just(Step::Cut),
        3 => (50_u64..8_000).prop_map(Step::Pass),
        1 => (0_u8..6).prop_map(Step::Lose),
    ]
}

fn version() -> impl Strategy<Value = Version> {
    (0_u8..8, 0_u64..4, proptest::option::of(any::<u8>()), 0_u8..3)
}

fn sealed((name, age, value, _): &Version) -> Signed {
    let entry = Entry {
        collection: "c".to_owned(),
        name: format!("n{name}"),
        value: value.map(|it| Bytes::from(vec![b'0' + it % 10])),
    };
    let at_ms = START_MS - 60_000 - age * 1_000;
    let seq = number(at_ms, &[&format!("{name} {value:?}")]);
    sign(&puppet(7), seq, at_ms, 0, Content::Entry(entry))
}

fn take(pair: &mut Pair, step: Step) {
    let name = |name| format!("n{name}");
    match step {
        Step::Put(side, of, value) => {
            pair.put(side, name(of), value.map(|it| Bytes::from(vec![b'0' + it % 10])));
        }
        Step::Many(side, of, count) => pair.write_named(side, &format!("many{of}"), count),
        Step::Connect => {
            pair.cut();
            pair.connect();
        }
        Step::Cut => pair.cut(),
        Step::Pass(ms) => pair.pass(ms),
        Step::Lose(every) => {
            let mut at = 0_u64;
            pair.twist = Box::new(move |_, frame| {
                at += 1;
                let spared = matches!(frame, Frame::Hello(_));
                let lost = 0 < every && at.is_multiple_of(u64::from(every) + 1) && !spared;
                if lost { Vec::new() } else { vec![frame] }
            });
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn any_order_and_any_comparison_give_the_same_root_and_index(
        versions in vec(version(), 0..24),
        steps in vec(step(), 0..24),
        sketch_min in prop_oneof![Just(1_u64), Just(30), Just(u64::MAX)],
    ) {
        // STATE-2, STATE-4, SKETCH-5
        let held = |side: u8| versions.iter().filter(|it| it.3 != side).map(sealed).collect();
        let config = Config { sketch_min, ..config() };
        let mut pair = Pair::waking(&config, [held(0), held(1)]);
        let mut winners: BTreeMap<Digest, (Hlc, RecordId)> = BTreeMap::new();
        let mut note = |pair: &Pair| {
            for (key, at) in pair.sides.iter().flat_map(|it| &it.index) {
                let winner = winners.entry(*key).or_insert(*at);
                *winner = (*winner).max(*at);
            }
        };
        note(&pair);
        for step in steps {
            take(&mut pair, step);
            note(&pair);
        }
        take(&mut pair, Step::Lose(0));
        take(&mut pair, Step::Connect);
        pair.until_equal();
        pair.pass(100);
        // WALK-8: whoever is honest is never cut off, whatever is lost.
        prop_assert_eq!(pair.faults, [0, 0]);
        let leaves = winners.iter().map(|(key, (created, id))| {
            Leaf { key: *key, value: *id, stamp: created.0 }
        });
        let root = Map::of(leaves.collect()).root();
        for side in &pair.sides {
            prop_assert_eq!(side.engine.status().state.root, root);
            prop_assert_eq!(&side.index, &winners);
        }
    }
}
