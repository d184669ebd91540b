//! Messages that must get everywhere, and how far that is.

use crate::World;

/// Messages of which some may still be missing. Once a message is everywhere it is not looked at
/// again, so asking often is cheap.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    messages: Vec<usize>,
    done: usize,
}

/// Where a message is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whereabouts {
    Everywhere,
    /// So many live honest nodes lack it.
    Lacking(u64),
    /// No live honest node has it and its author is gone.
    Gone,
}

impl Pending {
    pub(super) fn new(messages: Vec<usize>) -> Self {
        Self { messages, done: 0 }
    }

    /// Says whether every message is everywhere.
    pub(super) fn is_done(&mut self, world: &World) -> bool {
        while let Some(message) = self.messages.get(self.done) {
            match whereabouts(world, *message) {
                Whereabouts::Everywhere | Whereabouts::Gone => self.done += 1,
                Whereabouts::Lacking(_) => return false,
            }
        }
        true
    }

    /// Counts what is missing from here on.
    pub(super) fn lacking(&self, world: &World) -> u64 {
        let rest = self.messages.iter().skip(self.done);
        rest.map(|message| match whereabouts(world, *message) {
            Whereabouts::Everywhere | Whereabouts::Gone => 0,
            Whereabouts::Lacking(count) => count,
        })
        .sum()
    }
}

/// Says where a message is.
pub(super) fn whereabouts(world: &World, message: usize) -> Whereabouts {
    let lacking = world.lacking(message);
    if lacking.is_empty() {
        return Whereabouts::Everywhere;
    }
    let author = world.published()[message].host;
    // While its author is off nobody else may have it; what one other node has must get everywhere.
    if !world.is_up(author) && lacking.len() == world.honest_len() {
        return Whereabouts::Gone;
    }
    Whereabouts::Lacking(lacking.len() as u64)
}
