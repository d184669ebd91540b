//! What must hold of what people decide, after every step of a node.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Event, Now};
use node::transfers::Status;
use node::{Answer, Command, Decision, Effect, Input, Node};
use wire::{Class, Content, TransferId};

/// What people on one machine have decided, over all runs of its node.
#[derive(Debug, Default)]
pub(crate) struct Decided {
    pub(crate) said_yes: BTreeSet<TransferId>,
    /// The yes of the step that is being made.
    asked: Option<TransferId>,
    /// Alerts that went first since the run began, and when that was.
    alerts: u64,
    since_ms: Option<u64>,
    /// Statements on each kind in each slot.
    statements: BTreeMap<(String, u64), u32>,
}

impl Decided {
    /// Another run of the node: its budget for alerts is whole again.
    pub(crate) fn restarted(&mut self) {
        (self.alerts, self.since_ms) = (0, None);
    }

    pub(crate) fn hear(&mut self, input: &Input) {
        self.asked = match input {
            Input::Command(_, Command::Decide(_, Decision::AgreeTransfer(id, _))) => Some(*id),
            Input::Command(..) | Input::Net(_) | Input::Seed(_) => None,
        };
    }

    /// Checks one step. The text of an error names the invariant that broke.
    pub(crate) fn check(
        &mut self,
        node: &Node,
        effects: &[Effect],
        now: Now,
    ) -> Result<(), String> {
        let answers = effects.iter().filter_map(|effect| match effect {
            Effect::Answer(_, answer) => Some(answer),
            Effect::Net(_) | Effect::Seed(_) => None,
        });
        for answer in answers {
            match answer {
                Answer::Done => self.said_yes.extend(self.asked.take()),
                Answer::Published { class: Class::Alert, .. } => self.alerts += 1,
                _ => {}
            }
        }
        self.check_alerts(node, now)?;
        self.check_levels(node, effects, now)?;
        let both = |status| matches!(status, Status::Agreed | Status::Confirming);
        let mut agreed = node.transfers().states().filter(|(_, status)| both(*status));
        match agreed.find(|(id, _)| !self.said_yes.contains(id)) {
            Some((id, _)) => Err(format!("transfer {id} is agreed, nobody here said yes")),
            None => Ok(()),
        }
    }

    /// No more alerts go first than the budget has (ALERT-1).
    fn check_alerts(&mut self, node: &Node, now: Now) -> Result<(), String> {
        let since_ms = *self.since_ms.get_or_insert(now.mono_ms);
        let config = node.engine().config();
        let gained = (now.mono_ms - since_ms) / config.alert_every_ms.max(1);
        let most = config.alert_burst + gained;
        if self.alerts <= most {
            return Ok(());
        }
        Err(format!("{} alerts went first, the budget had {most}", self.alerts))
    }

    /// A kind is stated once in a slot, but for two that are urgent (LEVEL-4), and no budget is overdrawn
    /// (LEVEL-7).
    fn check_levels(&mut self, node: &Node, effects: &[Effect], now: Now) -> Result<(), String> {
        if effects.is_empty() {
            return Ok(());
        }
        for effect in effects {
            let Effect::Net(engine::Effect::Report(Event::Accepted(it))) = effect else { continue };
            let Content::Entry(entry) = &it.record.content else { continue };
            let own = it.carried.signed.author == node.engine().me();
            let (Some(value), true) = (&entry.value, own && entry.collection == "levels") else {
                continue;
            };
            let Some(slot) = slot(value) else { return Err("a level without a slot".to_owned()) };
            let count = self.statements.entry((entry.name.clone(), slot)).or_default();
            *count += 1;
            if STATEMENTS_MAX < *count {
                return Err(format!("{} was stated {count} times in slot {slot}", entry.name));
            }
        }
        let own = node.levels().own(now);
        let over = |period, year| DRAWS_MAX < period || DRAWS_YEAR_MAX < year;
        match own.iter().find(|it| over(it.budget.period, it.budget.year)) {
            Some(it) => Err(format!("{} drew {:?}: more than its budget", it.kind, it.budget)),
            None => Ok(()),
        }
    }
}

/// Finds the slot that a level is for.
fn slot(value: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, rest) = text.split_once("\"slot\":")?;
    rest.split(|it: char| !it.is_ascii_digit()).next()?.parse().ok()
}

/// One on the hour, and two that are urgent in a day.
const STATEMENTS_MAX: u32 = 3;
const DRAWS_MAX: u32 = 6;
const DRAWS_YEAR_MAX: u32 = 36;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{World, WorldConfig};

    /// A checker that finds nothing checks nothing: each invariant is broken once.
    #[test]
    fn what_breaks_an_invariant_is_found() {
        let mut config = WorldConfig::new(1, 1);
        config.tune = Some(Arc::new(|_, config| config.engine.alert_burst = 2));
        let mut world = World::new(config);
        world.start(0);
        world.run(1_000).unwrap();
        let (_, node) = world.nodes().next().unwrap();
        let now = Now { mono_ms: 1_000, unix_ms: crate::boot::START_UNIX_MS + 1_000 };
        let mut decided = Decided::default();
        assert_eq!(decided.check(node, &[], now), Ok(()));
        let answer = |class| {
            let id = wire::Digest::default();
            Effect::Answer(node::CommandId(1), Answer::Published { id, links: 0, class })
        };
        let many: Vec<Effect> = (0..3).map(|_| answer(Class::Normal)).collect();
        assert_eq!(decided.check(node, &many, now), Ok(()));
        let many: Vec<Effect> = (0..3).map(|_| answer(Class::Alert)).collect();
        assert!(decided.check(node, &many, now).unwrap_err().contains("the budget had 2"));
        decided.restarted();
        let later = Now { mono_ms: 900, ..now };
        assert_eq!(decided.check(node, &many[..2], later), Ok(()));
        assert_eq!(slot(b"{\"band\":\"low\",\"slot\":77,\"unit\":\"L\"}"), Some(77));
        assert_eq!(slot(b"{}"), None);
    }
}
