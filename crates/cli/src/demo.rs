//! A network on this machine: real daemons, real sockets, one process.

mod board;
mod directory;
mod lab;
mod lack;
mod report;
mod story;

pub use lab::{Lab, Sent};
pub use lack::Lack;

pub(crate) use directory::{Directory, Keep};
pub(crate) use report::Report;
pub(crate) use story::{Plan, Story};

/// Real data: US airports, one entry a line (fixtures/README.md).
pub const AIRPORTS: &str = include_str!("../fixtures/airports.ndjson");
