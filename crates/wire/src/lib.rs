//! What crosses between nodes, and who signed it.
//!
//! Bytes become checked types here and nowhere else. Nothing in this room decides: it knows no
//! clock, no disk, no socket, and neither serde nor randomness.

mod address;
mod class;
mod contradiction;
mod error;
mod frame;
#[expect(unreachable_pub, reason = "written by prost from proto/")]
#[rustfmt::skip]
mod generated;
mod hash;
mod head;
mod hex;
mod identity;
mod invite;
mod keyring;
pub mod lattice;
mod letter;
pub mod limits;
mod link_word;
mod proof;
mod record;
mod signed;
mod slot;
mod time;
mod transfer;

pub use address::{Address, Family, Host, Medium, Multiaddr};
pub use class::Class;
pub use contradiction::{Contradiction, Half, WITNESS, witness};
pub use error::{Refusal, WireError};
pub use frame::{
    Carried, Chunk, ChunkPart, ChunkRefusal, ChunkStep, Compare, Council, Direct, DirectStep,
    Fetch, Found, Frame, Goodbye, Have, Hello, Item, Peers, PeersWanted, Ping, Pong, Push, Range,
    Reason, Records, Report, RouteId, Seed, SeedId, SeedPiece, SeedRefusal, SeedStep, Set,
    SetSummary, ShortId, Sketch, SketchStep, Subtree, Summary, TreeId, View, Wanted,
};
pub use hash::{Digest, NetworkId, RecordId};
pub use head::{CarriedHead, Head, Offer, Piece, PieceSet, Pull};
pub use hex::Hex;
pub use identity::{Identity, NodeId};
pub use invite::{Invite, Knock, Reply, Step};
pub use keyring::Keyring;
pub use letter::{Letter, LetterId, Subject, receipt_to_sign};
pub use link_word::{Closing, LINK_WORD_BYTES_MAX, LinkWord};
pub use proof::Proof;
pub use record::{Bridged, Content, Entry, Message, MessageKind, Profile, Record};
pub use signed::{Claim, Opened, Signed};
pub use slot::Slot;
pub use time::Hlc;
pub use transfer::{Side, Terms, TransferId, TransferRecord, TransferStep, TransferWord};

/// Version of the frames between nodes; a different major version is refused in the hello.
pub const PROTOCOL_VERSION: u32 = 1;

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
