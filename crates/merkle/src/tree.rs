//! The trie above the buckets.
//!
//! Invariants: along a path branch bits rise, every key under a branch agrees on all bits before
//! the branch's own, and a branch has more leaves than a bucket holds.

use std::sync::{Arc, OnceLock};

use wire::Digest;

use crate::Leaf;
use crate::bucket::{BUCKET_MAX, Bucket, Held, Stub};
use crate::hash::branch_hash;
use crate::leaf::{Item, halves, search};
use crate::prefix::{Prefix, bit, first_difference};
use crate::shelf::Shelf;

#[derive(Clone, Debug)]
pub(crate) enum Tree {
    Branch(Arc<Branch>),
    Bucket(Arc<Bucket>),
}

#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) sides: [Tree; 2],
    hash: OnceLock<Digest>,
    count: u32,
    pub(crate) bit: u8,
    /// Whether any bucket below may be in memory.
    here: bool,
}

impl Tree {
    /// Builds the tree of items in order, at least one.
    pub(crate) fn of(items: &[Item], changed: u64) -> Self {
        match halves(items).filter(|_| BUCKET_MAX < items.len()) {
            None => Self::Bucket(Arc::new(Bucket::new(items.to_vec(), changed))),
            Some((at, middle)) => {
                let (left, right) = items.split_at(middle);
                Self::branch(at, [Self::of(left, changed), Self::of(right, changed)])
            }
        }
    }

    /// Builds the tree of buckets in order, at least one.
    pub(crate) fn of_stubs(stubs: &[Stub]) -> Self {
        let (first, last) = (&stubs[0].head, &stubs[stubs.len() - 1].head);
        match first_difference(first, last) {
            None => Self::Bucket(Arc::new(Bucket::away(&stubs[0]))),
            Some(at) => {
                let middle = stubs.partition_point(|stub| bit(&stub.head, at) == 0);
                let (left, right) = stubs.split_at(middle);
                Self::branch(at, [Self::of_stubs(left), Self::of_stubs(right)])
            }
        }
    }

    fn branch(bit: u8, sides: [Self; 2]) -> Self {
        let count = sides[0].count().saturating_add(sides[1].count());
        let here = sides.iter().any(Self::is_here);
        Self::Branch(Arc::new(Branch { bit, count, here, hash: OnceLock::new(), sides }))
    }

    pub(crate) fn count(&self) -> u32 {
        match self {
            Self::Branch(branch) => branch.count,
            Self::Bucket(bucket) => bucket.count,
        }
    }

    pub(crate) fn hash(&self) -> Digest {
        match self {
            Self::Branch(branch) => *branch.hash.get_or_init(|| {
                branch_hash(branch.bit, &branch.sides[0].hash(), &branch.sides[1].hash())
            }),
            Self::Bucket(bucket) => bucket.hash(),
        }
    }

    /// Returns the first key.
    pub(crate) fn head(&self) -> &Digest {
        let mut tree = self;
        loop {
            match tree {
                Self::Branch(branch) => tree = &branch.sides[0],
                Self::Bucket(bucket) => return &bucket.head,
            }
        }
    }

    /// Follows a key's bits to a bucket: the one that holds it, if any does.
    pub(crate) fn nearest(&self, key: &Digest) -> &Bucket {
        let mut tree = self;
        loop {
            match tree {
                Self::Branch(branch) => tree = &branch.sides[bit(key, branch.bit)],
                Self::Bucket(bucket) => return bucket,
            }
        }
    }

    /// Puts a leaf in its place and returns the one that stood there.
    pub(crate) fn insert(&mut self, leaf: Leaf, changed: u64, shelf: &Shelf) -> Option<Leaf> {
        let nearest = self.nearest(&leaf.key);
        let held = nearest.held(shelf);
        let at = farthest_difference(&held.items, &leaf.key);
        let held = (!nearest.is_here()).then_some(held);
        self.put(at, Item::new(leaf), &mut Put { changed, held })
    }

    /// Puts an item where it differs first in bit `at` from all beside it, or not at all.
    fn put(&mut self, at: Option<u8>, item: Item, put: &mut Put) -> Option<Leaf> {
        match self {
            Self::Branch(branch) if at.is_none_or(|at| branch.bit < at) => {
                let branch = Arc::make_mut(branch);
                branch.hash.take();
                branch.here = true;
                branch.count = branch.count.saturating_add(u32::from(at.is_some()));
                branch.sides[bit(&item.leaf.key, branch.bit)].put(at, item, put)
            }
            Self::Branch(_) => {
                let at = at?;
                let side = bit(&item.leaf.key, at);
                let new = Self::Bucket(Arc::new(Bucket::new(vec![item], put.changed)));
                let old = self.clone();
                *self = Self::branch(at, if side == 0 { [new, old] } else { [old, new] });
                None
            }
            Self::Bucket(bucket) => {
                let bucket = Arc::make_mut(bucket);
                let replaced = bucket.change(put.held.take(), put.changed, |items| {
                    match search(items, &item.leaf.key) {
                        Ok(place) => Some(std::mem::replace(&mut items[place], item).leaf),
                        Err(place) => {
                            items.insert(place, item);
                            None
                        }
                    }
                });
                if BUCKET_MAX < bucket.count as usize {
                    let items = bucket.change(None, put.changed, std::mem::take);
                    *self = Self::of(&items, put.changed);
                }
                replaced
            }
        }
    }

    /// Takes out all that lies under a prefix; `None` if nothing is left. The caller made sure that
    /// something is there.
    pub(crate) fn without(&self, prefix: &Prefix, changed: u64, shelf: &Shelf) -> Option<Self> {
        match self {
            Self::Branch(branch) if u16::from(branch.bit) < prefix.bits() => {
                let side = bit(prefix.key(), branch.bit);
                let sibling = &branch.sides[1 - side];
                let Some(rest) = branch.sides[side].without(prefix, changed, shelf) else {
                    return Some(sibling.clone());
                };
                let sides =
                    if side == 0 { [rest, sibling.clone()] } else { [sibling.clone(), rest] };
                let tree = Self::branch(branch.bit, sides);
                if tree.count() as usize <= BUCKET_MAX {
                    let mut items = Vec::new();
                    tree.gather(shelf, &mut items);
                    return Some(Self::of(&items, changed)).filter(|_| shelf.lost().is_none());
                }
                Some(tree)
            }
            Self::Branch(_) => None,
            Self::Bucket(bucket) => {
                let mut items = bucket.items(shelf);
                items.retain(|item| !prefix.covers(&item.leaf.key));
                (!items.is_empty()).then(|| Self::of(&items, changed))
            }
        }
    }

    fn gather(&self, shelf: &Shelf, items: &mut Vec<Item>) {
        match self {
            Self::Branch(branch) => branch.sides.iter().for_each(|side| side.gather(shelf, items)),
            Self::Bucket(bucket) => items.extend(bucket.items(shelf)),
        }
    }

    fn is_here(&self) -> bool {
        match self {
            Self::Branch(branch) => branch.here,
            Self::Bucket(bucket) => bucket.is_here(),
        }
    }

    /// Lets go of buckets that were not changed after a number.
    pub(crate) fn put_away(&mut self, until: u64) {
        if !self.is_here() {
            return;
        }
        match self {
            Self::Branch(branch) => {
                let branch = Arc::make_mut(branch);
                branch.sides.iter_mut().for_each(|side| side.put_away(until));
                branch.here = branch.sides.iter().any(Self::is_here);
            }
            Self::Bucket(bucket) if bucket.may_be_put_away(until) => {
                Arc::make_mut(bucket).put_away(until);
            }
            Self::Bucket(_) => {}
        }
    }

    /// Gives buckets that were put away their leaves back, as far as they are among these.
    pub(crate) fn fill(&mut self, leaves: &[Leaf]) {
        match self {
            Self::Branch(branch) => {
                let middle = leaves.partition_point(|leaf| bit(&leaf.key, branch.bit) == 0);
                let (left, right) = leaves.split_at(middle);
                let branch = Arc::make_mut(branch);
                for (side, leaves) in branch.sides.iter_mut().zip([left, right]) {
                    if !leaves.is_empty() {
                        side.fill(leaves);
                    }
                }
                branch.here = branch.sides.iter().any(Self::is_here);
            }
            Self::Bucket(bucket) if !bucket.is_here() => Arc::make_mut(bucket).fill(leaves),
            Self::Bucket(_) => {}
        }
    }

    /// Returns the buckets that are in memory, in order.
    pub(crate) fn here(&self, stubs: &mut Vec<Stub>) {
        match self {
            Self::Branch(branch) if branch.here => {
                branch.sides.iter().for_each(|side| side.here(stubs));
            }
            Self::Bucket(bucket) if bucket.is_here() => stubs.push(bucket.stub()),
            Self::Branch(_) | Self::Bucket(_) => {}
        }
    }
}

/// One insertion on its way down.
struct Put {
    changed: u64,
    /// The leaves of the bucket it is bound for, where they were put away.
    held: Option<Arc<Held>>,
}

/// Returns the first bit in which a key differs from the item most like it; `None` if it is there.
fn farthest_difference(items: &[Item], key: &Digest) -> Option<u8> {
    match search(items, key) {
        Ok(_) => None,
        Err(at) => {
            let beside = items[at.saturating_sub(1)..].iter().take(2);
            // A bucket that was lost has nothing beside; the key then counts as the first of it.
            let differences = beside.filter_map(|item| first_difference(&item.leaf.key, key));
            Some(differences.max().unwrap_or(u8::MAX))
        }
    }
}
