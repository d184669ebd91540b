//! What needs a look at the whole set: a function of it, so that a worker can do it.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::{Estimate, Key, Symbol, encode};

/// What names one member of a set.
pub type Item = [u8; 32];

/// One look at a whole set.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Task {
    /// Count it for an estimate.
    Count(Key),
    /// Count it as the asker did, and make the first symbols in the same look.
    Open {
        /// The asker's half of the key.
        asked: Key,
        /// The whole key.
        key: Key,
        /// Which symbols.
        range: Range<usize>,
    },
    /// Make more symbols.
    Encode(Key, Range<usize>),
    /// Find what these ids name.
    Find(Key, BTreeSet<u64>),
}

/// What came of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// Of [`Task::Count`].
    Counted(Box<Estimate>),
    /// Of [`Task::Open`].
    Opened(Box<Estimate>, Vec<Symbol>),
    /// Of [`Task::Encode`].
    Encoded(Vec<Symbol>),
    /// Of [`Task::Find`]: at most one for each id, or few more where two share one.
    Found(Vec<Item>),
}

impl Task {
    /// Does it. The set must be the same in every look of one exchange.
    pub fn run(&self, set: impl IntoIterator<Item = Item>) -> Done {
        let set = set.into_iter();
        match self {
            Self::Count(key) => Done::Counted(Box::new(Estimate::of(set.map(|it| key.id(&it))))),
            Self::Open { asked, key, range } => {
                let mut estimate = Estimate::of([]);
                let ids = set.map(|item| {
                    estimate.add(asked.id(&item));
                    key.id(&item)
                });
                let symbols = encode(ids, range.clone());
                Done::Opened(Box::new(estimate), symbols)
            }
            Self::Encode(key, range) => {
                Done::Encoded(encode(set.map(|it| key.id(&it)), range.clone()))
            }
            Self::Find(key, ids) => {
                let found = set.filter(|item| ids.contains(&key.id(item)));
                Done::Found(found.take(ids.len()).collect())
            }
        }
    }
}
