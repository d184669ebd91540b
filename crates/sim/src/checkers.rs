//! What must hold after every step of every node, and at the end.

use std::collections::BTreeSet;

use engine::{Event, Now};
use node::{Effect, Node};
use wire::RecordId;

/// What one run of a node has told its operator and asked its workers.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    reported: BTreeSet<RecordId>,
    verified: BTreeSet<RecordId>,
}

/// Checks one step. The text of an error names the invariant that broke.
pub(crate) fn check_step(
    node: &Node,
    effects: &[Effect],
    delivered: &mut Delivered,
    ticked: bool,
    now: Now,
) -> Result<(), String> {
    for effect in effects {
        match effect {
            Effect::Net(engine::Effect::Report(Event::Accepted(accepted)))
                if !delivered.reported.insert(accepted.id) =>
            {
                return Err(format!("record {} delivered twice", accepted.id));
            }
            Effect::Net(engine::Effect::Verify(batch)) => {
                for (id, _) in batch {
                    if !delivered.verified.insert(*id) {
                        return Err(format!("record {id} verified twice"));
                    }
                }
            }
            _ => {}
        }
    }
    let waiting = node.engine().waiting_for().filter(|(at, _)| ticked && *at <= now.time());
    if let Some((_, what)) = waiting {
        return Err(format!("a tick left {what} due: the loop would spin"));
    }
    let config = node.engine().config();
    let links = node.engine().links_len();
    if config.links_max < links {
        return Err(format!("{links} links, {} allowed", config.links_max));
    }
    let pending = node.engine().pending_len();
    if config.pending_max < pending {
        return Err(format!("{pending} records wait for a check, {} allowed", config.pending_max));
    }
    Ok(())
}
