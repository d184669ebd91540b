//! Links come and go: hello, who stays when two nodes dialled each other, peer exchange.

use std::sync::Arc;

use wire::{Address, Frame, Goodbye, Hello, Medium, Reason, limits};

use super::probe::Kind;
use super::{Engine, profile_of};
use crate::intake::Spread;
use crate::links::Greeting;
use crate::membership::Near;
use crate::outbox::When;
use crate::reach::{Reach, reach, reach_of};
use crate::{BookRow, Config, Connected, Direction, Effect, Event, LinkId, Now};

impl Engine {
    pub(super) fn connected(&mut self, connected: &Connected, now: Now) {
        if let Some(address) = &connected.dialled {
            self.membership.dial_answered(address, connected.peer, now);
            self.doors.answered_otherwise(address);
        }
        self.links.open(connected, now.time());
        self.links_changed();
        if self.is_outcast(&connected.peer, now) {
            let why = "it broke the protocol a moment ago";
            return self.hang_up(
                connected.link,
                Reason::Misbehaved,
                why,
                self.config.redial_max_ms,
                now,
            );
        }
        if self.stopping || connected.peer == self.me {
            let why = if self.stopping { "the node is stopping" } else { "this is the same node" };
            return self.hang_up(connected.link, Reason::Leaving, why, 0, now);
        }
        self.learn_own_address(connected, now);
        self.introduce(connected.link, now);
    }

    /// Waits until the number of our profile is on disk before anybody sees it (DISK-1).
    pub(super) fn secure_pen(&mut self) {
        let ticket = self.ticket();
        let own = Arc::new(self.profile.signed.clone());
        let batch = self.outbox.batch();
        batch.author = Some(self.author.clock());
        // For the next run, which says the same if nothing has changed (MEMBER-12).
        batch.book.push(BookRow { node: self.me, profile: own, reached: None, heard_ms: 0 });
        // A wish for nothing is answered when everything before it is written.
        self.outbox.effect(When::OnDisk, Effect::Load(ticket, Vec::new(), 0));
        self.pen_ticket = Some(ticket);
    }

    pub(super) fn pen_secured(&mut self, now: Now) {
        self.pen_ticket = None;
        let waiting: Vec<LinkId> =
            self.links.all().filter(|(_, link)| !link.introduced).map(|(id, _)| id).collect();
        waiting.into_iter().for_each(|id| self.introduce(id, now));
    }

    /// Says who we are, as the first word on a link.
    fn introduce(&mut self, id: LinkId, now: Now) {
        if self.pen_ticket.is_some() {
            return;
        }
        let hello = Hello {
            version: wire::PROTOCOL_VERSION,
            network: self.config.network,
            session: self.session,
            agent: self.config.agent.clone(),
            capabilities: vec!["gossip/1".to_owned(), "state/1".to_owned()],
            time_ms: now.unix_ms,
            profile: self.profile.signed.clone(),
            summary: self.present(now),
            ids_key: self.session,
        };
        let Some(link) = self.links.get_mut(id) else { return };
        link.introduced = true;
        let early = link.early.take();
        self.outbox.send(id, &Frame::Hello(Box::new(hello)));
        if let Some(early) = early {
            self.hello(id, *early, now);
        }
    }

    /// Makes somebody of a link (LINK-2), if there is a place for it (MEMBER-8).
    pub(super) fn hello(&mut self, id: LinkId, hello: Hello, now: Now) {
        let Some(link) = self.links.get_mut(id) else { return };
        if !link.introduced {
            // Ours has to be the first word from here.
            link.early = Some(Box::new(hello));
            return;
        }
        let peer = link.peer;
        if link.greeting.is_some() || hello.profile.author != peer {
            return self.fault(id, "a hello that is not its own", now);
        }
        link.skew_ms = Some(difference(hello.time_ms, now.unix_ms));
        let far_ms = self.config.redial_max_ms;
        if hello.version != wire::PROTOCOL_VERSION {
            let why =
                format!("speaks version {}, we speak {}", hello.version, wire::PROTOCOL_VERSION);
            return self.hang_up(id, Reason::Version, &why, far_ms, now);
        }
        if hello.network != self.config.network {
            return self.hang_up(
                id,
                Reason::WrongNetwork,
                "belongs to another network",
                far_ms,
                now,
            );
        }
        let other = self.links.of(&peer);
        if let Some(other) = other {
            if self.loser(other, id, hello.session) == id {
                return self.hang_up(id, Reason::Duplicate, DUPLICATE, 0, now);
            }
        } else if !self.has_place_for(id) {
            self.hand_out_peers(id);
            return self.hang_up(id, Reason::Busy, "no free place for a link", far_ms, now);
        }
        self.welcome(id, hello, other, now);
    }

    /// Lets a link stand for its peer, in the place of the one that did.
    fn welcome(&mut self, id: LinkId, hello: Hello, other: Option<LinkId>, now: Now) {
        let Hello { session, agent, profile, summary, ids_key, .. } = hello;
        self.links.greet(id, Greeting { session, agent, ids_key }, now.time());
        self.link_up(id);
        self.links_changed();
        let ping_at = now.after(self.random.jitter(self.config.heartbeat_ms));
        let Some(link) = self.links.get_mut(id) else { return };
        // The hello was a report.
        link.ping_at = ping_at;
        let (peer, direction, dialled) = (link.peer, link.direction, link.dialled.clone());
        let skew_ms = link.skew_ms.unwrap_or(0);
        if self.membership.is_failing(&peer) {
            self.membership.hope(&mut self.random, now);
        }
        if let Some(row) = self.membership.linked(peer, dialled.as_ref(), now) {
            self.outbox.batch().book.push(row);
        }
        match other {
            // To the operator it is the same peer, still linked.
            Some(other) => self.hang_up(other, Reason::Duplicate, DUPLICATE, 0, now),
            None => self.outbox.now(Effect::Report(Event::LinkUp(peer, direction, dialled))),
        }
        if limits::CLOCK_AHEAD_MS_MAX < skew_ms.unsigned_abs() {
            self.outbox.now(Effect::Report(Event::ClockSkew(peer, skew_ms)));
        }
        let spread = if self.is_small_world() { Spread::Push } else { Spread::Quiet };
        self.arrive_profile(id, profile, spread, now);
        self.ask_if_hungry(id);
        self.tell_council(id);
        self.direct_linked(&peer, now);
        self.stir(now);
        self.summary_heard(id, summary, now);
        let first_question = now.after(PROOF_MS);
        if let Some(link) = self.links.get_mut(id).filter(|link| link.agreed.is_some()) {
            link.ask.not_before(first_question);
        }
        self.scouted(now);
        self.send_ping(id, Kind::Short, now);
    }

    /// Inbound links leave room for those we choose ourselves, so that nobody can take all places.
    fn has_place_for(&self, id: LinkId) -> bool {
        let inbound = self.links.get(id).is_some_and(|link| link.direction == Direction::Inbound);
        let reserved = self.config.links_target.min(self.config.links_max / 2);
        let held = self.links.greeted_len();
        let by_others = held - self.links.outbound_len();
        held < self.config.links_max && (!inbound || by_others < self.config.links_max - reserved)
    }

    /// Decides which of two links to one peer goes. Both ends come to the same answer: the link
    /// stays that the smaller id dialled; but one of an earlier run of the peer is dead (MEMBER-5),
    /// and one through a relay gives way to one without (NAT-3).
    fn loser(&self, old: LinkId, new: LinkId, session: u64) -> LinkId {
        let (Some(old_link), Some(new_link)) = (self.links.get(old), self.links.get(new)) else {
            return new;
        };
        let same_run = old_link.greeting.as_ref().is_some_and(|it| it.session == session);
        if !same_run {
            return old;
        }
        // What goes straight is nearer, and spares a third node (NAT-3).
        match (old_link.medium == Medium::Relay, new_link.medium == Medium::Relay) {
            (true, false) => return old,
            (false, true) => return new,
            (true, true) | (false, false) => {}
        }
        if old_link.direction == new_link.direction {
            return old;
        }
        let keeps = if self.me < old_link.peer { Direction::Outbound } else { Direction::Inbound };
        if old_link.direction != keeps && new_link.direction == keeps { old } else { new }
    }

    pub(super) fn disconnected(&mut self, id: LinkId, why: &str, now: Now) {
        let wait_ms = self.random.jitter(self.config.redial_ms);
        let peer = self.links.get(id).map(|link| link.peer);
        self.link_gone(id, why, wait_ms, now);
        if let Some(peer) = peer {
            self.membership.missed(&peer);
            self.alarm(now);
        }
    }

    pub(super) fn goodbye(&mut self, id: LinkId, goodbye: Goodbye, now: Now) {
        let Goodbye { reason, text } = goodbye;
        let far_ms = self.config.redial_max_ms;
        let wait_ms = match reason {
            Reason::Duplicate | Reason::Silent | Reason::Unspecified => self.config.redial_ms,
            Reason::Leaving => self.config.redial_ms.saturating_mul(4),
            Reason::Rotated => self.config.rotate_ms,
            Reason::Busy => far_ms / 4,
            Reason::Misbehaved | Reason::Version | Reason::WrongNetwork => far_ms,
        };
        let wait_ms = self.random.jitter(wait_ms);
        let why = format!("said goodbye: {text}");
        self.hang_up(id, Reason::Unspecified, &why, wait_ms, now);
    }

    /// Forgets a link, from whichever side it ended.
    pub(super) fn link_gone(&mut self, id: LinkId, why: &str, wait_ms: u64, now: Now) {
        let Some((link, stood)) = self.links.close(id) else { return };
        self.link_down(id, now);
        self.links_changed();
        if self.fetching.as_ref().is_some_and(|fetching| fetching.link == id) {
            self.fetching = None;
        }
        self.wishes.retain(|(link, _)| *link != id);
        self.sketch_gone(id);
        self.chunks_gone(id, now);
        if !stood {
            if self.links.of(&link.peer).is_none() {
                self.membership.mute(link.peer, link.dialled.as_ref(), why, now);
            }
            return;
        }
        self.membership.unlinked(link.peer, why, wait_ms, now);
        self.outbox.now(Effect::Report(Event::LinkDown(link.peer, why.to_owned())));
        if self.is_cut_off() {
            self.scout();
        }
        if self.links.greeted_len() == 0 {
            self.membership.hurry(&mut self.random, now);
            self.mix.starve();
        }
    }

    pub(super) fn dial_failed(&mut self, address: &Address, why: &str, now: Now) {
        let alone = self.links.greeted_len() == 0;
        self.membership.dial_failed(address, why, alone, &mut self.random, now);
        self.doors.failed(address, why, now);
        self.outbox.now(Effect::Report(Event::DialFailed(address.clone(), why.to_owned())));
    }

    /// Where a link reached us, peers beside that one can reach us too (MEMBER-7).
    fn learn_own_address(&mut self, connected: &Connected, now: Now) {
        let (local, remote) =
            (connected.local_ip.to_canonical(), connected.remote_ip.to_canonical());
        let near = reach_of(local) == reach_of(remote) && !local.is_unspecified();
        let room = self.local_ips.len() < limits::ADDRESSES_MAX;
        if !near || !room || !self.local_ips.insert(local) {
            return;
        }
        self.look_around();
        let Config { door_port, quic_port, tcp_port, .. } = self.config;
        if [door_port, quic_port, tcp_port].iter().all(Option::is_none) {
            return;
        }
        self.renew_profile(now);
    }

    /// Takes in where others reach us, beside what links have shown (NAT-2).
    pub(super) fn reachable(&mut self, addresses: Vec<Address>, now: Now) {
        if self.outer == addresses {
            return;
        }
        self.outer = addresses;
        self.renew_profile(now);
    }

    fn renew_profile(&mut self, now: Now) {
        let content = profile_of(&self.config, &self.local_ips, &self.outer);
        self.profile = self.author.seal(content, 0, now);
        self.secure_pen();
        self.spread_own_profile();
    }

    /// Learns from our own addresses which networks we live in.
    pub(super) fn look_around(&mut self) {
        let told = self.config.public.iter().map(reach);
        let shown = self.local_ips.iter().map(|ip| reach_of(*ip));
        let own: Vec<Reach> = told.chain(shown).collect();
        if !own.is_empty() {
            let lives = |wanted| own.contains(&wanted);
            let near = Near { machine: lives(Reach::Machine), site: lives(Reach::Site) };
            self.membership.set_near(near);
        }
    }
}

/// Returns `theirs - ours` in milliseconds.
pub(super) fn difference(theirs_ms: u64, ours_ms: u64) -> i64 {
    let wide = i128::from(theirs_ms) - i128::from(ours_ms);
    i64::try_from(wide).unwrap_or(if wide < 0 { i64::MIN } else { i64::MAX })
}

const DUPLICATE: &str = "another link to the same node stays";
/// How long a link has to be there before it is asked what it holds (MEMBER-14), if its hello says the same as
/// we do: many are given up before that.
const PROOF_MS: u64 = 10_000;
