//! The protocol of one node as a value: no sockets, no clock, no threads.
//!
//! Feed [`Input`]s to [`Engine::handle`], perform the [`Effect`]s it returns in order, and call it
//! again with [`Input::Tick`] when [`Engine::deadline`] has passed. That is the whole contract.

mod alerts;
mod announcements;
mod author;
mod book;
mod chamber;
mod config;
mod declined;
mod departures;
mod direct;
mod doors;
mod engine;
mod event;
mod exchanges;
mod filling;
mod forest;
mod horizon;
mod hours;
mod intake;
mod links;
mod maps;
mod membership;
mod memory;
mod missing;
mod newcomer;
mod numbers;
mod outbox;
mod pieces;
mod places;
mod random;
mod reach;
mod recents;
mod reconcile;
mod rounds;
mod sets;
mod status;
mod supplier;
mod time;
mod word;
mod young;

pub use checkpoint;
pub use config::{Checkpoints, Config, Unsigned};
pub use direct::{Delivery, LetterRefused, Mail, Undelivered};
pub use engine::{Engine, SeedMail};
pub use event::{
    Accepted, AuthorClock, Batch, BookRow, Connected, Direction, DoorAnswer, Drop, Effect, Event,
    Glance, Input, JOURNAL, Keep, Kept, Label, LinkId, Snapshot, TicketId,
};
pub use maps::Maps;
pub use merkle::{Leaf, Map, Source, Stub};
pub use sets::place_of_entry;
pub use sketch;
pub use status::{Counters, Joining, PeerState, PeerStatus, Proven, Status};
pub use time::{Now, Time};

#[cfg(test)]
mod tests;
