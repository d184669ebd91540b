//! The map: insert, remove, root, and what lies under a prefix.
//!
//! ```text
//! leaf(key, value)         = H("trellis-map-leaf-v1" 0 key value)
//! branch(bit, left, right) = H("trellis-map-branch-v1" 0 bit left right)
//! root(nothing) = 0^32     root(one) = its leaf     else split on the first bit that differs
//! ```
//!
//! The branch bit is hashed so that absence can be proven. Invariant: along a path branch bits
//! rise, and every key under a branch agrees on all bits before the branch's own.
//!
//! Clones share what they have in common, hashes included: a clone costs nothing, and a change to
//! one of two clones costs the path it is on.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, OnceLock};

use wire::Digest;

use crate::prefix::{Prefix, bit, first_difference};

/// What stands at a key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Leaf {
    /// The key.
    pub key: Digest,
    /// What the root commits to.
    pub value: Digest,
    /// A number kept beside the value, which the root does not commit to.
    pub stamp: u64,
}

/// A subtree in three numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Part {
    /// The longest prefix that all its keys share.
    pub prefix: Prefix,
    /// Its hash.
    pub hash: Digest,
    /// Its leaves.
    pub count: u64,
}

/// An authenticated map from 32-byte keys to 32-byte values.
#[derive(Clone, Debug, Default)]
pub struct Map {
    root: Option<Arc<Tree>>,
}

#[derive(Clone, Debug)]
enum Tree {
    Branch(Branch),
    Leaf(Leaf),
}

#[derive(Clone, Debug)]
struct Branch {
    bit: u8,
    count: u64,
    hash: OnceLock<Digest>,
    sides: [Arc<Tree>; 2],
}

impl Map {
    /// Puts a leaf in its place and returns the one that stood there.
    pub fn insert(&mut self, leaf: Leaf) -> Option<Leaf> {
        let Some(root) = &mut self.root else {
            self.root = Some(Arc::new(Tree::Leaf(leaf)));
            return None;
        };
        match first_difference(&root.nearest(&leaf.key).key, &leaf.key) {
            None => Some(Arc::make_mut(root).replace(leaf)),
            Some(at) => {
                Arc::make_mut(root).split(at, leaf);
                None
            }
        }
    }

    /// Takes a leaf out.
    pub fn remove(&mut self, key: &Digest) -> Option<Leaf> {
        // What is absent costs no copy of its path.
        self.get(key)?;
        let root = self.root.as_mut()?;
        match Arc::make_mut(root).remove(key) {
            Removal::Absent => None,
            Removal::Inside(leaf) => Some(leaf),
            Removal::Whole(leaf) => {
                self.root = None;
                Some(leaf)
            }
        }
    }

    /// Returns the map as it would be if these places held something else, or nothing. Costs the
    /// paths to these places, in time and in memory.
    pub fn with(&self, places: &BTreeMap<Digest, Option<Leaf>>) -> Self {
        let mut other = self.clone();
        for (key, leaf) in places {
            match leaf {
                Some(leaf) => other.insert(*leaf),
                None => other.remove(key),
            };
        }
        other
    }

    /// Returns what stands at a key.
    pub fn get(&self, key: &Digest) -> Option<&Leaf> {
        let leaf = self.root.as_ref()?.nearest(key);
        (leaf.key == *key).then_some(leaf)
    }

    /// Returns how many leaves there are.
    pub fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.count())
    }

    /// Says whether there is no leaf.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Returns the hash of everything. Costs one hash per branch changed since the last call.
    pub fn root(&self) -> Digest {
        self.root.as_ref().map_or(Digest::default(), |root| root.hash())
    }

    /// Returns the subtree that holds every key under a prefix, if there is any.
    pub fn part(&self, prefix: &Prefix) -> Option<Part> {
        Some(self.under(prefix)?.part())
    }

    /// Cuts what lies under a prefix into at most `parts_max` subtrees, the largest first to be cut.
    pub fn parts(&self, prefix: &Prefix, parts_max: usize) -> Vec<Part> {
        let mut trees: Vec<&Tree> = self.under(prefix).into_iter().collect();
        while trees.len() < parts_max {
            let largest = trees.iter().enumerate().max_by_key(|(_, tree)| tree.count());
            let Some((at, Tree::Branch(branch))) = largest else { break };
            trees.splice(at..=at, branch.sides.iter().map(AsRef::as_ref));
        }
        trees.into_iter().map(Tree::part).collect()
    }

    /// Returns leaves under a prefix in the order of their keys, behind `after`, at most `max`.
    pub fn leaves(&self, prefix: &Prefix, after: Option<&Digest>, max: usize) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        if let Some(tree) = self.under(prefix) {
            tree.collect(after, max, &mut leaves);
        }
        leaves
    }

    fn under(&self, prefix: &Prefix) -> Option<&Tree> {
        let mut tree = self.root.as_deref()?;
        while let Tree::Branch(branch) = tree {
            if u16::from(branch.bit) >= prefix.bits() {
                break;
            }
            tree = &branch.sides[bit(prefix.key(), branch.bit)];
        }
        prefix.covers(&tree.first().key).then_some(tree)
    }
}

enum Removal {
    Absent,
    Inside(Leaf),
    /// The whole subtree was this leaf; its parent takes the sibling's place.
    Whole(Leaf),
}

impl Tree {
    fn count(&self) -> u64 {
        match self {
            Self::Branch(branch) => branch.count,
            Self::Leaf(_) => 1,
        }
    }

    fn hash(&self) -> Digest {
        match self {
            Self::Branch(branch) => *branch.hash.get_or_init(|| branch.compute()),
            Self::Leaf(leaf) => Digest::of(LABEL_LEAF, &[&leaf.key.0, &leaf.value.0]),
        }
    }

    fn part(&self) -> Part {
        let first = &self.first().key;
        let prefix = match self {
            Self::Branch(branch) => Prefix::new(first, branch.bit.into()),
            Self::Leaf(_) => Prefix::new(first, 256),
        };
        Part { prefix, hash: self.hash(), count: self.count() }
    }

    fn first(&self) -> &Leaf {
        match self {
            Self::Branch(branch) => branch.sides[0].first(),
            Self::Leaf(leaf) => leaf,
        }
    }

    /// Follows the key's bits to a leaf: the one that shares the longest prefix with it.
    fn nearest(&self, key: &Digest) -> &Leaf {
        let mut tree = self;
        loop {
            match tree {
                Self::Branch(branch) => tree = &branch.sides[bit(key, branch.bit)],
                Self::Leaf(leaf) => return leaf,
            }
        }
    }

    fn replace(&mut self, new: Leaf) -> Leaf {
        match self {
            Self::Branch(branch) => {
                branch.hash.take();
                Arc::make_mut(&mut branch.sides[bit(&new.key, branch.bit)]).replace(new)
            }
            Self::Leaf(leaf) => mem::replace(leaf, new),
        }
    }

    /// Adds a leaf that differs first in bit `at` from all that share its prefix.
    fn split(&mut self, at: u8, new: Leaf) {
        match self {
            Self::Branch(branch) if branch.bit < at => {
                branch.hash.take();
                branch.count += 1;
                Arc::make_mut(&mut branch.sides[bit(&new.key, branch.bit)]).split(at, new);
            }
            Self::Branch(_) | Self::Leaf(_) => {
                let old = Arc::new(mem::replace(self, Self::Leaf(new)));
                let new = Arc::new(Self::Leaf(new));
                let count = old.count() + 1;
                let sides = if bit(&new.first().key, at) == 0 { [new, old] } else { [old, new] };
                *self = Self::Branch(Branch { bit: at, count, hash: OnceLock::new(), sides });
            }
        }
    }

    fn remove(&mut self, key: &Digest) -> Removal {
        let branch = match self {
            Self::Leaf(leaf) if leaf.key == *key => return Removal::Whole(*leaf),
            Self::Leaf(_) => return Removal::Absent,
            Self::Branch(branch) => branch,
        };
        let side = bit(key, branch.bit);
        match Arc::make_mut(&mut branch.sides[side]).remove(key) {
            Removal::Absent => Removal::Absent,
            Removal::Inside(leaf) => {
                branch.hash.take();
                branch.count -= 1;
                Removal::Inside(leaf)
            }
            Removal::Whole(leaf) => {
                let sibling = Arc::clone(&branch.sides[1 - side]);
                *self = Arc::unwrap_or_clone(sibling);
                Removal::Inside(leaf)
            }
        }
    }

    fn collect(&self, after: Option<&Digest>, max: usize, leaves: &mut Vec<Leaf>) {
        match self {
            Self::Leaf(leaf) => {
                if leaves.len() < max && after.is_none_or(|after| *after < leaf.key) {
                    leaves.push(*leaf);
                }
            }
            Self::Branch(branch) => {
                for side in &branch.sides {
                    let passed = after.is_some_and(|after| side.ends_before(after));
                    if leaves.len() < max && !passed {
                        side.collect(after, max, leaves);
                    }
                }
            }
        }
    }

    /// Says whether every key here is smaller than `key`; may miss some cases, never lies.
    fn ends_before(&self, key: &Digest) -> bool {
        let prefix = self.part_prefix();
        prefix.key() < key && !prefix.covers(key)
    }

    fn part_prefix(&self) -> Prefix {
        match self {
            Self::Branch(branch) => Prefix::new(&self.first().key, branch.bit.into()),
            Self::Leaf(leaf) => Prefix::new(&leaf.key, 256),
        }
    }
}

impl Branch {
    fn compute(&self) -> Digest {
        let [left, right] = &self.sides;
        Digest::of(LABEL_BRANCH, &[&[self.bit], &left.hash().0, &right.hash().0])
    }
}

const LABEL_BRANCH: &str = "trellis-map-branch-v1";
const LABEL_LEAF: &str = "trellis-map-leaf-v1";
