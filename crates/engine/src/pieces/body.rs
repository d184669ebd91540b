//! One body: its head, its pieces, and what goes on with the neighbours who have or want it.

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::{CarriedHead, Class, Head, Offer, PieceSet, Pull, RecordId, TreeId, limits};

use super::peer::{Peer, Stuck};
use super::{Begun, Got, Neighbour, What, Word};
use crate::intake::Spread;
use crate::{LinkId, Now, Time};

/// How one piece stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Track {
    /// How often it was sent from here.
    pub(super) sent: u32,
    /// When one who has it was asked for it last.
    pub(super) asked_at: Time,
}

#[derive(Debug)]
pub(crate) struct Body {
    id: RecordId,
    head: Head,
    pub(crate) ttl: u8,
    pub(crate) hops: u8,
    pub(crate) tree: TreeId,
    pub(crate) class: Class,
    pub(crate) spread: Spread,
    /// Unix milliseconds when its head came.
    pub(crate) came_ms: u64,
    /// Whether its signature was right; before, nothing goes on.
    genuine: bool,
    /// Heads with other signatures, should this one be wrong.
    rivals: Vec<(LinkId, CarriedHead)>,
    parts: Vec<Bytes>,
    pub(super) held: PieceSet,
    /// How each piece stands.
    pub(super) tracks: Vec<Track>,
    /// The link that brought the head comes first.
    pub(super) peers: Vec<Peer>,
    /// Who is to send all that nobody else was asked for, as it comes there, and since when.
    pub(super) standing: Option<LinkId>,
    pub(super) standing_at: Time,
    /// How often in a row somebody else had to become that.
    pub(super) stalls: u32,
    /// Another one at each node and for each body.
    pub(super) salt: u64,
    /// When something new came of it last, and how long that had taken.
    pub(super) heard: Time,
    pub(super) gap_ms: u64,
    /// Whether its record has entered or was refused: what is complete may still wait for its
    /// signature.
    settled: bool,
    /// When it became known here.
    begun: Time,
    used: Time,
}

impl Body {
    pub(super) fn coming(begun: Begun, from: Neighbour, salt: u64, now: Now) -> Self {
        let offer = begun.carried.offer;
        let mut this = Self::new(begun, salt, now);
        let mut peer = Peer::new(from);
        peer.speaks();
        (peer.leads, peer.headed) = (true, true);
        if offer == Offer::Follow {
            peer.wished = this.head.all();
        }
        (this.standing, this.standing_at) = (Some(from.link), now.time());
        this.peers.push(peer);
        this
    }

    pub(super) fn whole(begun: Begun, body: &Bytes, salt: u64, now: Now) -> Self {
        let mut this = Self::new(begun, salt, now);
        (this.genuine, this.settled, this.held) = (true, true, this.head.all());
        this.cut(body);
        this
    }

    fn new(begun: Begun, salt: u64, now: Now) -> Self {
        let Begun { id, carried, tree, class, spread } = begun;
        let CarriedHead { head, ttl, hops, .. } = carried;
        let count = head.hashes.len();
        Self {
            id,
            head,
            ttl,
            hops,
            tree,
            class,
            spread,
            came_ms: now.unix_ms,
            genuine: false,
            rivals: Vec::new(),
            parts: vec![Bytes::new(); count],
            held: PieceSet::default(),
            tracks: vec![Track::default(); count],
            peers: Vec::new(),
            standing: None,
            standing_at: now.time(),
            stalls: 0,
            salt,
            heard: now.time(),
            gap_ms: 0,
            settled: false,
            begun: now.time(),
            used: now.time(),
        }
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled
    }

    pub(super) fn settle(&mut self) {
        self.settled = true;
    }

    pub(super) fn begun(&self) -> Time {
        self.begun
    }

    pub(crate) fn id(&self) -> &RecordId {
        &self.id
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    pub(crate) fn is_genuine(&self) -> bool {
        self.genuine
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.held == self.head.all()
    }

    pub(super) fn heard(&self) -> Time {
        self.heard
    }

    /// When it was of use last.
    pub(super) fn used(&self) -> Time {
        self.used.max(self.heard)
    }

    /// Says whether a link brought its head first, and it is not here yet.
    pub(super) fn is_owed_by(&self, link: LinkId) -> bool {
        !self.is_whole() && self.peers.first().is_some_and(|peer| peer.link == link)
    }

    /// Returns the links that sent its head or have it, the first first.
    pub(crate) fn sources(&self) -> impl Iterator<Item = LinkId> {
        self.peers.iter().filter(|peer| peer.leads).map(|peer| peer.link)
    }

    pub(super) fn bytes(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Learns who is around, and how far away: the nearest are told how it stands here.
    pub(super) fn meet(&mut self, neighbours: &[Neighbour]) {
        let mut near: Vec<Neighbour> = neighbours.to_vec();
        near.sort_unstable_by_key(|it| (it.rtt_ms, it.link));
        for (place, neighbour) in near.into_iter().enumerate() {
            let Neighbour { link, rtt_ms } = neighbour;
            let Some(peer) = self.peer(link) else { continue };
            peer.rtt_ms = rtt_ms;
            peer.is_near = place < NEAR_MIN || place < NEAR_MAX && rtt_ms <= NEAR_MS;
        }
    }

    pub(super) fn second_head(
        &mut self,
        link: LinkId,
        carried: CarriedHead,
        now: Now,
        words: &mut Vec<Word>,
    ) {
        if !self.genuine && carried.head.signature != self.head.signature {
            if self.rivals.len() < RIVALS_MAX {
                self.rivals.push((link, carried));
            }
            return;
        }
        let all = self.head.all();
        let Some(peer) = self.peer(link) else { return };
        peer.speaks();
        (peer.leads, peer.headed) = (true, true);
        match carried.offer {
            // Whoever begins to send what another sends is told what is left to send.
            Offer::Follow => peer.wished = all,
            // It had it in its store only when it was asked.
            Offer::Ask | Offer::Repair => peer.wished = PieceSet::default(),
        }
        self.plan(now, words);
    }

    /// Its signature is right: asks for its pieces if they do not come by themselves.
    pub(super) fn believe(&mut self, now: Now, words: &mut Vec<Word>) {
        self.genuine = true;
        self.rivals.clear();
        self.plan(now, words);
    }

    /// Returns who sent its wrong signature, and the heads with others.
    pub(super) fn disown(&mut self) -> (Vec<LinkId>, Vec<(LinkId, CarriedHead)>) {
        let guilty = self.peers.iter().filter(|peer| peer.headed);
        (guilty.map(|peer| peer.link).collect(), std::mem::take(&mut self.rivals))
    }

    /// A link has it, or soon will.
    pub(super) fn announced(&mut self, link: LinkId, now: Now, words: &mut Vec<Word>) {
        if let Some(peer) = self.peer(link) {
            peer.leads = true;
            self.plan(now, words);
        }
    }

    /// A link says how it stands there, and what it wishes from now on.
    pub(super) fn pulled(&mut self, link: LinkId, pull: &Pull, now: Now, words: &mut Vec<Word>) {
        let all = self.head.all();
        // Whoever pulls for ever is sent as much as a lossy link needs, and no more.
        let most = SENT_TIMES_MAX * self.head.hashes.len();
        let Some(peer) = self.peer(link) else { return };
        peer.speaks();
        peer.held.add(pull.held.and(all));
        let more = peer.sent < most;
        peer.wishes(if more { pull.pieces.and(all) } else { PieceSet::default() }, now);
        self.plan(now, words);
    }

    /// Lets links have all pieces as they come.
    pub(super) fn feed(&mut self, links: &[LinkId]) {
        let all = self.head.all();
        for link in links {
            if let Some(peer) = self.peer(*link) {
                peer.wants = all.without(peer.held);
            }
        }
    }

    pub(super) fn got(
        &mut self,
        link: LinkId,
        (index, piece): (u8, Bytes),
        now: Now,
        words: &mut Vec<Word>,
    ) -> Got {
        let one = PieceSet::one(index);
        if self.held.has(index) {
            if let Some(peer) = self.peers.iter_mut().find(|peer| peer.link == link) {
                peer.wished.remove(one);
            }
            return Got::Known;
        }
        if !self.head.fits(index, &piece) {
            return Got::Wrong;
        }
        let full = piece.len() == limits::PIECE_BYTES;
        // A short one would keep alive the whole frame it came in.
        let piece = if full { piece } else { Bytes::copy_from_slice(&piece) };
        self.parts[usize::from(index)] = piece;
        self.held.add(one);
        self.gap_ms = now.mono_ms.saturating_sub(self.heard.0).min(GAP_MS_MAX);
        (self.heard, self.stalls) = (now.time(), 0);
        if let Some(peer) = self.peer(link) {
            peer.wished.remove(one);
            peer.held.add(one);
            peer.misses = 0;
        }
        self.peers.iter_mut().for_each(|peer| peer.settle(one));
        self.plan(now, words);
        if self.is_whole() { Got::All } else { Got::More }
    }

    /// Does what is due. Says whether the body stays.
    pub(super) fn mend(
        &mut self,
        brought: &BTreeMap<LinkId, Time>,
        now: Now,
        words: &mut Vec<Word>,
    ) -> bool {
        if self.settled {
            return now.mono_ms < self.used().0.saturating_add(KEPT_MS);
        }
        if self.heard.0.saturating_add(COMING_MS) <= now.mono_ms {
            return false;
        }
        let busy = self.standing.and_then(|link| brought.get(&link)).copied();
        self.bear_with(busy, now);
        self.plan(now, words);
        true
    }

    /// Returns when [`Body::mend`] is due.
    pub(super) fn due(&self) -> Time {
        if self.settled {
            return Time(self.used().0.saturating_add(KEPT_MS));
        }
        let gone = Time(self.heard.0.saturating_add(COMING_MS));
        if self.genuine && !self.is_whole() { self.look_at().min(gone) } else { gone }
    }

    pub(super) fn link_gone(&mut self, link: LinkId, now: Now, words: &mut Vec<Word>) {
        self.rivals.retain(|(rival, _)| *rival != link);
        self.peers.retain(|peer| peer.link != link);
        if self.standing == Some(link) {
            self.standing = None;
        }
        self.plan(now, words);
    }

    /// Returns the body in one. Its pieces become parts of that.
    pub(super) fn join(&mut self) -> Bytes {
        let body = Bytes::from(self.parts.concat());
        self.cut(&body);
        body
    }

    fn cut(&mut self, body: &Bytes) {
        for (at, part) in self.parts.iter_mut().enumerate() {
            let begin = (at * limits::PIECE_BYTES).min(body.len());
            *part = body.slice(begin..(begin + limits::PIECE_BYTES).min(body.len()));
        }
    }

    /// Takes one piece that a link wants, to be sent.
    pub(super) fn take(&mut self, (link, index): (LinkId, u8), now: Now) -> Option<Word> {
        let (id, class) = (self.id, self.class);
        let piece = self.parts.get(usize::from(index))?.clone();
        let track = self.tracks.get_mut(usize::from(index))?;
        let peer = self.peers.iter_mut().find(|peer| peer.link == link)?;
        peer.give(PieceSet::one(index), now);
        track.sent = track.sent.saturating_add(1);
        self.used = now.time();
        Some(Word { link, id, class, what: What::Piece(index, piece) })
    }

    /// Notes whether a link takes anything.
    pub(super) fn set_stuck(&mut self, link: LinkId, stuck: Stuck) {
        if let Some(peer) = self.peers.iter_mut().find(|peer| peer.link == link) {
            peer.stuck = stuck;
        }
    }

    pub(super) fn missing(&self) -> PieceSet {
        self.head.all().without(self.held)
    }

    /// Returns what is known of a link, if there is room for it.
    fn peer(&mut self, link: LinkId) -> Option<&mut Peer> {
        let known = self.peers.iter().any(|peer| peer.link == link);
        if !known && self.peers.len() < PEERS_MAX {
            self.peers.push(Peer::new(Neighbour { link, rtt_ms: RTT_MS }));
        }
        self.peers.iter_mut().find(|peer| peer.link == link)
    }
}

/// Heads with differing signatures kept for one record.
const RIVALS_MAX: usize = 4;
/// Links of which we know how the body stands there.
const PEERS_MAX: usize = 64;
/// How often a link may be sent all of a body.
const SENT_TIMES_MAX: usize = 3;
/// Who is near: at least and at most so many, the latter within so long a round trip. Within a
/// region a piece that is there costs little to ask for, and asking round the world costs more
/// than to wait.
const NEAR_MIN: usize = 4;
const NEAR_MAX: usize = 8;
const NEAR_MS: u64 = 60;
/// The round trip of a link before it is known.
const RTT_MS: u64 = 200;
/// The longest gap between two pieces that makes us more patient.
const GAP_MS_MAX: u64 = 100;
/// A complete body stays so long after it was of use; the store has it.
const KEPT_MS: u64 = 3_000;
/// An incomplete body of which nothing more comes is left to a comparison.
const COMING_MS: u64 = 10_000;
