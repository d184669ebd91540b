//! Links as bits: a set of neighbours in one word.
//!
//! Each greeted link has one of 64 places while it lives. A link beyond (`links_max` may be larger)
//! has none: it is in no set, so everything is pushed to it and nothing is pruned.

use crate::LinkId;

/// Which link stands at which place; as many places as there were links at once, at most 64.
#[derive(Debug, Default)]
pub(crate) struct Places(Vec<Option<LinkId>>);

/// Some of the links that have a place.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct LinkSet(u64);

impl Places {
    /// Gives a link a place, if one is free.
    pub(crate) fn take(&mut self, link: LinkId) {
        if self.place(link).is_some() {
            return;
        }
        match self.0.iter().position(Option::is_none) {
            Some(free) => self.0[free] = Some(link),
            None if self.0.len() < PLACES_MAX => self.0.push(Some(link)),
            None => {}
        }
    }

    /// Frees the place of a link, and returns it as a set.
    pub(crate) fn free(&mut self, link: LinkId) -> LinkSet {
        let set = self.set(link);
        if let Some(place) = self.place(link) {
            self.0[place] = None;
        }
        set
    }

    /// Returns the set of one link; empty where it has no place.
    pub(crate) fn set(&self, link: LinkId) -> LinkSet {
        LinkSet(self.place(link).map_or(0, |place| 1 << place))
    }

    fn place(&self, link: LinkId) -> Option<usize> {
        self.0.iter().position(|it| *it == Some(link))
    }
}

impl LinkSet {
    pub(crate) fn add(&mut self, others: Self) {
        self.0 |= others.0;
    }

    pub(crate) fn remove(&mut self, others: Self) {
        self.0 &= !others.0;
    }

    pub(crate) fn meets(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// Bits of a [`LinkSet`].
const PLACES_MAX: usize = 64;
