//! Worlds of real nodes: virtual time, a seeded network, faults, and checkers.
//!
//! A [`World`] drives the same [`node::Node`] as the daemon, with the frames it really sends.
//! Events happen in the order of (time, receiver, sender, number), every chance comes from one
//! seed, so a run repeats to the last byte on any number of threads, and its trace hash says so.

mod actor;
mod boot;
pub mod chance;
mod checkers;
pub mod compare;
mod config;
mod disk;
mod ground;
mod happening;
mod host;
mod liar;
pub mod models;
pub mod network;
pub mod observer;
pub mod outcome;
pub mod play;
pub mod report;
pub mod scenario;
mod shard;
mod vault;
pub mod wheel;
mod windows;
mod world;

pub use actor::Actor;
pub use config::{Boot, Checks, Tune, WorldConfig};
pub use host::Possess;
pub use outcome::Outcome;
pub use scenario::Scenario;
pub use world::{Figures, Link, World};

#[cfg(test)]
mod tests;
