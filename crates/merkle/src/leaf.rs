//! What stands in the map, and a few of them in order.

use wire::Digest;

use crate::hash::{branch_hash, leaf_hash};
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

/// A leaf with its hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) leaf: Leaf,
    pub(crate) hash: Digest,
}

impl Item {
    pub(crate) fn new(leaf: Leaf) -> Self {
        Self { leaf, hash: leaf_hash(&leaf.key, &leaf.value) }
    }
}

/// Says where a key stands among items in order, or where it would.
pub(crate) fn search(items: &[Item], key: &Digest) -> Result<usize, usize> {
    items.binary_search_by(|item| item.leaf.key.cmp(key))
}

/// Returns the longest prefix that items in order share. There is at least one.
pub(crate) fn shared(items: &[Item]) -> Prefix {
    let (first, last) = (&items[0].leaf.key, &items[items.len() - 1].leaf.key);
    Prefix::new(first, first_difference(first, last).map_or(256, u16::from))
}

/// Cuts items in order at the first bit in which they differ; `None` for one alone.
pub(crate) fn halves(items: &[Item]) -> Option<(u8, usize)> {
    let (first, last) = (items.first()?, items.last()?);
    let at = first_difference(&first.leaf.key, &last.leaf.key)?;
    Some((at, items.partition_point(|item| bit(&item.leaf.key, at) == 0)))
}

/// Hashes the subtree of items in order. There is at least one.
pub(crate) fn fold(items: &[Item]) -> Digest {
    match halves(items) {
        None => items[0].hash,
        Some((at, middle)) => branch_hash(at, &fold(&items[..middle]), &fold(&items[middle..])),
    }
}
