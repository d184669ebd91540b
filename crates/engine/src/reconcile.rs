//! How two nodes find what one lacks: a walk down both maps, range by range.
//!
//! Every step is an answer to one frame and leaves nothing behind, so a lost frame costs a later
//! walk and nothing else. A range is described by subtree hashes or by all its items; what
//! differs is described in turn, what only the other side has is fetched (WALK-3). Range
//! fingerprints are collision-resistant hashes, never sums.

use std::collections::BTreeMap;

use merkle::{Map, Part, Prefix};
use wire::{Digest, Item, Range, Subtree, View};

/// What follows from a peer's views.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Our views of what differs.
    pub(crate) ranges: Vec<Range>,
    /// Items only the peer has, or has otherwise.
    pub(crate) keys: Vec<Digest>,
    /// Prefixes under which only the peer has anything.
    pub(crate) prefixes: Vec<Prefix>,
}

/// Describes everything: the first step of a walk.
pub(crate) fn whole(map: &Map) -> Range {
    describe(map, &Prefix::ALL)
}

/// Compares a peer's views with our map.
pub(crate) fn compare(map: &Map, ranges: &[Range]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut parts = 0;
    for range in ranges {
        // A peer gets so much work out of us with one frame; the rest is left to a later walk.
        parts += range.view.parts_len();
        if PARTS_COMPARED_MAX < parts || RANGES_ANSWERED_MAX <= outcome.ranges.len() {
            break;
        }
        let prefix = Prefix::new(&range.prefix, range.bits);
        match &range.view {
            View::Items(items) => outcome.items(map, &prefix, items, range.answer),
            View::Subtrees(subtrees) => outcome.subtrees(map, &prefix, subtrees),
        }
    }
    outcome.ranges.truncate(RANGES_ANSWERED_MAX);
    outcome
}

impl Outcome {
    fn subtrees(&mut self, map: &Map, prefix: &Prefix, subtrees: &[Subtree]) {
        let mut theirs: Vec<Prefix> = Vec::new();
        for subtree in subtrees {
            let under = Prefix::new(&subtree.prefix, subtree.bits);
            if !prefix.includes(&under) {
                continue;
            }
            theirs.push(under);
            match map.part(&under) {
                None if under.bits() == 256 => self.keys.push(*under.key()),
                None => self.prefixes.push(under),
                Some(part) if part.hash == subtree.hash => {}
                Some(_) => self.ranges.push(describe(map, &under)),
            }
        }
        theirs.sort_unstable();
        self.offer(map, prefix, &theirs);
    }

    fn items(&mut self, map: &Map, prefix: &Prefix, items: &[Item], answer: bool) {
        let items = items.iter().filter(|item| prefix.covers(&item.key));
        let theirs: BTreeMap<Digest, Digest> = items.map(|item| (item.key, item.value)).collect();
        let mine = |key: &Digest| map.get(key).map(|leaf| leaf.value);
        let differing: Vec<Digest> = theirs
            .iter()
            .filter(|(key, value)| mine(key) != Some(**value))
            .map(|(key, _)| *key)
            .collect();
        self.keys.extend(&differing);
        let count = map.part(prefix).map_or(0, |part| part.count);
        if answer || count == 0 {
            return;
        }
        if ITEMS_ANSWERED_MAX < count {
            let keys: Vec<Prefix> = theirs.keys().map(|key| Prefix::new(key, 256)).collect();
            self.offer(map, prefix, &keys);
            let held = differing.iter().map(|key| Prefix::new(key, 256));
            self.ranges.extend(
                held.filter(|key| map.part(key).is_some())
                    .map(|key| Range { answer: true, ..describe(map, &key) }),
            );
            return;
        }
        let leaves = map.leaves(prefix, None, usize::MAX);
        if leaves.iter().any(|leaf| theirs.get(&leaf.key) != Some(&leaf.value)) {
            let items = leaves.iter().map(|leaf| Item { key: leaf.key, value: leaf.value });
            self.ranges.push(Range {
                prefix: *prefix.key(),
                bits: prefix.bits(),
                view: View::Items(items.collect()),
                answer: true,
            });
        }
    }

    /// Offers what we have under a prefix and outside of everything the peer named there. `theirs`
    /// is in order, so that each step looks at its neighbours in the list and not at all of it.
    fn offer(&mut self, map: &Map, prefix: &Prefix, theirs: &[Prefix]) {
        let mut open: Vec<Part> = map.part(prefix).into_iter().collect();
        while let Some(part) = open.pop() {
            if RANGES_ANSWERED_MAX <= self.ranges.len() {
                return;
            }
            let at = theirs.partition_point(|it| it.key() < part.prefix.key());
            let before = theirs[..at].last().into_iter();
            let same = theirs[at..].iter().take_while(|it| it.key() == part.prefix.key());
            if before.chain(same).any(|it| it.includes(&part.prefix)) {
                continue;
            }
            if theirs.get(at).is_some_and(|it| part.prefix.includes(it)) {
                open.extend(map.parts(&part.prefix, 2).into_iter().rev());
                continue;
            }
            if part.count <= ITEMS_MAX {
                // A few are asked for by name, many of them at once; whole prefixes one by one.
                self.ranges.push(describe(map, &part.prefix));
                continue;
            }
            let view = View::Subtrees(vec![subtree(&part)]);
            let (prefix, bits) = (*part.prefix.key(), part.prefix.bits());
            self.ranges.push(Range { prefix, bits, view, answer: false });
        }
    }
}

fn describe(map: &Map, prefix: &Prefix) -> Range {
    let count = map.part(prefix).map_or(0, |part| part.count);
    let view = if count <= ITEMS_MAX {
        let leaves = map.leaves(prefix, None, usize::MAX);
        View::Items(leaves.iter().map(|it| Item { key: it.key, value: it.value }).collect())
    } else {
        View::Subtrees(map.parts(prefix, PARTS).iter().map(subtree).collect())
    };
    Range { prefix: *prefix.key(), bits: prefix.bits(), view, answer: false }
}

fn subtree(part: &Part) -> Subtree {
    Subtree { prefix: *part.prefix.key(), bits: part.prefix.bits(), hash: part.hash }
}

/// Ranges with at most so many items are described by their items: 32 x 68 bytes.
const ITEMS_MAX: u64 = 32;
/// Larger ranges are cut into so many subtrees, about 70 bytes each: 4 bits of depth per step.
const PARTS: usize = 16;
/// Up to so many items of ours are listed in answer to a list.
const ITEMS_ANSWERED_MAX: u64 = 128;
/// Ranges described in answer to one frame; the rest is left to a later walk. One of ours, 16 KiB at most, names
/// up to 230 subtrees: all of what differs under them is described at once.
const RANGES_ANSWERED_MAX: usize = 256;
/// Parts of a peer's views looked at in one frame: what 128 ranges of 32 items amount to.
const PARTS_COMPARED_MAX: usize = 4_096;
