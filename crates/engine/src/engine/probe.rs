//! Who is still there: small pings, and what silence means (MEMBER-6).
//!
//! The link heard longest ago is asked once a second: where records flow, that is the dead one. One
//! silence makes us ask all others that were quiet, so that many dead are found together. Suspicion
//! stays here; anything heard ends it. Nobody is asked to probe for us: a link is a connection that
//! either carries or does not, and its peer is dialled again when it does not.

use wire::{Frame, Ping, Pong, Reason, Report};

use super::Engine;
use super::greet::difference;
use crate::links::{Link, Role};
use crate::{Effect, Event, LinkId, Now, Time};

/// When somebody is asked next.
#[derive(Debug)]
pub(super) struct Probing {
    at: Time,
    wait_ms: u64,
    alarmed: Time,
    /// How patient we are, since the last tick: from one to eight times the usual.
    eighths: u64,
    /// When the first link has waited long enough.
    links_at: Option<Time>,
    /// Whether something changed that these two depend on.
    freshness: Freshness,
}

/// What is to be found anew about links, because one of them changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Freshness {
    /// Nothing.
    Fresh,
    /// How patient we are; the rest was looked at.
    Looked,
    /// All of it.
    Stale,
}

impl Probing {
    pub(super) fn new(first: Time, every_ms: u64) -> Self {
        let (alarmed, links_at) = (Time(0), None);
        Self {
            at: first,
            wait_ms: every_ms,
            alarmed,
            eighths: 8,
            links_at,
            freshness: Freshness::Fresh,
        }
    }
}

impl Engine {
    /// Answers a ping, up to a bound: what is beyond it is lost, as on a bad link.
    pub(super) fn ping(&mut self, id: LinkId, ping: &Ping, now: Now) {
        let Some(link) = self.links.get_mut(id) else { return };
        if !link.pongs.take(PONGS_PER_SECOND, 1_000, now.time()) {
            return;
        }
        let report =
            ping.report.map(|_| Report { time_ms: now.unix_ms, summary: self.present(now) });
        self.outbox.send(id, &Frame::Pong(Pong { nonce: ping.nonce, report }));
        let Some(theirs) = ping.report else { return };
        let ping_at = now.after(self.random.jitter(self.config.heartbeat_ms));
        self.links_changed();
        if let Some(link) = self.links.get_mut(id) {
            link.skew_ms = Some(difference(theirs.time_ms, now.unix_ms));
            // Both ends know now what a ping of ours would tell.
            link.ping_at = ping_at;
        }
        self.summary_heard(id, theirs.summary, now);
    }

    /// Takes an answer. It can make its sender look far, never near: nobody guesses the nonce.
    pub(super) fn pong(&mut self, id: LinkId, pong: &Pong, now: Now) {
        let Some(link) = self.links.get_mut(id) else { return };
        let Some((_, asked)) = link.probe.take_if(|(nonce, _)| *nonce == pong.nonce) else {
            return;
        };
        self.probing.freshness = Freshness::Stale;
        let rtt_ms = now.mono_ms.saturating_sub(asked.0);
        link.late = false;
        link.measured(rtt_ms);
        let is_candidate = link.role == Role::Candidate;
        if let Some(theirs) = pong.report {
            let middle_ms = now.unix_ms.saturating_sub(rtt_ms / 2);
            link.skew_ms = Some(difference(theirs.time_ms, middle_ms));
            self.summary_heard(id, theirs.summary, now);
        }
        if is_candidate {
            self.settle(now);
        }
    }

    /// Notes that something came on a link, whatever it was.
    pub(super) fn heard(&mut self, id: LinkId, now: Now) {
        let Some(link) = self.links.get_mut(id) else { return };
        link.heard = now.time();
        if 0 < link.misses {
            // It was there all the time: we were too impatient, or too slow ourselves.
            link.late = true;
            link.misses = 0;
            self.links_changed();
        }
    }

    /// Somebody did not bring what it announced: asks it at once.
    pub(super) fn suspected(&mut self, id: LinkId, now: Now) {
        self.probing.wait_ms = self.config.probe_every_ms;
        let silent = |link: &Link| link.greeting.is_some() && link.probe.is_none();
        if self.links.get(id).is_some_and(silent) {
            self.send_ping(id, Kind::Short, now);
        }
    }

    /// Asks all links that were quiet for a second: where one died, others may have died with it.
    pub(super) fn alarm(&mut self, now: Now) {
        self.probing.wait_ms = self.config.probe_every_ms;
        if now.mono_ms < self.probing.alarmed.0.saturating_add(QUIET_MS) {
            return;
        }
        self.probing.alarmed = now.time();
        let quiet = |link: &Link| link.heard.0.saturating_add(QUIET_MS) <= now.mono_ms;
        let all = self.links.greeted().filter(|(_, link)| link.probe.is_none() && quiet(link));
        let all: Vec<LinkId> = all.map(|(id, _)| id).collect();
        all.into_iter().for_each(|id| self.send_ping(id, Kind::Short, now));
    }

    pub(super) fn probe(&mut self, now: Now) {
        if self.probing.freshness != Freshness::Fresh {
            self.probing.eighths = self.eighths();
            self.links_changed();
            self.look_through();
            self.probing.freshness = Freshness::Fresh;
        }
        if self.probing.links_at.is_some_and(|at| at <= now.time()) {
            let patience = self.patience();
            let due = self.links.all().filter(|(_, link)| patience.deadline(link) <= now.time());
            let due: Vec<LinkId> = due.map(|(id, _)| id).collect();
            for id in due {
                self.judge(id, patience, now);
            }
        }
        if self.probing.at <= now.time() {
            self.probe_the_quietest(now);
        }
    }

    pub(super) fn probe_deadline(&self) -> Option<Time> {
        let next = (0 < self.links.greeted_len()).then_some(self.probing.at);
        self.probing.links_at.into_iter().chain(next).min()
    }

    /// Notes that a link came, went, or waits for something else than before.
    pub(super) fn links_changed(&mut self) {
        self.probing.freshness = Freshness::Stale;
    }

    /// Looks through all links after a step that changed one; most change none.
    pub(super) fn look_through(&mut self) {
        if self.probing.freshness == Freshness::Stale {
            self.probing.freshness = Freshness::Looked;
            let patience = self.patience();
            self.probing.links_at = self.links.all().map(|(_, it)| patience.deadline(it)).min();
        }
    }

    /// One link has waited long enough: for a hello, for an answer, for the next report.
    fn judge(&mut self, id: LinkId, patience: Patience, now: Now) {
        self.links_changed();
        let Some(link) = self.links.get_mut(id) else { return };
        let peer = link.peer;
        if link.greeting.is_none() {
            return self.hang_up(id, Reason::Silent, "no answer", self.config.redial_ms, now);
        }
        let Some((_, asked)) = link.probe else {
            return self.send_ping(id, Kind::Report, now);
        };
        link.probe = None;
        // Anything heard since is as good as the answer that got lost.
        if asked < link.heard {
            if link.ping_at <= now.time() {
                self.send_ping(id, Kind::Report, now);
            }
            return;
        }
        let overslept = patience.of(link).saturating_add(OVERSLEPT_MS) + asked.0 < now.mono_ms;
        if overslept {
            return self.send_ping(id, Kind::Short, now);
        }
        link.misses = link.misses.saturating_add(1);
        let (misses, suspect) = (link.misses, link.is_suspect());
        if MISSES_MAX <= misses {
            self.hang_up(id, Reason::Silent, "no answer", self.config.redial_ms, now);
            return self.membership.missed(&peer);
        }
        if suspect {
            self.outbox.now(Effect::Report(Event::Suspect(peer)));
        }
        self.send_ping(id, Kind::Short, now);
        self.alarm(now);
    }

    fn probe_the_quietest(&mut self, now: Now) {
        let wait_ms = self.probing.wait_ms;
        self.probing.at = now.after(self.random.jitter(wait_ms));
        let free = self.links.greeted().filter(|(_, link)| link.probe.is_none());
        let Some((id, heard)) = free.map(|(id, link)| (id, link.heard)).min_by_key(|it| it.1)
        else {
            return;
        };
        // Where all are heard anyway, looking often costs nothing.
        if heard.0.saturating_add(wait_ms / 2) <= now.mono_ms {
            let most_ms = self.config.probe_quiet_ms.max(wait_ms);
            self.probing.wait_ms = (wait_ms + wait_ms / 4).min(most_ms);
            self.send_ping(id, Kind::Short, now);
        } else {
            self.probing.wait_ms = self.config.probe_every_ms;
        }
    }

    pub(super) fn send_ping(&mut self, id: LinkId, kind: Kind, now: Now) {
        let nonce = self.random.nonce();
        let report = match kind {
            Kind::Short => None,
            Kind::Report => Some(Report { time_ms: now.unix_ms, summary: self.present(now) }),
        };
        let ping_at = report.map(|_| now.after(self.random.jitter(self.config.heartbeat_ms)));
        self.links_changed();
        let Some(link) = self.links.get_mut(id) else { return };
        link.probe = Some((nonce, now.time()));
        link.ping_at = ping_at.unwrap_or(link.ping_at);
        self.outbox.send(id, &Frame::Ping(Ping { nonce, report }));
    }

    /// How long we wait: longer while many of the links that we chose prove alive, but late. Then
    /// it is we who are slow (Lifeguard, arXiv 1707.00788). Those who chose us have no say in it.
    fn eighths(&self) -> u64 {
        let chosen = || self.links.greeted().filter(|(_, link)| link.role != Role::Theirs);
        let (all, late) = (chosen().count() as u64, chosen().filter(|(_, link)| link.late).count());
        8 + (late as u64 * 56).checked_div(all).unwrap_or(0)
    }

    fn patience(&self) -> Patience {
        Patience {
            min_ms: self.config.patience_min_ms,
            max_ms: self.config.patience_max_ms,
            most_ms: self.config.probe_ms,
            eighths: self.probing.eighths,
        }
    }
}

/// What a ping tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// That we ask.
    Short,
    /// Our clock and our sets as well.
    Report,
}

/// How long a ping may stay unanswered.
#[derive(Clone, Copy, Debug)]
struct Patience {
    min_ms: u64,
    max_ms: u64,
    most_ms: u64,
    eighths: u64,
}

impl Patience {
    fn of(self, link: &Link) -> u64 {
        let usual_ms = link.rtt_ms.map_or(self.max_ms, |rtt_ms| rtt_ms.saturating_mul(2) + 50);
        let usual_ms = usual_ms.min(self.max_ms).max(self.min_ms);
        (usual_ms.saturating_mul(self.eighths) / 8).min(self.most_ms)
    }

    fn deadline(self, link: &Link) -> Time {
        match (&link.greeting, link.probe) {
            (None, _) => Time(link.opened.0.saturating_add(self.most_ms)),
            (Some(_), Some((_, asked))) => Time(asked.0.saturating_add(self.of(link))),
            (Some(_), None) => link.ping_at,
        }
    }
}

/// Pings in a row without any sign of life that end a link.
const MISSES_MAX: u8 = 3;
/// A link that was heard within this time is not asked in an alarm.
const QUIET_MS: u64 = 1_000;
/// A tick that comes so much too late says that this machine slept, not that its peers did.
const OVERSLEPT_MS: u64 = 1_000;
/// Pings answered on one link in a second.
const PONGS_PER_SECOND: u32 = 20;
