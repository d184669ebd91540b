//! The running program: it joins node, store and transport, and serves the operator.
//!
//! One task owns the node. Everything else sends it messages and gets answers by id; reads go
//! straight to the store. What is acknowledged is on disk.

pub mod api;
mod commands;
mod feed;
mod running;
pub mod settings;
pub mod telemetry;

pub use commands::{Commands, Failure};
pub use feed::{Feed, Item, Subscription};
pub use node;
pub use running::{RunError, Running, StartError, start};
pub use settings::{Settings, SettingsError};
pub use wire;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
