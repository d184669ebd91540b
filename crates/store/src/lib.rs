//! What survives a restart: records, their index, the address book and the author's own clock.
//!
//! Nothing here decides what is kept; the core says so in [`Batch`]es, and this room makes them
//! durable, all or nothing. Two implementations hold the same promises: [`DiskStore`], one redb
//! file, and [`MemoryStore`], maps for the simulator.

mod disk;
mod error;
mod lock;
mod memory;
mod read;
mod rows;

pub use disk::{DiskStore, StoreConfig, Verified};
pub use error::StoreError;
pub use lock::{DirLock, Holder};
pub use memory::MemoryStore;
pub use read::{BadCursor, Cursor, Found, Named, OwnRow, Query, Read};

use std::sync::Arc;

use node::engine::{Batch, Kept, Snapshot};
use wire::{Digest, RecordId, Set, Signed};

/// What a store must do.
///
/// A batch is applied in this order: `keep` one by one, then `drop`, `book`, `book_drop`,
/// `author`, `council` and `own`. A record that is kept and dropped in one batch is therefore gone.
pub trait Store: Send {
    /// Reads what a node wakes up with: items without bytes, address book, author clock.
    fn load(&self) -> Result<Snapshot, StoreError>;

    /// The same in a moment, however much there is: where the hashes of both sets are kept, maps made of
    /// those instead of the items. Their leaves are read from the store as it is when they are
    /// looked at, so this is for whoever knows of every change before the store does.
    fn wake(&self) -> Result<Snapshot, StoreError>;

    /// Reads so many items of a set in the order of their places, the first one there or behind.
    fn kept(&self, set: Set, from: &Digest, max: usize) -> Result<Vec<Kept>, StoreError>;

    /// Writes all batches, in order, in one transaction. On return everything is on disk. On an
    /// error nothing is there by half, what was there before is readable, and applying the same
    /// batches again is right, as soon as the cause is gone.
    fn apply(&mut self, batches: &[Batch]) -> Result<(), StoreError>;

    /// Reads those of these records that are still there, in the order asked, up to the one that
    /// brings them to `bytes_max`.
    fn records(&self, ids: &[RecordId], bytes_max: usize) -> Result<Vec<Signed>, StoreError>;

    /// Returns a handle for reading from any thread, while this one writes.
    fn reader(&self) -> Arc<dyn Read>;
}

/// Counts records into an answer until it is large enough.
pub(crate) fn until_full(bytes_max: usize) -> impl FnMut(&Signed) -> bool {
    let mut bytes = 0_usize;
    move |signed| {
        let wanted = bytes < bytes_max;
        bytes = bytes.saturating_add(signed.size());
        wanted
    }
}

#[cfg(test)]
mod tests;
