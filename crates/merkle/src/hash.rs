//! The two hashes of the map.
//!
//! ```text
//! leaf(key, value)         = H("trellis-map-leaf-v1" 0 key value)
//! branch(bit, left, right) = H("trellis-map-branch-v1" 0 bit left right)
//! root(nothing) = 0^32     root(one) = its leaf     else split on the first bit that differs
//! ```
//!
//! The branch bit is hashed so that absence can be proven.

use wire::Digest;

/// Hashes what stands at a key.
pub(crate) fn leaf_hash(key: &Digest, value: &Digest) -> Digest {
    Digest::of(LABEL_LEAF, &[&key.0, &value.0])
}

/// Hashes two subtrees that differ first in this bit.
pub(crate) fn branch_hash(bit: u8, left: &Digest, right: &Digest) -> Digest {
    Digest::of(LABEL_BRANCH, &[&[bit], &left.0, &right.0])
}

const LABEL_BRANCH: &str = "trellis-map-branch-v1";
const LABEL_LEAF: &str = "trellis-map-leaf-v1";
