//! Which buckets differ between two maps: what a store has to write so that a map wakes up from hashes.

use std::collections::BTreeMap;
use std::sync::Arc;

use wire::Digest;

use crate::bucket::Stub;
use crate::prefix::bit;
use crate::tree::Tree;

/// Buckets by their first keys; `None` for those that are gone.
pub(crate) type Difference = BTreeMap<Digest, Option<Stub>>;

/// Collects what differs, at the cost of what differs: equal subtrees have equal buckets. Which subtrees are
/// compared with each other makes no difference to the outcome, only to how many are found equal.
pub(crate) fn collect(old: Option<&Tree>, new: Option<&Tree>, difference: &mut Difference) {
    let (old, new) = match (old, new) {
        (None, None) => return,
        (Some(old), None) => return gone(old, difference),
        (None, Some(new)) => return come(new, difference),
        (Some(old), Some(new)) => (old, new),
    };
    if same(old, new) {
        return;
    }
    let (old_bit, new_bit) = (branch_bit(old), branch_bit(new));
    match (old, new) {
        (Tree::Branch(old), Tree::Branch(new)) if old_bit == new_bit => {
            for (old, new) in old.sides.iter().zip(&new.sides) {
                collect(Some(old), Some(new), difference);
            }
        }
        (Tree::Branch(branch), _) if old_bit < new_bit => {
            let side = bit(new.head(), branch.bit);
            gone(&branch.sides[1 - side], difference);
            collect(Some(&branch.sides[side]), Some(new), difference);
        }
        (_, Tree::Branch(branch)) => {
            let side = bit(old.head(), branch.bit);
            collect(Some(old), Some(&branch.sides[side]), difference);
            come(&branch.sides[1 - side], difference);
        }
        (Tree::Branch(_) | Tree::Bucket(_), Tree::Bucket(_)) => {
            gone(old, difference);
            come(new, difference);
        }
    }
}

fn same(old: &Tree, new: &Tree) -> bool {
    let one = match (old, new) {
        (Tree::Branch(old), Tree::Branch(new)) => Arc::ptr_eq(old, new),
        (Tree::Bucket(old), Tree::Bucket(new)) => Arc::ptr_eq(old, new),
        (Tree::Branch(_), Tree::Bucket(_)) | (Tree::Bucket(_), Tree::Branch(_)) => false,
    };
    one || old.hash() == new.hash()
}

/// The bit at which a subtree branches; behind all bits for a bucket.
fn branch_bit(tree: &Tree) -> u16 {
    match tree {
        Tree::Branch(branch) => branch.bit.into(),
        Tree::Bucket(_) => 256,
    }
}

/// A bucket that another one with the same first key follows has changed and is not gone.
fn gone(tree: &Tree, difference: &mut Difference) {
    match tree {
        Tree::Branch(branch) => branch.sides.iter().for_each(|side| gone(side, difference)),
        Tree::Bucket(bucket) => {
            difference.entry(bucket.head).or_insert(None);
        }
    }
}

fn come(tree: &Tree, difference: &mut Difference) {
    match tree {
        Tree::Branch(branch) => branch.sides.iter().for_each(|side| come(side, difference)),
        Tree::Bucket(bucket) => {
            difference.insert(bucket.head, Some(bucket.stub()));
        }
    }
}
