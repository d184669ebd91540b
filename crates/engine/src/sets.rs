//! What we hold: the state and the messages, and which record wins.
//!
//! Every rule here looks at one record and the one that stands in its place, so the outcome does
//! not depend on the order in which records came (STATE-4). Invariant: a record is held exactly if
//! its place in its map names it.

use std::collections::VecDeque;

use merkle::{Leaf, Map, Prefix};
use wire::{
    Content, Digest, Entry, Hlc, NodeId, Opened, Record, RecordId, Set, SetSummary, Slot, Summary,
};

use crate::filling::Filling;
use crate::horizon::{Horizon, Line};
use crate::hours::Hours;
use crate::newcomer::Signed;
use crate::young::Young;
use crate::{Config, Drop, Keep, Kept, Label, Maps, Snapshot};

#[derive(Debug)]
pub(crate) struct Sets {
    maps: Maps,
    /// What of them is only in the store.
    pub(crate) filling: Filling,
    /// Messages at or below this place had to make room and do not come back.
    floor: Option<Digest>,
    messages_max: u64,
    entries_max: u64,
    slots_max: u32,
    /// Which entries expire when.
    hours: Hours,
    /// How far back entries go.
    horizon: Horizon,
    /// Times the state changed.
    version: u64,
    /// What was created lately.
    young: Young,
    /// Both sets as they were a moment ago, the one walked last behind. The first makes room.
    views: VecDeque<View>,
    /// How they looked then, which is most of what anybody asks, and costs no copy of a bucket.
    looks: VecDeque<Look>,
    /// When what entered last was created, unix milliseconds.
    entered_ms: u64,
}

/// Both sets without what was created after a moment.
#[derive(Debug)]
struct View {
    moment: Moment,
    state: Map,
    messages: Map,
}

/// How both sets look without what was created after a moment.
#[derive(Clone, Copy, Debug)]
struct Look {
    moment: Moment,
    state: SetSummary,
    messages: SetSummary,
}

/// A moment in the past: all that are between two changes of our sets are one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Moment {
    /// The last change that it includes, unix milliseconds.
    step_ms: u64,
    /// The hour before which entries had expired; 0 where that changes nothing.
    hour: u32,
}

/// What a record would be to us.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Standing {
    /// We hold it.
    Held,
    /// It is new and would enter.
    New,
    /// There is no room for it.
    NoRoom,
    /// It is older than anything that we lack (STATE-9).
    Past,
    /// A newer record stands in its place.
    Stale,
}

impl Sets {
    pub(crate) fn new(config: &Config, kept: &Snapshot) -> Self {
        let (maps, filling) = match &kept.maps {
            Some(maps) => (Maps::clone(maps), Filling::begin()),
            None => (maps_of(&kept.items), Filling::default()),
        };
        let (mut hours, mut horizon) = (Hours::default(), Horizon::new(config.deletions_end_ms()));
        for kept in kept.items.iter().filter(|it| it.set == Set::State) {
            hours.note(&kept.key);
            horizon.note(kept);
        }
        Self {
            young: Young::new(maps.newest.ms()),
            maps,
            filling,
            floor: None,
            messages_max: config.messages_max as u64,
            entries_max: config.entries_max as u64,
            slots_max: u32::try_from(config.slots_max).unwrap_or(u32::MAX),
            hours,
            horizon,
            version: 0,
            views: VecDeque::new(),
            looks: VecDeque::new(),
            entered_ms: 0,
        }
    }

    pub(crate) fn map(&self, set: Set) -> &Map {
        self.maps.map(set)
    }

    /// Returns both as they are.
    pub(crate) fn maps(&self) -> Maps {
        self.maps.clone()
    }

    /// Takes what the store had, and remembers what to ask next.
    pub(crate) fn fill(&mut self, set: Set, kept: &[Kept]) {
        self.filling.take(set, kept, self.maps.map_mut(set));
        for kept in kept.iter().filter(|it| it.set == Set::State) {
            self.hours.note(&kept.key);
            self.horizon.note(kept);
        }
        if self.filling.is_over() {
            // They may still look into the store, which changes from now on under them.
            self.forget_views();
        }
    }

    /// Returns whether leaves were lost: the store could not be read, or holds something else.
    pub(crate) fn lost(&self) -> Option<Digest> {
        self.maps.state.lost().or(self.maps.messages.lost())
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn summary(&self) -> Summary {
        let (state, messages) = (summary_of(&self.maps.state), summary_of(&self.maps.messages));
        Summary { state, messages, ..Summary::default() }
    }

    /// Returns how our sets look without what was created after a moment (WALK-2).
    pub(crate) fn summary_as_of(&mut self, cutoff_ms: Option<u64>) -> Summary {
        let Some(moment) = self.moment(cutoff_ms) else {
            return Summary { cutoff_ms, ..self.summary() };
        };
        let at = self.looks.iter().position(|look| look.moment == moment);
        let look = at.and_then(|at| self.looks.remove(at)).unwrap_or_else(|| {
            let known = self.views.iter().find(|view| view.moment == moment);
            let of = |set| summary_of(&self.at(set, moment));
            let state = known.map(|view| summary_of(&view.state));
            let messages = known.map(|view| summary_of(&view.messages));
            Look {
                moment,
                state: state.unwrap_or_else(|| of(Set::State)),
                messages: messages.unwrap_or_else(|| of(Set::Messages)),
            }
        });
        self.looks.push_back(look);
        if VIEWS_MAX < self.looks.len() {
            self.looks.pop_front();
        }
        let Look { state, messages, .. } = look;
        Summary { state, messages, answer_wanted: false, cutoff_ms }
    }

    /// Returns a set without what was created after a moment, which [`Sets::floor_ms`] is not after.
    pub(crate) fn as_of(&mut self, set: Set, cutoff_ms: Option<u64>) -> Map {
        let Some(moment) = self.moment(cutoff_ms) else {
            return self.map(set).clone();
        };
        let at = self.views.iter().position(|view| view.moment == moment);
        let view = at.and_then(|at| self.views.remove(at)).unwrap_or_else(|| View {
            moment,
            state: self.at(Set::State, moment),
            messages: self.at(Set::Messages, moment),
        });
        let map = match set {
            Set::State => view.state.clone(),
            Set::Messages => view.messages.clone(),
        };
        self.views.push_back(view);
        if VIEWS_MAX < self.views.len() {
            self.views.pop_front();
        }
        map
    }

    /// Returns the moment of a cutoff; `None` if our sets were then as they are.
    fn moment(&self, cutoff_ms: Option<u64>) -> Option<Moment> {
        let cutoff_ms = cutoff_ms?;
        let hour = hour_of(cutoff_ms);
        let hour = if self.hours.is_any_before(hour) { hour } else { 0 };
        let changed = 0 < hour || self.young.is_after(cutoff_ms);
        changed.then(|| Moment { step_ms: self.young.step_ms(cutoff_ms), hour })
    }

    /// Returns a set as it was at a moment. Entries that had expired by then are gone, whenever a node
    /// throws them away: all have one root (STATE-7).
    fn at(&self, set: Set, moment: Moment) -> Map {
        let mut places = self.young.places(set, moment.step_ms);
        if set == Set::Messages || moment.hour == 0 {
            return self.map(set).with(&places);
        }
        places.retain(|key, _| !is_before(key, moment.hour));
        let mut map = self.map(set).with(&places);
        for part in self.hours.before(moment.hour) {
            map.drop_under(&part);
        }
        map
    }

    /// Returns the earliest moment as of which our sets can be told, unix milliseconds.
    pub(crate) fn floor_ms(&self) -> u64 {
        self.young.floor_ms()
    }

    /// Forgets what is no longer young.
    pub(crate) fn age(&mut self, unix_ms: u64) {
        self.young.age(unix_ms);
        if !self.young.is_after(0) {
            self.forget_views();
        }
    }

    /// Says whether what stands at a place is newer than anything a peer could name as of a moment.
    pub(crate) fn is_ahead(&self, set: Set, key: &Digest, cutoff_ms: Option<u64>) -> bool {
        let leaf = self.map(set).get(key);
        match set {
            Set::State => {
                leaf.is_some_and(|leaf| cutoff_ms.is_some_and(|it| it < Hlc(leaf.stamp).ms()))
            }
            Set::Messages => leaf.is_some(),
        }
    }

    /// Says what a record would be to us: the later one stays, then the larger id (STATE-2,
    /// STATE-3). Profiles are no part of a set.
    pub(crate) fn standing(&self, place: &Place, record: &Opened) -> Standing {
        let map = self.map(place.set);
        let created = record.record.created;
        let is_past = || place.set == Set::State && self.horizon.is_past(&place.key, created);
        match map.get(&place.key) {
            Some(leaf) if leaf.value == record.id => Standing::Held,
            Some(leaf) if (created, record.id) < (Hlc(leaf.stamp), leaf.value) => Standing::Stale,
            Some(_) | None if is_past() => Standing::Past,
            Some(_) => Standing::New,
            None => self.room(place),
        }
    }

    /// Lets a new record in and says what to write. The caller asked [`Sets::standing`] first.
    pub(crate) fn insert(&mut self, place: &Place, opened: &Opened) -> Keep {
        let Place { set, key } = *place;
        let (id, created) = (opened.id, opened.record.created);
        let expires_ms = opened.record.expires_ms;
        let replaced = self.maps.map_mut(set).insert(Leaf { key, value: id, stamp: created.0 });
        if set == Set::State {
            self.hours.note(&key);
            self.horizon.note(&Kept { set, key, id, created, expires_ms });
            self.version += 1;
        }
        self.entered_ms = created.ms();
        self.maps.newest = self.maps.newest.max(created);
        self.changed(self.entered_ms, set, key, replaced);
        Keep {
            set,
            key,
            id,
            created,
            expires_ms,
            signed: opened.signed.clone(),
            replaces: replaced.map(|leaf| leaf.value),
            label: label(&opened.record),
        }
    }

    /// Returns messages and entries that have had their hour, at most `max` at once, and forgets them.
    pub(crate) fn expire(&mut self, unix_ms: u64, max: usize) -> Vec<Drop> {
        let hour = hour_of(unix_ms);
        let old = self.maps.messages.leaves(&Prefix::ALL, None, max);
        let old = old.into_iter().take_while(|leaf| bucket(&leaf.key) < hour);
        let mut gone: Vec<Drop> = old.map(|leaf| self.forget(Set::Messages, leaf)).collect();
        gone.extend(self.expire_entries(unix_ms, max - gone.len()));
        gone.extend(self.let_deletions_go(max - gone.len()));
        if !gone.is_empty() {
            // They are past as of any moment.
            self.forget_views();
        }
        gone
    }

    fn expire_entries(&mut self, unix_ms: u64, max: usize) -> Vec<Drop> {
        let mut gone = Vec::new();
        let parts: Vec<Prefix> = self.hours.before(entries_hour(unix_ms)).collect();
        for part in parts {
            let leaves = self.maps.state.leaves(&part, None, max - gone.len());
            gone.extend(leaves.into_iter().map(|leaf| self.forget(Set::State, leaf)));
            if max <= gone.len() {
                break;
            }
            self.hours.forget(&part);
            // As of a moment before, they were there.
            self.young.forget_before((u64::from(bucket(part.key())) + 1) * HOUR_MS);
        }
        self.version += u64::from(!gone.is_empty());
        gone
    }

    /// Lets go of deletions that the horizon has passed (STATE-8).
    fn let_deletions_go(&mut self, max: usize) -> Vec<Drop> {
        let taken = self.horizon.take(max);
        let standing = taken.into_iter().filter_map(|(key, id)| {
            let leaf = self.maps.state.get(&key).filter(|leaf| leaf.value == id)?;
            self.horizon.is_past(&key, Hlc(leaf.stamp)).then_some(leaf)
        });
        let standing: Vec<Leaf> = standing.collect();
        self.version += u64::from(!standing.is_empty());
        standing.into_iter().map(|leaf| self.forget(Set::State, leaf)).collect()
    }

    /// Moves the horizon.
    pub(crate) fn look_back_to(&mut self, line: Option<Line>) {
        self.horizon.set(line);
    }

    /// Says whether deletions wait to be let go: our state is between two horizons.
    pub(crate) fn is_letting_go(&self) -> bool {
        self.horizon.is_passing()
    }

    /// Returns what stands where a checkpoint has nothing or something else, and is older than its horizon.
    pub(crate) fn past_under(&self, line: &Line, signed: &Signed) -> Vec<Leaf> {
        let leaves = self.maps.state.leaves(&signed.prefix, None, PAST_MAX);
        let past = leaves.into_iter().filter(|leaf| line.is_past(&leaf.key, Hlc(leaf.stamp)));
        past.filter(|leaf| signed.leaves.get(&leaf.key) != Some(&leaf.value)).collect()
    }

    /// Forgets what is past, if it stands there still.
    pub(crate) fn forget_past(&mut self, leaf: &Leaf) -> Option<Drop> {
        self.maps.state.get(&leaf.key).filter(|it| it == leaf)?;
        self.version += 1;
        self.forget_views();
        Some(self.forget(Set::State, *leaf))
    }

    /// Returns the slot for the next entry that an author appends: behind the newest one, where the oldest
    /// stands once all are taken (STATE-7).
    pub(crate) fn next_slot(&self, collection: &str, author: &NodeId, hour: u32) -> Slot {
        let stamp = |number| {
            let name = Slot { hour, number }.to_string();
            let leaf = self.maps.state.get(&place_of_entry(collection, author, &name));
            leaf.map(|leaf| leaf.stamp)
        };
        let Some(first) = stamp(0) else { return Slot { hour, number: 0 } };
        // The newer ones stand from the first on, then come the older ones or nothing.
        let (mut from, mut until) = (1, self.slots_max);
        while from < until {
            let middle = from.midpoint(until);
            match stamp(middle) {
                Some(it) if first < it => from = middle + 1,
                Some(_) | None => until = middle,
            }
        }
        Slot { hour, number: if from < self.slots_max { from } else { 0 } }
    }

    /// Returns messages that must make room: those that expire first (MSG-2).
    pub(crate) fn evict(&mut self) -> Vec<Drop> {
        let excess = self.maps.messages.len().saturating_sub(self.messages_max);
        let first = self.maps.messages.leaves(
            &Prefix::ALL,
            None,
            usize::try_from(excess).unwrap_or(usize::MAX),
        );
        first
            .into_iter()
            .map(|leaf| {
                self.floor = Some(leaf.key);
                // As of a moment before, it still had its room.
                let at_ms = self.entered_ms.max(Hlc(leaf.stamp).ms());
                self.changed(at_ms, Set::Messages, leaf.key, Some(leaf));
                self.forget(Set::Messages, leaf)
            })
            .collect()
    }

    /// Says whether an item of a peer's is none of our business any more.
    pub(crate) fn is_past(&self, set: Set, key: &Digest, unix_ms: u64) -> bool {
        match set {
            Set::State => is_before(key, entries_hour(unix_ms)),
            Set::Messages => {
                let below_floor = self.floor.is_some_and(|floor| *key <= floor);
                below_floor || bucket(key) < hour_of(unix_ms)
            }
        }
    }

    /// Returns against how many authors there is a proof; none are known until all leaves are in memory.
    pub(crate) fn contradictions_len(&self) -> u64 {
        if !self.filling.is_over() {
            return 0;
        }
        self.maps.state.part(&contradictions()).map_or(0, |part| part.count)
    }

    /// Says whether something stands at a place.
    pub(crate) fn holds(&self, place: &Place) -> bool {
        self.map(place.set).get(&place.key).is_some()
    }

    /// Says whether so many entries at new places would fit.
    pub(crate) fn fits(&self, more: usize) -> bool {
        self.maps.state.len() + more as u64 <= self.entries_max
    }

    /// A full state takes nothing at new places (STATE-5); a full house of messages nothing that
    /// would be the first to go again.
    fn room(&self, place: &Place) -> Standing {
        let full = match place.set {
            Set::State => !self.fits(1),
            Set::Messages => {
                let first = || self.maps.messages.leaves(&Prefix::ALL, None, 1);
                let full = self.messages_max <= self.maps.messages.len();
                self.floor.is_some_and(|floor| place.key <= floor)
                    || full && first().first().is_some_and(|leaf| place.key < leaf.key)
            }
        };
        if full { Standing::NoRoom } else { Standing::New }
    }

    fn changed(&mut self, at_ms: u64, set: Set, key: Digest, previous: Option<Leaf>) {
        self.young.note(at_ms, set, key, previous);
        self.views.retain(|view| view.moment.step_ms < at_ms);
        self.looks.retain(|look| look.moment.step_ms < at_ms);
        if !self.filling.is_over() {
            // Leaves they need may be in the store alone, and change there.
            self.forget_views();
        }
    }

    fn forget_views(&mut self) {
        self.views.clear();
        self.looks.clear();
    }

    fn forget(&mut self, set: Set, leaf: Leaf) -> Drop {
        self.maps.map_mut(set).remove(&leaf.key);
        Drop { set, key: leaf.key, id: leaf.value }
    }
}

/// Where a record stands: `tag (8) | bucket (4) | hash (20)` (STATE-1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) set: Set,
    pub(crate) key: Digest,
}

impl Place {
    /// Returns the place of an entry or message; a profile has none.
    pub(crate) fn of(id: &RecordId, author: &NodeId, record: &Record) -> Option<Self> {
        match &record.content {
            Content::Contradiction(it) => Some(Self::of_contradiction(&it.author)),
            Content::Entry(entry) => Some(Self::of_entry(author, entry)),
            Content::Message(_) => {
                let tag = Digest(*b"messages\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
                Some(Self { set: Set::Messages, key: join(&tag, hour_of(record.expires_ms), id) })
            }
            Content::Profile(_) => None,
        }
    }

    /// Returns the place of the proof against an author: one for each (CONTRA-2).
    fn of_contradiction(author: &NodeId) -> Self {
        let hash = Digest::of("trellis-contradiction-place-v1", &[author.as_bytes()]);
        Self { set: Set::State, key: join(contradictions().key(), 0, &hash) }
    }

    /// Returns the place of an author's entry.
    pub(crate) fn of_entry(author: &NodeId, entry: &Entry) -> Self {
        Self { set: Set::State, key: place_of_entry(&entry.collection, author, &entry.name) }
    }
}

/// Where proofs against authors stand in the state.
pub(crate) fn contradictions() -> Prefix {
    Prefix::new(&Digest::of("trellis-contradictions-v1", &[]), 64)
}

/// Returns the key at which an author's entry stands in the state.
pub fn place_of_entry(collection: &str, author: &NodeId, name: &str) -> Digest {
    let tag = Digest::of("trellis-collection-v1", &[collection.as_bytes()]);
    let hour = Slot::of(name).and_then(Result::ok).map_or(0, |slot| slot.hour);
    let name = Digest::of("trellis-name-v1", &[name.as_bytes()]);
    let parts: [&[u8]; 3] = [&tag.0, author.as_bytes(), &name.0];
    join(&tag, hour, &Digest::of("trellis-entry-place-v1", &parts))
}

fn join(tag: &Digest, bucket: u32, hash: &Digest) -> Digest {
    let mut key = Digest::default();
    key.0[..8].copy_from_slice(&tag.0[..8]);
    key.0[8..12].copy_from_slice(&bucket.to_be_bytes());
    key.0[12..].copy_from_slice(&hash.0[..20]);
    key
}

fn maps_of(items: &[Kept]) -> Maps {
    let leaves = |set| items.iter().filter(|it| it.set == set).map(Kept::leaf).collect();
    let (state, messages) = (Map::of(leaves(Set::State)), Map::of(leaves(Set::Messages)));
    let newest = items.iter().map(|item| item.created).max().unwrap_or_default();
    Maps { state, messages, newest }
}

fn summary_of(map: &Map) -> SetSummary {
    SetSummary { root: map.root(), count: map.len() }
}

/// The hour in a place: of a message when it expires, of an entry too if it does.
pub(crate) fn bucket(key: &Digest) -> u32 {
    u32::from_be_bytes([key.0[8], key.0[9], key.0[10], key.0[11]])
}

/// Says whether an entry expires, and does so before an hour begins.
fn is_before(key: &Digest, hour: u32) -> bool {
    (1..hour).contains(&bucket(key))
}

/// The first hour whose entries nobody throws away yet. It lags behind, so that nodes whose clocks differ hold
/// them while others do; what they agree on is as of a moment, and there it is the moment that counts.
pub(crate) fn entries_hour(unix_ms: u64) -> u32 {
    hour_of(unix_ms.saturating_sub(ENTRIES_LAG_MS))
}

/// The hour in which a moment lies. A message is kept to the end of the hour in which it expires:
/// expiry is by whole hours, so that all nodes drop the same messages together.
pub(crate) fn hour_of(unix_ms: u64) -> u32 {
    u32::try_from(unix_ms / HOUR_MS).unwrap_or(u32::MAX)
}

/// How long until the hour is over, so that all nodes drop its messages at the same time.
pub(crate) fn until_hour_ms(unix_ms: u64) -> u64 {
    HOUR_MS - unix_ms % HOUR_MS
}

fn label(record: &Record) -> Option<Label> {
    let Content::Entry(entry) = &record.content else { return None };
    let (collection, name) = (entry.collection.clone(), entry.name.clone());
    Some(Label { collection, name, deleted: entry.value.is_none() })
}

/// Views kept: our own moment, and those of peers that ask beside it.
const VIEWS_MAX: usize = 4;
pub(crate) const HOUR_MS: u64 = 3_600_000;
/// Entries looked at in one chunk of a checkpoint: several times what it has. What is left the next one finds.
const PAST_MAX: usize = 16_384;
/// Twice what a clock may be off.
const ENTRIES_LAG_MS: u64 = 2 * wire::limits::CLOCK_AHEAD_MS_MAX;
