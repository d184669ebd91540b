//! A map that can prove what it holds: equal contents have one root, however they came about.
//!
//! A binary crit-bit trie over 32-byte keys. The hash of a subtree commits to everything under
//! its prefix and to nothing else, so it is at once root, range fingerprint and (with siblings)
//! proof. This room knows nothing of records, peers or time.

mod bucket;
mod difference;
mod hash;
mod leaf;
mod map;
mod piece;
mod prefix;
mod proof;
mod shelf;
mod tree;

pub use bucket::Stub;
pub use leaf::Leaf;
pub use map::Map;
pub use piece::{Part, join};
pub use prefix::Prefix;
pub use proof::{BadProof, Proof};
pub use shelf::Source;

#[cfg(test)]
mod tests;
