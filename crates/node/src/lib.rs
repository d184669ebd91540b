//! The engine and what people do with it, without IO: the value that daemon and simulator drive.

pub mod alerts;
mod command;
mod decision;
mod evidence;
pub mod levels;
mod node;
pub mod people;
mod post;
mod row;
pub mod rules;
pub mod seeds;
pub mod transfers;

pub use command::{
    Addition, Answer, Command, CommandError, CommandId, Draft, Minutes, Note, Place, ProvenRule,
    Publication, Waiting,
};
pub use decision::Decision;
pub use engine;
pub use engine::{Counters, Delivery, PeerState, PeerStatus, Proven, Status};
pub use evidence::{BadEvidence, Evidence, Finding, state_root};
pub use node::{Config, Effect, Input, Node};

#[cfg(test)]
mod tests;
