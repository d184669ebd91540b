//! What a person decides, and how the log says it.

use bytes::Bytes;
use wire::{Digest, RecordId};

use crate::people::{Deed, Role};

/// A decision, as somebody makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Warn everybody.
    RaiseAlert {
        /// What the alert says: JSON on one line.
        payload: Bytes,
        /// How long it holds, milliseconds.
        life_ms: u64,
    },
    /// Take care of an alert, so that it is not shown for a while.
    AcknowledgeAlert {
        /// Which.
        alert: RecordId,
        /// What is said to it: JSON on one line.
        note: Bytes,
        /// For how long, milliseconds.
        life_ms: u64,
    },
    /// Tell everybody that an alert is wrong.
    DisputeAlert {
        /// Which.
        alert: RecordId,
        /// Why: JSON on one line.
        payload: Bytes,
    },
    /// Name somebody.
    AddPerson {
        /// How.
        name: String,
        /// As what.
        role: Role,
        /// The hash of the token by which it will be known.
        token: Digest,
    },
    /// Take a name away.
    RemovePerson(String),
}

impl Decision {
    /// Returns its kind.
    pub fn deed(&self) -> Deed {
        match self {
            Self::RaiseAlert { .. } => Deed::RaiseAlert,
            Self::AcknowledgeAlert { .. } => Deed::AcknowledgeAlert,
            Self::DisputeAlert { .. } => Deed::DisputeAlert,
            Self::AddPerson { .. } => Deed::AddPerson,
            Self::RemovePerson(_) => Deed::RemovePerson,
        }
    }

    /// Says exactly what is decided, on one line of JSON: for the log, and to tell whether two people
    /// decide the same.
    pub fn text(&self) -> String {
        match self {
            Self::RaiseAlert { payload, life_ms } => {
                let (alert, life_s) = (json(payload), life_ms / 1_000);
                format!("{{\"alert\":{alert},\"life_s\":{life_s}}}")
            }
            Self::AcknowledgeAlert { alert, note, life_ms } => {
                let (note, for_s) = (json(note), life_ms / 1_000);
                format!("{{\"id\":\"{alert}\",\"note\":{note},\"for_s\":{for_s}}}")
            }
            Self::DisputeAlert { alert, payload } => {
                format!("{{\"id\":\"{alert}\",\"dispute\":{}}}", json(payload))
            }
            // Names are letters, digits and dashes: nothing in them needs an escape.
            Self::AddPerson { name, role, token: _ } => {
                format!("{{\"person\":\"{name}\",\"role\":\"{role}\"}}")
            }
            Self::RemovePerson(name) => format!("{{\"person\":\"{name}\"}}"),
        }
    }
}

/// Shows what was checked to be JSON on one line.
fn json(bytes: &Bytes) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
