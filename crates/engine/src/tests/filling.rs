//! A node that wakes up from hashes is one that wakes up with everything, only sooner.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use merkle::{Leaf, Map, Prefix, Source};
use proptest::prelude::*;
use wire::{Content, Digest, Entry, Hlc, Set, Signed};

use super::lab::*;
use crate::filling::LEAVES_AT_ONCE;
use crate::sets::{Place, Sets, Standing, hour_of};
use crate::{Drop, Effect, Input, Keep, Kept, Maps, Snapshot};

/// A store as it is at the moment of looking.
#[derive(Clone, Default)]
struct Shop(Arc<Mutex<BTreeMap<(Set, Digest), Kept>>>, Arc<AtomicUsize>);

struct Shelf(Shop, Set);

impl Source for Shelf {
    fn leaves(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>> {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        Some(self.0.kept(self.1, head, count).iter().map(Kept::leaf).collect())
    }
}

impl Shop {
    fn of(items: &[Kept]) -> Self {
        let rows = items.iter().map(|it| ((it.set, it.key), *it)).collect();
        Self(Arc::new(Mutex::new(rows)), Arc::default())
    }

    fn kept(&self, set: Set, from: &Digest, max: usize) -> Vec<Kept> {
        let rows = self.0.lock().unwrap();
        let rows = rows.range((set, *from)..=(set, Digest([0xff; 32])));
        rows.take(max).map(|(_, kept)| *kept).collect()
    }

    fn write(&self, keeps: Vec<Keep>, drops: Vec<Drop>) {
        let mut rows = self.0.lock().unwrap();
        for Keep { set, key, id, created, expires_ms, .. } in keeps {
            rows.insert((set, key), Kept { set, key, id, created, expires_ms });
        }
        for gone in drops {
            rows.remove(&(gone.set, gone.key));
        }
    }

    fn looks(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }

    /// What a node wakes up with.
    fn snapshot(&self) -> Snapshot {
        let map = |set| {
            let items = self.kept(set, &Digest::default(), usize::MAX);
            let stubs = Map::of(items.iter().map(Kept::leaf).collect()).here();
            Map::restore(Arc::new(Shelf(self.clone(), set)), &stubs)
        };
        let maps = Maps { state: map(Set::State), messages: map(Set::Messages), newest: OLD };
        Snapshot { maps: Some(Box::new(maps)), ..Snapshot::default() }
    }
}

const OLD: Hlc = Hlc((START_MS - 1_000) << 16);

/// More than are read at once, and some messages whose hour comes.
fn old_items(state: usize) -> Vec<Kept> {
    let item = |set, key: Digest, number: usize| {
        let id = Digest::of("old id", &[&number.to_be_bytes()]);
        Kept { set, key, id, created: OLD, expires_ms: 0 }
    };
    // Among those that are written later.
    let author = puppet(7).id();
    let places = (0..state).map(|it| crate::place_of_entry("c", &author, &format!("old {it}")));
    let states = places.zip(0..).map(|(key, number)| item(Set::State, key, number));
    let messages = (0..200_usize).map(|number| {
        let mut key = Digest::of("old message", &[&number.to_be_bytes()]);
        key.0[..8].copy_from_slice(b"messages");
        let hour = hour_of(START_MS) + u32::try_from(number % 3).unwrap();
        key.0[8..12].copy_from_slice(&hour.to_be_bytes());
        item(Set::Messages, key, number)
    });
    states.chain(messages).collect()
}

#[derive(Clone, Debug)]
enum Step {
    /// An entry of this name, created so many milliseconds after the start.
    Entry(u8, u64),
    Message(u8, u64),
    /// What was written is on disk now.
    Commit,
    /// The store answers what was asked of it.
    Fill,
    /// Somebody asks for the sets as of so many milliseconds after the start.
    Look(u64),
    /// So many hours after the start.
    Expire(u64),
}

fn some_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..40_u8, 0..300_u64).prop_map(|(name, at)| Step::Entry(name, at)),
        2 => (0..40_u8, 0..300_u64).prop_map(|(name, at)| Step::Message(name, at)),
        4 => Just(Step::Commit),
        2 => Just(Step::Fill),
        4 => (0..320_u64).prop_map(Step::Look),
        1 => (0..3_u64).prop_map(Step::Expire),
    ]
}

fn value(name: u8, at: u64) -> Signed {
    let (value, name) = (Some(Bytes::from(at.to_string())), name.to_string());
    let content = Content::Entry(Entry { collection: "c".to_owned(), name, value });
    sign(&puppet(7), START_MS + at, START_MS + at, 0, content)
}

fn insert(sets: &mut Sets, signed: &Signed) -> (Vec<Keep>, Vec<Drop>) {
    let opened = signed.clone().open().unwrap();
    let place = Place::of(&opened.id, &opened.signed.author, &opened.record).unwrap();
    if sets.standing(&place, &opened) != Standing::New {
        return (Vec::new(), Vec::new());
    }
    (vec![sets.insert(&place, &opened)], sets.evict())
}

fn all(map: &Map) -> Vec<Leaf> {
    map.leaves(&Prefix::ALL, None, usize::MAX)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn where_the_leaves_are_makes_no_difference_to_the_sets(
        steps in proptest::collection::vec(some_step(), 1..60),
    ) {
        let items = old_items(LEAVES_AT_ONCE + 300);
        let shop = Shop::of(&items);
        let config = config();
        let mut full = Sets::new(&config, &Snapshot { items, ..Snapshot::default() });
        let mut lazy = Sets::new(&config, &shop.snapshot());
        let mut unwritten = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Step::Entry(..) | Step::Message(..) => {
                    let signed = match step {
                        Step::Message(name, at) => {
                            message(&puppet(7), START_MS + at, &name.to_string())
                        }
                        Step::Entry(name, at) => value(name, at),
                        _ => unreachable!("one of the two"),
                    };
                    let (keeps, drops) = insert(&mut lazy, &signed);
                    prop_assert_eq!(&insert(&mut full, &signed), &(keeps.clone(), drops.clone()));
                    unwritten.0.extend(keeps);
                    unwritten.1.extend(drops);
                }
                Step::Commit => {
                    let (keeps, drops) = std::mem::take(&mut unwritten);
                    shop.write(keeps, drops);
                }
                Step::Fill => {
                    if let Some((set, from, max)) = lazy.filling.wanted() {
                        lazy.fill(set, &shop.kept(set, &from, max));
                    }
                }
                Step::Look(at) => {
                    let cutoff_ms = Some(START_MS + at);
                    prop_assert_eq!(lazy.summary_as_of(cutoff_ms), full.summary_as_of(cutoff_ms));
                    for set in [Set::State, Set::Messages] {
                        let (ours, theirs) = (lazy.as_of(set, cutoff_ms), full.as_of(set, cutoff_ms));
                        prop_assert_eq!(all(&ours), all(&theirs));
                    }
                }
                Step::Expire(hours) => {
                    let unix_ms = START_MS + hours * 3_600_000;
                    let gone = lazy.expire(unix_ms, 50);
                    prop_assert_eq!(&gone, &full.expire(unix_ms, 50));
                    unwritten.1.extend(gone);
                }
            }
            prop_assert_eq!(lazy.summary(), full.summary());
        }
        for set in [Set::State, Set::Messages] {
            prop_assert_eq!(all(lazy.map(set)), all(full.map(set)));
        }
        prop_assert_eq!(lazy.lost(), None);
    }
}

#[test]
fn leaves_come_piece_by_piece_and_then_nobody_looks_into_the_store() {
    let items = old_items(3 * LEAVES_AT_ONCE + 5);
    let shop = Shop::of(&items);
    let mut lab = Lab::waking(config(), shop.snapshot());
    let roots = (lab.root(), lab.messages());
    assert_eq!(shop.looks(), 0, "the hashes say it all");
    let mut effects = lab.input(Input::Tick);
    let mut rounds = 0;
    while let Some((set, from, max)) = effects.iter().find_map(|effect| match effect {
        Effect::Fill(set, from, max) => Some((*set, *from, *max)),
        _ => None,
    }) {
        rounds += 1;
        effects = lab.input(Input::Filled(set, shop.kept(set, &from, max)));
    }
    assert_eq!(rounds, 5);
    // Before, messages whose hour may have come were looked at.
    let looks = shop.looks();
    let (state, messages) = (lab.engine.held(Set::State), lab.engine.held(Set::Messages));
    assert_eq!(state.len() + messages.len(), items.len());
    assert_eq!(shop.looks(), looks, "all is here");
    assert_eq!((lab.root(), lab.messages()), roots);
    assert_eq!(lab.engine.lost(), None);
}

#[test]
fn a_store_that_holds_something_else_is_noticed() {
    let items = old_items(500);
    let shop = Shop::of(&items);
    let mut lab = Lab::waking(config(), shop.snapshot());
    let damaged = Kept { id: Digest([1; 32]), ..items[100] };
    shop.0.lock().unwrap().insert((Set::State, damaged.key), damaged);
    let all = shop.kept(Set::State, &Digest::default(), LEAVES_AT_ONCE);
    lab.input(Input::Filled(Set::State, all));
    assert_eq!(lab.engine.lost(), None, "what does not fit is not taken");
    lab.engine.held(Set::State);
    assert!(lab.engine.lost().is_some());
}

#[test]
fn a_moment_ago_stays_what_it_was_while_the_store_goes_on() {
    // WALK-2
    let items = old_items(500);
    let shop = Shop::of(&items);
    let mut lazy = Sets::new(&config(), &shop.snapshot());
    let write = |sets: &mut Sets, name, at| {
        let (keeps, drops) = insert(sets, &value(name, at));
        assert_eq!(keeps.len(), 1);
        shop.write(keeps, drops);
    };
    write(&mut lazy, 0, 200);
    let cutoff_ms = Some(START_MS + 100);
    let before = all(&lazy.as_of(Set::State, cutoff_ms));
    assert_eq!(before.len(), 500);
    (1..100).for_each(|name| write(&mut lazy, name, 200 + u64::from(name)));
    assert_eq!(all(&lazy.as_of(Set::State, cutoff_ms)), before);
    let (set, from, max) = lazy.filling.wanted().unwrap();
    lazy.fill(set, &shop.kept(set, &from, max));
    let (set, from, max) = lazy.filling.wanted().unwrap();
    lazy.fill(set, &shop.kept(set, &from, max));
    assert!(lazy.filling.is_over());
    (100..200).for_each(|name| write(&mut lazy, name, 200 + u64::from(name)));
    assert_eq!(all(&lazy.as_of(Set::State, cutoff_ms)), before);
    assert_eq!(lazy.lost(), None);
}
