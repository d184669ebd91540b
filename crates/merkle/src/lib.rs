//! A map that can prove what it holds: equal contents have one root, however they came about.
//!
//! A binary crit-bit trie over 32-byte keys. The hash of a subtree commits to everything under
//! its prefix and to nothing else, so it is at once root, range fingerprint and (with siblings)
//! proof. This room knows nothing of records, peers or time.

mod map;
mod prefix;

pub use map::{Leaf, Map, Part};
pub use prefix::Prefix;

#[cfg(test)]
mod tests;
