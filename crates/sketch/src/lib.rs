//! What two sets of numbers differ by, from about as many bytes as the difference needs.
//!
//! Rateless invertible Bloom lookup tables (Yang and others, SIGCOMM 2024): each id is in symbol 0,
//! in two of three at first, and ever rarer. Symbols of both sides taken from each other hold the
//! difference alone, and about 1.4 times as many as ids differ give all of them away.
//!
//! Ids are made under a key that is new for each exchange: whose symbols stay tangled nobody can
//! find out beforehand. What comes from a peer costs at most the budget, and nothing here is
//! trusted: who compares closes with the roots of both sets.

mod answerer;
mod asker;
mod decoder;
mod encode;
mod estimate;
mod exchange;
mod key;
mod places;
mod symbol;
mod task;

pub use answerer::Answerer;
pub use asker::Asker;
pub use decoder::{Decoder, Difference, Progress};
pub use encode::encode;
pub use estimate::{ESTIMATE_BYTES, Estimate};
pub use exchange::{Act, Answer, Question, SYMBOLS_PER_ANSWER, WANTED_PER_QUESTION};
pub use key::Key;
pub use symbol::{SYMBOL_BYTES, Symbol};
pub use task::{Done, Item, Task};

/// Symbols of one exchange at most, 13 bytes each: enough for about 23,000 differences. What differs
/// by more is walked, as most of it is fetched anyway.
pub const SYMBOLS_MAX: usize = 32_768;

#[cfg(test)]
mod tests;
