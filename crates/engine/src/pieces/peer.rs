//! A neighbour, as far as one body goes: what it has, what it was asked for, what it wants.

use wire::PieceSet;

use super::Neighbour;
use crate::{LinkId, Now, Time};

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) link: LinkId,
    pub(super) rtt_ms: u64,
    /// Whether it is one of those we tell what is here, so that they can ask.
    pub(super) is_near: bool,
    /// What it has, as it says.
    pub(super) held: PieceSet,
    /// Whether it has it all, or will have: it sent the head, or announced it.
    pub(super) leads: bool,
    /// Whether it sent the head.
    pub(super) headed: bool,
    /// Whether it said a word of the body. Before, it may not have understood what we told.
    pub(super) spoke: bool,
    /// What it was told to be here, if it was told anything.
    pub(super) told: Option<PieceSet>,
    /// What it was asked for, and what was asked of another because it did not come.
    pub(super) asked: PieceSet,
    pub(super) late: PieceSet,
    /// How often in a row it did not bring what it was to bring.
    pub(super) misses: u8,
    /// What it is going to send, as far as it knows our wishes.
    pub(super) wished: PieceSet,
    /// What it wishes and was not sent.
    pub(super) wants: PieceSet,
    /// What it was sent lately, and when last: a wish for that crossed it on the way.
    pub(super) given: PieceSet,
    pub(super) given_at: Time,
    /// Pieces it was sent in all.
    pub(super) sent: usize,
    pub(super) stuck: Stuck,
}

/// Whether its link takes nothing: it is sent nothing then.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stuck {
    No,
    Yes,
}

impl Peer {
    pub(super) fn new(neighbour: Neighbour) -> Self {
        let none = PieceSet::default();
        let Neighbour { link, rtt_ms } = neighbour;
        Self {
            link,
            rtt_ms,
            is_near: false,
            held: none,
            leads: false,
            headed: false,
            spoke: false,
            told: None,
            asked: none,
            late: none,
            misses: 0,
            wished: none,
            wants: none,
            given: none,
            given_at: Time::default(),
            sent: 0,
            stuck: Stuck::No,
        }
    }

    /// Notes that it said a word of the body.
    pub(super) fn speaks(&mut self) {
        if !self.spoke {
            self.told = self.told.map(|_| PieceSet::default());
        }
        self.spoke = true;
    }

    /// Notes that a piece is here: nobody needs to send it.
    pub(super) fn settle(&mut self, piece: PieceSet) {
        self.asked.remove(piece);
        self.late.remove(piece);
    }

    /// Notes what it wishes from now on.
    pub(super) fn wishes(&mut self, pieces: PieceSet, now: Now) {
        let crossed_ms = self.rtt_ms.saturating_add(CROSSED_MS);
        if self.given_at.0.saturating_add(crossed_ms) <= now.mono_ms {
            self.given = PieceSet::default();
        }
        self.wants = pieces.without(self.held).without(self.given);
    }

    /// Notes that it is sent a piece.
    pub(super) fn give(&mut self, piece: PieceSet, now: Now) {
        self.wants.remove(piece);
        self.given.add(piece);
        self.given_at = now.time();
        self.sent += 1;
    }

    /// Orders those that can be asked for a piece: who kept its word, who has least to do, who is
    /// nearest.
    pub(super) fn order(&self) -> (u8, usize, u64) {
        (self.misses, self.asked.len(), self.rtt_ms)
    }
}

/// A wish for what was sent crossed it if it comes within the round trip and so long.
const CROSSED_MS: u64 = 250;
