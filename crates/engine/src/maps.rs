//! Both sets as maps: what a store is told beside each change, so that it can keep the hashes of their
//! buckets, and what a node wakes up with from those hashes.

use std::fmt;

use merkle::Map;
use wire::{Hlc, Set};

/// Both sets at one moment. Costs nothing to make and shares what it can with those that follow.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Maps {
    /// The state.
    pub state: Map,
    /// The messages.
    pub messages: Map,
    /// No record in them was created after this.
    pub newest: Hlc,
}

impl Maps {
    /// Returns one of the two.
    pub fn map(&self, set: Set) -> &Map {
        match set {
            Set::State => &self.state,
            Set::Messages => &self.messages,
        }
    }

    /// Returns one of the two, to change it.
    pub fn map_mut(&mut self, set: Set) -> &mut Map {
        match set {
            Set::State => &mut self.state,
            Set::Messages => &mut self.messages,
        }
    }
}

/// A map in full would fill the log.
impl fmt::Debug for Maps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Maps(state: {}, messages: {})", self.state.root(), self.messages.root())
    }
}
