//! A world of nodes on one thread: virtual time, seeded network, crashes, and checkers.
//!
//! It drives the same [`node::Node`] as the daemon. Events happen in the order of (time, node,
//! number), every chance comes from one seed, so a run repeats to the last byte and its trace hash
//! says so.

mod checkers;
mod host;
mod network;
pub mod outcome;
pub mod report;
pub mod scenario;
mod world;

pub use network::Weather;
pub use scenario::{Outcome, Scenario};
pub use world::World;

#[cfg(test)]
mod tests;
