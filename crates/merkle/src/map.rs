//! The map: insert, remove, root, proofs, and what lies under a prefix.
//!
//! A trie of branches over buckets. The leaves of a bucket are in memory from the moment they change
//! until their owner says that a store has them; then the map keeps a hash and reads them when asked.
//!
//! Clones share what they have in common, hashes included: a clone costs nothing, sees nothing of what
//! later happens to the other, and a change to one of two clones costs the path it is on.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::Digest;

use crate::Leaf;
use crate::bucket::{Stub, find};
use crate::difference;
use crate::leaf::{Item, fold, halves};
use crate::piece::{Part, Piece};
use crate::prefix::{Prefix, bit};
use crate::proof::Proof;
use crate::shelf::{Shelf, Source};
use crate::tree::Tree;

/// An authenticated map from 32-byte keys to 32-byte values.
#[derive(Clone, Debug, Default)]
pub struct Map {
    root: Option<Tree>,
    shelf: Shelf,
    changes: u64,
}

impl Map {
    /// Wakes a map up whose leaves are in a store: [`Map::stubs`] as it once returned them, in order.
    pub fn restore(source: Arc<dyn Source>, stubs: &[Stub]) -> Self {
        let root = (!stubs.is_empty()).then(|| Tree::of_stubs(stubs));
        Self { root, shelf: Shelf::of(source), changes: 0 }
    }

    /// Makes a map of many leaves at once; of several with one key the last counts.
    pub fn of(mut leaves: Vec<Leaf>) -> Self {
        // Stable: the order among equals stays.
        leaves.sort_by_key(|leaf| leaf.key);
        let mut items: Vec<Item> = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            if items.last().is_some_and(|last| last.leaf.key == leaf.key) {
                items.pop();
            }
            items.push(Item::new(leaf));
        }
        let changes = items.len() as u64;
        let root = (!items.is_empty()).then(|| Tree::of(&items, changes));
        Self { root, shelf: Shelf::default(), changes }
    }

    /// Puts a leaf in its place and returns the one that stood there.
    pub fn insert(&mut self, leaf: Leaf) -> Option<Leaf> {
        self.changes += 1;
        if let Some(root) = &mut self.root {
            return root.insert(leaf, self.changes, &self.shelf);
        }
        self.root = Some(Tree::of(&[Item::new(leaf)], self.changes));
        None
    }

    /// Takes a leaf out.
    pub fn remove(&mut self, key: &Digest) -> Option<Leaf> {
        // What is absent costs no copy of its path.
        let leaf = self.get(key)?;
        self.cut(&Prefix::new(key, 256));
        Some(leaf)
    }

    /// Takes out all that lies under a prefix and returns how many leaves that were. Costs one path
    /// to the prefix, whatever lies there.
    pub fn drop_under(&mut self, prefix: &Prefix) -> u64 {
        let count = self.part_count(prefix);
        if 0 < count {
            self.cut(prefix);
        }
        count
    }

    fn cut(&mut self, prefix: &Prefix) {
        self.changes += 1;
        let (changes, shelf) = (self.changes, &self.shelf);
        self.root = self.root.as_ref().and_then(|root| root.without(prefix, changes, shelf));
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
    pub fn get(&self, key: &Digest) -> Option<Leaf> {
        find(&self.root.as_ref()?.nearest(key).held(&self.shelf).items, key)
    }

    /// Returns how many leaves there are.
    pub fn len(&self) -> u64 {
        self.root.as_ref().map_or(0, |root| root.count().into())
    }

    /// Says whether there is no leaf.
    pub fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// Returns the hash of everything. Costs one hash per branch changed since the last call.
    pub fn root(&self) -> Digest {
        self.root.as_ref().map_or(Digest::default(), Tree::hash)
    }

    /// Proves what stands at a key, or that nothing does.
    pub fn prove(&self, key: &Digest) -> Proof {
        let Some(mut tree) = self.root.as_ref() else { return Proof::new(None, Vec::new()) };
        let mut path = Vec::new();
        loop {
            match tree {
                Tree::Branch(branch) => {
                    let side = bit(key, branch.bit);
                    path.push((branch.bit, branch.sides[1 - side].hash()));
                    tree = &branch.sides[side];
                }
                Tree::Bucket(bucket) => {
                    let held = bucket.held(&self.shelf);
                    let mut items = held.items.as_slice();
                    while let Some((at, middle)) = halves(items) {
                        let (left, right) = items.split_at(middle);
                        let (mine, other) =
                            if bit(key, at) == 0 { (left, right) } else { (right, left) };
                        path.push((at, fold(other)));
                        items = mine;
                    }
                    let end = items.first().map(|item| (item.leaf.key, item.leaf.value));
                    return Proof::new(end, path);
                }
            }
        }
    }

    /// Returns the subtree that holds every key under a prefix, if there is any.
    pub fn part(&self, prefix: &Prefix) -> Option<Part> {
        Piece::under(self.root.as_ref()?, prefix, &self.shelf)?.part()
    }

    /// Returns how many keys lie under a prefix.
    pub fn part_count(&self, prefix: &Prefix) -> u64 {
        let Some(root) = &self.root else { return 0 };
        Piece::under(root, prefix, &self.shelf).map_or(0, |piece| piece.count())
    }

    /// Returns the two subtrees below the one that holds every key under a prefix; `None` if that is
    /// a leaf, or nothing.
    pub fn children(&self, prefix: &Prefix) -> Option<[Part; 2]> {
        let [left, right] =
            Piece::under(self.root.as_ref()?, prefix, &self.shelf)?.cut(&self.shelf)?;
        Some([left.part()?, right.part()?])
    }

    /// Cuts what lies under a prefix into at most `parts_max` subtrees, the largest first to be cut.
    pub fn parts(&self, prefix: &Prefix, parts_max: usize) -> Vec<Part> {
        let Some(root) = &self.root else { return Vec::new() };
        let mut pieces: Vec<Piece<'_>> =
            Piece::under(root, prefix, &self.shelf).into_iter().collect();
        while pieces.len() < parts_max {
            let largest = pieces.iter().enumerate().max_by_key(|(_, piece)| piece.count());
            let Some((at, piece)) = largest else { break };
            let Some(cut) = piece.cut(&self.shelf) else { break };
            pieces.splice(at..=at, cut);
        }
        pieces.iter().filter_map(Piece::part).collect()
    }

    /// Returns leaves under a prefix in the order of their keys, behind `after`, at most `max`.
    pub fn leaves(&self, prefix: &Prefix, after: Option<&Digest>, max: usize) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        if let Some(root) = &self.root
            && let Some(piece) = Piece::under(root, prefix, &self.shelf)
        {
            piece.collect(after, max, &self.shelf, &mut leaves);
        }
        leaves
    }

    /// Returns the number of the last change, for [`Map::put_away`].
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Reads from `source` from now on, and lets go of all leaves that were not changed after a number
    /// ([`Map::changes`]). What is let go, and what was before, must be in the source as it is here.
    pub fn put_away(&mut self, source: Arc<dyn Source>, until: u64) {
        // What is kept of a bucket is its hash.
        self.root();
        self.shelf.source = Some(source);
        if let Some(root) = &mut self.root {
            root.put_away(until);
        }
    }

    /// Reads from `source` from now on. What was put away must be in it as it is here.
    pub fn read_from(&mut self, source: Arc<dyn Source>) {
        self.shelf.source = Some(source);
    }

    /// Takes leaves that were put away into memory again: all of the buckets whose leaves are among
    /// these, in order. What is here already stays, and so does what the hash does not cover.
    pub fn fill(&mut self, leaves: &[Leaf]) {
        if let Some(root) = &mut self.root {
            root.fill(leaves);
        }
    }

    /// Returns the buckets in which this map differs from an older one, by their first keys; `None` for
    /// those that are gone. Costs what differs, and the hash of both.
    pub fn since(&self, older: &Self) -> BTreeMap<Digest, Option<Stub>> {
        let mut difference = BTreeMap::new();
        difference::collect(older.root.as_ref(), self.root.as_ref(), &mut difference);
        difference
    }

    /// Returns the buckets whose leaves are in memory, in order.
    pub fn here(&self) -> Vec<Stub> {
        let mut stubs = Vec::new();
        if let Some(root) = &self.root {
            root.here(&mut stubs);
        }
        stubs
    }

    /// Returns the bucket that holds a key, or would.
    pub fn bucket_of(&self, key: &Digest) -> Option<Stub> {
        Some(self.root.as_ref()?.nearest(key).stub())
    }

    /// Returns where leaves were lost, if any were: the source could not be read, or holds something
    /// else. What this map or a clone of it said since is worth nothing; whoever owns it must stop.
    pub fn lost(&self) -> Option<Digest> {
        self.shelf.lost()
    }
}

/// Maps with one root hold the same, but for the stamps.
impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.root() == other.root()
    }
}

impl Eq for Map {}
