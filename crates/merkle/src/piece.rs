//! What lies under a prefix, looked at without changing it.

use std::ops::Range;
use std::sync::Arc;

use wire::Digest;

use crate::Leaf;
use crate::bucket::Held;
use crate::hash::branch_hash;
use crate::leaf::{Item, fold, halves, search, shared};
use crate::prefix::{Prefix, bit, first_difference};
use crate::shelf::Shelf;
use crate::tree::Tree;

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

/// A subtree: a branch, or some of the leaves of one bucket.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    Tree(&'a Tree),
    Run(Arc<Held>, Range<usize>),
}

impl<'a> Piece<'a> {
    /// Looks a bucket's leaves up, so that what is left is a branch or a run.
    fn of(tree: &'a Tree, shelf: &Shelf) -> Self {
        match tree {
            Tree::Branch(_) => Self::Tree(tree),
            Tree::Bucket(bucket) => {
                let held = bucket.held(shelf);
                let all = 0..held.items.len();
                Self::Run(held, all)
            }
        }
    }

    /// Finds the subtree that holds every key under a prefix.
    pub(crate) fn under(tree: &'a Tree, prefix: &Prefix, shelf: &Shelf) -> Option<Self> {
        let (mut tree, mut bits) = (tree, 0);
        while let Tree::Branch(branch) = tree {
            if prefix.bits() <= u16::from(branch.bit) {
                break;
            }
            bits = u16::from(branch.bit) + 1;
            tree = &branch.sides[bit(prefix.key(), branch.bit)];
        }
        // Up to `bits` all keys here agree with the first.
        if let Tree::Branch(_) = tree {
            return prefix.covers(tree.head()).then_some(Self::Tree(tree));
        }
        if prefix.bits() <= bits {
            return prefix.covers(tree.head()).then(|| Self::of(tree, shelf));
        }
        let Self::Run(held, _) = Self::of(tree, shelf) else { return None };
        let run = covered(&held.items, prefix);
        (!run.is_empty()).then_some(Self::Run(held, run))
    }

    pub(crate) fn count(&self) -> u64 {
        match self {
            Self::Tree(tree) => tree.count().into(),
            Self::Run(_, run) => run.len() as u64,
        }
    }

    /// Describes it; `None` if it was lost.
    pub(crate) fn part(&self) -> Option<Part> {
        let (prefix, hash) = match self {
            Self::Tree(tree @ Tree::Branch(branch)) => {
                (Prefix::new(tree.head(), branch.bit.into()), tree.hash())
            }
            Self::Tree(Tree::Bucket(_)) => return None,
            Self::Run(held, run) => {
                let items = &held.items[run.clone()];
                items.first()?;
                (shared(items), fold(items))
            }
        };
        Some(Part { prefix, hash, count: self.count() })
    }

    /// Cuts it in two at the first bit in which its keys differ; `None` for one leaf.
    pub(crate) fn cut(&self, shelf: &Shelf) -> Option<[Self; 2]> {
        match self {
            Self::Tree(Tree::Branch(branch)) => {
                let [left, right] = &branch.sides;
                Some([Self::of(left, shelf), Self::of(right, shelf)])
            }
            Self::Tree(Tree::Bucket(_)) => None,
            Self::Run(held, run) => {
                let (_, middle) = halves(&held.items[run.clone()])?;
                let middle = run.start + middle;
                let side = |run| Self::Run(Arc::clone(held), run);
                Some([side(run.start..middle), side(middle..run.end)])
            }
        }
    }

    /// Collects leaves in order, behind `after`, until there are `max`.
    pub(crate) fn collect(
        &self,
        after: Option<&Digest>,
        max: usize,
        shelf: &Shelf,
        leaves: &mut Vec<Leaf>,
    ) {
        match self {
            Self::Tree(Tree::Branch(branch)) => {
                let [left, right] = &branch.sides;
                // What is left of a key that is not behind `after` is not behind it either.
                if after.is_none_or(|after| after < right.head()) && leaves.len() < max {
                    Self::of(left, shelf).collect(after, max, shelf, leaves);
                }
                if leaves.len() < max {
                    Self::of(right, shelf).collect(after, max, shelf, leaves);
                }
            }
            Self::Tree(Tree::Bucket(_)) => {}
            Self::Run(held, run) => {
                let items = &held.items[run.clone()];
                let behind =
                    items.iter().filter(|it| after.is_none_or(|it_is| *it_is < it.leaf.key));
                leaves.extend(behind.take(max - leaves.len()).map(|it| it.leaf));
            }
        }
    }
}

/// Returns the hash of the subtree that consists of these, each a prefix with its hash, in order; `None`
/// where no subtree does.
pub fn join(parts: &[(Prefix, Digest)]) -> Option<Digest> {
    let in_order = parts.is_sorted_by(|(a, _), (b, _)| a.key() < b.key());
    if in_order { join_sorted(parts) } else { None }
}

fn join_sorted(parts: &[(Prefix, Digest)]) -> Option<Digest> {
    let [(first, _), .., (last, _)] = parts else {
        return parts.first().map(|(_, hash)| *hash);
    };
    let at = first_difference(first.key(), last.key())?;
    let middle = parts.partition_point(|(prefix, _)| bit(prefix.key(), at) == 0);
    let (left, right) = parts.split_at(middle);
    // One that has keys on both sides of the cut is no part.
    if parts.iter().any(|(prefix, _)| prefix.bits() <= u16::from(at)) {
        return None;
    }
    Some(branch_hash(at, &join_sorted(left)?, &join_sorted(right)?))
}

/// Returns which of some items in order lie under a prefix.
fn covered(items: &[Item], prefix: &Prefix) -> Range<usize> {
    let (Ok(start) | Err(start)) = search(items, prefix.key());
    let covers = |item: &&Item| prefix.covers(&item.leaf.key);
    start..start + items[start..].iter().take_while(covers).count()
}
