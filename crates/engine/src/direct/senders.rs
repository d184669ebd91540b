//! Letters of ours that have no receipt yet (DIRECT-5).
//!
//! Bound: `LETTERS_MAX` at once; nobody makes room, one more is refused. Each ends with a receipt or
//! at its deadline.

use std::collections::BTreeMap;

use bytes::Bytes;
use wire::{Letter, LetterId, NodeId, RouteId};

use crate::{Config, LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Senders {
    sendings: BTreeMap<LetterId, Sending>,
    letter_ms: u64,
}

/// One letter and the way that is tried now.
#[derive(Debug)]
pub(crate) struct Sending {
    pub(crate) letter: Letter,
    pub(crate) to: NodeId,
    pub(crate) began: Time,
    until: Time,
    /// Ways tried before this one.
    pub(crate) tries: u8,
    pub(crate) route: RouteId,
    /// Where we asked for the way.
    pub(crate) asked: Vec<LinkId>,
    /// The letter as it goes along this way, once the receiver has answered.
    pub(crate) sealed: Option<Bytes>,
    /// The links it went to.
    pub(crate) sent: Vec<LinkId>,
    /// When something else is tried.
    pub(crate) next: Time,
    /// Whether the receiver answered on any way.
    pub(crate) answered: bool,
}

impl Senders {
    pub(crate) fn new(config: &Config) -> Self {
        Self { sendings: BTreeMap::new(), letter_ms: config.letter_ms }
    }

    /// Takes a letter in; `false` where there is no room.
    pub(crate) fn add(&mut self, letter: Letter, to: NodeId, now: Now) -> bool {
        if LETTERS_MAX <= self.sendings.len() {
            return false;
        }
        let sending = Sending {
            to,
            began: now.time(),
            until: now.after(self.letter_ms),
            tries: 0,
            route: RouteId::default(),
            asked: Vec::new(),
            sealed: None,
            sent: Vec::new(),
            next: now.time(),
            answered: false,
            letter,
        };
        self.sendings.insert(sending.letter.id, sending);
        true
    }

    pub(crate) fn get_mut(&mut self, id: &LetterId) -> Option<&mut Sending> {
        self.sendings.get_mut(id)
    }

    /// Finds the letter whose way is tried under this name.
    pub(crate) fn on(&mut self, route: &RouteId) -> Option<&mut Sending> {
        self.sendings.values_mut().find(|it| it.route == *route && !it.asked.is_empty())
    }

    pub(crate) fn remove(&mut self, id: &LetterId) -> Option<Sending> {
        self.sendings.remove(id)
    }

    /// Returns the letters to a node that no way led to yet.
    pub(crate) fn waiting_for(&self, to: &NodeId) -> Vec<LetterId> {
        let waiting = self.sendings.iter().filter(|(_, it)| it.to == *to && it.sent.is_empty());
        waiting.map(|(id, _)| *id).collect()
    }

    /// Returns the letters for which something else is tried now, and takes those out whose
    /// time is over.
    pub(crate) fn due(&mut self, now: Now) -> (Vec<LetterId>, Vec<Sending>) {
        let over = self.sendings.extract_if(.., |_, it| it.until <= now.time());
        let over: Vec<Sending> = over.map(|(_, it)| it).collect();
        let due = self.sendings.iter().filter(|(_, it)| it.next <= now.time());
        (due.map(|(id, _)| *id).collect(), over)
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.sendings.values().map(|it| it.next.min(it.until)).min()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.sendings.len()
    }
}

/// Letters of ours that have no receipt, at once.
pub(crate) const LETTERS_MAX: usize = 64;
