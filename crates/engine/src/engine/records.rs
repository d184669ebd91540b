//! What enters, and where it goes from there.

use bytes::Bytes;
use wire::{
    Carried, Class, Content, Entry, NodeId, Opened, Record, RecordId, Refusal, Slot, TreeId, limits,
};

use super::Engine;
use crate::intake::{Arrival, Joined, Pending, Source};
use crate::outbox::{Parcel, When};
use crate::sets::{Place, Standing};
use crate::{Accepted, DoorAnswer, Effect, Event, Now};

impl Engine {
    /// Writes records of ours, as far as there is room for them, and hands them to all links (GOSSIP-1). They are on disk before
    /// anybody hears of them (DISK-1). The caller has checked labels and sizes.
    pub fn write(&mut self, contents: Vec<(Content, u64)>, now: Now) -> Vec<RecordId> {
        let tree = self.forest.route(now);
        let (mut ids, mut pushes) = (Vec::new(), Vec::new());
        for (content, life_ms) in contents {
            let opened = self.author.seal(content, life_ms, now);
            let Some(place) = Place::of(&opened.id, &opened.signed.author, &opened.record) else {
                continue;
            };
            if self.sets.standing(&place, &opened) != Standing::New {
                continue;
            }
            ids.push(opened.id);
            let class = self.alerts.spend(&self.me, opened.record.class(), now);
            let parcel = self.set_out(&opened, class, tree, now);
            self.counters.pushed += parcel.links.len() as u64;
            self.enter(&place, opened, &parcel.carried, None, now);
            pushes.push(parcel);
        }
        self.outbox.batch().author = Some(self.author.clock());
        self.send_out(When::OnDisk, pushes, now);
        ids
    }

    /// Appends entries of ours to collections, behind those that are there; the newest stay as long as they
    /// live (STATE-7). The caller has checked labels, sizes, and that they fit.
    pub fn append(
        &mut self,
        values: Vec<(String, Bytes)>,
        hour: u32,
        now: Now,
    ) -> Vec<(RecordId, Slot)> {
        let mut written = Vec::with_capacity(values.len());
        for (collection, value) in values {
            let slot = self.sets.next_slot(&collection, &self.me, hour);
            let entry = Entry { collection, name: slot.to_string(), value: Some(value) };
            let ids = self.write(vec![(Content::Entry(entry), 0)], now);
            written.extend(ids.into_iter().map(|id| (id, slot)));
        }
        written
    }

    /// Says whether an entry of ours stands where this one would.
    pub fn holds(&self, entry: &Entry) -> bool {
        self.sets.holds(&Place::of_entry(&self.me, entry))
    }

    /// Says whether so many entries of ours at new places would fit.
    pub fn has_room(&self, entries: usize) -> bool {
        self.sets.fits(entries)
    }

    /// Takes a copy of a record as far as it goes without a signature check. What is held, or is
    /// being checked, is not checked again (INTAKE-3).
    pub(super) fn arrive(&mut self, arrival: Arrival, now: Now) {
        let id = arrival.opened.id;
        if let Err(refusal) = self.intake.check(&arrival, &self.config, now) {
            return self.refuse(&arrival.opened, arrival.source, refusal);
        }
        let (author, record) = (arrival.opened.signed.author, &arrival.opened.record);
        let place = Place::of(&id, &author, record);
        let standing = match &place {
            Some(place) => self.sets.standing(place, &arrival.opened),
            None => self.profile_standing(&arrival, now),
        };
        match standing {
            Standing::New => {}
            Standing::Stale if self.is_for_council(place.as_ref(), &arrival.opened) => {}
            Standing::Stale if self.numbers.is_taken(&arrival.opened) => {}
            Standing::Held | Standing::Stale => return self.duplicate(arrival.source),
            Standing::Past => return self.turn_away(&[arrival.source]),
            Standing::NoRoom => {
                return self.refuse(&arrival.opened, arrival.source, Refusal::NoRoom);
            }
        }
        if self.pieces.get(self.recents.name(&id)).is_some() {
            // It is coming in pieces.
            return self.answer(arrival.source, DoorAnswer::Busy, When::AtOnce);
        }
        match self.intake.join(&arrival) {
            Joined::Alone => {}
            Joined::Full => return self.answer(arrival.source, DoorAnswer::Busy, When::AtOnce),
            Joined::Waits => {
                // Whoever asked at a door hears the verdict on its copy.
                self.counters.duplicates += u64::from(matches!(arrival.source, Source::Link(_)));
                return;
            }
        }
        let (claim, source) = (arrival.opened.claim(), arrival.source);
        let class = self.alerts.class(&author, arrival.opened.record.class(), now);
        if self.intake.add(arrival, place) {
            self.outbox.verify(class, id, claim);
        } else {
            self.counters.dropped += 1;
            self.answer(source, DoorAnswer::Busy, When::AtOnce);
        }
    }

    pub(super) fn verified(&mut self, verdicts: Vec<(RecordId, bool)>, now: Now) {
        let mut pushes = Vec::new();
        for (id, genuine) in verdicts {
            self.counters.verified += 1;
            if self.head_verified(&id, genuine, now) {
                continue;
            }
            let Some(pending) = self.intake.take(&id) else { continue };
            if genuine {
                pushes.extend(self.admit(pending, now));
            } else {
                self.reject(pending, now);
            }
        }
        self.send_out(When::AtOnce, pushes, now);
        self.go_on_fetching();
        self.turn_newcomer(now);
    }

    /// Lets a genuine record in. Returns to whom it is pushed on.
    pub(super) fn admit(&mut self, pending: Pending, now: Now) -> Option<Parcel> {
        if !self.is_proven(&pending.opened) {
            self.disprove(pending, now);
            return None;
        }
        let Pending { opened, place, ttl, hops, spread, sources, rivals } = pending;
        for rival in rivals {
            self.duplicate(rival.source);
        }
        let carried = Carried { signed: opened.signed.clone(), ttl, hops, tree: TreeId::default() };
        if opened.signed.author == self.me {
            // Written by this key on another day: what we write must be newer.
            self.author.observe(opened.record.created);
        }
        let standing = place.as_ref().map(|place| self.sets.standing(place, &opened));
        let doors = sources.iter().copied().filter(|it| matches!(it, Source::Door(_)));
        match standing {
            None => self.meet(&opened, carried, spread, &sources, now),
            Some(Standing::New) => {
                let answers = [DoorAnswer::Accepted].into_iter();
                let answers = answers.chain(std::iter::repeat(DoorAnswer::Duplicate));
                doors.zip(answers).for_each(|(door, it)| self.answer(door, it, When::OnDisk));
                let from = self.first_link(&sources);
                let place = place.as_ref()?;
                self.enter(place, opened.clone(), &carried, from, now);
                self.made_progress(&sources, spread, now);
                if self.has_gone_on(&opened, spread, now) {
                    return None;
                }
                let class = self.alerts.spend(&opened.signed.author, opened.record.class(), now);
                self.send_on(carried, &opened, (class, spread), &sources, now)
            }
            Some(Standing::Held | Standing::Stale) => {
                place.iter().for_each(|place| self.show_council(place, &opened, now));
                self.note_number(&opened);
                doors.for_each(|door| self.answer(door, DoorAnswer::Duplicate, When::AtOnce));
                None
            }
            Some(Standing::Past) => {
                self.turn_away(&sources);
                None
            }
            Some(Standing::NoRoom) => {
                let answer = DoorAnswer::Refused(Refusal::NoRoom);
                doors.for_each(|door| self.answer(door, answer, When::AtOnce));
                None
            }
        }
    }

    /// Puts a record of an entry or message in its place, writes it down and reports it.
    pub(super) fn enter(
        &mut self,
        place: &Place,
        opened: Opened,
        carried: &Carried,
        from: Option<NodeId>,
        now: Now,
    ) {
        self.counters.accepted += 1;
        self.links.unwant(&place.key);
        self.show_council(place, &opened, now);
        self.note_number(&opened);
        let keep = self.sets.insert(place, &opened);
        let dropped = self.sets.evict();
        let batch = self.outbox.batch();
        batch.keep.push(keep);
        batch.drop.extend(dropped);
        self.mark_changed(now);
        // A message is told at once; an entry only when a reader would find it.
        let when = match &opened.record.content {
            Content::Message(_) if from.is_some() => When::AtOnce,
            Content::Contradiction(_)
            | Content::Entry(_)
            | Content::Message(_)
            | Content::Profile(_) => When::OnDisk,
        };
        if self.is_first_of_bridged(&opened.record, now) {
            self.push_to_doors(&opened, carried, now);
            let Opened { id, record, .. } = opened;
            let accepted = Accepted { id, carried: carried.clone(), record, from };
            self.outbox.effect(when, Effect::Report(Event::Accepted(Box::new(accepted))));
        }
    }

    /// Takes a profile into the book. Says whether it is worth passing on.
    pub(super) fn learn(&mut self, opened: &Opened, now: Now) -> bool {
        let author = opened.signed.author;
        let is_new = !self.membership.book().has(&author);
        let Some((mut row, gone)) = self.membership.learn(opened, &mut self.random, now) else {
            return false;
        };
        self.counters.discovered += u64::from(is_new);
        if let Some(link) = self.links.of(&author).and_then(|id| self.links.get(id)) {
            // Its hello came before its profile was checked.
            let dialled = link.dialled.clone();
            row = self.membership.linked(author, dialled.as_ref(), now).unwrap_or(row);
        }
        let batch = self.outbox.batch();
        batch.book.push(row);
        batch.book_drop.extend(gone);
        true
    }

    /// Passes a profile on to random links that did not send it; it has one hop less.
    pub(super) fn pass_on(&mut self, carried: Carried, sources: &[Source]) -> Parcel {
        let links = self.links.greeted_ids();
        let others = links.into_iter().filter(|id| !sources.contains(&Source::Link(*id)));
        let mut chosen = self.random.pick(others.collect(), self.config.fanout);
        chosen.sort_unstable();
        self.counters.pushed += chosen.len() as u64;
        let (ttl, hops) = (carried.ttl.saturating_sub(1), carried.hops.saturating_add(1));
        let carried = Carried { ttl, hops, ..carried };
        Parcel { class: Class::Control, carried, links: chosen }
    }

    pub(super) fn spread_own_profile(&mut self) {
        let carried = Carried {
            signed: self.profile.signed.clone(),
            ttl: self.config.ttl,
            hops: 0,
            tree: TreeId::default(),
        };
        let links = self.links.greeted_ids();
        if !links.is_empty() {
            self.outbox.push(When::OnDisk, vec![Parcel { class: Class::Control, carried, links }]);
        }
    }

    /// A false signature: honest nodes check before they pass on, so the sender is at fault.
    pub(super) fn reject(&mut self, pending: Pending, now: Now) {
        self.recents.forget(&pending.opened.id);
        for source in &pending.sources {
            match source {
                Source::Door(_) => {
                    let answer = DoorAnswer::Refused(Refusal::BadSignature);
                    self.counters.refused += 1;
                    self.answer(*source, answer, When::AtOnce);
                }
                Source::Link(id) => self.fault(*id, "sent a false signature", now),
            }
        }
        for rival in pending.rivals {
            self.arrive(rival, now);
        }
    }

    pub(super) fn refuse(&mut self, opened: &Opened, source: Source, refusal: Refusal) {
        self.counters.refused += 1;
        let from = match source {
            Source::Door(_) => None,
            Source::Link(id) => self.links.get(id).map(|link| link.peer),
        };
        let author = opened.signed.author;
        let what = format!("record {:?} of {author:?}: {refusal}", opened.id);
        self.outbox.now(Effect::Report(Event::Refused(from, what)));
        self.answer(source, DoorAnswer::Refused(refusal), When::AtOnce);
    }

    /// Says no to what is past (STATE-9). Who brought it could not know: it has been away.
    fn turn_away(&mut self, sources: &[Source]) {
        self.counters.past_refused += 1;
        for source in sources {
            self.answer(*source, DoorAnswer::Refused(Refusal::Expired), When::AtOnce);
        }
    }

    fn duplicate(&mut self, source: Source) {
        self.counters.duplicates += 1;
        self.answer(source, DoorAnswer::Duplicate, When::AtOnce);
    }

    fn answer(&mut self, source: Source, answer: DoorAnswer, when: When) {
        if let Source::Door(ticket) = source {
            self.outbox.effect(when, Effect::AnswerDoor(ticket, answer));
        }
    }

    fn first_link(&self, sources: &[Source]) -> Option<NodeId> {
        sources.iter().find_map(|source| match source {
            Source::Door(_) => None,
            Source::Link(id) => self.links.get(*id).map(|link| link.peer),
        })
    }

    /// Says whether entries of ours would fit, for callers that write: only new places count.
    pub fn fits(&self, contents: &[(Content, u64)]) -> bool {
        let places = contents.iter().filter_map(|(content, _)| match content {
            Content::Entry(entry) => Some(Place::of_entry(&self.me, entry)),
            Content::Contradiction(_) | Content::Message(_) | Content::Profile(_) => None,
        });
        self.sets.fits(places.filter(|place| !self.sets.holds(place)).count())
    }

    /// How far the next record of ours would be ahead of our clock, milliseconds.
    pub fn pen_ahead_ms(&self, now: Now) -> u64 {
        self.author.time(now).ms().saturating_sub(now.unix_ms)
    }

    /// How far our clock is from our peers' median, where all of them say that it is too far to
    /// write: milliseconds (CLOCK-1).
    pub fn clock_off_ms(&self) -> Option<i64> {
        self.links.clock_off_ms(limits::CLOCK_AHEAD_MS_MAX)
    }

    /// Says whether a record was not already delivered as somebody else's copy of one unsigned
    /// message.
    fn is_first_of_bridged(&mut self, record: &Record, now: Now) -> bool {
        let Content::Message(message) = &record.content else { return true };
        let Some(bridged) = &message.bridged else { return true };
        self.doors.is_first_copy(bridged, &message.payload, now)
    }
}
