//! What a person decides, and how the log says it.

use wire::Digest;

use crate::people::{Deed, Role};

/// A decision, as somebody makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
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
            Self::AddPerson { .. } => Deed::AddPerson,
            Self::RemovePerson(_) => Deed::RemovePerson,
        }
    }

    /// Says exactly what is decided, on one line of JSON: for the log, and to tell whether two people
    /// decide the same.
    pub fn text(&self) -> String {
        match self {
            // Names are letters, digits and dashes: nothing in them needs an escape.
            Self::AddPerson { name, role, token: _ } => {
                format!("{{\"person\":\"{name}\",\"role\":\"{role}\"}}")
            }
            Self::RemovePerson(name) => format!("{{\"person\":\"{name}\"}}"),
        }
    }
}
