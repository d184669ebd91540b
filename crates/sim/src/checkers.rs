//! What must hold after every step of every node, and at the end.

mod people;

use std::collections::BTreeSet;

use engine::{Event, Now};
use node::{Effect, Input, Node};
use wire::RecordId;

use crate::config::Checks;
pub(crate) use people::Decided;

/// What one run of a node has told its operator and asked its workers.
#[derive(Debug, Default)]
pub(crate) struct Delivered {
    reported: BTreeSet<u64>,
    verified: BTreeSet<u64>,
    /// The second we are in, and how many steps were made in it.
    second: (u64, u64),
}

impl Delivered {
    /// Notes what the workers found. Bytes whose signature was wrong say nothing about the record:
    /// the right ones are checked when they come.
    pub(crate) fn hear(&mut self, input: &Input) {
        if let Input::Net(engine::Input::Verified(verdicts)) = input {
            for (id, _) in verdicts.iter().filter(|(_, right)| !right) {
                self.verified.remove(&brief(id));
            }
        }
    }

    /// No node of a story has reason to make so many steps in one second: it would spin.
    fn count_step(&mut self, max: u64, now: Now) -> Result<(), String> {
        let second = now.mono_ms / 1_000;
        let steps = if self.second.0 == second { self.second.1 + 1 } else { 1 };
        self.second = (second, steps);
        if steps <= max {
            return Ok(());
        }
        Err(format!("more than {max} steps in one second"))
    }
}

/// Checks one step. The text of an error names the invariant that broke.
pub(crate) fn check_step(
    node: &Node,
    effects: &[Effect],
    delivered: &mut Delivered,
    ticked: bool,
    now: Now,
    checks: Checks,
) -> Result<(), String> {
    for effect in effects {
        match effect {
            Effect::Net(engine::Effect::Report(Event::Accepted(accepted)))
                if !delivered.reported.insert(brief(&accepted.id)) =>
            {
                return Err(format!("record {} delivered twice", accepted.id));
            }
            Effect::Net(engine::Effect::Verify(_, batch)) => {
                for (id, _) in batch {
                    if !delivered.verified.insert(brief(id)) {
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
    delivered.count_step(checks.steps_per_second_max, now)?;
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

/// A quarter of an id: every machine remembers every record twice, and nobody in a world can make
/// two records of one quarter. If chance ever did, a story would end in an error, not pass in one.
fn brief(id: &RecordId) -> u64 {
    let (brief, _) = id.0.split_first_chunk().expect("an id has 32 bytes");
    u64::from_be_bytes(*brief)
}
