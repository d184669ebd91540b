//! Records larger than one frame: their heads travel like records, their pieces behind them.
//!
//! A head is checked and passed on before the body is there; on a tree that is known the pieces
//! follow it to a few links at once, everybody else asks for them (PIECE-1 to PIECE-5). When the
//! last one has come the record enters like any other, its signature known to be right.

use wire::{
    Carried, CarriedHead, Class, Content, Frame, Head, Offer, Opened, Piece, PieceSet, Pull, Push,
    RecordId, ShortId, Signed, TreeId, WITNESS, limits,
};

use super::Engine;
use super::broadcast::{NEWS_MS, on_wire};
use crate::intake::{Arrival, Pending, Source, Spread};
use crate::outbox::{Parcel, When};
use crate::pieces::{Begun, Got, Neighbour, Verdict, What, Word};
use crate::recents::Recent;
use crate::sets::{Place, Standing};
use crate::{Effect, Event, LinkId, Now, TicketId};

impl Engine {
    pub(super) fn heads(&mut self, id: LinkId, heads: Vec<CarriedHead>, now: Now) {
        heads.into_iter().for_each(|carried| self.head(id, carried, now));
        self.say(now);
    }

    fn head(&mut self, id: LinkId, carried: CarriedHead, now: Now) {
        let (record, author) = (carried.head.id(), carried.head.author);
        let size = usize::try_from(carried.head.size).unwrap_or(usize::MAX);
        let bytes_max = if author == WITNESS {
            limits::CONTRADICTION_BYTES_MAX
        } else {
            self.config.body_bytes_max
        };
        if bytes_max < size {
            return self.disbelieve(Some(id), &record, "larger than this network allows");
        }
        if let Some(link) = self.links.get_mut(id).filter(|_| carried.offer == Offer::Repair) {
            link.word.kept();
        }
        let name = self.recents.name(&record);
        let came = self.missing.came(name, Some(id), now);
        let known = self.pieces.get(name).is_some();
        if known || self.pieces.is_settled(&record) || self.intake.has(&record) {
            return self.second_head(id, carried, came.asked, now);
        }
        let of_author = TreeId::of(&author);
        let tree = if carried.tree == TreeId(0) { of_author } else { carried.tree };
        let (spread, ttl) = match (carried.offer, came.asked) {
            (Offer::Repair, _) => (Spread::Quiet, self.config.ttl),
            (Offer::Ask | Offer::Follow, true) => (Spread::Asked, carried.ttl.saturating_sub(1)),
            (Offer::Ask | Offer::Follow, false) => (Spread::Push, carried.ttl.saturating_sub(1)),
        };
        let hops = carried.hops.saturating_add(1);
        let class = self.alerts.class(&author, carried.head.class, now);
        let claim = carried.head.claim();
        let proven = self.pieces.is_proven(&record, &carried.head.signature);
        let begun = Begun { id: record, carried, tree, class, spread };
        let Some(gone) = self.pieces.begin(name, begun, self.neighbour(id), now) else {
            self.counters.dropped += 1;
            return;
        };
        self.give_up(&gone);
        let mut holders = self.forest.set(id);
        came.announcers.iter().for_each(|link| holders.add(self.forest.set(*link)));
        let via = (spread == Spread::Push).then_some(id);
        let (of_root, at) = (of_author == tree, now.time());
        let recent = Recent { id: record, tree, ttl, hops, via, holders, of_root, at };
        self.recents.add(recent, now);
        if proven {
            // It was dropped, and its signature is right as it was.
            self.head_verified(&record, true, now);
        } else {
            self.outbox.verify(class, record, claim);
        }
    }

    /// A head that another link had sent before: no part of the tree (TREE-5), but somebody to ask.
    fn second_head(&mut self, id: LinkId, carried: CarriedHead, asked: bool, now: Now) {
        let record = carried.head.id();
        let name = self.recents.name(&record);
        self.counters.duplicates += 1;
        self.recents.hold(name, self.forest.set(id));
        if let Some(recent) = self.recents.get(name).copied()
            && carried.offer != Offer::Repair
        {
            self.second_copy(id, carried.head.class, &recent, asked, now);
        }
        if self.pieces.get(name).is_some() {
            self.pieces.second_head(name, id, carried, now);
        } else if carried.offer == Offer::Follow {
            let (pieces, held) = (PieceSet::default(), carried.head.all());
            let class = carried.head.class;
            self.say_one(Word { link: id, id: record, class, what: What::State { pieces, held } });
        }
    }

    /// Takes what came of a signature, if it was that of a head.
    pub(super) fn head_verified(&mut self, record: &RecordId, genuine: bool, now: Now) -> bool {
        let name = self.recents.name(record);
        let neighbours = self.neighbours();
        let Some(verdict) = self.pieces.verified(name, genuine, &neighbours, now) else {
            return false;
        };
        match verdict {
            Verdict::Genuine => self.head_goes_on(name, now),
            Verdict::False(links, rivals) => {
                self.recents.forget(record);
                for link in links {
                    self.fault(link, "sent a false signature", now);
                }
                rivals.into_iter().for_each(|(link, rival)| self.head(link, rival, now));
            }
        }
        self.say(now);
        true
    }

    /// Our links, and how far away they are.
    fn neighbours(&self) -> Vec<Neighbour> {
        self.links.greeted_ids().into_iter().map(|link| self.neighbour(link)).collect()
    }

    fn neighbour(&self, id: LinkId) -> Neighbour {
        let link = self.links.get(id);
        let rtt_ms = link.and_then(|it| it.rtt_ms).unwrap_or(RTT_MS);
        Neighbour { link: id, rtt_ms }
    }

    /// Passes a head on along its tree, before its body is here (PIECE-2).
    fn head_goes_on(&mut self, name: ShortId, now: Now) {
        let (Some(body), Some(recent)) = (self.pieces.get(name), self.recents.get(name)) else {
            return;
        };
        let (spread, class, ttl) = (body.spread, body.class, body.ttl);
        let (head, hops, tree, holders) =
            (body.head().clone(), recent.hops, recent.tree, recent.holders);
        let sources: Vec<Source> = body.sources().map(Source::Link).collect();
        let whole = body.is_whole();
        self.alerts.spend(&head.author, head.class, now);
        if spread == Spread::Asked {
            self.mend_tree(tree, &sources, now);
        }
        if spread != Spread::Quiet && 0 < ttl {
            let links = self.without(holders);
            let (eager, lazy) = match class {
                Class::Alert => (links, Vec::new()),
                Class::Bulk | Class::Control | Class::Normal => self.forest.split(tree, links, now),
            };
            self.recents.hold(name, self.set_of(&eager));
            self.counters.pushed += eager.len() as u64;
            let (ttl, offer) = (ttl - 1, Offer::Ask);
            let tree = on_wire(tree, &head.author);
            let carried = CarriedHead { head, ttl, hops, tree, offer };
            let id = carried.head.id();
            let follow = self.send_heads(name, carried, (class, When::AtOnce), &eager);
            self.pieces.feed(name, &follow, &self.neighbours(), now);
            self.announce(&id, lazy, now);
        }
        if whole {
            self.body_whole(name, now);
        }
    }

    /// Sends a head to links. On a tree that has been shaped the pieces follow it; else its
    /// receivers ask the one that told them first (PIECE-3). Returns the links they follow to.
    fn send_heads(
        &mut self,
        name: ShortId,
        carried: CarriedHead,
        (class, when): (Class, When),
        links: &[LinkId],
    ) -> Vec<LinkId> {
        let tree = self.pieces.get(name).map(|body| body.tree).unwrap_or_default();
        let warm = class != Class::Alert && self.forest.is_warm(tree);
        let offer = if warm { Offer::Follow } else { Offer::Ask };
        let carried = CarriedHead { offer, ..carried };
        let frame = Frame::Push(Push { heads: vec![carried], ..Push::default() });
        self.outbox.send_all(when, class, links, &frame);
        if warm { links.to_vec() } else { Vec::new() }
    }

    /// Sends out a body that is here, whole: ours, or one that came through a door. Its pieces
    /// follow once everything before them is on disk.
    fn set_off(&mut self, parcel: Parcel, when: When, now: Now) {
        let Parcel { class, carried, links } = parcel;
        let Carried { signed, ttl, hops, tree } = carried;
        let Ok(opened) = signed.open() else { return };
        let name = self.hold_body(&opened, (ttl, hops, tree, class), now);
        let head = Head::of(&opened.signed, opened.record.class());
        let carried = CarriedHead { head, ttl, hops, tree, offer: Offer::Ask };
        let follow = self.send_heads(name, carried, (class, when), &links);
        let ticket = self.ticket();
        self.setting_off.insert(ticket, (name, follow));
        self.outbox.effect(when, Effect::Load(ticket, Vec::new(), 0));
    }

    /// A body is on disk: its pieces may leave.
    pub(super) fn pieces_set_off(&mut self, ticket: TicketId, now: Now) {
        let Some((name, mut links)) = self.setting_off.remove(&ticket) else { return };
        links.retain(|link| self.links.is_greeted(*link));
        self.pieces.feed(name, &links, &self.neighbours(), now);
        self.say(now);
    }

    /// Sends records to links: those that fit one frame as they are, the others in pieces (PIECE-1).
    pub(super) fn send_out(&mut self, when: When, parcels: Vec<Parcel>, now: Now) {
        let (large, small): (Vec<Parcel>, Vec<Parcel>) =
            parcels.into_iter().partition(|parcel| is_large(&parcel.carried.signed));
        self.depart(when, small, now);
        large.into_iter().for_each(|parcel| self.set_off(parcel, when, now));
    }

    /// Keeps a body at hand for who asks for its pieces.
    fn hold_body(
        &mut self,
        opened: &Opened,
        (ttl, hops, tree, class): (u8, u8, TreeId, Class),
        now: Now,
    ) -> ShortId {
        let name = self.recents.name(&opened.id);
        if self.pieces.get(name).is_some_and(|body| body.is_whole()) {
            return name;
        }
        let (head, offer) = (Head::of(&opened.signed, opened.record.class()), Offer::Ask);
        let of_author = TreeId::of(&head.author);
        let carried = CarriedHead { head, ttl, hops, tree, offer };
        let tree = if tree == TreeId(0) { of_author } else { tree };
        let begun = Begun { id: opened.id, carried, tree, class, spread: Spread::Push };
        let gone = self.pieces.hold(name, begun, &opened.signed.body, now);
        self.give_up(&gone);
        name
    }

    /// Offers one peer a record that it asked for, or lacks as a comparison found.
    pub(super) fn offer(
        &mut self,
        link: LinkId,
        opened: &Opened,
        recent: Option<&Recent>,
        offer: Offer,
        now: Now,
    ) {
        let (ttl, hops, tree) = recent.map_or((0, 0, TreeId(0)), |recent| {
            (recent.ttl, recent.hops, on_wire(recent.tree, &opened.signed.author))
        });
        let class = opened.record.class();
        self.hold_body(opened, (ttl, hops, tree, class), now);
        let head = Head::of(&opened.signed, class);
        let heads = vec![CarriedHead { head, ttl, hops, tree, offer }];
        let lane = if offer == Offer::Repair { lane_of(class) } else { class };
        self.outbox.send_as(lane, link, &Frame::Push(Push { heads, ..Push::default() }));
    }

    /// Offers those of the records a peer asked for that are here in pieces. Returns the others.
    pub(super) fn offer_coming(&mut self, link: LinkId, recents: Vec<Recent>) -> Vec<Recent> {
        let mut others = Vec::new();
        for recent in recents {
            let name = self.recents.name(&recent.id);
            let Some(body) = self.pieces.get(name).filter(|body| body.is_genuine()) else {
                others.push(recent);
                continue;
            };
            let (head, class) = (body.head().clone(), body.class);
            let (ttl, hops, offer) = (recent.ttl, recent.hops, Offer::Ask);
            let tree = on_wire(recent.tree, &head.author);
            let heads = vec![CarriedHead { head, ttl, hops, tree, offer }];
            self.outbox.send_as(class, link, &Frame::Push(Push { heads, ..Push::default() }));
        }
        others
    }

    pub(super) fn piece(&mut self, id: LinkId, piece: Piece, now: Now) {
        let Piece { name, index, bytes } = piece;
        let (got, gone) = self.pieces.got(name, id, (index, bytes), now);
        self.give_up(&gone);
        self.say(now);
        let genuine = self.pieces.get(name).is_some_and(|body| body.is_genuine());
        match got {
            Got::Wrong => {
                return self.fault(id, "sent a piece that is not what its head says", now);
            }
            Got::Known => {
                self.counters.duplicates += 1;
                return;
            }
            Got::All if genuine => self.body_whole(name, now),
            // What goes on from here waits for the signature.
            Got::All | Got::More => {}
        }
        self.made_progress(&[Source::Link(id)], Spread::Quiet, now);
    }

    /// A peer says how a body stands there, and what it wishes. Where only the store has the body,
    /// it is told the head again once the store has answered, and asks again.
    pub(super) fn pull(&mut self, id: LinkId, pull: Pull, now: Now) {
        self.recents.hold(pull.name, self.forest.set(id));
        if self.pieces.pulled(id, &pull, now) {
            return self.say(now);
        }
        if let Some(recent) = self.recents.get(pull.name).copied()
            && !pull.pieces.is_empty()
        {
            self.look_up(id, vec![recent]);
        }
    }

    /// All pieces are here: the record enters (PIECE-5).
    fn body_whole(&mut self, name: ShortId, now: Now) {
        let Some((head, body)) = self.pieces.join(name) else { return };
        let id = head.id();
        let Head { author, signature, .. } = head;
        let opened = Signed { body, author, signature }.open().ok().filter(|it| it.id == id);
        let (Some(opened), Some(body)) = (opened, self.pieces.get(name)) else {
            // Its author signed what is no record. Who carried it could not know.
            self.pieces.settle(name, now);
            self.pieces.drop_body(name);
            return self.disbelieve(None, &id, "its pieces are no record");
        };
        let (ttl, hops, spread, tree) = (body.ttl, body.hops, body.spread, body.tree);
        let sources: Vec<Source> = body.sources().map(Source::Link).collect();
        let source = sources.first().copied();
        let Some(source) = source.or_else(|| self.any_link()) else {
            // Nobody is there any more; it comes again with the next one.
            self.pieces.drop_body(name);
            return self.recents.forget(&id);
        };
        self.counters.messages_received +=
            u64::from(matches!(opened.record.content, Content::Message(_)));
        let arrival = Arrival { opened, ttl, hops, spread, source, tree };
        let place = Place::of(&id, &author, &arrival.opened.record);
        let refusal = self.intake.check(&arrival, &self.config, now).err();
        let standing = place.as_ref().map(|place| self.sets.standing(place, &arrival.opened));
        let refusal = refusal.or(match standing {
            Some(Standing::NoRoom) => Some(wire::Refusal::NoRoom),
            Some(Standing::Past) => Some(wire::Refusal::Expired),
            None | Some(Standing::Held | Standing::New | Standing::Stale) => None,
        });
        if let Some(refusal) = refusal {
            if refusal != wire::Refusal::NoRoom {
                self.pieces.settle(name, now);
            }
            self.pieces.drop_body(name);
            return self.refuse(&arrival.opened, source, refusal);
        }
        self.pieces.settle(name, now);
        let Arrival { opened, .. } = arrival;
        let pending = Pending { opened, place, ttl, hops, spread, sources, rivals: Vec::new() };
        let parcel = self.admit(pending, now);
        self.send_out(When::AtOnce, parcel.into_iter().collect(), now);
        self.go_on_fetching();
    }

    /// Shapes the tree by a record whose head went on long ago. Says whether it did: what came
    /// whole, through a door, has yet to set out.
    pub(super) fn has_gone_on(&mut self, opened: &Opened, spread: Spread, now: Now) -> bool {
        let name = self.recents.name(&opened.id);
        let (Some(body), Some(recent)) = (self.pieces.get(name), self.recents.get(name)) else {
            return false;
        };
        let (recent, came_ms) = (*recent, body.came_ms);
        let created_ms = opened.record.created.ms();
        match spread {
            Spread::Push => {
                let via = recent.via.filter(|link| self.links.is_greeted(*link));
                let recent = Recent { via, ..recent };
                self.shape(&recent, opened, came_ms.saturating_sub(created_ms), now);
            }
            Spread::Quiet if now.unix_ms.saturating_sub(created_ms) <= NEWS_MS => {
                let links = self.without(recent.holders);
                self.announce(&opened.id, links, now);
            }
            Spread::Asked | Spread::Quiet => {}
        }
        true
    }

    /// Asks others for pieces that do not come, and sends those that may leave now.
    pub(super) fn mend_bodies(&mut self, now: Now) {
        let gone = self.pieces.mend(now);
        self.give_up(&gone);
        self.say(now);
    }

    pub(super) fn bodies_link_gone(&mut self, id: LinkId, now: Now) {
        self.pieces.link_gone(id, now);
        self.say(now);
    }

    /// A piece has left the machine.
    pub(super) fn piece_left(&mut self, id: LinkId, now: Now) {
        self.pieces.left(id, now);
        self.say(now);
    }

    /// Bodies that made room may come again.
    fn give_up(&mut self, gone: &[RecordId]) {
        self.counters.dropped += gone.len() as u64;
        gone.iter().for_each(|id| self.recents.forget(id));
    }

    fn disbelieve(&mut self, from: Option<LinkId>, record: &RecordId, why: &str) {
        self.counters.refused += 1;
        let from = from.and_then(|id| self.links.get(id)).map(|link| link.peer);
        let what = format!("record {record:?}: {why}");
        self.outbox.now(Effect::Report(Event::Refused(from, what)));
    }

    fn any_link(&self) -> Option<Source> {
        self.links.greeted_ids().first().copied().map(Source::Link)
    }

    fn say(&mut self, now: Now) {
        self.pieces.flow(now);
        self.pieces.words().into_iter().for_each(|word| self.say_one(word));
    }

    fn say_one(&mut self, word: Word) {
        let Word { link, id, class, what } = word;
        let Some(key) = self.links.ids_key(link) else { return };
        let name = ShortId::of(key, &id);
        match what {
            What::Piece(index, bytes) => {
                let lane = lane_of(class);
                self.outbox.send_as(lane, link, &Frame::Piece(Piece { name, index, bytes }));
                self.outbox.now(Effect::TellLeft(link, lane));
                self.departures.piece_sent(link, lane);
            }
            What::State { pieces, held } => {
                let pull = Frame::Pull(Pull { name, pieces, held });
                self.outbox.send_as(Class::Control, link, &pull);
            }
        }
    }
}

/// Says whether a record is too large for one frame.
pub(super) fn is_large(signed: &Signed) -> bool {
    limits::PIECE_BYTES < signed.body.len()
}

/// Pieces of an alert go first, all others wait for what is small (PIECE-6).
fn lane_of(class: Class) -> Class {
    match class {
        Class::Alert => Class::Alert,
        Class::Bulk | Class::Control | Class::Normal => Class::Bulk,
    }
}

/// The round trip before one was measured.
const RTT_MS: u64 = 200;
