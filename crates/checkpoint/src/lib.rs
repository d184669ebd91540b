//! What attesters agree on: checkpoints, the certificates that make them final, and how they agree.
//!
//! Everything here is a value: bytes become checked types, and the [`Council`] is a state machine
//! that is told the time. Whoever has a network file can verify a checkpoint with this room alone.

mod ballot;
mod bytes;
mod certificate;
mod chain;
mod checkpoint;
mod committee;
mod council;
mod error;
mod evidence;
mod keys;
mod note;
mod signers;
mod work;

pub use ballot::{Ballot, Phase};
pub use certificate::{Certificate, Quorum};
pub use chain::{Chain, Head, Sealed};
pub use checkpoint::{Checkpoint, Statistics};
pub use committee::{Attester, COMMITTEE_MAX, Committee};
pub use council::{Act, Council, Facts, Pace, Row, Seat};
pub use error::CheckpointError;
pub use evidence::Evidence;
pub use keys::{PublicKey, SecretKey, Signature};
pub use note::{Note, Proposal};
pub use signers::Signers;
pub use work::{Done, Work};

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
