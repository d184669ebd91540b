//! Where leaves are that are not in memory.

use std::sync::{Arc, OnceLock};

use wire::Digest;

use crate::Leaf;

/// One moment of a store, which does not change while somebody holds it.
pub trait Source: Send + Sync {
    /// Reads so many leaves in the order of their keys, the first one at `head`; `None` if they
    /// cannot be read.
    fn leaves(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>>;
}

/// A source, and whether it ever failed. Clones share that.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) source: Option<Arc<dyn Source>>,
    lost: Arc<OnceLock<Digest>>,
}

impl Shelf {
    pub(crate) fn of(source: Arc<dyn Source>) -> Self {
        Self { source: Some(source), ..Self::default() }
    }

    pub(crate) fn read(&self, head: &Digest, count: usize) -> Option<Vec<Leaf>> {
        self.source.as_ref()?.leaves(head, count)
    }

    pub(crate) fn lose(&self, head: &Digest) {
        // The first loss is enough to know.
        let _known = self.lost.set(*head);
    }

    pub(crate) fn lost(&self) -> Option<Digest> {
        self.lost.get().copied()
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shelf(lost: {:?})", self.lost.get())
    }
}
