//! The engine and what people do with it, without IO: the value that daemon and simulator drive.

mod command;
mod node;

pub use command::{Answer, Command, CommandError, CommandId, Draft, Publication};
pub use engine;
pub use engine::{Counters, PeerState, PeerStatus, Status};
pub use node::{Config, Effect, Input, Node};

#[cfg(test)]
mod tests;
