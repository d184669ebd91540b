//! What is due: probes, dials, rotation, comparisons, expiry.

use wire::{Frame, Ping, Pong, Reason, Report};

use super::Engine;
use super::greet::difference;
use crate::{Direction, Effect, Event, LinkId, Now, Time};

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
        let open = 0 < self.dials_open();
        let dials = self.membership.deadline(0 < self.links_short()).filter(|_| open);
        let fetching = self.fetching.as_ref().map(|it| Time(it.heard.0 + FETCH_MS));
        let waits = [
            (self.links.all().map(|(id, _)| self.probe_deadline(id)).min(), "a probe"),
            (dials, "a dial"),
            (self.doors.deadline(), "a door check"),
            (self.mend_deadline(), "an announcement or a missing record"),
            (self.tell_deadline(), "a comparison"),
            (fetching, "a bulk transfer"),
            (Some(self.clocks.rotate_at), "rotation"),
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
        self.dial(now);
        self.check_doors(now);
        self.mend(now);
        self.give_up_fetching(now);
        self.tell(now);
        let due = |at: Time| at <= now.time();
        if due(self.clocks.rotate_at) {
            self.clocks.rotate_at = now.after(self.random.jitter(self.config.rotate_ms));
            self.rotate(now);
        }
        if due(self.clocks.sweep_at) {
            self.clocks.sweep_at = now.after(SWEEP_MS);
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
    }

    pub(super) fn ping(&mut self, id: LinkId, ping: &Ping, now: Now) {
        let summary = self.sets.summary();
        let report = ping.report.map(|_| Report { time_ms: now.unix_ms, summary });
        self.outbox.send(id, &Frame::Pong(Pong { nonce: ping.nonce, report }));
        let Some(theirs) = ping.report else { return };
        if let Some(link) = self.links.get_mut(id) {
            link.skew_ms = Some(difference(theirs.time_ms, now.unix_ms));
            link.told = Some(summary);
        }
        self.summary_heard(id, theirs.summary, now);
    }

    pub(super) fn pong(&mut self, id: LinkId, pong: &Pong, now: Now) {
        let Some(link) = self.links.get_mut(id) else { return };
        let Some((_, asked)) = link.probe.take_if(|(nonce, _)| *nonce == pong.nonce) else {
            return;
        };
        let rtt_ms = now.mono_ms.saturating_sub(asked.0);
        link.rtt_ms = Some(rtt_ms);
        let Some(theirs) = pong.report else { return };
        let middle_ms = now.unix_ms.saturating_sub(rtt_ms / 2);
        link.skew_ms = Some(difference(theirs.time_ms, middle_ms));
        self.summary_heard(id, theirs.summary, now);
    }

    /// Asks silent peers for a sign of life; first they are suspect, then they are gone (MEMBER-6).
    fn probe(&mut self, now: Now) {
        let all = self.links.all().map(|(id, _)| id);
        let due: Vec<LinkId> = all.filter(|id| self.probe_deadline(*id) <= now.time()).collect();
        for id in due {
            let Some(link) = self.links.get(id) else { continue };
            let (suspect, peer) = (link.suspect, link.peer);
            if link.greeting.is_none() || suspect {
                self.hang_up(id, Reason::Silent, "no answer", self.config.redial_ms, now);
                continue;
            }
            if link.probe.is_some() {
                // Anything heard since is as good as the answer that got lost.
                let silent = link.probe.is_some_and(|(_, asked)| link.heard <= asked);
                if let Some(link) = self.links.get_mut(id) {
                    link.suspect = silent;
                }
                if silent {
                    self.outbox.now(Effect::Report(Event::Suspect(peer)));
                }
            }
            self.send_ping(id, now);
        }
    }

    fn send_ping(&mut self, id: LinkId, now: Now) {
        let (nonce, summary) = (self.random.nonce(), self.sets.summary());
        let ping_at = now.after(self.random.jitter(self.config.heartbeat_ms));
        let Some(link) = self.links.get_mut(id) else { return };
        link.probe = Some((nonce, now.time()));
        link.ping_at = ping_at;
        link.told = Some(summary);
        let report = Report { time_ms: now.unix_ms, summary };
        self.outbox.send(id, &Frame::Ping(Ping { nonce, report: Some(report) }));
    }

    fn probe_deadline(&self, id: LinkId) -> Time {
        let Some(link) = self.links.get(id) else { return Time(u64::MAX) };
        let patience = |since: Time| Time(since.0.saturating_add(self.config.probe_ms));
        match (&link.greeting, link.probe) {
            (None, _) => patience(link.opened),
            (Some(_), Some((_, asked))) => patience(asked),
            (Some(_), None) => link.ping_at,
        }
    }

    fn dial(&mut self, now: Now) {
        let (wanted, open) = (self.links_short(), self.dials_open());
        for address in self.membership.due(wanted, open, &mut self.random, now) {
            self.outbox.now(Effect::Dial(address));
        }
    }

    /// How many more links to known nodes we want to open.
    fn links_short(&self) -> usize {
        let (target, dials) = (self.config.links_target, self.membership.dials_len());
        let short = target.saturating_sub(self.links.greeted_len() + dials);
        // At least half are of our own choosing.
        short.max((target / 2).saturating_sub(self.links.outbound_len() + dials))
    }

    fn dials_open(&self) -> usize {
        self.config.dials_max.saturating_sub(self.membership.dials_len())
    }

    /// Gives one link to somebody else now and then, so that healed partitions meet; and closes
    /// some where there are more than we want, so that no node becomes a hub.
    fn rotate(&mut self, now: Now) {
        let target = self.config.links_target;
        if self.links.greeted_len() < target {
            return;
        }
        if 0 < self.dials_open()
            && let Some(address) = self.membership.stranger(&mut self.random, now)
        {
            self.outbox.now(Effect::Dial(address));
        }
        // Those that others chose go first, whatever they say of themselves.
        let excess = self.links.greeted_len().saturating_sub(target).div_ceil(4);
        let of = |wanted: Direction| {
            let links = self.links.greeted().filter(|(_, link)| link.direction == wanted);
            links.map(|(id, _)| id).collect::<Vec<LinkId>>()
        };
        let (inbound, outbound) = (of(Direction::Inbound), of(Direction::Outbound));
        let more = excess.saturating_sub(inbound.len());
        let mut gone = self.random.pick(inbound, excess);
        gone.extend(self.random.pick(outbound, more));
        for id in gone {
            let wait_ms = self.config.rotate_ms;
            self.hang_up(id, Reason::Rotated, "the place goes to another peer", wait_ms, now);
        }
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
            chosen.into_iter().for_each(|id| self.outbox.send(id, &Frame::PeersWanted));
        }
    }
}

/// A bulk transfer that brings nothing for so long is given to somebody else.
const FETCH_MS: u64 = 5_000;
/// How often old things are thrown away.
const SWEEP_MS: u64 = 10_000;
/// Messages dropped at once; the rest follows a moment later.
const EXPIRED_PER_SWEEP_MAX: usize = 4_096;
