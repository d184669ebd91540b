//! How leaves that are only in the store come into memory after a start: piece by piece, in the order of
//! their places, while the node works.
//!
//! Until a set is complete, whoever needs a leaf reads it from the store; that costs tens of microseconds
//! for a bucket and is the only time a map looks there.

use merkle::{Leaf, Map};
use wire::{Digest, Set};

use crate::Kept;

/// How far that is.
#[derive(Debug, Default)]
pub(crate) struct Filling {
    /// The set and the place to go on at; `None` when all is here.
    at: Option<(Set, Digest)>,
}

impl Filling {
    /// Begins with sets none of whose leaves may be here.
    pub(crate) fn begin() -> Self {
        Self { at: Some((Set::State, Digest::default())) }
    }

    /// Says whether any leaf may be in the store alone.
    pub(crate) fn is_over(&self) -> bool {
        self.at.is_none()
    }

    /// Returns what to ask of the store.
    pub(crate) fn wanted(&self) -> Option<(Set, Digest, usize)> {
        self.at.map(|(set, from)| (set, from, LEAVES_AT_ONCE))
    }

    /// Takes what the store had from there on.
    pub(crate) fn take(&mut self, set: Set, kept: &[Kept], map: &mut Map) {
        let Some((_, from)) = self.at.filter(|(at, _)| *at == set) else { return };
        let leaves: Vec<Leaf> = kept.iter().map(Kept::leaf).collect();
        map.fill(&leaves);
        let last = leaves.last().filter(|_| leaves.len() == LEAVES_AT_ONCE);
        self.at = match (last, set) {
            // Its bucket may go on behind it.
            (Some(last), _) => {
                let head = map.bucket_of(&last.key).map(|bucket| bucket.head);
                let next = head.filter(|head| from < *head).unwrap_or(last.key);
                (from < next).then_some((set, next))
            }
            (None, Set::State) => Some((Set::Messages, Digest::default())),
            (None, Set::Messages) => None,
        };
    }
}

/// Leaves asked for at once: about a millisecond of hashing, which nobody else should wait longer for.
pub(crate) const LEAVES_AT_ONCE: usize = 2_048;
