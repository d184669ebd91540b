//! Where a record goes: along its tree, with announcements beside it, and what mends the tree.
//!
//! Payloads follow the tree, short ids go to a few other links, and whoever hears of what it does
//! not get asks for it (TREE-1 to TREE-7). Alerts flood. Nothing here decides whether a record is
//! true: that was done before (`records`).

use wire::{
    Carried, Class, Content, Frame, Have, NodeId, Offer, Opened, Push, RecordId, ShortId, Signed,
    TreeId, limits,
};

use super::Engine;
use super::bodies::is_large;
use super::relief::Whose;
use crate::intake::{Arrival, Source, Spread};
use crate::missing::Asks;
use crate::outbox::{Parcel, When};
use crate::places::LinkSet;
use crate::recents::Recent;
use crate::{Effect, LinkId, Now, TicketId, Time};

impl Engine {
    /// Takes what a peer tells of the broadcast under way.
    pub(super) fn push(&mut self, id: LinkId, push: Push, now: Now) {
        let Push { records, have, want, prune, graft, heads } = push;
        prune.into_iter().for_each(|tree| self.forest.prune(tree, id));
        graft.into_iter().for_each(|tree| self.forest.graft(tree, id));
        self.announced(id, &have, now);
        self.wanted(id, &want);
        self.pushed(id, records, now);
        self.heads(id, heads, now);
    }

    fn pushed(&mut self, id: LinkId, records: Vec<Carried>, now: Now) {
        for Carried { signed, ttl, hops, tree } in records {
            match signed.open() {
                Ok(opened) => {
                    if matches!(opened.record.content, Content::Message(_)) {
                        self.counters.messages_received += 1;
                    }
                    let tree =
                        if tree == TreeId(0) { TreeId::of(&opened.signed.author) } else { tree };
                    let (spread, source) = (Spread::Push, Source::Link(id));
                    let arrival = Arrival { opened, ttl, hops, spread, source, tree };
                    self.pushed_one(id, arrival, now);
                }
                Err(error) => return self.fault(id, &format!("sent no record: {error}"), now),
            }
        }
    }

    fn pushed_one(&mut self, id: LinkId, mut arrival: Arrival, now: Now) {
        if matches!(arrival.opened.record.content, Content::Profile(_)) {
            return self.arrive(arrival, now);
        }
        let name = self.recents.name(&arrival.opened.id);
        let came = self.missing.came(name, Some(id), now);
        if let Some(recent) = self.recents.get(name).copied() {
            self.recents.hold(name, self.forest.set(id));
            let class = arrival.opened.record.class();
            self.second_copy(id, class, &recent, came.asked, now);
            return self.arrive(arrival, now);
        }
        let mut holders = self.forest.set(id);
        came.announcers.iter().for_each(|link| holders.add(self.forest.set(*link)));
        if came.asked {
            arrival.spread = Spread::Asked;
        }
        let (record, tree) = (arrival.opened.id, arrival.tree);
        let of_root = TreeId::of(&arrival.opened.signed.author) == tree;
        let (ttl, hops) = (arrival.ttl.saturating_sub(1), arrival.hops.saturating_add(1));
        let via = (!came.asked).then_some(id);
        self.arrive(arrival, now);
        // What was refused, or found no room, may come again.
        if self.intake.has(&record) {
            let at = now.time();
            let recent = Recent { id: record, tree, ttl, hops, via, holders, of_root, at };
            self.recents.add(recent, now);
            if let Some((link, lead_ms)) = came.sooner.filter(|_| of_root && via.is_some()) {
                self.compare_ways(tree, link, lead_ms, now);
            }
        }
    }

    /// Remembers a record that did not come by push, so that neighbours who are told may ask.
    fn remember(&mut self, opened: &Opened, sources: &[Source], now: Now) {
        let mut holders = LinkSet::default();
        for source in sources {
            if let Source::Link(link) = source {
                holders.add(self.forest.set(*link));
            }
        }
        let (id, tree) = (opened.id, TreeId::of(&opened.signed.author));
        let (ttl, hops, via) = (self.config.ttl, 0, None);
        let at = now.time();
        let recent = Recent { id, tree, ttl, hops, via, holders, of_root: true, at };
        self.recents.add(recent, now);
    }

    /// A link pushed what another had pushed before: it is no part of the tree (TREE-5).
    pub(super) fn second_copy(
        &mut self,
        id: LinkId,
        class: Class,
        recent: &Recent,
        asked: bool,
        now: Now,
    ) {
        let again = recent.via.is_none_or(|first| first == id);
        if class == Class::Alert || again || asked {
            return;
        }
        let of_root = recent.of_root;
        let parent = recent.via.and_then(|link| self.links.get(link));
        let far = parent.and_then(|link| link.rtt_ms).is_some_and(|it| self.config.far_ms <= it);
        if of_root && far && self.forest.spares(recent.tree, id, now) {
            return;
        }
        if self.forest.refuses(recent.tree, id, of_root, now) {
            self.counters.pruned += 1;
            self.announcements.prune(id, recent.tree, now);
        }
    }

    /// Shapes the tree by a record that has entered, and sends it on (TREE-2). What was asked for
    /// goes on like the rest; what a comparison brought is only announced, and only while it is
    /// news to somebody (TREE-7).
    pub(super) fn send_on(
        &mut self,
        carried: Carried,
        opened: &Opened,
        (class, spread): (Class, Spread),
        sources: &[Source],
        now: Now,
    ) -> Option<Parcel> {
        let age_ms = now.unix_ms.saturating_sub(opened.record.created.ms());
        if spread == Spread::Quiet && NEWS_MS < age_ms {
            return None;
        }
        self.remember(opened, sources, now);
        let name = self.recents.name(&opened.id);
        let recent = *self.recents.get(name)?;
        match spread {
            Spread::Asked => self.mend_tree(recent.tree, sources, now),
            Spread::Push => self.shape(&recent, opened, age_ms, now),
            Spread::Quiet => {}
        }
        let links = self.without(recent.holders);
        let (eager, lazy) = match (class, spread) {
            (_, Spread::Quiet) => (Vec::new(), links),
            (Class::Alert, _) => (links, Vec::new()),
            (_, Spread::Asked | Spread::Push) => self.forest.split(recent.tree, links, now),
        };
        let (eager, lazy) = self.relieve(&opened.id, (class, Whose::Theirs), (eager, lazy), now);
        self.announce(&opened.id, lazy, now);
        // One hop less (GOSSIP-3).
        let ttl = carried.ttl.checked_sub(1).filter(|_| !eager.is_empty())?;
        self.recents.hold(name, self.set_of(&eager));
        self.counters.pushed += eager.len() as u64;
        let hops = carried.hops.saturating_add(1);
        let tree = on_wire(recent.tree, &opened.signed.author);
        let carried = Carried { ttl, hops, tree, ..carried };
        Some(Parcel { class, carried, links: eager })
    }

    pub(super) fn shape(&mut self, recent: &Recent, opened: &Opened, age_ms: u64, now: Now) {
        let Some(link) = recent.via else { return };
        let of_root = TreeId::of(&opened.signed.author) == recent.tree;
        self.forest.brought(recent.tree, link, of_root.then_some(age_ms), now);
    }

    /// Asks a link to push a tree's records again, once the tree has failed (TREE-6).
    pub(super) fn mend_tree(&mut self, tree: TreeId, sources: &[Source], now: Now) {
        let link = sources.iter().find_map(|source| match source {
            Source::Door(_) => None,
            Source::Link(link) => Some(*link),
        });
        let Some(link) = link.filter(|link| self.links.is_greeted(*link)) else { return };
        if let Some(parent) = self.forest.parent(tree).filter(|parent| *parent != link) {
            self.suspected(parent, now);
        }
        if self.forest.missed(tree, link, now) {
            self.counters.grafted += 1;
            self.outbox.send(link, &Frame::Push(Push { graft: vec![tree], ..Push::default() }));
        }
    }

    /// Tells a few links of a record (TREE-3): the nearest, who can ask and have it soonest, and
    /// some others, who lose records at other times. For a second they are the same, so that
    /// several ids share a frame.
    pub(super) fn announce(&mut self, id: &RecordId, mut links: Vec<LinkId>, now: Now) {
        if self.salt.0 <= now.time() {
            self.salt = (now.after(SALT_MS), self.random.number());
        }
        let (salt, most) = (self.salt.1, self.config.announce_links);
        let rtt_ms = |link: &LinkId| self.links.get(*link).and_then(|it| it.rtt_ms);
        links.sort_by_key(|link| (rtt_ms(link).unwrap_or(RTT_MS), *link));
        let mut others = links.split_off(most.div_ceil(2).min(links.len()));
        others.sort_by_key(|link| (link.0 ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        links.extend(others);
        links.truncate(most);
        for link in links {
            let Some(key) = self.links.ids_key(link) else { continue };
            self.announcements.have(link, ShortId::of(key, id), now);
        }
    }

    /// A peer has records; those we lack are asked for if they do not come (TREE-6).
    fn announced(&mut self, id: LinkId, haves: &[Have], now: Now) {
        let set = self.forest.set(id);
        for have in haves {
            let Have { id: name, age_ms } = have;
            let Some(recent) = self.recents.get(*name).copied() else {
                self.missing.announced(*have, id, now);
                continue;
            };
            self.recents.hold(*name, set);
            self.pieces.announced(*name, id, now);
            let ours_ms = now.mono_ms.saturating_sub(recent.at.0);
            let lead_ms = u64::from(*age_ms).saturating_sub(ours_ms);
            let told = recent.of_root && recent.via.is_some() && !recent.holders.meets(set);
            if told {
                self.compare_ways(recent.tree, id, lead_ms, now);
            }
        }
    }

    /// Lets a link push that would have brought a root's records sooner, again and again (TREE-8).
    fn compare_ways(&mut self, tree: TreeId, link: LinkId, lead_ms: u64, now: Now) {
        if self.links.is_greeted(link) && self.forest.compares(tree, link, lead_ms, now) {
            self.counters.grafted += 1;
            self.outbox.send(link, &Frame::Push(Push { graft: vec![tree], ..Push::default() }));
        }
    }

    /// A peer asks for records that we announced to it.
    fn wanted(&mut self, id: LinkId, names: &[ShortId]) {
        let Some(key) = self.links.ids_key(id).filter(|_| !names.is_empty()) else { return };
        let recents = self.recents.announced(key, names);
        let recents = self.offer_coming(id, recents);
        self.look_up(id, recents);
    }

    /// Looks up records that a peer asked for.
    pub(super) fn look_up(&mut self, id: LinkId, recents: Vec<Recent>) {
        let waiting = self.wanted.values().filter(|(link, _)| *link == id).count();
        if WANTED_PER_LINK_MAX <= waiting {
            self.counters.dropped += recents.len() as u64;
            return;
        }
        if recents.is_empty() {
            return;
        }
        let ids = recents.iter().map(|recent| recent.id).collect();
        let ticket = self.ticket();
        self.wanted.insert(ticket, (id, recents));
        self.outbox.now(Effect::Load(ticket, ids, WANTED_BYTES_MAX));
    }

    /// Sends what a peer asked for, as the store has it.
    pub(super) fn hand_over(&mut self, ticket: TicketId, records: Vec<Signed>, now: Now) {
        let Some((link, recents)) = self.wanted.remove(&ticket) else { return };
        if !self.links.is_greeted(link) {
            return;
        }
        let mut pushes = Vec::new();
        for signed in records {
            let Ok(opened) = signed.open() else { continue };
            let Some(recent) = recents.iter().find(|recent| recent.id == opened.id) else {
                continue;
            };
            self.counters.repaired += 1;
            if is_large(&opened.signed) {
                self.offer(link, &opened, Some(recent), Offer::Ask, now);
                continue;
            }
            let tree = on_wire(recent.tree, &opened.signed.author);
            let signed = opened.signed.clone();
            let carried = Carried { signed, ttl: recent.ttl, hops: recent.hops, tree };
            let class = opened.record.class();
            pushes.push(Parcel { class, carried, links: vec![link] });
        }
        self.depart(When::AtOnce, pushes, now);
    }

    /// Asks for what was announced and did not come, and tells what waits to be told.
    pub(super) fn mend(&mut self, now: Now) {
        let links = &self.links;
        let patience = |link: LinkId| {
            let rtt_ms = links.get(link).filter(|_| links.is_greeted(link))?.rtt_ms;
            Some(rtt_ms.unwrap_or(RTT_MS).saturating_add(ANSWER_MS).min(ANSWER_MS_MAX))
        };
        let Asks { mut asks, late } = self.missing.ask(now, patience);
        late.into_iter().for_each(|link| self.suspected(link, now));
        asks.sort_unstable();
        for asks in asks.chunk_by(|one, other| one.0 == other.0) {
            let want: Vec<ShortId> = asks.iter().map(|(_, name)| *name).collect();
            self.counters.asked += want.len() as u64;
            for part in want.chunks(limits::SHORT_IDS_MAX) {
                let push = Push { want: part.to_vec(), ..Push::default() };
                self.outbox.send(asks[0].0, &Frame::Push(push));
            }
        }
        self.mend_bodies(now);
        for (link, push) in self.announcements.due(now) {
            self.counters.announced += push.have.len() as u64;
            self.outbox.send(link, &Frame::Push(push));
        }
    }

    pub(super) fn mend_deadline(&self) -> Option<Time> {
        let parts =
            [self.missing.deadline(), self.announcements.deadline(), self.pieces.deadline()];
        parts.into_iter().flatten().min()
    }

    /// Lets a link into the trees, or takes it out of everything here.
    pub(super) fn link_up(&mut self, id: LinkId) {
        self.forest.link_up(id);
    }

    pub(super) fn link_down(&mut self, id: LinkId, now: Now) {
        self.bodies_link_gone(id, now);
        self.recents.unhold(self.forest.set(id));
        self.forest.link_gone(id);
        self.missing.link_gone(id);
        self.announcements.link_gone(id);
        self.departures.link_gone(id);
    }

    /// A record of ours begins its way.
    pub(super) fn set_out(
        &mut self,
        opened: &Opened,
        class: Class,
        tree: TreeId,
        now: Now,
    ) -> Parcel {
        let (ttl, hops) = (self.config.ttl, 0);
        let signed = opened.signed.clone();
        let carried = Carried { signed, ttl, hops, tree: on_wire(tree, &opened.signed.author) };
        let (holders, at) = (LinkSet::default(), now.time());
        let recent =
            Recent { id: opened.id, tree, ttl, hops, via: None, holders, of_root: true, at };
        self.recents.add(recent, now);
        let links = self.links.greeted_ids();
        let (eager, lazy) = match class {
            Class::Alert => (links, Vec::new()),
            Class::Bulk | Class::Control | Class::Normal => self.forest.split(tree, links, now),
        };
        let (eager, lazy) = self.relieve(&opened.id, (class, Whose::Ours), (eager, lazy), now);
        self.announce(&opened.id, lazy, now);
        let name = self.recents.name(&opened.id);
        self.recents.hold(name, self.set_of(&eager));
        Parcel { class, carried, links: eager }
    }

    pub(super) fn without(&self, holders: LinkSet) -> Vec<LinkId> {
        let mut links = self.links.greeted_ids();
        links.retain(|link| !holders.meets(self.forest.set(*link)));
        links
    }

    pub(super) fn set_of(&self, links: &[LinkId]) -> LinkSet {
        let mut set = LinkSet::default();
        links.iter().for_each(|link| set.add(self.forest.set(*link)));
        set
    }
}

/// An author's own tree needs no name.
pub(super) fn on_wire(tree: TreeId, author: &NodeId) -> TreeId {
    if tree == TreeId::of(author) { TreeId(0) } else { tree }
}

/// How long a record that a comparison brought may be news to neighbours.
pub(super) const NEWS_MS: u64 = 300_000;
/// Requests of one peer that wait for the store, and what one of them may bring.
const WANTED_PER_LINK_MAX: usize = 8;
const WANTED_BYTES_MAX: usize = 256 * 1024;
/// How long a peer has to answer beyond the round trip, at most, and the round trip before one was
/// measured.
const ANSWER_MS: u64 = 50;
const ANSWER_MS_MAX: u64 = 2_000;
const RTT_MS: u64 = 200;
/// How long the same links hear our announcements.
const SALT_MS: u64 = 1_000;
