//! What happens at a node, as it happens.

use daemon::api::types::EventData;
use daemon::{Item, Subscription};

/// One reader of events. Slow ones cost nobody anything: they are told how much they missed.
#[derive(Debug)]
pub struct Events(pub(crate) Subscription);

/// What a reader hears.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    /// Something happened.
    Event(EventData),
    /// Events are missing here: so many, where that is known.
    Missed(Option<u64>),
}

impl Events {
    /// Waits for what happens next; `None` when the node has stopped. The future may be dropped at any time.
    pub async fn next(&mut self) -> Option<Heard> {
        match self.0.next().await? {
            Item::Bye => None,
            Item::Event(event) => Some(Heard::Event(event.what.clone())),
            Item::Gap(gap) => Some(Heard::Missed(gap.lost)),
        }
    }
}
