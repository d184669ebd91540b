//! The running program: it joins node, store and transport, and serves the operator.
//!
//! One task owns the node. Everything else sends it messages and gets answers by id; reads go
//! straight to the store. What is acknowledged is on disk.

pub mod api;
pub mod attesters;
pub mod authority;
pub mod backup;
pub mod checkup;
mod clock;
mod commands;
mod directory;
mod discovery;
pub mod dns;
mod doors;
mod feed;
mod inside;
mod invites;
pub mod joining;
pub mod journal;
mod lan;
mod members;
mod metrics;
mod network;
mod ports;
mod report;
mod running;
mod runtime;
pub mod settings;
mod shelf;
mod store_thread;
pub mod telemetry;
pub mod tls;
mod verify;
mod workshop;

pub use commands::{Commands, Failure, Handed, Receipt};
pub use directory::DirectoryError;
pub use feed::{Feed, Item, Subscription};
pub use inside::Inside;
pub use node;
pub use running::{RunError, Running, StartError, start, start_in_memory};
pub use settings::{Settings, SettingsError};
pub use wire;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
