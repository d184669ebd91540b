//! The search for nearer links: who is near is asked who is nearer still (MEMBER-13).
//!
//! Neighbours of near neighbours are near, so that a few rounds find what as many random candidates
//! do not (T-Man, Jelasity, Montresor, Babaoglu, 2009). What peers say decides only whom we dial: near
//! is who answers quickly, and random links stay whoever is near.

use wire::{Frame, NodeId, Peers, PeersWanted, Signed};

use super::Engine;
use crate::links::Role;
use crate::{Effect, LinkId, Now, Time};

/// A search under way, or none.
#[derive(Debug, Default)]
pub(super) struct Search {
    /// Rounds left, the one under way included.
    rounds: u32,
    next: Option<(Time, Step)>,
    /// Whom we asked in this round.
    asked: Vec<LinkId>,
    /// Whom they named. Bound: `NAMED_MAX` for each who was asked.
    tips: Vec<NodeId>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Ask,
    Dial,
}

impl Search {
    pub(super) fn deadline(&self) -> Option<Time> {
        self.next.map(|(at, _)| at)
    }
}

impl Engine {
    /// Begins to search, a moment later.
    pub(super) fn search(&mut self, rounds: u32, now: Now) {
        if self.search.next.is_none() {
            self.search.rounds = rounds;
            self.search.next = Some((now.after(MEASURE_MS), Step::Ask));
        }
    }

    pub(super) fn turn_search(&mut self, now: Now) {
        match self.search.next.take_if(|(at, _)| *at <= now.time()) {
            None => {}
            Some((_, Step::Ask)) => self.ask_the_nearest(now),
            Some((_, Step::Dial)) => self.dial_the_named(now),
        }
    }

    /// Asks, unless all we chose are as near as can be told.
    fn ask_the_nearest(&mut self, now: Now) {
        let far = |id: LinkId| self.links.get(id).and_then(|link| link.rtt_ms) > Some(NEAR_MS);
        if !self.links.of_role(Role::Near).into_iter().any(far) {
            return;
        }
        let asked = self.nearest(ASKED);
        for id in &asked {
            self.outbox.send(*id, &Frame::PeersWanted(PeersWanted::Near));
        }
        self.search.asked = asked;
        self.search.tips.clear();
        self.search.next = Some((now.after(ANSWER_MS), Step::Dial));
    }

    fn dial_the_named(&mut self, now: Now) {
        self.search.asked.clear();
        let tips = std::mem::take(&mut self.search.tips);
        let (room, mut dialled) = (DIALLED.min(self.dials_open()), 0);
        for tip in self.random.pick(tips, usize::MAX) {
            if dialled < room
                && let Some(address) = self.membership.dial_named(&tip, now)
            {
                self.outbox.now(Effect::Dial(address));
                dialled += 1;
            }
        }
        self.search.rounds = self.search.rounds.saturating_sub(1);
        if 0 < dialled && 0 < self.search.rounds {
            self.search.next = Some((now.after(MEASURE_MS), Step::Ask));
        }
    }

    /// Takes names from those we asked.
    pub(super) fn tipped(&mut self, id: LinkId, profiles: &[Signed]) {
        let Some(at) = self.search.asked.iter().position(|asked| *asked == id) else { return };
        // One answer of each.
        self.search.asked.swap_remove(at);
        for node in profiles.iter().map(|it| it.author).take(NAMED_MAX) {
            if node != self.me && !self.search.tips.contains(&node) {
                self.search.tips.push(node);
            }
        }
    }

    /// Tells a peer who is nearest to us.
    pub(super) fn name_the_nearest(&mut self, id: LinkId) {
        let Some(peer) = self.links.get(id).map(|link| link.peer) else { return };
        let near = self.nearest(NAMED_MAX + 1).into_iter();
        let near = near.filter_map(|id| Some(self.links.get(id)?.peer));
        let near = near.filter(|node| *node != peer).take(NAMED_MAX);
        let known = near.filter_map(|node| self.membership.book().get(&node));
        let profiles = known.map(|known| Signed::clone(known.signed())).collect();
        self.outbox.send(id, &Frame::Peers(Peers { profiles, answer_wanted: false }));
    }

    /// The links with the shortest round trips, whoever opened them.
    fn nearest(&self, count: usize) -> Vec<LinkId> {
        let measured = self.links.greeted().filter_map(|(id, link)| Some((link.rtt_ms?, id)));
        let mut measured: Vec<(u64, LinkId)> = measured.collect();
        measured.sort_unstable();
        measured.into_iter().take(count).map(|(_, id)| id).collect()
    }
}

/// Peers asked in one round, names taken from each, and dials made of them.
const ASKED: usize = 3;
const NAMED_MAX: usize = 8;
const DIALLED: usize = 4;
/// How long answers and the checks of profiles in them may take, and then dials and pings.
const ANSWER_MS: u64 = 1_000;
const MEASURE_MS: u64 = 1_500;
/// Nearer than this nobody is told from others.
const NEAR_MS: u64 = 5;
