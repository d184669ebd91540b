//! Who is asked for which piece, what is told to whom, and which piece goes where next.
//!
//! The standing link, as a rule the one that sent the head, is to send everything as it comes
//! there: so pieces go once round the world, at one way and not three. What a near neighbour says
//! it has is asked of that instead, and the standing link is told. Who sends serves first whom it
//! served least, and with what it sent least, so that its neighbours have something to give to
//! each other (PIECE-3, PIECE-4).

use wire::PieceSet;

use super::body::Body;
use super::peer::{Peer, Stuck};
use super::{What, Word};
use crate::intake::Spread;
use crate::{LinkId, Now, Time};

/// Which piece goes where. The least goes first: to whom least was sent, what was sent least, and
/// then by chance, so that two who send to one neighbour do not send the same.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Turn {
    sent: usize,
    times: u32,
    chance: u64,
    index: u8,
    link: LinkId,
}

impl Turn {
    /// Returns where to, and which.
    pub(super) fn at(&self) -> (LinkId, u8) {
        (self.link, self.index)
    }
}

impl Body {
    /// Asks those who should be asked, and tells those who should be told.
    pub(super) fn plan(&mut self, now: Now, words: &mut Vec<Word>) {
        if !self.is_genuine() {
            return;
        }
        if !self.is_whole() {
            self.choose_standing(now);
            self.missing().iter().for_each(|index| self.place(index, now));
        }
        self.tell(words);
    }

    fn choose_standing(&mut self, now: Now) {
        let stalled = self.stalled_at() <= now.time();
        if self.standing.is_some() && !stalled {
            return;
        }
        self.stalls = self.stalls.saturating_add(u32::from(stalled));
        for peer in &mut self.peers {
            // Whatever was asked for may have been lost: it is asked for again.
            peer.late = PieceSet::default();
            if self.standing == Some(peer.link) {
                peer.misses = peer.misses.saturating_add(1);
            }
        }
        let missing = self.missing();
        let has = |peer: &&Peer| peer.leads || !peer.held.and(missing).is_empty();
        let next = self.peers.iter().filter(has).min_by_key(|peer| (peer.misses, peer.rtt_ms));
        let next = next.map(|peer| peer.link);
        for peer in self.peers.iter_mut().filter(|peer| Some(peer.link) == next) {
            // It is told even if it was told before: a word may have been lost.
            peer.wished = PieceSet::default();
        }
        (self.standing, self.standing_at) = (next, now.time());
    }

    /// Waits for the standing link once more if it brought something of other bodies lately: its
    /// uplink is full, and another one's would be as well.
    pub(super) fn bear_with(&mut self, brought: Option<Time>, now: Now) {
        let since = self.heard.max(self.standing_at);
        let is_busy = brought.is_some_and(|at| since < at);
        let is_borne = now.mono_ms <= self.heard.0.saturating_add(BORNE_MS);
        if is_busy && is_borne && self.stalled_at() <= now.time() {
            self.standing_at = now.time();
        }
    }

    /// When somebody else is to send what nobody was asked for.
    fn stalled_at(&self) -> Time {
        let since = self.heard.max(self.standing_at);
        let standing = self.peers.iter().find(|peer| Some(peer.link) == self.standing);
        let rtt_ms = standing.map_or(0, |peer| peer.rtt_ms);
        let wait_ms = (2 * rtt_ms).max(3 * self.gap_ms).clamp(STALL_MS, STALL_MS_MAX);
        Time(since.0.saturating_add(wait_ms << self.stalls.min(4)))
    }

    /// Decides who is asked for a piece.
    fn place(&mut self, index: u8, now: Now) {
        let one = PieceSet::one(index);
        let asked = self.peers.iter().position(|peer| peer.asked.has(index));
        if let Some(asked) = asked {
            if now.time() < self.overdue_at(index, asked) {
                return;
            }
            let peer = &mut self.peers[asked];
            peer.asked.remove(one);
            peer.late.add(one);
            peer.misses = peer.misses.saturating_add(1);
        }
        if let Some(next) = self.holder(index) {
            self.peers[next].asked.add(one);
            self.tracks[usize::from(index)].asked_at = now.time();
        }
    }

    /// When a piece that was asked for is late.
    fn overdue_at(&self, index: u8, asked: usize) -> Time {
        let wait_ms = self.peers[asked].rtt_ms.saturating_add(LATE_MS);
        Time(self.tracks[usize::from(index)].asked_at.0.saturating_add(wait_ms))
    }

    /// Returns who has a piece and can be asked for it.
    fn holder(&self, index: u8) -> Option<usize> {
        let can = |peer: &Peer| {
            let may = peer.is_near && Some(peer.link) != self.standing;
            may && peer.held.has(index) && !peer.late.has(index) && peer.asked.len() < ASKED_MAX
        };
        let holders = self.peers.iter().enumerate().filter(|(_, peer)| can(peer));
        holders.min_by_key(|(_, peer)| peer.order()).map(|(at, _)| at)
    }

    /// Returns when [`Body::plan`] is due, if nothing comes before.
    pub(super) fn look_at(&self) -> Time {
        let asked = |index: u8| self.peers.iter().position(|peer| peer.asked.has(index));
        let late = self.missing().iter().filter_map(|it| Some(self.overdue_at(it, asked(it)?)));
        late.min().map_or(self.stalled_at(), |at| at.min(self.stalled_at()))
    }

    /// Tells links what we wish from them, and near ones what is here.
    fn tell(&mut self, words: &mut Vec<Word>) {
        let (id, class, held, standing) = (*self.id(), self.class, self.held, self.standing);
        let (missing, quiet) = (self.missing(), self.spread == Spread::Quiet);
        let mut rest = missing;
        self.peers.iter().for_each(|peer| rest.remove(peer.asked));
        for peer in &mut self.peers {
            let mut wish = peer.asked;
            if Some(peer.link) == standing {
                wish.add(rest);
            }
            let wish = wish.and(missing);
            let is_news = match peer.told {
                None => !peer.spoke || !held.without(peer.held).is_empty(),
                Some(told) => !held.without(told).without(peer.held).is_empty(),
            };
            if wish != peer.wished || is_news && peer.is_near && !quiet {
                (peer.wished, peer.told) = (wish, Some(held));
                let what = What::State { pieces: wish, held };
                words.push(Word { link: peer.link, id, class, what });
            }
        }
    }

    /// Returns which piece goes where next, if any.
    pub(super) fn next(&self) -> Option<Turn> {
        if !self.is_genuine() {
            return None;
        }
        let moving = self.peers.iter().filter(|peer| peer.stuck == Stuck::No);
        let turns = moving.flat_map(|peer| {
            let (link, sent) = (peer.link, peer.sent);
            peer.wants.and(self.held).iter().map(move |index| {
                let times = self.tracks.get(usize::from(index)).map_or(0, |track| track.sent);
                let chance = mix(self.salt ^ mix(link.0) ^ u64::from(index));
                Turn { sent, times, chance, index, link }
            })
        });
        turns.min()
    }
}

/// Spreads the bits of a number over all of it (SplitMix64).
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Pieces asked of one near neighbour at a time: one comes while others are asked for.
const ASKED_MAX: usize = 3;
/// How much longer than the round trip a piece that was asked for may take: it may wait behind a
/// few others.
const LATE_MS: u64 = 50;
/// Nothing for so long, or two round trips, or three times as long as the last piece took: the
/// rest is asked of another link. Twice as long each time, up to sixteen times.
const STALL_MS: u64 = 100;
const STALL_MS_MAX: u64 = 2_000;
/// How long a link may be busy with other bodies.
const BORNE_MS: u64 = 5_000;
