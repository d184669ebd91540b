//! Messages posted at the public door that wait for the node's verdict.

use std::collections::BTreeMap;

use engine::{DoorAnswer, TicketId};
use node::engine;
use tokio::sync::oneshot;
use transport::GossipAnswer;

/// Who waits. The transport gives up after its own time, and its place is reused.
#[derive(Debug, Default)]
pub(crate) struct Doors {
    waiting: BTreeMap<TicketId, oneshot::Sender<GossipAnswer>>,
    last: u64,
}

impl Doors {
    /// Keeps a client waiting; `None` where it has been told that we are busy.
    pub(crate) fn enter(&mut self, answer: oneshot::Sender<GossipAnswer>) -> Option<TicketId> {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.retain(|_, answer| !answer.is_closed());
        }
        if self.waiting.len() == WAITING_MAX {
            tell(answer, GossipAnswer::Busy);
            return None;
        }
        self.last += 1;
        let ticket = TicketId(self.last);
        self.waiting.insert(ticket, answer);
        Some(ticket)
    }

    pub(crate) fn answer(&mut self, ticket: TicketId, answer: DoorAnswer) {
        let Some(waiting) = self.waiting.remove(&ticket) else { return };
        let answer = match answer {
            DoorAnswer::Accepted => GossipAnswer::Accepted,
            DoorAnswer::Busy => GossipAnswer::Busy,
            DoorAnswer::Duplicate => GossipAnswer::Duplicate,
            DoorAnswer::Malformed => GossipAnswer::Malformed,
            DoorAnswer::Refused(refusal) => GossipAnswer::Refused(refusal),
            DoorAnswer::Unsigned => GossipAnswer::Unsigned,
        };
        tell(waiting, answer);
    }

    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// A client that hung up needs no answer.
fn tell(waiting: oneshot::Sender<GossipAnswer>, answer: GossipAnswer) {
    let _hung_up = waiting.send(answer);
}

/// Clients waiting at once.
const WAITING_MAX: usize = 1_024;
