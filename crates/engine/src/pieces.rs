//! Bodies too large for one frame: who has which pieces, who wants them, who is asked for the rest.
//!
//! A piece goes on as soon as it is here (cut-through) and the last ones have left the machine, so
//! that what waits still waits here, where it can be taken back. Nothing here knows trees or
//! whether a record is welcome.
//!
//! Bounds: `bodies_max` bodies and `bodies_bytes_max` bytes of them; settled ones make room
//! first, those not needed for longest before the others. `bodies_per_link_max` incomplete bodies
//! for each link that brought their heads (PIECE-7). Of incomplete ones that of which nothing came
//! for longest makes room, once that is a second; before, the new one is not taken. What is not
//! here is found by a comparison.

mod body;
mod peer;
mod plan;
mod schedule;
mod window;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use wire::{CarriedHead, Class, Head, PieceSet, Pull, RecordId, ShortId, TreeId};

use crate::intake::Spread;
use crate::memory::Memory;
use crate::{Config, LinkId, Now, Time};

pub(crate) use body::Body;
use peer::Stuck;
use schedule::Schedule;
use window::Window;

#[derive(Debug)]
pub(crate) struct Pieces {
    bodies: BTreeMap<ShortId, Body>,
    /// Bodies that were settled a while ago.
    done: Memory,
    /// Heads whose signature was right, so that it is not checked again should the body come
    /// again. The oldest makes room.
    proven: VecDeque<(RecordId, [u8; 64])>,
    bytes: usize,
    window: Window,
    /// When the window may open without a word from a link, as far as something waits.
    opens_at: Option<Time>,
    schedule: Schedule,
    /// When each link brought a new piece last.
    brought: BTreeMap<LinkId, Time>,
    words: Vec<Word>,
    limits: Limits,
}

/// See the fields of [`Config`] they come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    bodies_max: usize,
    bytes_max: usize,
    per_link_max: usize,
}

/// A link and how far away it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbour {
    pub(crate) link: LinkId,
    pub(crate) rtt_ms: u64,
}

/// A body that begins: what its head says, and whence it comes.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) id: RecordId,
    pub(crate) carried: CarriedHead,
    /// The tree it travels on, by its own name.
    pub(crate) tree: TreeId,
    /// As our own budget of alerts has it.
    pub(crate) class: Class,
    pub(crate) spread: Spread,
}

/// Something to say to a link about a body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Word {
    pub(crate) link: LinkId,
    pub(crate) id: RecordId,
    pub(crate) class: Class,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Piece(u8, Bytes),
    /// What we wish, and what is here.
    State {
        pieces: PieceSet,
        held: PieceSet,
    },
}

/// What became of a piece.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Got {
    /// All of the body is here.
    All,
    /// It was here already, or nobody asked for such a body.
    Known,
    /// One more.
    More,
    /// It is not what the head says.
    Wrong,
}

/// What becomes of a head's signature.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Right: it may go on.
    Genuine,
    /// Wrong: these links sent it, and these heads have another signature.
    False(Vec<LinkId>, Vec<(LinkId, CarriedHead)>),
}

impl Pieces {
    pub(crate) fn new(config: &Config) -> Self {
        let limits = Limits {
            bodies_max: config.bodies_max,
            bytes_max: config.bodies_bytes_max,
            per_link_max: config.bodies_per_link_max,
        };
        Self {
            bodies: BTreeMap::new(),
            done: Memory::default(),
            proven: VecDeque::new(),
            bytes: 0,
            window: Window::new(config.pieces_under_way_max),
            opens_at: None,
            schedule: Schedule::default(),
            brought: BTreeMap::new(),
            words: Vec::new(),
            limits,
        }
    }

    pub(crate) fn get(&self, name: ShortId) -> Option<&Body> {
        self.bodies.get(&name)
    }

    pub(crate) fn len(&self) -> usize {
        self.bodies.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Says whether as many bodies are coming as make us wait before we ask for more.
    pub(crate) fn is_half_full(&self) -> bool {
        let coming = self.bodies.values().filter(|body| !body.is_whole());
        self.limits.bodies_max / 2 <= coming.count()
    }

    /// Says whether a record entered lately, or was refused for good.
    pub(crate) fn is_settled(&self, id: &RecordId) -> bool {
        self.done.has(id)
    }

    /// Takes what is to be said, in order.
    pub(crate) fn words(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.words)
    }

    /// Begins a body whose head came first on this link. Its signature is being checked. Says
    /// what made room; `None` if nothing did, and the head is not taken.
    pub(crate) fn begin(
        &mut self,
        name: ShortId,
        begun: Begun,
        from: Neighbour,
        now: Now,
    ) -> Option<Vec<RecordId>> {
        let link = from.link;
        let mut gone = Vec::new();
        let of_link = self.bodies.values().filter(|body| body.is_owed_by(link));
        if self.limits.per_link_max <= of_link.count() {
            gone.extend(self.drop_stale(|body| body.is_owed_by(link), now)?);
        }
        if self.limits.bodies_max <= self.bodies.len() {
            let idle = |body: &Body| body.is_settled();
            gone.extend(match self.bodies.values().any(idle) {
                true => self.drop_first(name),
                false => self.drop_stale(|_| true, now)?,
            });
        }
        self.bodies.insert(name, Body::coming(begun, from, name.0, now));
        self.renew(name);
        Some(gone)
    }

    /// Drops the incomplete body of which nothing came for longest. `None` if something came of
    /// all of them lately.
    fn drop_stale(&mut self, of: impl Fn(&Body) -> bool, now: Now) -> Option<Option<RecordId>> {
        let coming = self.bodies.iter().filter(|(_, body)| !body.is_whole() && of(body));
        let (name, body) = coming.min_by_key(|(_, body)| body.heard())?;
        let (name, heard) = (*name, body.heard());
        (heard.0 + STALE_MS <= now.mono_ms).then(|| self.drop_body(name))
    }

    /// Drops the complete body not needed for longest, or else an incomplete one.
    fn drop_first(&mut self, but: ShortId) -> Option<RecordId> {
        let others = self.bodies.iter().filter(|(name, _)| **name != but);
        let first = others.min_by_key(|(_, body)| (!body.is_settled(), body.used()));
        let name = first.map(|(name, _)| *name)?;
        self.drop_body(name)
    }

    /// Begins a body that is here. Returns what made room.
    pub(crate) fn hold(
        &mut self,
        name: ShortId,
        begun: Begun,
        body: &Bytes,
        now: Now,
    ) -> Vec<RecordId> {
        let mut gone = self.drop_body(name).map(|_| Vec::new()).unwrap_or_default();
        gone.extend(self.make_room(name));
        self.done.add(begun.id, now);
        self.bytes += body.len();
        self.bodies.insert(name, Body::whole(begun, body, name.0, now));
        self.renew(name);
        gone.extend(self.make_room(name));
        gone
    }

    /// A further link sent the head of a body that we have, or some of it.
    pub(crate) fn second_head(
        &mut self,
        name: ShortId,
        link: LinkId,
        carried: CarriedHead,
        now: Now,
    ) {
        if let Some(body) = self.bodies.get_mut(&name) {
            body.second_head(link, carried, now, &mut self.words);
        }
        self.renew(name);
    }

    /// Takes what came of the signature of a head. `None` if it was not waited for.
    pub(crate) fn verified(
        &mut self,
        name: ShortId,
        genuine: bool,
        neighbours: &[Neighbour],
        now: Now,
    ) -> Option<Verdict> {
        let body = self.bodies.get_mut(&name).filter(|body| !body.is_genuine())?;
        if genuine {
            let proof = (*body.id(), body.head().signature);
            if !self.proven.contains(&proof) {
                self.proven.push_back(proof);
                self.proven.drain(..self.proven.len().saturating_sub(PROVEN_MAX));
            }
            body.meet(neighbours);
            body.believe(now, &mut self.words);
            self.renew(name);
            return Some(Verdict::Genuine);
        }
        let (links, rivals) = body.disown();
        self.drop_body(name);
        Some(Verdict::False(links, rivals))
    }

    /// Says whether a head is known to be right from an earlier time.
    pub(crate) fn is_proven(&self, id: &RecordId, signature: &[u8; 64]) -> bool {
        self.proven.iter().any(|proof| proof.0 == *id && proof.1 == *signature)
    }

    /// Lets these links have all pieces as they come.
    pub(crate) fn feed(
        &mut self,
        name: ShortId,
        links: &[LinkId],
        neighbours: &[Neighbour],
        now: Now,
    ) {
        if let Some(body) = self.bodies.get_mut(&name) {
            body.meet(neighbours);
            body.feed(links);
            body.plan(now, &mut self.words);
        }
        self.renew(name);
    }

    /// A peer says how a body stands there. Says whether we have it, or some of it.
    pub(crate) fn pulled(&mut self, link: LinkId, pull: &Pull, now: Now) -> bool {
        let Some(body) = self.bodies.get_mut(&pull.name) else { return false };
        body.pulled(link, pull, now, &mut self.words);
        self.renew(pull.name);
        true
    }

    /// A peer has a body, or soon will.
    pub(crate) fn announced(&mut self, name: ShortId, link: LinkId, now: Now) {
        if let Some(body) = self.bodies.get_mut(&name) {
            body.announced(link, now, &mut self.words);
        }
        self.renew(name);
    }

    /// Sends what is wanted and here, as fast as it leaves: alerts first, then what was sent least.
    pub(crate) fn flow(&mut self, now: Now) {
        self.opens_at = None;
        while let Some((name, turn)) = self.schedule.next() {
            let Some(body) = self.bodies.get_mut(&name) else { return };
            let (link, _) = turn.at();
            if self.window.is_stuck(link, now) {
                body.set_stuck(link, Stuck::Yes);
            } else if self.window.has_room(now) {
                let Some(word) = body.take(turn.at(), now) else { return };
                self.window.sent(link, now);
                self.words.push(word);
            } else {
                self.opens_at = self.window.deadline(now);
                return;
            }
            self.schedule.renew(name, Some(body));
        }
    }

    /// A piece has left the machine on this link: there is room for another.
    pub(crate) fn left(&mut self, link: LinkId, now: Now) {
        let was_stuck = self.window.is_stuck(link, now);
        self.window.left(link, now);
        if was_stuck {
            for (name, body) in &mut self.bodies {
                body.set_stuck(link, Stuck::No);
                self.schedule.renew(*name, Some(body));
            }
        }
    }

    /// Takes one piece.
    pub(crate) fn got(
        &mut self,
        name: ShortId,
        link: LinkId,
        (index, piece): (u8, Bytes),
        now: Now,
    ) -> (Got, Vec<RecordId>) {
        let Some(body) = self.bodies.get_mut(&name) else { return (Got::Known, Vec::new()) };
        let bytes = piece.len();
        let got = body.got(link, (index, piece), now, &mut self.words);
        self.schedule.renew(name, Some(body));
        if matches!(got, Got::All | Got::More) {
            self.bytes += bytes;
            self.brought.insert(link, now.time());
        }
        (got, self.make_room(name))
    }

    /// The record of a body has entered, or never will: it is not needed again.
    pub(crate) fn settle(&mut self, name: ShortId, now: Now) {
        if let Some(body) = self.bodies.get_mut(&name) {
            body.settle();
            self.done.add(*body.id(), now);
            self.schedule.renew(name, Some(body));
        }
    }

    /// Returns a body that is complete, in one.
    pub(crate) fn join(&mut self, name: ShortId) -> Option<(Head, Bytes)> {
        let body = self.bodies.get_mut(&name).filter(|body| body.is_whole())?;
        Some((body.head().clone(), body.join()))
    }

    /// Asks others for what does not come, and forgets what nobody needs. Returns what is given up.
    pub(crate) fn mend(&mut self, now: Now) -> Vec<RecordId> {
        let mut gone = Vec::new();
        for name in self.schedule.due(now.time()) {
            let Some(body) = self.bodies.get_mut(&name) else { continue };
            if !body.mend(&self.brought, now, &mut self.words) {
                gone.extend(self.drop_body(name));
            }
            self.renew(name);
        }
        gone
    }

    /// Returns when [`Pieces::mend`] or [`Pieces::flow`] is due.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.schedule.deadline().into_iter().chain(self.opens_at).min()
    }

    pub(crate) fn link_gone(&mut self, link: LinkId, now: Now) {
        self.window.link_gone(link);
        self.brought.remove(&link);
        for body in self.bodies.values_mut() {
            body.link_gone(link, now, &mut self.words);
        }
        let names: Vec<ShortId> = self.bodies.keys().copied().collect();
        names.into_iter().for_each(|name| self.renew(name));
    }

    /// Keeps the schedule true, after a body changed.
    fn renew(&mut self, name: ShortId) {
        self.schedule.renew(name, self.bodies.get(&name));
    }

    /// Drops a body. Returns its id if it was not settled: then it may come again.
    pub(crate) fn drop_body(&mut self, name: ShortId) -> Option<RecordId> {
        let body = self.bodies.remove(&name)?;
        self.schedule.renew(name, None);
        self.bytes = self.bytes.saturating_sub(body.bytes());
        (!body.is_settled()).then(|| *body.id())
    }

    /// Drops others until one more body, and all bytes, have room.
    fn make_room(&mut self, name: ShortId) -> Vec<RecordId> {
        let mut gone = Vec::new();
        loop {
            let others = self.bodies.iter().filter(|(other, _)| **other != name);
            let full = self.limits.bodies_max <= others.clone().count();
            if !full && self.bytes <= self.limits.bytes_max {
                return gone;
            }
            if others.count() == 0 {
                return gone;
            }
            gone.extend(self.drop_first(name));
        }
    }
}

/// An incomplete body of which nothing came for so long makes room.
const STALE_MS: u64 = 1_000;
/// Signatures of heads that are known to be right.
const PROVEN_MAX: usize = 1_024;
