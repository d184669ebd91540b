//! Which entries expire when: the hours, and in which collections.
//!
//! A collection's entries of one hour are one subtree of the state, so that they are found and thrown away together
//! (STATE-7). Bound: one row for each such subtree, which is not empty.

use std::collections::BTreeSet;

use merkle::Prefix;
use wire::Digest;

use crate::sets::bucket;

/// Subtrees of the state by their hour.
#[derive(Debug, Default)]
pub(crate) struct Hours {
    rows: BTreeSet<(u32, [u8; 8])>,
}

impl Hours {
    /// Notes where an entry stands, if it expires at all.
    pub(crate) fn note(&mut self, key: &Digest) {
        let hour = bucket(key);
        if 0 < hour {
            self.rows.insert((hour, tag(key)));
        }
    }

    /// Forgets a subtree in which nothing is left.
    pub(crate) fn forget(&mut self, part: &Prefix) {
        self.rows.remove(&(bucket(part.key()), tag(part.key())));
    }

    /// Says whether anything expires before an hour begins.
    pub(crate) fn is_any_before(&self, hour: u32) -> bool {
        self.rows.first().is_some_and(|(first, _)| *first < hour)
    }

    /// Returns what expires before an hour begins, the first hour first.
    pub(crate) fn before(&self, hour: u32) -> impl Iterator<Item = Prefix> {
        self.rows.range(..(hour, [0; 8])).map(|(hour, tag)| {
            let mut key = Digest::default();
            key.0[..8].copy_from_slice(tag);
            key.0[8..12].copy_from_slice(&hour.to_be_bytes());
            Prefix::new(&key, 96)
        })
    }
}

fn tag(key: &Digest) -> [u8; 8] {
    std::array::from_fn(|at| key.0[at])
}
