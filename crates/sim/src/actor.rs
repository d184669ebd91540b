//! Whoever runs a machine: a node, or somebody who only looks like one.

use engine::{Now, Time};
use node::{Effect, Input, Node};

/// What drives a machine of a world. Honest machines are driven by a [`Node`], as it is in the
/// daemon; a liar wraps one and changes what goes in and out. The contract is the node's: effects
/// are performed in order, and what follows a `Persist` waits for the disk.
pub trait Actor: Send {
    /// Advances by one input.
    fn handle(&mut self, input: Input, now: Now) -> Vec<Effect>;

    /// Returns when [`engine::Input::Tick`] is due.
    fn deadline(&self) -> Option<Time>;

    /// Returns the node inside, if there is one: to look at.
    fn node(&self) -> Option<&Node>;
}

impl Actor for Node {
    fn handle(&mut self, input: Input, now: Now) -> Vec<Effect> {
        Self::handle(self, input, now)
    }

    fn deadline(&self) -> Option<Time> {
        Self::deadline(self)
    }

    fn node(&self) -> Option<&Node> {
        Some(self)
    }
}
