//! Where the council sits: what it asks of the rest of the node, and the sets as of its moments.
//!
//! A pin is the state as of a moment. It begins as a view of what we hold and takes in all that comes
//! later and was created before, so that it is a function of the records alone, whatever came
//! first; what replaces them does not touch it (CKPT-1). Bound: two pins.

use std::collections::VecDeque;

use checkpoint::{Act, Council, Facts, Head, Row, Statistics};
use merkle::{Leaf, Map, Prefix};
use wire::Digest;

use crate::links::Budget;
use crate::{Checkpoints, Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Chamber {
    pub(crate) council: Council,
    pins: VecDeque<Pin>,
    /// The state as of the newest checkpoints that we held, for newcomers; the older one makes room.
    anchors: VecDeque<Map>,
    /// The moment of the newest checkpoint that our state was; 0 where it was none, or is being mended.
    pub(crate) matched_ms: u64,
    /// How long it has been none.
    pub(crate) missed: Option<Missed>,
    /// When it sits again.
    sit_at: Time,
    /// When a neighbour is asked what it knows.
    pub(crate) ask_at: Time,
    /// Questions answered lately.
    pub(crate) answers: Budget,
}

/// Checkpoints that our state was not, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missed {
    pub(crate) since: Time,
    pub(crate) count: u32,
    /// How often it was mended in vain.
    pub(crate) mended: u32,
}

/// The state as of a moment.
#[derive(Debug)]
struct Pin {
    cut_ms: u64,
    map: Map,
    /// Whether it has changed since the council looked, and whether it is time to look.
    news: News,
}

/// How a pin stands to what the council knows of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum News {
    /// It has changed; more may come in a moment.
    Changed,
    /// It is to be counted and shown.
    Due,
    None,
}

impl Chamber {
    /// Opens it, where the network has attesters.
    pub(crate) fn new(config: &Config, kept: Vec<(Row, Vec<u8>)>, now: Now) -> Option<Self> {
        let Checkpoints { pace, committee, seat, deletion_ms: _ } = config.checkpoints.clone()?;
        let genesis = Head::genesis(config.network, committee);
        let matched = kept.iter().find(|(row, _)| *row == Row::Matched);
        let matched =
            matched.and_then(|(_, it)| Some(u64::from_be_bytes(it.as_slice().try_into().ok()?)));
        let council = Council::new(pace, seat, genesis, kept);
        let (sit_at, ask_at) = (now.time(), now.after(config.heartbeat_ms));
        let (pins, anchors) = (VecDeque::new(), VecDeque::new());
        Some(Self {
            council,
            pins,
            anchors,
            matched_ms: matched.unwrap_or(0),
            missed: None,
            sit_at,
            ask_at,
            answers: Budget::default(),
        })
    }

    /// When it wants a tick.
    pub(crate) fn at(&self) -> Time {
        self.sit_at.min(self.ask_at)
    }

    /// Pins the state as of a moment; it is to be counted at once.
    pub(crate) fn pin(&mut self, cut_ms: u64, map: Map) {
        if PINS_MAX <= self.pins.len() {
            self.pins.pop_front();
        }
        self.pins.push_back(Pin { cut_ms, map, news: News::Due });
    }

    /// Says whether the state as of a moment is pinned.
    pub(crate) fn is_pinned(&self, cut_ms: u64) -> bool {
        self.pins.iter().any(|pin| pin.cut_ms == cut_ms)
    }

    /// Returns the moments as of which somebody has to say what the rules came to.
    pub(crate) fn due(&self) -> Vec<u64> {
        self.pins.iter().filter(|pin| pin.news == News::Due).map(|pin| pin.cut_ms).collect()
    }

    /// Shows the council the state as of a moment, with what the rules came to; `None` where that cannot
    /// be told: then the council does without this moment.
    pub(crate) fn show(&mut self, cut_ms: u64, rules: Option<Digest>, now: Now) -> Vec<Act> {
        let Some(pin) = self.pins.iter_mut().find(|pin| pin.cut_ms == cut_ms) else {
            return Vec::new();
        };
        pin.news = News::None;
        let facts = rules.map(|rules| pin.facts(rules));
        facts.map_or_else(Vec::new, |facts| self.council.look(facts, now.unix_ms))
    }

    /// Keeps the state as it was at a final checkpoint, if a pin is that or `as_of` is. Says whether our state is.
    pub(crate) fn anchor(&mut self, cut_ms: u64, root: &Digest, as_of: Option<Map>) -> bool {
        let holds = as_of.as_ref().map(|map| map.root() == *root);
        let pinned = self.pins.iter().find(|pin| pin.cut_ms == cut_ms).map(|pin| pin.map.clone());
        let Some(map) = pinned.into_iter().chain(as_of).find(|map| map.root() == *root) else {
            return false;
        };
        if ANCHORS_MAX <= self.anchors.len() {
            self.anchors.pop_front();
        }
        self.anchors.push_back(map);
        // What came too late for the pin may stand in our state.
        holds.unwrap_or(true)
    }

    /// Returns the state as of checkpoints, the newest first.
    pub(crate) fn anchors(&self) -> impl Iterator<Item = &Map> {
        self.anchors.iter().rev()
    }

    /// Says whether a leaf belongs into a pin and is not there: it was created by then, and is newer than
    /// what stands there.
    pub(crate) fn lacks(&self, leaf: &Leaf, created_ms: u64) -> bool {
        self.pins.iter().any(|pin| pin.lacks(leaf, created_ms))
    }

    /// Takes a record that entered into the pins it belongs into.
    pub(crate) fn take(&mut self, leaf: &Leaf, created_ms: u64) {
        for pin in &mut self.pins {
            if pin.lacks(leaf, created_ms) {
                pin.map.insert(*leaf);
                if pin.news == News::None {
                    pin.news = News::Changed;
                }
            }
        }
    }

    /// Has what changed counted, and lets the council do what is due.
    pub(crate) fn sit(&mut self, now: Now) -> Vec<Act> {
        for pin in self.pins.iter_mut().filter(|pin| pin.news == News::Changed) {
            pin.news = News::Due;
        }
        let acts = self.council.tick(now.unix_ms);
        let next_ms = self.council.deadline_ms(now.unix_ms);
        let wait_ms = next_ms.map(|at| at.saturating_sub(now.unix_ms).max(1));
        // A clock that is set back is noticed within a minute.
        let wait_ms = wait_ms.map_or(u64::MAX, |it| it.min(60_000));
        self.sit_at = now.after(wait_ms);
        acts
    }

    /// Has it sit soon: something it waits for has come.
    pub(crate) fn hurry(&mut self, now: Now) {
        if self.pins.iter().any(|pin| pin.news == News::Changed) {
            self.sit_at = self.sit_at.min(now.after(HURRY_MS));
        }
    }

    /// Lets go of what is final.
    pub(crate) fn unpin(&mut self) {
        let until_ms = self.council.head().cut_ms;
        self.pins.retain(|pin| until_ms < pin.cut_ms);
    }
}

impl Pin {
    fn lacks(&self, leaf: &Leaf, created_ms: u64) -> bool {
        let stands = self.map.get(&leaf.key);
        let newer = stands.is_none_or(|it| (it.stamp, it.value) < (leaf.stamp, leaf.value));
        created_ms <= self.cut_ms && newer
    }

    fn facts(&self, rules: Digest) -> Facts {
        let statistics = Statistics { collections: collections(&self.map) };
        let (root, count) = (self.map.root(), self.map.len());
        Facts { cut_ms: self.cut_ms, root, count, rules, statistics }
    }
}

/// Counts collections: the different first eight bytes of places.
fn collections(map: &Map) -> u64 {
    let mut after: Option<Digest> = None;
    let mut count = 0;
    while count < COLLECTIONS_MAX {
        let Some(leaf) = map.leaves(&Prefix::ALL, after.as_ref(), 1).first().copied() else {
            break;
        };
        count += 1;
        let mut last = Digest([0xff; 32]);
        last.0[..8].copy_from_slice(&leaf.key.0[..8]);
        after = Some(last);
    }
    count
}

/// Moments of this view and of the next.
const PINS_MAX: usize = 2;
/// The newest checkpoint, and the one that a newcomer may be fetching still.
const ANCHORS_MAX: usize = 2;
/// Collections are counted so far.
const COLLECTIONS_MAX: u64 = 1_024;
/// How long late records are collected before the council looks again.
const HURRY_MS: u64 = 100;
