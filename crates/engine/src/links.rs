//! The live links: who is there, how far away, and what each end told the other of its sets.

use std::collections::BTreeMap;

use wire::{Address, Digest, Hello, NodeId, Summary};

use crate::{Connected, Direction, LinkId, Time};

/// One live connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    pub(crate) direction: Direction,
    pub(crate) dialled: Option<Address>,
    pub(crate) opened: Time,
    pub(crate) heard: Time,
    /// Set by the peer's hello; a link without it is only counted.
    pub(crate) greeting: Option<Greeting>,
    /// Whether we have said hello, and the peer's if it came before that.
    pub(crate) introduced: bool,
    pub(crate) early: Option<Box<Hello>>,
    /// Answer outstanding: nonce, when asked first.
    pub(crate) probe: Option<(u32, Time)>,
    pub(crate) suspect: bool,
    pub(crate) ping_at: Time,
    pub(crate) rtt_ms: Option<u64>,
    pub(crate) skew_ms: Option<i64>,
    pub(crate) theirs: Option<Summary>,
    pub(crate) told: Option<Summary>,
    pub(crate) ask: Pace,
    pub(crate) walk: Pace,
    /// When the last walk began.
    pub(crate) walked: Time,
    /// Keys asked for on this link, and when.
    pub(crate) wanted: BTreeMap<Digest, Time>,
}

/// What the peer said first.
#[derive(Clone, Debug)]
pub(crate) struct Greeting {
    pub(crate) session: u64,
    pub(crate) agent: String,
    /// Under this key it is told short ids.
    pub(crate) ids_key: u64,
}

/// When something may be tried again; the wait doubles while nothing comes of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    pub(crate) at: Time,
    wait_ms: u64,
}

impl Pace {
    /// Allows the next try at once.
    pub(crate) fn reset(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.at <= now
    }

    /// Notes a try.
    pub(crate) fn tried(&mut self, now: Time, first_ms: u64, max_ms: u64) {
        self.wait_ms = (self.wait_ms * 2).clamp(first_ms, max_ms.max(first_ms));
        self.at = Time(now.0.saturating_add(self.wait_ms));
    }
}

/// All links, by number and by peer.
#[derive(Debug, Default)]
pub(crate) struct Links {
    links: BTreeMap<LinkId, Link>,
    greeted: BTreeMap<NodeId, LinkId>,
}

impl Links {
    pub(crate) fn open(&mut self, connected: &Connected, now: Time) {
        let link = Link {
            peer: connected.peer,
            direction: connected.direction,
            dialled: connected.dialled.clone(),
            opened: now,
            heard: now,
            greeting: None,
            introduced: false,
            early: None,
            probe: None,
            suspect: false,
            ping_at: now,
            rtt_ms: None,
            skew_ms: None,
            theirs: None,
            told: None,
            ask: Pace::default(),
            walk: Pace::default(),
            walked: now,
            wanted: BTreeMap::new(),
        };
        self.links.insert(connected.link, link);
    }

    /// Makes a link the one that stands for its peer.
    pub(crate) fn greet(&mut self, id: LinkId, greeting: Greeting) {
        if let Some(link) = self.links.get_mut(&id) {
            link.greeting = Some(greeting);
            self.greeted.insert(link.peer, id);
        }
    }

    /// Forgets a link. Returns it, and whether it stood for its peer.
    pub(crate) fn close(&mut self, id: LinkId) -> Option<(Link, bool)> {
        let link = self.links.remove(&id)?;
        let stood = self.greeted.get(&link.peer) == Some(&id);
        if stood {
            self.greeted.remove(&link.peer);
        }
        Some((link, stood))
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(&id)
    }

    /// Returns the key under which a peer is told short ids.
    pub(crate) fn ids_key(&self, id: LinkId) -> Option<u64> {
        self.get(id)?.greeting.as_ref().map(|greeting| greeting.ids_key)
    }

    pub(crate) fn of(&self, peer: &NodeId) -> Option<LinkId> {
        self.greeted.get(peer).copied()
    }

    pub(crate) fn is_greeted(&self, id: LinkId) -> bool {
        self.get(id).is_some_and(|link| self.of(&link.peer) == Some(id))
    }

    /// Returns the links that have said hello, in the order of their peers.
    pub(crate) fn greeted(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.greeted.values().filter_map(|id| Some((*id, self.links.get(id)?)))
    }

    pub(crate) fn greeted_ids(&self) -> Vec<LinkId> {
        self.greeted.values().copied().collect()
    }

    pub(crate) fn outbound_len(&self) -> usize {
        self.greeted().filter(|(_, link)| link.direction == Direction::Outbound).count()
    }

    pub(crate) fn greeted_len(&self) -> usize {
        self.greeted.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, link))
    }

    /// Says whether somebody was asked for a key lately: the same peer is given more time.
    pub(crate) fn is_wanted(&self, id: LinkId, key: &Digest, now: Time) -> bool {
        self.links.iter().any(|(asked, link)| {
            let patience_ms = if *asked == id { WANTED_MS } else { WANTED_ELSEWHERE_MS };
            link.wanted.get(key).is_some_and(|at| now.0 < at.0.saturating_add(patience_ms))
        })
    }

    /// Forgets that a key was asked for.
    pub(crate) fn unwant(&mut self, key: &Digest) {
        self.links.values_mut().for_each(|link| {
            link.wanted.remove(key);
        });
    }

    /// Returns by how much our clock is off, where every linked peer says so: milliseconds.
    pub(crate) fn clock_off_ms(&self, allowed_ms: u64) -> Option<i64> {
        let median = self.skew_ms()?;
        let far = |skew: i64| allowed_ms < skew.unsigned_abs() && skew.signum() == median.signum();
        let mut skews = self.greeted().filter_map(|(_, link)| link.skew_ms);
        skews.all(far).then_some(median)
    }

    /// Returns the median clock difference of the linked peers, positive where they are ahead.
    pub(crate) fn skew_ms(&self) -> Option<i64> {
        let mut skews: Vec<i64> = self.greeted().filter_map(|(_, link)| link.skew_ms).collect();
        skews.sort_unstable();
        skews.get(skews.len() / 2).copied()
    }
}

/// How long a peer has to send a record before it is asked again.
pub(crate) const WANTED_MS: u64 = 3_000;
/// How long before another peer is asked for the same record.
const WANTED_ELSEWHERE_MS: u64 = 750;
