//! Frames: from a node into the queues of its uplink, over the network, to the other machine.

use engine::Input;
use lanes::{Lanes, Pushed};
use wire::Class;

use super::Shard;
use super::links::RESET;
use crate::ground::Ground;
use crate::happening::{Parcel, What};
use crate::host::{Power, Watch, link_id};
use crate::network::{Flight, Sharing};

impl Shard {
    /// Sends a frame, or queues it.
    pub(super) fn send(
        &mut self,
        ground: &Ground,
        at: usize,
        link: u32,
        class: Class,
        bytes: bytes::Bytes,
        at_us: u64,
    ) {
        let label = self.labels.of(&bytes, &ground.messages);
        let (size, record_bytes) = (bytes.len() as u64, label.record_bytes);
        self.traffic.kinds.entry((label.kind, class)).or_default().add(size, record_bytes);
        self.traffic.sent.add(size, record_bytes);
        let host = &mut self.hosts[at];
        host.figures.frames_sent += 1;
        host.figures.bytes_sent += size;
        let free = host.uplink_free_us <= at_us && !host.uplink_wakes;
        let Some(wire) = host.wire(link) else {
            return self.traffic.unclaimed.add(size, record_bytes);
        };
        let parcel = Parcel {
            link: wire.far,
            back: link,
            bytes,
            digest: label.digest,
            carries: label.carries,
            record_bytes: u32::try_from(record_bytes).unwrap_or(u32::MAX),
        };
        if free {
            let sent_us = at_us + ground.network.sending_us(size);
            host.uplink_free_us = sent_us;
            return self.fly(ground, at, parcel, sent_us);
        }
        let bounds = ground.network.config().queue;
        let lanes = wire.lanes.get_or_insert_with(|| Box::new(Lanes::new(bounds)));
        let pushed = lanes.push(class, parcel, bytes_len(size));
        let queued = lanes.bytes() as u64;
        match pushed {
            Pushed::Full => {
                self.traffic.congested.add(size, record_bytes);
                host.figures.frames_congested += 1;
                let congested = Input::Congested(link_id(link), class, 1);
                self.emit_self(ground, at, at_us, What::Input(Box::new(congested)));
            }
            Pushed::Queued => {
                wire.alerts_waiting += u32::from(class == Class::Alert);
                host.figures.queued_bytes_max = host.figures.queued_bytes_max.max(queued);
                if !std::mem::replace(&mut host.uplink_wakes, true) {
                    let free_us = host.uplink_free_us.max(at_us);
                    self.emit_self(ground, at, free_us, What::Uplink);
                }
            }
        }
    }

    /// Tells a node when all that waits on a link in a class has left.
    pub(super) fn watch(
        &mut self,
        ground: &Ground,
        at: usize,
        link: u32,
        class: Class,
        at_us: u64,
    ) {
        let host = &mut self.hosts[at];
        let free_us = host.uplink_free_us.max(at_us);
        let Some(wire) = host.wire(link) else { return };
        let frames = wire.lanes.as_ref().map_or(0, |lanes| lanes.waiting(class).0);
        if frames == 0 {
            return self.tell_left(ground, at, link, class, free_us);
        }
        host.watches.push(Watch { link, class, frames });
    }

    /// Notes that a frame leaves, and tells the node if it waits for that.
    fn leaves(&mut self, ground: &Ground, at: usize, link: u32, class: Class, sent_us: u64) {
        let host = &mut self.hosts[at];
        let of = |watch: &Watch| (watch.link, watch.class) == (link, class);
        host.watches.iter_mut().filter(|watch| of(watch)).for_each(|watch| watch.frames -= 1);
        let before = host.watches.len();
        host.watches.retain(|watch| 0 < watch.frames);
        for _ in host.watches.len()..before {
            self.tell_left(ground, at, link, class, sent_us);
        }
    }

    fn tell_left(&mut self, ground: &Ground, at: usize, link: u32, class: Class, at_us: u64) {
        let left = Input::Left(link_id(link), class);
        self.emit_self(ground, at, at_us, What::Input(Box::new(left)));
    }

    /// The uplink takes the next frame of those that wait.
    pub(super) fn uplink_free(&mut self, ground: &Ground, at: usize, at_us: u64) {
        let host = &mut self.hosts[at];
        host.uplink_wakes = false;
        let Some(link) = next_link(host, ground.network.config().sharing) else { return };
        host.uplink_turn = link;
        let Some(wire) = host.wire(link) else { return };
        let Some(lanes) = &mut wire.lanes else { return };
        let Some((class, parcel)) = lanes.pop() else { return };
        if lanes.is_empty() {
            wire.lanes = None;
        }
        wire.alerts_waiting -= u32::from(class == Class::Alert);
        let sending_us = ground.network.sending_us(parcel.bytes.len() as u64);
        let sent_us = host.uplink_free_us.max(at_us) + sending_us;
        host.uplink_free_us = sent_us;
        if host.wires.iter().any(|wire| wire.lanes.is_some()) {
            host.uplink_wakes = true;
            self.emit_self(ground, at, sent_us, What::Uplink);
        }
        self.leaves(ground, at, link, class, sent_us);
        self.fly(ground, at, parcel, sent_us);
    }

    /// Sends what waits on a link and a goodbye, then closes it. Bulk is left out (CLASS-2).
    pub(super) fn hang_up(
        &mut self,
        ground: &Ground,
        at: usize,
        link: u32,
        goodbye: bytes::Bytes,
        at_us: u64,
    ) {
        let Some(wire) = self.hosts[at].wire(link) else { return };
        let lanes = wire.lanes.take();
        let mut waiting = Vec::new();
        if let Some(mut lanes) = lanes {
            while let Some((class, parcel)) = lanes.pop() {
                match class {
                    Class::Alert | Class::Control | Class::Normal => waiting.push(parcel),
                    Class::Bulk => {
                        let (size, record_bytes) =
                            (parcel.bytes.len() as u64, parcel.record_bytes.into());
                        self.traffic.congested.add(size, record_bytes);
                    }
                }
            }
        }
        for parcel in waiting {
            let sending_us = ground.network.sending_us(parcel.bytes.len() as u64);
            let host = &mut self.hosts[at];
            let sent_us = host.uplink_free_us.max(at_us) + sending_us;
            host.uplink_free_us = sent_us;
            self.fly(ground, at, parcel, sent_us);
        }
        // Its uplink is booked up to here: what is said last leaves last.
        let free_us = self.hosts[at].uplink_free_us.max(at_us);
        let wakes = std::mem::replace(&mut self.hosts[at].uplink_wakes, false);
        self.send(ground, at, link, Class::Control, goodbye, free_us);
        self.hosts[at].uplink_wakes |= wakes;
        let Some(wire) = self.hosts[at].take_wire(link) else { return };
        let pair = (self.hosts[at].number as usize, wire.other as usize);
        let sent_us = self.hosts[at].uplink_free_us.max(at_us);
        let arrival_us = ground.network.latest_us(pair, sent_us).max(wire.way.not_before_us);
        if ground.network.is_open(pair.0, pair.1) {
            let closed = What::Closed { link: wire.far, why: CLOSED };
            self.emit(ground, at, wire.other, arrival_us, closed);
        }
    }

    /// A frame reaches a machine. Says whether anybody there holds the link.
    pub(super) fn arrived(
        &mut self,
        ground: &Ground,
        at: usize,
        from: u32,
        parcel: &Parcel,
        at_us: u64,
    ) -> bool {
        let (size, record_bytes) = (parcel.bytes.len() as u64, parcel.record_bytes.into());
        let host = &mut self.hosts[at];
        if host.power == Power::On && host.wire(parcel.link).is_some() {
            self.traffic.received.add(size, record_bytes);
            host.figures.frames_received += 1;
            host.figures.bytes_received += size;
            let numbers = parcel.carries.numbers();
            host.figures.copies_received += numbers.len() as u64;
            let (_, place) = ground.place(host.number as usize);
            numbers.iter().for_each(|number| self.seen.copied(*number, place));
            return true;
        }
        self.traffic.unclaimed.add(size, record_bytes);
        // A system that never knew the link, or knew it before it started anew, says so; a link
        // that was closed in order needs no second word.
        let stranger = host.power == Power::Off || parcel.link < host.first_link;
        if host.power != Power::Dead && stranger {
            self.tell(ground, at, from, at_us, What::Closed { link: parcel.back, why: RESET });
        }
        false
    }

    /// Hands a frame to the network when its last bit leaves.
    fn fly(&mut self, ground: &Ground, at: usize, parcel: Parcel, at_us: u64) {
        let (size, record_bytes) = (parcel.bytes.len() as u64, parcel.record_bytes.into());
        let host = &mut self.hosts[at];
        let Ok(wire_at) = host.wires.binary_search_by_key(&parcel.back, |wire| wire.link) else {
            return self.traffic.unclaimed.add(size, record_bytes);
        };
        let wire = &mut host.wires[wire_at];
        let to = wire.other;
        let pair = (host.number as usize, to as usize);
        match ground.network.fly(pair, size, at_us, &mut wire.way, &mut host.chance) {
            Flight::Arrives { at_us, again_us } => {
                if let Some(again_us) = again_us {
                    self.traffic.duplicated.add(size, record_bytes);
                    self.emit(ground, at, to, again_us, What::Frame(parcel.clone()));
                }
                self.emit(ground, at, to, at_us, What::Frame(parcel));
            }
            Flight::Lost => self.traffic.lost.add(size, record_bytes),
            Flight::Walled => self.traffic.walled.add(size, record_bytes),
        }
    }

    /// Tells whether the figures of frames add up, counting those under way.
    pub(crate) fn count_under_way(&mut self) {
        let mut under_way = crate::observer::Tally::default();
        let queues = self.hosts.iter().flat_map(|host| &host.wires);
        for lanes in queues.filter_map(|wire| wire.lanes.as_ref()) {
            let mut lanes = lanes.clone();
            while let Some((_, parcel)) = lanes.pop() {
                under_way.add(parcel.bytes.len() as u64, parcel.record_bytes.into());
            }
        }
        for (_, happening) in self.wheel.iter() {
            if let What::Frame(parcel) = &happening.what {
                under_way.add(parcel.bytes.len() as u64, parcel.record_bytes.into());
            }
        }
        self.traffic.under_way = under_way;
    }
}

/// Returns the link whose turn it is to send.
fn next_link(host: &crate::host::Host, sharing: Sharing) -> Option<u32> {
    let waiting = || host.wires.iter().filter(|wire| wire.lanes.is_some());
    let alerts = || waiting().filter(|wire| 0 < wire.alerts_waiting);
    let turn = host.uplink_turn;
    let urgent = match sharing {
        Sharing::AlertsFirst => alerts().find(|wire| turn < wire.link).or_else(|| alerts().next()),
        Sharing::Turns => None,
    };
    let next = urgent.or_else(|| waiting().find(|wire| turn < wire.link));
    Some(next.or_else(|| waiting().next())?.link)
}

fn bytes_len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

const CLOSED: &str = "closed by the other side";
