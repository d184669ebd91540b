//! What is due: probes, dials, rotation, comparisons, expiry.

use wire::{Frame, PeersWanted};

use super::Engine;
use crate::sets::until_hour_ms;
use crate::{Effect, Now, Time};

impl Engine {
    /// Returns when [`crate::Input::Tick`] is due, on the monotonic clock.
    pub fn deadline(&self) -> Option<Time> {
        self.waiting_for().map(|(at, _)| at)
    }

    /// Returns what the engine waits for next, and until when.
    pub fn waiting_for(&self) -> Option<(Time, &'static str)> {
        if self.stopping {
            return None;
        }
        let fetching = self.fetching.as_ref().map(|it| Time(it.heard.0 + FETCH_MS));
        let waits = [
            (self.probe_deadline(), "a probe"),
            (self.dial_deadline(), "a dial"),
            (self.doors.deadline(), "a door check"),
            (self.mend_deadline(), "an announcement or a missing record"),
            (self.circle.deadline(), "the choice of links"),
            (self.search.deadline(), "the search for near nodes"),
            (Some(self.mix.deadline()), "a shuffle"),
            (self.tell_deadline(), "a comparison"),
            (self.chamber.as_ref().map(|it| it.at()), "the council"),
            (fetching, "a bulk transfer"),
            (self.sketch_deadline(), "a sketch"),
            (self.chunk_deadline(), "a chunk"),
            (self.direct.deadline(), "a letter"),
            (Some(self.clocks.rotate_at), "rotation"),
            (Some(self.clocks.lost_at), "a lost node"),
            (Some(self.clocks.sweep_at), "a sweep"),
            (Some(self.clocks.announce_at), "a word to the doors"),
            (Some(self.clocks.peers_wanted_at), "asking for peers"),
        ];
        waits.into_iter().filter_map(|(at, what)| Some((at?, what))).min()
    }

    pub(super) fn tick(&mut self, now: Now) {
        if self.stopping {
            return;
        }
        self.probe(now);
        self.turn_circle(now);
        self.turn_search(now);
        self.shuffle(now);
        self.check_doors(now);
        self.mend(now);
        self.give_up_fetching(now);
        self.turn_exchanges(now);
        self.turn_newcomer(now);
        self.turn_supplier(now);
        self.turn_direct(now);
        self.tell(now);
        self.hold_council(now);
        let due = |at: Time| at <= now.time();
        if due(self.clocks.rotate_at) {
            self.clocks.rotate_at = now.after(self.random.jitter(self.config.rotate_ms));
            self.rotate(now);
        }
        if due(self.clocks.sweep_at) {
            self.clocks.sweep_at = now.after(SWEEP_MS.min(until_hour_ms(now.unix_ms)));
            self.sweep(now);
        }
        if due(self.clocks.announce_at) {
            self.clocks.announce_at = now.after(self.random.jitter(self.config.heartbeat_ms));
            let doors = self.doors.choose(self.config.doors_max, &[], &mut self.random);
            self.announce_to(doors, now);
        }
        if due(self.clocks.peers_wanted_at) {
            self.clocks.peers_wanted_at = now.after(self.random.jitter(self.config.heartbeat_ms));
            self.ask_for_peers();
        }
        self.dial(now);
        if due(self.clocks.lost_at) {
            self.try_lost(now);
        }
    }

    /// Dials the operator's addresses when they are due, and nodes in rounds: many at once while
    /// hardly a link is left, without waiting for those that do not answer (MEMBER-11).
    fn dial(&mut self, now: Now) {
        for address in self.membership.due_bootstrap(self.dials_open(), now) {
            self.outbox.now(Effect::Dial(address));
        }
        let short = self.links_short();
        if short == 0 || now.time() < self.clocks.dial_at {
            return;
        }
        self.clocks.dial_at = now.after(self.config.redial_round_ms);
        let wanted = if self.is_cut_off() {
            self.config.redial_burst.min(self.config.links_target)
        } else {
            short.saturating_sub(self.membership.young_dials_len(YOUNG_MS, now))
        };
        let wanted = wanted.min(self.dials_open());
        for (_, address) in self.membership.due(wanted, &mut self.random, now) {
            self.outbox.now(Effect::Dial(address));
        }
    }

    /// Tries one of those that were here once, even with all links up: a healed partition is seen
    /// within seconds by somebody, and the longer they are gone the rarer (MEMBER-11).
    fn try_lost(&mut self, now: Now) {
        let (first_ms, most_ms) = (self.config.lost_ms, self.config.lost_ms.saturating_mul(12));
        let mut wait_ms = first_ms;
        if 0 < self.dials_open()
            && let Some((address, ago_ms)) = self.membership.lost(&mut self.random, now)
        {
            self.outbox.now(Effect::Dial(address));
            wait_ms = (ago_ms / 10).clamp(first_ms, most_ms);
        }
        self.clocks.lost_at = now.after(self.random.jitter(wait_ms));
    }

    fn dial_deadline(&self) -> Option<Time> {
        if self.dials_open() == 0 {
            return None;
        }
        let round_at = self.clocks.dial_at;
        let short = 0 < self.links_short();
        let nodes = if short { self.membership.deadline(round_at) } else { None };
        let nodes = nodes.map(|at| at.max(round_at));
        nodes.into_iter().chain(self.membership.bootstrap_deadline()).min()
    }

    /// Says whether hardly a link is left.
    pub(super) fn is_cut_off(&self) -> bool {
        let min = self.config.links_live_min.min(self.config.links_target / 2);
        self.links.live_len() < min
    }

    pub(super) fn dials_open(&self) -> usize {
        self.config.dials_max.saturating_sub(self.membership.dials_len())
    }

    fn check_doors(&mut self, now: Now) {
        for address in self.doors.due(now) {
            self.counters.door_checks += 1;
            self.outbox.now(Effect::Dial(address));
        }
    }

    fn give_up_fetching(&mut self, now: Now) {
        let late = |heard: Time| heard.0 + FETCH_MS <= now.mono_ms;
        let Some(fetching) = self.fetching.take_if(|fetching| late(fetching.heard)) else { return };
        // Others first.
        if let Some(link) = self.links.get_mut(fetching.link) {
            link.walk.tried(now.time(), self.config.heartbeat_ms, self.config.heartbeat_ms);
        }
    }

    fn sweep(&mut self, now: Now) {
        self.sets.age(now.unix_ms);
        let dropped = self.sets.expire(now.unix_ms, EXPIRED_PER_SWEEP_MAX);
        if dropped.len() == EXPIRED_PER_SWEEP_MAX {
            self.clocks.sweep_at = now.after(100);
        }
        if !dropped.is_empty() {
            self.mark_changed(now);
            self.outbox.batch().drop.extend(dropped);
        }
        self.outcasts.retain(|_, until| now.time() < *until);
    }

    fn ask_for_peers(&mut self) {
        if 0 < self.links_short() {
            let chosen = self.random.pick(self.links.greeted_ids(), 1);
            chosen
                .into_iter()
                .for_each(|id| self.outbox.send(id, &Frame::PeersWanted(PeersWanted::Any)));
        }
    }
}

/// A bulk transfer that brings nothing for so long is given to somebody else.
const FETCH_MS: u64 = 5_000;
/// A dial that began longer ago is not counted on any more.
const YOUNG_MS: u64 = 1_000;
/// How often old things are thrown away.
const SWEEP_MS: u64 = 10_000;
/// Messages dropped at once; the rest follows a moment later.
const EXPIRED_PER_SWEEP_MAX: usize = 4_096;
