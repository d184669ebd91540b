//! Two engines, and a wire between them that somebody may hold.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;

use bytes::Bytes;
use wire::{Content, Entry, Frame, Reason};

use super::lab::*;
use crate::sets::Place;
use crate::{Config, Connected, Counters, Direction, Effect, Engine, Input, LinkId, Now};

/// Two engines and the frames between them.
pub(super) struct Pair {
    pub(super) sides: [Side; 2],
    pub(super) now: Now,
    /// What was sent, by kind: frames and bytes.
    pub(super) sent: BTreeMap<&'static str, (usize, usize)>,
    /// What becomes of a frame that a side sends.
    pub(super) twist: Twist,
    /// Looks at whole sets, of each side.
    pub(super) glances: [usize; 2],
    /// Links that a side closed for a fault.
    pub(super) faults: [usize; 2],
    link: u64,
    strangers: u64,
    is_up: bool,
}

/// Links of others count from here.
const STRANGERS: u64 = 1_000;

pub(super) struct Side {
    pub(super) engine: Engine,
    kept: BTreeMap<wire::RecordId, wire::Signed>,
    /// What its store was told: the record at each place, and when it was created.
    pub(super) index: BTreeMap<wire::Digest, (wire::Hlc, wire::RecordId)>,
}

type Twist = Box<dyn FnMut(usize, Frame) -> Vec<Frame>>;

impl Pair {
    pub(super) fn new(config: &Config) -> Self {
        Self::sharing(config, 0)
    }

    /// Two that hold so many entries already, whose bytes nobody needs.
    pub(super) fn sharing(config: &Config, count: u64) -> Self {
        Self::holding(config, [0..count, 0..count])
    }

    /// Two that hold these entries, which have no bytes.
    pub(super) fn holding(config: &Config, numbers: [Range<u64>; 2]) -> Self {
        let now = Now { mono_ms: 1_000, unix_ms: START_MS };
        let [first, second] = numbers;
        let side = |number: u8, held: Range<u64>| {
            let engine =
                Engine::new(config.clone(), puppet(number), holding(held), [number; 32], now);
            Side { engine, kept: BTreeMap::new(), index: BTreeMap::new() }
        };
        Self {
            sides: [side(1, first), side(2, second)],
            now,
            sent: BTreeMap::new(),
            twist: Box::new(|_, frame| vec![frame]),
            glances: [0; 2],
            faults: [0; 2],
            link: 0,
            strangers: 0,
            is_up: false,
        }
    }

    pub(super) fn write(&mut self, side: usize, count: usize) {
        self.write_named(side, &format!("{side}"), count);
    }

    /// Wakes two up that hold these records.
    pub(super) fn waking(config: &Config, records: [Vec<wire::Signed>; 2]) -> Self {
        let mut pair = Self::new(config);
        for (at, records) in records.into_iter().enumerate() {
            let side = &mut pair.sides[at];
            let mut items = BTreeMap::new();
            for signed in records {
                let opened = signed.clone().open().unwrap();
                let place = Place::of(&opened.id, &signed.author, &opened.record);
                let key = place.expect("part of the state").key;
                let (id, created) = (opened.id, opened.record.created);
                let newer = side.index.get(&key).is_none_or(|it| *it < (created, id));
                if newer {
                    side.index.insert(key, (created, id));
                    let set = wire::Set::State;
                    items.insert(key, crate::Kept { set, key, id, created, expires_ms: 0 });
                }
                side.kept.insert(id, signed);
            }
            let items = items.into_values().collect();
            let number = u8::try_from(at + 1).unwrap();
            let kept = crate::Snapshot { items, ..crate::Snapshot::default() };
            side.engine = Engine::new(config.clone(), puppet(number), kept, [number; 32], pair.now);
        }
        pair
    }

    /// Writes one entry, or deletes it.
    pub(super) fn put(&mut self, side: usize, name: String, value: Option<Bytes>) {
        let entry = Entry { collection: "c".to_owned(), name, value };
        self.sides[side].engine.write(vec![(Content::Entry(entry), 0)], self.now);
        let effects = self.sides[side].engine.drain();
        self.perform(side, effects);
    }

    pub(super) fn write_named(&mut self, side: usize, name: &str, count: usize) {
        let entry = |number| {
            let name = format!("{name}/{number}");
            let value = Some(Bytes::from_static(b"1"));
            (Content::Entry(Entry { collection: "c".to_owned(), name, value }), 0)
        };
        self.sides[side].engine.write((0..count).map(entry).collect(), self.now);
        let effects = self.sides[side].engine.drain();
        self.perform(side, effects);
    }

    pub(super) fn connect(&mut self) {
        self.link += 1;
        self.is_up = true;
        let mut caused = Vec::new();
        for side in [0, 1] {
            let direction = if side == 0 { Direction::Outbound } else { Direction::Inbound };
            let peer = puppet(if side == 0 { 2 } else { 1 }).id();
            let ip = "77.0.0.1".parse().unwrap();
            let connected = Connected {
                link: LinkId(self.link),
                peer,
                direction,
                dialled: None,
                remote_ip: ip,
                local_ip: ip,
                medium: wire::Medium::Http,
            };
            caused.push(self.sides[side].engine.handle(Input::Connected(connected), self.now));
        }
        // Both ends are up before the first word arrives, and nothing overtakes on a link.
        let caused = caused.into_iter().enumerate();
        self.perform_all(caused.flat_map(|(side, all)| all.into_iter().map(move |it| (side, it))));
    }

    /// Frames sent of a kind, and their bytes.
    pub(super) fn sent(&self, kind: &str) -> (usize, usize) {
        self.sent.get(kind).copied().unwrap_or_default()
    }

    pub(super) fn frames(&self) -> usize {
        self.sent.values().map(|(frames, _)| frames).sum()
    }

    /// What both sides counted, added up.
    pub(super) fn counted(&self, of: impl Fn(&Counters) -> u64) -> u64 {
        self.sides.iter().map(|it| of(&it.engine.status().counters)).sum()
    }

    /// What the store of a side has under this id.
    pub(super) fn record(&self, side: usize, id: &wire::RecordId) -> wire::Signed {
        self.sides[side].kept[id].clone()
    }

    pub(super) fn is_equal(&self) -> bool {
        let [first, second] = self.sides.each_ref().map(|it| it.engine.status().state);
        first == second
    }

    fn perform(&mut self, side: usize, effects: Vec<Effect>) {
        self.perform_all(effects.into_iter().map(|it| (side, it)));
    }

    fn perform_all(&mut self, effects: impl Iterator<Item = (usize, Effect)>) {
        let mut queue: VecDeque<(usize, Effect)> = effects.collect();
        while let Some((side, effect)) = queue.pop_front() {
            for (to, input) in self.answers(side, effect) {
                let effects = self.sides[to].engine.handle(input, self.now);
                queue.extend(effects.into_iter().map(|it| (to, it)));
            }
        }
    }

    /// What the world makes of an effect: an input for one of the two.
    fn answers(&mut self, side: usize, effect: Effect) -> Vec<(usize, Input)> {
        let input = match effect {
            Effect::Send(link, _, bytes) if self.is_up && link == LinkId(self.link) => {
                let frames = (self.twist)(side, Frame::decode(&bytes).unwrap());
                return frames.into_iter().map(|it| self.travel(1 - side, &it)).collect();
            }
            Effect::Disconnect(link, reason, _) => {
                self.faults[side] += usize::from(reason == Reason::Misbehaved);
                let was_up = std::mem::take(&mut self.is_up);
                let gone = Input::Disconnected(link, "closed".to_owned());
                return was_up.then_some((1 - side, gone)).into_iter().collect();
            }
            Effect::Verify(_, batch) => {
                Input::Verified(batch.iter().map(|it| (it.0, it.1.verify(&NETWORK))).collect())
            }
            Effect::Persist(batch) => {
                let Side { kept, index, .. } = &mut self.sides[side];
                for gone in batch.drop {
                    index.remove(&gone.key);
                }
                for keep in batch.keep {
                    index.insert(keep.key, (keep.created, keep.id));
                    kept.insert(keep.id, keep.signed);
                }
                return Vec::new();
            }
            Effect::Load(ticket, ids, bytes_max) => {
                let kept = &self.sides[side].kept;
                Input::Loaded(ticket, load(kept, &ids, bytes_max))
            }
            Effect::TellLeft(link, class) => Input::Left(link, class),
            Effect::Glance(ticket, glance) => {
                self.glances[side] += 1;
                Input::Glanced(ticket, glance.run())
            }
            _ => return Vec::new(),
        };
        vec![(side, input)]
    }

    fn travel(&mut self, to: usize, frame: &Frame) -> (usize, Input) {
        let bytes = Bytes::from(frame.encode());
        let (frames, all) = self.sent.entry(frame.name()).or_default();
        (*frames, *all) = (*frames + 1, *all + bytes.len());
        (to, Input::Frame(LinkId(self.link), bytes))
    }

    /// Lets a side hear a record from somebody else, whose link is gone again.
    pub(super) fn hear(&mut self, side: usize, signed: &wire::Signed) {
        self.strangers += 1;
        let (link, peer) = (LinkId(STRANGERS + self.strangers), puppet(50));
        let ip = "77.0.0.9".parse().unwrap();
        let connected = Connected {
            link,
            peer: peer.id(),
            direction: Direction::Inbound,
            dialled: None,
            remote_ip: ip,
            local_ip: ip,
            medium: wire::Medium::Http,
        };
        let hello = wire::Hello {
            version: wire::PROTOCOL_VERSION,
            network: NETWORK,
            session: self.strangers,
            agent: "puppet".to_owned(),
            capabilities: Vec::new(),
            time_ms: self.now.unix_ms,
            profile: profile(&peer, START_MS, &[]),
            summary: wire::Summary::default(),
            ids_key: 7,
        };
        let carried =
            wire::Carried { signed: signed.clone(), ttl: 3, hops: 1, tree: wire::TreeId(0) };
        let push = wire::Push { records: vec![carried], ..wire::Push::default() };
        let frame = |frame: Frame| Input::Frame(link, Bytes::from(frame.encode()));
        let inputs = [
            Input::Connected(connected),
            frame(Frame::Hello(Box::new(hello))),
            frame(Frame::Push(push)),
            Input::Disconnected(link, "closed".to_owned()),
        ];
        for input in inputs {
            let effects = self.sides[side].engine.handle(input, self.now);
            self.perform(side, effects);
        }
    }

    /// The records that stand at the first side, as its store has them.
    pub(super) fn standing(&self) -> Vec<wire::Signed> {
        let Side { kept, index, .. } = &self.sides[0];
        index.values().filter_map(|(_, id)| kept.get(id).cloned()).collect()
    }

    /// Closes the link at both ends.
    pub(super) fn cut(&mut self) {
        self.is_up = false;
        for side in [0, 1] {
            let gone = Input::Disconnected(LinkId(self.link), "cut".to_owned());
            let effects = self.sides[side].engine.handle(gone, self.now);
            self.perform(side, effects);
        }
    }

    /// Lets time pass until both hold the same; says how long that took.
    pub(super) fn until_equal(&mut self) -> u64 {
        let start_ms = self.now.mono_ms;
        while self.now.mono_ms < start_ms + 60_000 {
            if self.is_equal() {
                return self.now.mono_ms - start_ms;
            }
            self.pass(50);
        }
        panic!("still different after a minute");
    }

    /// Lets time pass.
    pub(super) fn pass(&mut self, ms: u64) {
        let end_ms = self.now.mono_ms + ms;
        while self.now.mono_ms < end_ms {
            self.now.mono_ms += 50;
            self.now.unix_ms += 50;
            for side in [0, 1] {
                let at = self.sides[side].engine.deadline();
                if at.is_some_and(|at| at <= self.now.time()) {
                    let effects = self.sides[side].engine.handle(Input::Tick, self.now);
                    self.perform(side, effects);
                }
            }
        }
    }
}
