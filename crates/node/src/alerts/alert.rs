//! One alert, as the people here see it.

use bytes::Bytes;
use engine::Now;
use wire::{NodeId, RecordId};

/// An alert that this node heard.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Alert {
    /// The record that it is.
    pub id: RecordId,
    /// Who warns.
    pub author: NodeId,
    /// When it was raised, unix milliseconds by its author's clock.
    pub created_ms: u64,
    /// When it is over, unix milliseconds.
    pub expires_ms: u64,
    /// When it came here, unix milliseconds.
    pub received_ms: u64,
    /// What it says, as its author wrote it: JSON, if the author is honest.
    pub payload: Bytes,
    /// Who takes care here, if anybody ever did.
    pub acknowledged: Option<Acknowledgement>,
    /// Who disputes it; filled in where it is shown.
    pub disputes: Vec<Dispute>,
}

/// Somebody here takes care, for a time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Acknowledgement {
    /// Who.
    pub by: String,
    /// Since when, unix milliseconds.
    pub at_ms: u64,
    /// Until when, unix milliseconds; then it is shown again.
    pub until_ms: u64,
    /// What they said: JSON.
    pub note: Bytes,
}

/// Somebody says that an alert is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Dispute {
    /// The record that says so.
    pub id: RecordId,
    /// Which alert.
    pub alert: RecordId,
    /// Who.
    pub author: NodeId,
    /// When, unix milliseconds by its author's clock.
    pub created_ms: u64,
    /// When it goes, unix milliseconds.
    pub expires_ms: u64,
    /// Why, as its author wrote it.
    pub payload: Bytes,
}

impl Alert {
    /// Says whether it waits for somebody here.
    pub fn is_open(&self, now: Now) -> bool {
        self.acknowledged.as_ref().is_none_or(|it| it.until_ms <= now.unix_ms)
    }

    /// How much memory it is counted as.
    pub(super) fn bytes(&self) -> usize {
        self.payload.len() + BYTES_BESIDE
    }
}

/// What an alert takes beside its payload, about.
const BYTES_BESIDE: usize = 256;
