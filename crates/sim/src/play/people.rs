//! The people of a world: they propose and decide by chance alone, and see what their nodes show them.

use std::collections::{BTreeMap, BTreeSet};

use engine::Now;
use node::levels::Amount;
use node::people::Actor;
use node::transfers::{Confirmation, Proposal, Status};
use node::{Command, Decision, Node};
use wire::{Digest, NodeId, Side, TransferId};

use super::crowd::Crowd;
use crate::World;
use crate::scenario::{Scenario, What};

/// What they have said so far.
#[derive(Debug)]
pub(super) struct People {
    /// Whether there is anything to decide at all.
    busy: Busy,
    asked: BTreeSet<(usize, TransferId)>,
    /// Agreements that were looked at, at each node.
    checked: BTreeSet<(usize, TransferId)>,
    numbers: BTreeMap<NodeId, usize>,
}

/// What all nodes showed their people in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shown {
    pub(super) alerts: u64,
    pub(super) rules_accepted: u64,
    pub(super) transfers_agreed: u64,
    pub(super) transfers_ended: u64,
}

/// Whether a story has transfers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Busy {
    No,
    Yes,
}

impl People {
    pub(super) fn of(scenario: &Scenario) -> Self {
        let has = scenario.streams.iter().any(|it| it.what == What::Transfer);
        let busy = if has { Busy::Yes } else { Busy::No };
        Self { busy, asked: BTreeSet::new(), checked: BTreeSet::new(), numbers: BTreeMap::new() }
    }

    /// Decides on what waits: seven of ten say yes, one of seven no, the others nothing.
    pub(super) fn decide(&mut self, world: &mut World, crowd: &Crowd) -> Result<(), String> {
        if self.busy == Busy::No {
            return Ok(());
        }
        let mut decisions = Vec::new();
        for (host, node) in world.nodes().filter(|(host, _)| !crowd.liars.contains_key(host)) {
            let is_new = |(id, status)| status == Status::Open && !self.asked.contains(&(host, id));
            if !node.transfers().states().any(is_new) {
                continue;
            }
            for it in node.transfers().views() {
                let terms = &it.terms;
                if it.status != Status::Open || !self.asked.insert((host, terms.id)) {
                    continue;
                }
                let with = if it.side == Side::Giver { terms.taker } else { terms.giver };
                let (amount, unit) = (Amount(terms.amount), terms.unit.clone());
                let said = Confirmation { with, amount, unit };
                decisions.push((host, terms.id, said));
            }
        }
        for (host, id, said) in decisions {
            let decision = match world.draw(14) {
                0..10 => Decision::AgreeTransfer(id, said),
                10..12 => Decision::RefuseTransfer(id),
                _ => continue,
            };
            world.command(host, Command::Decide(Actor::operator(), decision))?;
        }
        Ok(())
    }

    /// Says whether what is agreed at one node was wanted at both.
    pub(super) fn check(&mut self, world: &World, crowd: &Crowd) -> Result<(), String> {
        if self.busy == Busy::No {
            return Ok(());
        }
        if self.numbers.is_empty() {
            self.numbers = (0..world.config().hosts).map(|it| (world.id(it), it)).collect();
        }
        for (host, node) in world.nodes().filter(|(host, _)| !crowd.liars.contains_key(host)) {
            let is_new =
                |(id, status)| status == Status::Agreed && !self.checked.contains(&(host, id));
            if !node.transfers().states().any(is_new) {
                continue;
            }
            for it in node.transfers().views().iter().filter(|it| it.status == Status::Agreed) {
                let terms = &it.terms;
                self.checked.insert((host, terms.id));
                let sides = [terms.giver, terms.taker];
                for side in sides.iter().filter_map(|it| self.numbers.get(it)) {
                    if !crowd.liars.contains_key(side) && !world.said_yes(*side, &terms.id) {
                        let id = terms.id;
                        return Err(format!(
                            "node {host} holds transfer {id} for agreed, and nobody at node {side} said yes"
                        ));
                    }
                }
            }
        }
        Ok(())
    }

    /// Looks at what all honest nodes show, which must be the same wherever they hold the same.
    pub(super) fn look(
        &self,
        world: &World,
        crowd: &Crowd,
        equal: bool,
        now: Now,
    ) -> Result<Shown, String> {
        let honest = || world.nodes().filter(|(host, _)| !crowd.liars.contains_key(host));
        let lists: BTreeSet<Digest> = honest().map(|(_, node)| list(node, now)).collect();
        if equal && 1 < lists.len() {
            let count = lists.len();
            return Err(format!("all nodes hold the same and show {count} different lists"));
        }
        let mut shown = Shown::default();
        for (number, (_, node)) in honest().enumerate() {
            if number == 0 {
                shown.alerts = node.alerts().all(now).len() as u64;
                shown.rules_accepted = node.rules().statistics().accepted;
            }
            let views = node.transfers().views();
            let count = |status| views.iter().filter(|it| it.status == status).count() as u64;
            shown.transfers_agreed += count(Status::Agreed);
            shown.transfers_ended += count(Status::Ended);
        }
        Ok(shown)
    }
}

/// Proposes to give something to another node.
pub(super) fn proposal(with: NodeId, number: usize) -> Decision {
    Decision::ProposeTransfer(Proposal {
        with,
        side: if number.is_multiple_of(2) { Side::Giver } else { Side::Taker },
        kind: "water".to_owned(),
        amount: Amount(1_000 * (1 + number as u64)),
        unit: "L".to_owned(),
        decide_ms: DECIDE_MS,
        tick_ms: TICK_MS,
        replaces: None,
    })
}

/// All that a node shows of alerts and rules, in one hash.
fn list(node: &Node, now: Now) -> Digest {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for alert in node.alerts().all(now) {
        parts.push([&alert.id.0[..], &alert.payload, &alert.expires_ms.to_be_bytes()].concat());
        parts.extend(alert.disputes.iter().map(|it| it.id.0.to_vec()));
    }
    let statistics = node.rules().statistics();
    let accepted = node.rules().list(None, usize::MAX);
    parts.extend(accepted.iter().filter(|it| it.accepted).map(|it| it.id.0.to_vec()));
    parts.push(statistics.name().0.to_vec());
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    Digest::of("shown", &parts)
}

/// How long people have to decide.
const DECIDE_MS: u64 = 120_000;
const TICK_MS: u32 = 2_000;
