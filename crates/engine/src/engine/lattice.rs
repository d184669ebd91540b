//! Design-A nodes: what they post here, what is pushed to them (docs/protocol.md, DOOR).

use std::net::IpAddr;

use wire::lattice::{Door, Envelope, Meaning};
use wire::{Address, Bridged, Carried, Content, Digest, Message, Opened, Summary, TreeId, limits};

use super::Engine;
use crate::doors::ip_of;
use crate::intake::{Arrival, Source, Spread};
use crate::outbox::When;
use crate::{DoorAnswer, Effect, Now, TicketId, Unsigned};

impl Engine {
    pub(super) fn gossip(&mut self, ticket: TicketId, from: IpAddr, envelope: Envelope, now: Now) {
        let Some(signed) = envelope.signed else {
            let answer = self.unsigned(from, envelope, now);
            let when = if answer == DoorAnswer::Accepted { When::OnDisk } else { When::AtOnce };
            return self.outbox.effect(when, Effect::AnswerDoor(ticket, answer));
        };
        self.counters.messages_received += 1;
        match signed.open() {
            Ok(opened) => {
                let ttl = envelope.ttl.min(limits::TTL_MAX);
                let (spread, source) = (Spread::Push, Source::Door(ticket));
                self.arrive(
                    Arrival { opened, ttl, hops: 1, spread, source, tree: TreeId::default() },
                    now,
                );
            }
            Err(_) => {
                self.counters.refused += 1;
                self.outbox.now(Effect::AnswerDoor(ticket, DoorAnswer::Malformed));
            }
        }
    }

    /// An unsigned message: a hint, or something to carry where the operator allowed that.
    fn unsigned(&mut self, from: IpAddr, envelope: Envelope, now: Now) -> DoorAnswer {
        self.counters.messages_received += 1;
        if envelope.meaning == Meaning::Other {
            return self.relay(envelope, now);
        }
        if !self.doors.is_first_hint(&envelope.message_id, now) {
            self.counters.duplicates += 1;
            return DoorAnswer::Duplicate;
        }
        match &envelope.meaning {
            Meaning::Announce { node_id, address } => {
                // A word is no proof: it enters when it answers at that address under that name.
                if self.doors.hint(address, Some(node_id.clone()), from, now) {
                    self.outbox.now(Effect::Dial(address.clone()));
                }
            }
            Meaning::StateUpdate { merkle_root } => {
                self.doors.claims_root(&envelope.origin_peer, merkle_root);
            }
            Meaning::Other => {}
        }
        DoorAnswer::Accepted
    }

    /// Carries an unsigned message under our signature, marked as unproven (DOOR-3).
    fn relay(&mut self, envelope: Envelope, now: Now) -> DoorAnswer {
        let bridged = Bridged {
            message_id: envelope.message_id.clone(),
            message_type: envelope.message_type.clone(),
            origin_peer: envelope.origin_peer.clone(),
        };
        if self.doors.was_carried(&bridged, envelope.payload.as_bytes()) || self.is_recent(&bridged)
        {
            self.counters.duplicates += 1;
            return DoorAnswer::Duplicate;
        }
        if self.config.unsigned == Unsigned::Refuse {
            self.counters.refused += 1;
            return DoorAnswer::Unsigned;
        }
        if !self.doors.may_relay(now) {
            return DoorAnswer::Busy;
        }
        let topic = format!("lattice/{}", envelope.message_type);
        let mut message = Message::new(topic, envelope.payload.clone());
        message.bridged = Some(bridged);
        if message.check().is_err() || self.config.body_bytes_max < envelope.payload.len() + 1_024 {
            self.counters.refused += 1;
            return DoorAnswer::Malformed;
        }
        let written = self.write(vec![(Content::Message(message), RELAYED_LIFE_MS)], now);
        if written.is_empty() { DoorAnswer::Busy } else { DoorAnswer::Accepted }
    }

    /// Says whether a message names one that came by on links and was not posted from here.
    fn is_recent(&self, bridged: &Bridged) -> bool {
        let id = Digest::from_hex(&bridged.message_id);
        id.is_some_and(|id| self.recents.get(self.recents.name(&id)).is_some())
    }

    pub(super) fn door_found(&mut self, address: &Address, door: &Door, now: Now) {
        let asked = self.membership.is_asked(address);
        self.membership.dial_found_door(address);
        if self.doors.found(address, &door.node_id, asked, now) {
            self.counters.discovered += 1;
            self.announce_to(vec![address.clone()], now);
        }
        for peer in &door.peers {
            let own = self.own_addresses().contains(peer);
            if !own && self.doors.hint(peer, None, ip_of(address), now) {
                self.outbox.now(Effect::Dial(peer.clone()));
            }
        }
    }

    /// Pushes a new message to a few design-A nodes, once (DOOR-5).
    pub(super) fn push_to_doors(&mut self, opened: &Opened, carried: &Carried, now: Now) {
        let Content::Message(message) = &opened.record.content else { return };
        if carried.ttl == 0 && opened.signed.author != self.me {
            return;
        }
        // Nobody to post it to, and none who could bring it back is believed.
        if self.doors.all().is_empty() && self.config.unsigned == Unsigned::Refuse {
            return;
        }
        let payload = String::from_utf8_lossy(&message.payload).into_owned();
        let mut envelope = Envelope {
            message_id: opened.id.to_string(),
            message_type: message.topic.clone(),
            payload,
            timestamp_s: opened.record.created.ms() as f64 / 1_000.0,
            ttl: carried.ttl.min(limits::TTL_MAX),
            origin_peer: opened.signed.author.to_string(),
            seen_by: vec![self.me.to_string()],
            signed: Some(opened.signed.clone()),
            meaning: Meaning::Other,
        };
        if let Some(bridged) = &message.bridged {
            envelope.message_id.clone_from(&bridged.message_id);
            envelope.message_type.clone_from(&bridged.message_type);
            envelope.origin_peer.clone_from(&bridged.origin_peer);
            envelope.seen_by.push(bridged.origin_peer.clone());
            envelope.signed = None;
        }
        self.doors.posted(&envelope.message_id, now);
        let when = if opened.signed.author == self.me { When::OnDisk } else { When::AtOnce };
        let doors = self.doors.choose(self.config.door_fanout, &envelope.seen_by, &mut self.random);
        self.post(when, doors, &envelope);
    }

    /// Tells design-A nodes our new root in the one way they know.
    pub(super) fn tell_doors_root(&mut self, ours: &Summary, now: Now) {
        let (root, version) = (ours.state.root, self.sets.version());
        let payload = format!(r#"{{"merkle_root":"{root}","state_version":{version}}}"#);
        let doors = self.doors.choose(self.config.door_fanout, &[], &mut self.random);
        let envelope = self.own_envelope("state_update", payload, now);
        self.post(When::AtOnce, doors, &envelope);
    }

    /// Tells design-A nodes where we are.
    pub(super) fn announce_to(&mut self, doors: Vec<Address>, now: Now) {
        let own = self.own_addresses();
        let Some(url) = own.iter().find_map(|it| it.url()).map(str::to_owned) else { return };
        let (me, root) = (self.me, self.sets.summary().state.root);
        let timestamp = now.unix_ms as f64 / 1_000.0;
        let payload = format!(
            r#"{{"node_id":"{me}","url":"{url}","merkle_root":"{root}","timestamp":{timestamp:?}}}"#
        );
        let envelope = self.own_envelope("peer_announce", payload, now);
        self.post(When::AtOnce, doors, &envelope);
    }

    fn own_envelope(&mut self, message_type: &str, payload: String, now: Now) -> Envelope {
        let nonce = self.random.number().to_be_bytes();
        let parts: [&[u8]; 3] = [self.me.as_bytes(), &nonce, payload.as_bytes()];
        let message_id = Digest::of("trellis-lattice-id-v1", &parts).to_string();
        self.doors.is_first_hint(&message_id, now);
        Envelope {
            message_id,
            message_type: message_type.to_owned(),
            payload,
            timestamp_s: now.unix_ms as f64 / 1_000.0,
            ttl: self.config.ttl.min(limits::TTL_MAX),
            origin_peer: self.me.to_string(),
            seen_by: vec![self.me.to_string()],
            signed: None,
            meaning: Meaning::Other,
        }
    }

    fn post(&mut self, when: When, doors: Vec<Address>, envelope: &Envelope) {
        self.counters.pushed += doors.len() as u64;
        for door in doors {
            self.outbox.effect(when, Effect::PushDoor(door, Box::new(envelope.clone())));
        }
    }
}

/// An unsigned message is carried for an hour: design A forgets it after five minutes.
const RELAYED_LIFE_MS: u64 = 3_600_000;
