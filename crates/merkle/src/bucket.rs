//! A few leaves that stand beside each other: in memory, or put away with their hash kept.
//!
//! Buckets are the largest subtrees with at most [`BUCKET_MAX`] leaves, so which buckets there are
//! follows from the contents of the map, as the root does.

use std::sync::{Arc, OnceLock};

use wire::Digest;

use crate::Leaf;
use crate::leaf::{Item, fold};
use crate::shelf::Shelf;

#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// The first key.
    pub(crate) head: Digest,
    hash: OnceLock<Digest>,
    pub(crate) count: u32,
    /// `None` while it is put away; the hash is then known.
    held: Option<Arc<Held>>,
}

/// Leaves in memory, and the number of the change that touched them last.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) changed: u64,
    pub(crate) items: Vec<Item>,
}

/// What the map keeps of a bucket that is put away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stub {
    /// Its first key.
    pub head: Digest,
    /// Its hash.
    pub hash: Digest,
    /// Its leaves.
    pub count: u32,
}

impl Bucket {
    /// Takes items in order, at least one.
    pub(crate) fn new(items: Vec<Item>, changed: u64) -> Self {
        let (head, count) = (items[0].leaf.key, length(&items));
        Self { head, count, hash: OnceLock::new(), held: Some(Arc::new(Held { changed, items })) }
    }

    pub(crate) fn away(stub: &Stub) -> Self {
        Self { head: stub.head, count: stub.count, hash: OnceLock::from(stub.hash), held: None }
    }

    pub(crate) fn hash(&self) -> Digest {
        *self
            .hash
            .get_or_init(|| self.held.as_ref().map_or(Digest::default(), |it| fold(&it.items)))
    }

    pub(crate) fn stub(&self) -> Stub {
        Stub { head: self.head, hash: self.hash(), count: self.count }
    }

    pub(crate) fn is_here(&self) -> bool {
        self.held.is_some()
    }

    /// Returns the leaves, from the source if they are put away. What cannot be read, or is not what
    /// the hash says, is noted as lost and reads as nothing.
    pub(crate) fn held(&self, shelf: &Shelf) -> Arc<Held> {
        if let Some(held) = &self.held {
            return Arc::clone(held);
        }
        let count = usize::try_from(self.count).unwrap_or(usize::MAX);
        let leaves = shelf.read(&self.head, count).unwrap_or_default();
        let mut items: Vec<Item> = leaves.into_iter().map(Item::new).collect();
        let ordered = items.is_sorted_by(|a, b| a.leaf.key < b.leaf.key);
        if items.is_empty() || !ordered || fold(&items) != self.hash() {
            shelf.lose(&self.head);
            items.clear();
        }
        Arc::new(Held { changed: 0, items })
    }

    /// Takes the leaves back, if these are they.
    pub(crate) fn fill(&mut self, leaves: &[Leaf]) {
        if length_of(leaves.len()) != self.count {
            return;
        }
        let items: Vec<Item> = leaves.iter().copied().map(Item::new).collect();
        if fold(&items) == self.hash() {
            self.held = Some(Arc::new(Held { changed: 0, items }));
        }
    }

    /// Changes the leaves; `held` is what [`Bucket::held`] returned, if they were put away.
    pub(crate) fn change<T>(
        &mut self,
        held: Option<Arc<Held>>,
        changed: u64,
        change: impl FnOnce(&mut Vec<Item>) -> T,
    ) -> T {
        let held = self.held.get_or_insert_with(|| {
            held.unwrap_or_else(|| Arc::new(Held { changed, items: Vec::new() }))
        });
        let held = Arc::make_mut(held);
        held.changed = changed;
        let result = change(&mut held.items);
        self.hash.take();
        self.count = length(&held.items);
        if let Some(first) = held.items.first() {
            self.head = first.leaf.key;
        }
        result
    }

    /// Takes the leaves out, for another bucket.
    pub(crate) fn items(&self, shelf: &Shelf) -> Vec<Item> {
        self.held(shelf).items.clone()
    }

    /// Lets go of the leaves, if they were not changed after a number.
    pub(crate) fn put_away(&mut self, until: u64) {
        if self.held.as_ref().is_some_and(|held| held.changed <= until) {
            self.hash();
            self.held = None;
        }
    }

    pub(crate) fn may_be_put_away(&self, until: u64) -> bool {
        self.held.as_ref().is_some_and(|held| held.changed <= until)
    }
}

/// Returns what stands at a key among items in order.
pub(crate) fn find(items: &[Item], key: &Digest) -> Option<Leaf> {
    crate::leaf::search(items, key).ok().map(|at| items[at].leaf)
}

fn length(items: &[Item]) -> u32 {
    length_of(items.len())
}

fn length_of(items: usize) -> u32 {
    u32::try_from(items).unwrap_or(u32::MAX)
}

/// Leaves in a bucket: the map keeps about 220 bytes for each, 10 for an entry. Smaller ones would hash
/// less and take more than the 12 we allow.
pub(crate) const BUCKET_MAX: usize = 32;
