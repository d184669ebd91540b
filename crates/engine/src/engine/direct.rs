//! Letters: seeking a way, answering, carrying for others.

use bytes::Bytes;
use wire::{
    Class, Direct, DirectStep, Found, Frame, Letter, LetterId, NodeId, RouteId, Subject, limits,
    receipt_to_sign,
};

use super::Engine;
use crate::direct::senders::LETTERS_MAX;
use crate::direct::{Delivery, LetterRefused, Mail, Undelivered, info};
use crate::outbox::When;
use crate::{Effect, LinkId, Now};

impl Engine {
    /// Begins to send a letter to one node. [`Engine::take_mail`] tells what becomes of it.
    pub fn send_letter(
        &mut self,
        to: NodeId,
        subject: Subject,
        body: Bytes,
        now: Now,
    ) -> Result<LetterId, LetterRefused> {
        if to == self.me {
            return Err(LetterRefused::Self_);
        }
        if limits::LETTER_BYTES_MAX < body.len() {
            return Err(LetterRefused::TooLong(body.len()));
        }
        let id = LetterId(self.direct.name());
        let letter = Letter { author: self.me, id, subject, body };
        if !self.direct.senders.add(letter, to, now) {
            return Err(LetterRefused::Busy(LETTERS_MAX));
        }
        self.seek(id, now);
        Ok(id)
    }

    /// Takes what came for the node on top since it was asked last.
    pub fn take_mail(&mut self) -> Vec<Mail> {
        std::mem::take(&mut self.direct.mail)
    }

    #[cfg(test)]
    pub(crate) fn direct_len(&self) -> (usize, (usize, usize, usize), usize) {
        let direct = &self.direct;
        (direct.senders.len(), direct.receivers.sizes(), direct.relays.len())
    }

    /// Does what is due.
    pub(super) fn turn_direct(&mut self, now: Now) {
        let (due, over) = self.direct.senders.due(now);
        for sending in over {
            let why = if sending.answered { Undelivered::Unanswered } else { Undelivered::Away };
            self.direct.fail(sending.letter.id, why);
        }
        due.into_iter().for_each(|id| self.seek(id, now));
    }

    /// A link came up: letters for its peer go there.
    pub(super) fn direct_linked(&mut self, peer: &NodeId, now: Now) {
        let waiting = self.direct.senders.waiting_for(peer);
        waiting.into_iter().for_each(|id| self.seek(id, now));
    }

    /// Asks for a new way: over the link to the receiver, or over others, each time farther.
    fn seek(&mut self, id: LetterId, now: Now) {
        let route = RouteId(self.direct.name());
        let room = 0 < self.dials_open();
        let Some(sending) = self.direct.senders.get_mut(&id) else { return };
        let (to, tries) = (sending.to, sending.tries);
        let link = self.links.of(&to);
        if link.is_none()
            && room
            && let Some(address) = self.membership.dial_wanted(&to, now)
        {
            self.outbox.now(Effect::Dial(address));
        }
        let (asked, hops) = match link {
            // The first tries go straight; a link that carries nothing is gone round.
            Some(link) if tries < STRAIGHT_TRIES => (vec![link], 0),
            _ => (self.links.greeted_ids(), tries.clamp(1, HOPS_MAX)),
        };
        let asked = self.random.pick(asked, FIRST_LINKS_MAX);
        sending.tries = tries.saturating_add(1);
        sending.route = route;
        sending.sealed = None;
        sending.sent.clear();
        sending.next = now.after(if hops <= 1 { NEAR_MS } else { FAR_MS });
        sending.asked.clone_from(&asked);
        let seek = DirectStep::Seek { to, hops };
        self.say_direct(&asked, route, seek);
    }

    /// Hears a step on a link.
    pub(super) fn direct(&mut self, id: LinkId, direct: Direct, now: Now) {
        let Direct { route, step } = direct;
        let Some(link) = self.links.get_mut(id) else { return };
        let (budget, max) = match step {
            DirectStep::Seek { .. } => (&mut link.seeks, SEEKS_PER_S_MAX),
            DirectStep::Found(_) | DirectStep::Letter(_) | DirectStep::Receipt(_) => {
                (&mut link.letters, STEPS_PER_S_MAX)
            }
        };
        // DIRECT-6
        if !budget.take(max, 1_000, now.time()) {
            self.counters.dropped += 1;
            return;
        }
        match step {
            DirectStep::Seek { to, .. } if to == self.me => self.sought(id, route, now),
            DirectStep::Seek { to, hops } => self.seek_on(id, route, to, hops, now),
            DirectStep::Found(found) => self.found(id, route, &found, now),
            DirectStep::Letter(sealed) => self.letter(id, route, sealed, now),
            DirectStep::Receipt(signature) => self.receipt(id, route, signature, now),
        }
    }

    /// Answers who seeks us with a key for one letter (DIRECT-2).
    fn sought(&mut self, id: LinkId, route: RouteId, now: Now) {
        if self.stopping {
            return;
        }
        if self.direct.receivers.get_mut(&route).is_none() {
            if !self.direct.receivers.has_room(id, now) {
                self.counters.dropped += 1;
                return;
            }
            let pair = self.direct.pair();
            let to_sign = Found::to_sign(&self.config.network, &route, &pair.public());
            let signature = self.author.sign(&to_sign);
            self.direct.receivers.open(route, pair, signature, id, now);
        }
        let Some(opening) = self.direct.receivers.get_mut(&route) else { return };
        if !opening.links.contains(&id) {
            if WAYS_MAX <= opening.links.len() {
                return;
            }
            opening.links.push(id);
        }
        let found = Found { key: opening.key, signature: opening.signature };
        self.say_direct(&[id], route, DirectStep::Found(found));
    }

    /// Seeks for somebody else: over our link to the one sought, or over others (DIRECT-1).
    fn seek_on(&mut self, id: LinkId, route: RouteId, to: NodeId, hops: u8, now: Now) {
        let Some(hops) = hops.checked_sub(1).filter(|_| !self.stopping) else { return };
        let asked = match self.links.of(&to) {
            Some(link) if link == id => return,
            Some(link) => vec![link],
            None if hops == 0 => return,
            None => {
                let others = self.links.greeted_ids().into_iter().filter(|it| *it != id);
                self.random.pick(others.collect(), LINKS_MAX)
            }
        };
        if let Some(relay) = self.direct.relays.get_mut(&route) {
            // It comes by another way: who asked first may lie.
            if relay.to != to || relay.backs.contains(&id) || WAYS_MAX <= relay.backs.len() {
                return;
            }
            relay.backs.push(id);
            if let Some(found) = relay.way {
                self.say_direct(&[id], route, DirectStep::Found(found));
            }
            return;
        }
        // Our own ways do not come back through us.
        let known = self.direct.senders.on(&route).is_some();
        let ms = self.config.letter_ms;
        if known || asked.is_empty() {
            return;
        }
        let Some(relay) = self.direct.relays.add(route, to, id, ms, now) else { return };
        relay.asked.clone_from(&asked);
        self.say_direct(&asked, route, DirectStep::Seek { to, hops });
    }

    /// The one sought has answered; what it signed is true or the link is gone (DIRECT-2).
    fn found(&mut self, id: LinkId, route: RouteId, found: &Found, now: Now) {
        let to_sign = Found::to_sign(&self.config.network, &route, &found.key);
        if let Some(relay) = self.direct.relays.get_mut(&route) {
            if !relay.asked.contains(&id) || relay.found.contains(&id) {
                return;
            }
            if !relay.to.verify(&to_sign, &found.signature) {
                return self.fault(id, "passed on a way that its end did not sign", now);
            }
            let (backs, first) = (relay.backs.clone(), relay.found.is_empty());
            relay.way = Some(*found);
            if relay.found.len() < WAYS_MAX {
                relay.found.push(id);
            }
            if first {
                self.say_direct(&backs, route, DirectStep::Found(*found));
            }
            return;
        }
        let Some(sending) = self.direct.senders.on(&route) else { return };
        let (to, tried) = (sending.to, sending.sent.len());
        let ways = if sending.tries <= 1 { FIRST_WAYS_MAX } else { WAYS_MAX };
        if !sending.asked.contains(&id) || sending.sent.contains(&id) || ways <= tried {
            return;
        }
        if !to.verify(&to_sign, &found.signature) {
            return self.fault(id, "passed on a way that its end did not sign", now);
        }
        sending.answered = true;
        sending.sent.push(id);
        sending.next = now.after(RECEIPT_MS);
        let bytes = match &sending.sealed {
            // Another way to the same key: the same bytes, of which the receiver takes one.
            Some(sealed) => sealed.clone(),
            None => {
                let letter = sending.letter.clone();
                let Some(sealed) = self.seal_letter(&letter, &route, &to, &found.key) else {
                    return;
                };
                if let Some(sending) = self.direct.senders.on(&route) {
                    sending.sealed = Some(sealed.clone());
                }
                sealed
            }
        };
        self.say_direct(&[id], route, DirectStep::Letter(bytes));
    }

    fn seal_letter(
        &mut self,
        letter: &Letter,
        route: &RouteId,
        to: &NodeId,
        key: &[u8; 32],
    ) -> Option<Bytes> {
        let network = self.config.network;
        let bytes = letter.encode(&network, route, to, self.author.identity());
        self.direct.seal(key, &info(&network, route, to), &bytes)
    }

    /// A letter: on its way through here, or for us.
    fn letter(&mut self, id: LinkId, route: RouteId, sealed: Bytes, now: Now) {
        if let Some(relay) = self.direct.relays.get_mut(&route) {
            if relay.backs.contains(&id) && relay.passes(id, &sealed) {
                let onward = relay.found.clone();
                self.say_direct(&onward, route, DirectStep::Letter(sealed));
            }
            return;
        }
        let (network, me) = (self.config.network, self.me);
        let Some(opening) = self.direct.receivers.get_mut(&route) else { return };
        if !opening.links.contains(&id) {
            return;
        }
        let receipt = match opening.receipt {
            Some(receipt) => receipt,
            None => {
                let Some(pair) = &opening.pair else { return };
                let opened = pair.open(&info(&network, &route, &me), &sealed);
                let letter = opened.and_then(|it| Letter::open(&it, &network, &route, &me).ok());
                // Whoever bent it on the way cannot be named: the sender tries another way.
                let Some(letter) = letter else { return };
                opening.pair = None;
                if !self.take_letter(letter, now) {
                    return;
                }
                let signature = self.author.sign(&receipt_to_sign(&network, &route, &sealed));
                if let Some(opening) = self.direct.receivers.get_mut(&route) {
                    opening.receipt = Some(signature);
                }
                signature
            }
        };
        self.say_direct(&[id], route, DirectStep::Receipt(receipt));
    }

    /// Hands a letter over, once. Says whether its author gets a receipt.
    fn take_letter(&mut self, letter: Letter, now: Now) -> bool {
        let receivers = &mut self.direct.receivers;
        if receivers.has(&letter.author, &letter.id) {
            return true;
        }
        if letter.author == self.me || !receivers.take(letter.author, letter.id, now) {
            self.counters.dropped += 1;
            return false;
        }
        self.direct.mail.push(Mail::Came(letter));
        true
    }

    fn receipt(&mut self, id: LinkId, route: RouteId, signature: [u8; 64], now: Now) {
        if let Some(relay) = self.direct.relays.get_mut(&route) {
            // A false one is told from a true one by the sender alone: only it knows the letter.
            if relay.found.contains(&id) && relay.passes(id, &signature) {
                let backs = relay.backs.clone();
                self.say_direct(&backs, route, DirectStep::Receipt(signature));
            }
            return;
        }
        let Some(sending) = self.direct.senders.on(&route) else { return };
        let Some(sealed) = &sending.sealed else { return };
        let to_sign = receipt_to_sign(&self.config.network, &route, sealed);
        if !sending.sent.contains(&id) || !sending.to.verify(&to_sign, &signature) {
            return;
        }
        let (letter, took_ms) = (sending.letter.id, now.mono_ms.saturating_sub(sending.began.0));
        let relayed = self.links.get(id).is_none_or(|link| link.peer != sending.to);
        self.direct.senders.remove(&letter);
        self.direct.mail.push(Mail::Delivered(letter, Delivery { took_ms, relayed }));
    }

    fn say_direct(&mut self, links: &[LinkId], route: RouteId, step: DirectStep) {
        let links: Vec<LinkId> =
            links.iter().copied().filter(|id| self.links.is_greeted(*id)).collect();
        let frame = Frame::Direct(Direct { route, step });
        self.outbox.send_all(When::AtOnce, Class::Normal, &links, &frame);
    }
}

/// Tries over the link to the receiver before others are asked as well.
const STRAIGHT_TRIES: u8 = 2;
/// Nodes that may stand between when we seek.
const HOPS_MAX: u8 = 3;
/// Links asked by the one who seeks.
const FIRST_LINKS_MAX: usize = 12;
/// Links asked by each node on the way.
const LINKS_MAX: usize = 8;
/// Ways along which one letter goes: first a few, then many, so that those who lie on some of them do not
/// stop it.
const FIRST_WAYS_MAX: usize = 3;
const WAYS_MAX: usize = 8;
/// How long an answer may take before others are asked: of a neighbour, of its neighbours, and of
/// those farther away.
const NEAR_MS: u64 = 1_000;
const FAR_MS: u64 = 2_000;
/// How long a receipt may take.
const RECEIPT_MS: u64 = 2_000;
/// What one link may bring: ways to seek, and other steps.
pub(crate) const SEEKS_PER_S_MAX: u32 = 20;
pub(crate) const STEPS_PER_S_MAX: u32 = 60;
