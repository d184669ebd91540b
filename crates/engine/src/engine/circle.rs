//! Which links we choose: some near, some random, and how they change (MEMBER-8).
//!
//! We dial more than we keep, measure, keep the nearest and some at random, and let the rest go.
//! Later one link at a time is tried: a nearer one must be nearer by a margin, so that where all are
//! alike nothing changes.

use wire::{NodeId, Reason};

use super::Engine;
use crate::links::Role;
use crate::{Direction, Effect, LinkId, Now, Time};

/// How far we are with choosing.
#[derive(Debug)]
pub(super) struct Circle {
    scouting: Scouting,
    turn: Turn,
    /// The stranger that takes the place of a random link once it is measured.
    swap: Option<NodeId>,
    /// Searches for a nearer link that brought none, and how many turns are left out for it.
    near_failures: u32,
    near_skips: u32,
    /// When the next link that was not chosen is let go.
    surplus_at: Option<Time>,
}

/// The search for candidates.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scouting {
    /// Nobody has answered yet.
    Waiting,
    Until(Time),
    Done,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Turn {
    Near,
    Random,
}

/// How many links of each kind we choose ourselves.
#[derive(Clone, Copy, Debug)]
struct Choice {
    near: usize,
    random: usize,
    /// Links in all below which we dial more than our own.
    floor: usize,
}

impl Circle {
    pub(super) fn new() -> Self {
        Self {
            scouting: Scouting::Waiting,
            turn: Turn::Random,
            swap: None,
            near_failures: 0,
            near_skips: 0,
            surplus_at: None,
        }
    }

    pub(super) fn deadline(&self) -> Option<Time> {
        let scouting = match self.scouting {
            Scouting::Until(at) => Some(at),
            Scouting::Waiting | Scouting::Done => None,
        };
        scouting.into_iter().chain(self.surplus_at).min()
    }
}

impl Engine {
    fn choice(&self) -> Choice {
        let target = self.config.links_target;
        let own = target.div_ceil(2);
        Choice { near: own / 2, random: own - own / 2, floor: target * 3 / 4 }
    }

    /// How many more links to known nodes we want to open.
    pub(super) fn links_short(&self) -> usize {
        let (total, outbound) = (self.links.greeted_len(), self.links.outbound_len());
        let room = self.config.links_max.saturating_sub(total);
        if self.knows_few() {
            return self.config.links_target.saturating_sub(total).min(room);
        }
        let Choice { near, random, floor } = self.choice();
        let own = (near + random).saturating_sub(outbound).max(floor.saturating_sub(total));
        let candidates = match self.circle.scouting {
            Scouting::Done => 0,
            Scouting::Until(_) | Scouting::Waiting => self.candidates_max(),
        };
        own.max(candidates.saturating_sub(outbound)).min(room)
    }

    /// Says whether fewer nodes are known than links are wanted: then nobody is too far.
    fn knows_few(&self) -> bool {
        self.membership.book().len() <= self.config.links_target
    }

    /// Others scout as well: together that must fit into the links we allow.
    fn candidates_max(&self) -> usize {
        self.config.candidates.min(self.config.links_max / 2)
    }

    /// Looks around again: too few links are left.
    pub(super) fn scout(&mut self) {
        self.circle.scouting = Scouting::Waiting;
    }

    /// Notes that a link is there.
    pub(super) fn scouted(&mut self, now: Now) {
        if self.circle.scouting == Scouting::Waiting {
            self.circle.scouting = Scouting::Until(now.after(self.random.jitter(SCOUT_MS)));
        }
    }

    fn end_scouting(&mut self, now: Now) {
        self.circle.scouting = Scouting::Done;
        self.search(SEARCHES, now);
    }

    /// Does what is due.
    pub(super) fn turn_circle(&mut self, now: Now) {
        if matches!(self.circle.scouting, Scouting::Until(at) if at <= now.time()) {
            self.end_scouting(now);
            self.settle(now);
        }
        if self.circle.surplus_at.is_some_and(|at| at <= now.time()) {
            self.circle.surplus_at = None;
            if let Some(id) = self.random.pick(self.surplus(), 1).pop() {
                self.let_go(id, now);
            }
            self.plan_surplus(now);
        }
    }

    /// Chooses among the links we opened, as far as they are measured.
    pub(super) fn settle(&mut self, now: Now) {
        let enough = self.candidates_max() <= self.measured().len();
        if self.circle.scouting != Scouting::Done && enough {
            self.end_scouting(now);
        }
        if self.circle.scouting != Scouting::Done || self.knows_few() {
            return;
        }
        let Choice { near, random, .. } = self.choice();
        self.swap_random();
        let missing = |all: usize, role| all.saturating_sub(self.links.of_role(role).len());
        let (of_near, of_random) = (missing(near, Role::Near), missing(random, Role::Random));
        // A choice of one is none: who is left over is as good as random.
        if of_near + of_random < self.measured().len() {
            self.choose_near(of_near);
            self.choose_random(of_random);
        } else {
            self.choose_random(of_random);
            self.choose_near(of_near);
        }
        self.improve_near();
        self.plan_surplus(now);
    }

    /// The links we opened and have not chosen, the nearest first.
    fn measured(&self) -> Vec<(u64, LinkId)> {
        let links = self.links.greeted().filter(|(_, link)| link.role == Role::Candidate);
        let mut all: Vec<_> = links.filter_map(|(id, link)| Some((link.rtt_ms?, id))).collect();
        all.sort_unstable();
        all
    }

    fn choose_near(&mut self, count: usize) {
        for (_, id) in self.measured().into_iter().take(count) {
            self.set_role(id, Role::Near);
        }
    }

    fn choose_random(&mut self, count: usize) {
        let all = self.measured().into_iter().map(|(_, id)| id).collect();
        for id in self.random.pick(all, count) {
            self.set_role(id, Role::Random);
        }
    }

    /// Gives the place of the farthest near link to a candidate that is nearer by a margin.
    fn improve_near(&mut self) {
        loop {
            let near = self.links.of_role(Role::Near).into_iter();
            let near = near.filter_map(|id| Some((self.links.get(id)?.rtt_ms?, id)));
            let (Some((old_ms, old)), Some((new_ms, new))) =
                (near.max(), self.measured().first().copied())
            else {
                return;
            };
            if old_ms <= new_ms + (old_ms / 5).max(MARGIN_MS) {
                return;
            }
            self.set_role(old, Role::Candidate);
            self.set_role(new, Role::Near);
            self.circle.near_failures = 0;
        }
    }

    /// Lets the stranger of the last turn in, for the random link that is the oldest.
    fn swap_random(&mut self) {
        let Some(new) = self.circle.swap.and_then(|node| self.links.of(&node)) else { return };
        let is_measured = self.measured().iter().any(|(_, id)| *id == new);
        let random = self.links.of_role(Role::Random).into_iter();
        let oldest = random.min_by_key(|id| self.links.get(*id).map(|link| link.since));
        if let Some(oldest) = oldest.filter(|_| is_measured) {
            self.circle.swap = None;
            self.set_role(oldest, Role::Candidate);
            self.set_role(new, Role::Random);
        }
    }

    fn set_role(&mut self, id: LinkId, role: Role) {
        if let Some(link) = self.links.get_mut(id) {
            link.role = role;
        }
    }

    /// Links that we opened and did not choose, as far as we can do without them.
    fn surplus(&self) -> Vec<LinkId> {
        let Choice { near, random, floor } = self.choice();
        let chosen = |role| self.links.of_role(role).len();
        let full = near <= chosen(Role::Near) && random <= chosen(Role::Random);
        let settled = self.circle.scouting == Scouting::Done && !self.knows_few();
        if !full || !settled || self.links.greeted_len() <= floor {
            return Vec::new();
        }
        self.measured().into_iter().map(|(_, id)| id).collect()
    }

    fn plan_surplus(&mut self, now: Now) {
        if self.circle.surplus_at.is_none() && !self.surplus().is_empty() {
            self.circle.surplus_at = Some(now.after(self.random.jitter(SURPLUS_MS)));
        }
    }

    fn let_go(&mut self, id: LinkId, now: Now) {
        if self.links.get(id).is_some_and(|link| now.time() < link.kept_until) {
            return;
        }
        let wait_ms = self.config.rotate_ms;
        self.hang_up(id, Reason::Rotated, "the place goes to another peer", wait_ms, now);
    }

    /// Tries somebody else now and then: in turn for a random link, so that healed partitions meet,
    /// and for a nearer one. Sheds links where there are far more than we want, so that no node
    /// becomes a hub.
    pub(super) fn rotate(&mut self, now: Now) {
        self.shed(now);
        self.settle(now);
        let Choice { near, random, .. } = self.choice();
        let full = near + random <= self.links.outbound_len();
        if self.circle.scouting != Scouting::Done || !full || self.dials_open() == 0 {
            return;
        }
        match self.circle.turn {
            Turn::Near => {
                self.circle.turn = Turn::Random;
                if 0 < self.circle.near_skips {
                    self.circle.near_skips -= 1;
                    return;
                }
                // Unless it succeeds, the next searches are rarer.
                self.circle.near_failures = (self.circle.near_failures + 1).min(NEAR_FAILURES_MAX);
                self.circle.near_skips = (1 << self.circle.near_failures) - 1;
                self.search(1, now);
                self.dial_stranger(now);
            }
            Turn::Random => {
                self.circle.turn = Turn::Near;
                self.circle.swap = self.dial_stranger(now);
            }
        }
    }

    fn dial_stranger(&mut self, now: Now) -> Option<NodeId> {
        let (node, address) = self.membership.due(1, &mut self.random, now).pop()?;
        self.outbox.now(Effect::Dial(address));
        Some(node)
    }

    /// Those that others chose go, whatever they say of themselves.
    fn shed(&mut self, now: Now) {
        let most = self.config.links_target * 2;
        let excess = self.links.greeted_len().saturating_sub(most).div_ceil(4);
        let inbound = self.links.greeted().filter(|(_, it)| it.direction == Direction::Inbound);
        let inbound = inbound.map(|(id, _)| id).collect();
        for id in self.random.pick(inbound, excess) {
            self.let_go(id, now);
        }
    }
}

/// Rounds in which near nodes are asked for nearer ones, once candidates were chosen.
const SEARCHES: u32 = 3;
/// How long candidates are collected after the first answer.
const SCOUT_MS: u64 = 5_000;
/// Between two links that are let go.
const SURPLUS_MS: u64 = 300;
/// By so much a link must be nearer, or by a fifth.
const MARGIN_MS: u64 = 5;
/// Searches for a nearer link become up to eight times rarer.
const NEAR_FAILURES_MAX: u32 = 3;
