//! The live links: who is there, how far away, and what each end told the other of its sets.

use std::collections::BTreeMap;

use wire::{Address, Digest, Hello, Medium, NodeId, Summary};

use crate::word::Word;
use crate::{Connected, Direction, LinkId, Time};

/// One live connection.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    pub(crate) direction: Direction,
    pub(crate) dialled: Option<Address>,
    pub(crate) medium: Medium,
    pub(crate) opened: Time,
    pub(crate) heard: Time,
    /// Set by the peer's hello; a link without it is only counted.
    pub(crate) greeting: Option<Greeting>,
    /// Whether we have said hello, and the peer's if it came before that.
    pub(crate) introduced: bool,
    pub(crate) early: Option<Box<Hello>>,
    /// Why we keep it.
    pub(crate) role: Role,
    /// When it began to stand for its peer.
    pub(crate) since: Time,
    /// Until then it is not let go for a better one.
    pub(crate) kept_until: Time,
    /// Answer outstanding: nonce, and when it was asked.
    pub(crate) probe: Option<(u32, Time)>,
    /// Pings in a row that were followed by silence.
    pub(crate) misses: u8,
    /// Whether the last answer came after we had stopped waiting.
    pub(crate) late: bool,
    /// When it is pinged with a report, unless one is heard before.
    pub(crate) ping_at: Time,
    /// Round trip, smoothed.
    pub(crate) rtt_ms: Option<u64>,
    /// Pings answered, new profiles taken and profiles handed out lately.
    pub(crate) pongs: Budget,
    pub(crate) profiles: Budget,
    pub(crate) handed: Budget,
    /// Ways to single nodes and what goes along them, lately.
    pub(crate) seeks: Budget,
    pub(crate) letters: Budget,
    pub(crate) skew_ms: Option<i64>,
    /// The root of its state that it told us last.
    pub(crate) root: Option<Digest>,
    /// As of when we told it last of our sets and how they looked, and how when both held the same.
    pub(crate) told: Option<(Option<u64>, Look)>,
    pub(crate) agreed: Option<Look>,
    pub(crate) ask: Pace,
    pub(crate) answers: Answers,
    pub(crate) walk: Pace,
    pub(crate) word: Word,
    /// Keys asked for on this link, and when.
    pub(crate) wanted: BTreeMap<Digest, Time>,
}

/// How our own sets looked: half of each root is enough to know it again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Look {
    state: [u8; 16],
    messages: [u8; 16],
}

impl Look {
    pub(crate) fn of(summary: &Summary) -> Self {
        let half = |root: &Digest| *root.0.first_chunk().expect("32 bytes are more than 16");
        Self { state: half(&summary.state.root), messages: half(&summary.messages.root) }
    }

    /// Says whether the state looked as it does in a summary.
    pub(crate) fn has_state(&self, summary: &Summary) -> bool {
        self.state == Self::of(summary).state
    }
}

/// Why we keep a link.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Role {
    /// We dialled it and have not chosen yet.
    Candidate,
    /// We chose it for its short round trip.
    Near,
    /// We chose it by chance.
    Random,
    /// The peer chose us.
    Theirs,
}

/// How often something may happen in one stretch of time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Budget {
    from: Time,
    used: u32,
}

impl Budget {
    /// Takes one of `max` in each `ms`. Says whether there was one left.
    pub(crate) fn take(&mut self, max: u32, ms: u64, now: Time) -> bool {
        if self.from.0.saturating_add(ms) <= now.0 || self.used == 0 {
            *self = Self { from: now, used: 0 };
        }
        let left = self.used < max;
        self.used += u32::from(left);
        left
    }
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

    /// Leaves the next try until then.
    pub(crate) fn not_before(&mut self, at: Time) {
        self.at = self.at.max(at);
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

/// Whether a peer says what it holds when it is asked (MEMBER-14).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    /// When it was asked what it has not answered, for the first time since it said anything.
    open: Option<Time>,
    /// Questions in a row after which it said other things, and no answer; and when the first of
    /// them was asked.
    passed_over: u8,
    since: Time,
    proven: bool,
}

impl Answers {
    /// Notes a question; the peer was heard last at `heard`.
    pub(crate) fn asked(&mut self, heard: Time, now: Time) {
        match self.open {
            // Who says nothing at all is behind a wall, or dead: pings find that out.
            Some(at) if heard < at => return,
            Some(_) => self.passed_over = self.passed_over.saturating_add(1),
            None => self.since = now,
        }
        self.open = Some(now);
    }

    pub(crate) fn answered(&mut self) {
        *self = Self { proven: true, ..Self::default() };
    }

    /// Notes that the last question may have been lost.
    pub(crate) fn lost(&mut self) {
        (self.open, self.passed_over) = (None, 0);
    }

    /// Says whether a question that was asked before then has no answer.
    pub(crate) fn is_owed_since(&self, before_ms: u64) -> bool {
        self.open.is_some_and(|at| at.0 <= before_ms)
    }

    /// Says whether it ever gave one.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven
    }

    pub(crate) fn is_useless(&self, now: Time) -> bool {
        PASSED_OVER_MAX <= self.passed_over && self.since.0.saturating_add(ANSWER_MS_MAX) <= now.0
    }
}

impl Link {
    /// Says whether it has said nothing at all since a question that was asked before then.
    pub(crate) fn is_silent_since(&self, before_ms: u64) -> bool {
        self.answers.open.is_some_and(|at| self.heard <= at && at.0 <= before_ms)
    }

    /// Says whether the peer left two pings in a row unanswered and said nothing else.
    pub(crate) fn is_suspect(&self) -> bool {
        SUSPECT_AFTER <= self.misses
    }

    /// Takes a measured round trip in: an eighth counts, so that one slow answer moves little.
    pub(crate) fn measured(&mut self, rtt_ms: u64) {
        self.rtt_ms = Some(self.rtt_ms.map_or(rtt_ms, |old| (old * 7 + rtt_ms + 4) / 8));
    }
}

/// All links, by number and by peer.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// In the order of their numbers.
    links: Vec<(LinkId, Box<Link>)>,
    greeted: BTreeMap<NodeId, LinkId>,
    /// How many of those that have said hello we opened.
    outbound: usize,
}

impl Links {
    pub(crate) fn open(&mut self, connected: &Connected, now: Time) {
        let link = Link {
            peer: connected.peer,
            direction: connected.direction,
            dialled: connected.dialled.clone(),
            medium: connected.medium,
            opened: now,
            heard: now,
            greeting: None,
            introduced: false,
            early: None,
            role: match connected.direction {
                Direction::Inbound => Role::Theirs,
                Direction::Outbound => Role::Candidate,
            },
            since: now,
            kept_until: Time::default(),
            probe: None,
            misses: 0,
            late: false,
            ping_at: now,
            rtt_ms: None,
            pongs: Budget::default(),
            profiles: Budget::default(),
            handed: Budget::default(),
            seeks: Budget::default(),
            letters: Budget::default(),
            skew_ms: None,
            root: None,
            told: None,
            agreed: None,
            ask: Pace::default(),
            answers: Answers::default(),
            walk: Pace::default(),
            word: Word::default(),
            wanted: BTreeMap::new(),
        };
        let at = self.links.partition_point(|(id, _)| *id < connected.link);
        self.links.insert(at, (connected.link, Box::new(link)));
    }

    /// Makes a link the one that stands for its peer.
    pub(crate) fn greet(&mut self, id: LinkId, greeting: Greeting, now: Time) {
        if let Some(link) = self.get_mut(id) {
            link.greeting = Some(greeting);
            link.since = now;
            let peer = link.peer;
            let old = self.greeted.insert(peer, id);
            self.outbound += self.outbound_of(Some(id));
            self.outbound -= self.outbound_of(old);
        }
    }

    /// Forgets a link. Returns it, and whether it stood for its peer.
    pub(crate) fn close(&mut self, id: LinkId) -> Option<(Box<Link>, bool)> {
        let at = self.place(id)?;
        let stood = self.of(&self.links[at].1.peer) == Some(id);
        if stood {
            self.outbound -= self.outbound_of(Some(id));
        }
        let (_, link) = self.links.remove(at);
        if stood {
            self.greeted.remove(&link.peer);
        }
        Some((link, stood))
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link> {
        self.place(id).map(|at| &*self.links[at].1)
    }

    pub(crate) fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.place(id).map(|at| &mut *self.links[at].1)
    }

    fn place(&self, id: LinkId) -> Option<usize> {
        self.links.binary_search_by_key(&id, |(id, _)| *id).ok()
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
        self.greeted.values().filter_map(|id| Some((*id, self.get(*id)?)))
    }

    pub(crate) fn greeted_ids(&self) -> Vec<LinkId> {
        self.greeted.values().copied().collect()
    }

    /// Returns how many links that have said hello we opened.
    pub(crate) fn outbound_len(&self) -> usize {
        self.outbound
    }

    fn outbound_of(&self, id: Option<LinkId>) -> usize {
        let link = id.and_then(|id| self.get(id));
        usize::from(link.is_some_and(|link| link.direction == Direction::Outbound))
    }

    /// Returns how many links have answered when asked.
    pub(crate) fn live_len(&self) -> usize {
        self.greeted().filter(|(_, link)| !link.is_suspect()).count()
    }

    /// Returns the links we keep for one reason.
    pub(crate) fn of_role(&self, role: Role) -> Vec<LinkId> {
        self.greeted().filter(|(_, link)| link.role == role).map(|(id, _)| id).collect()
    }

    pub(crate) fn greeted_len(&self) -> usize {
        self.greeted.len()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.links.iter().map(|(id, link)| (*id, &**link))
    }

    pub(crate) fn all_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.iter_mut().map(|(_, link)| &mut **link)
    }

    /// Says whether somebody was asked for a key lately: the same peer is given more time.
    pub(crate) fn is_wanted(&self, id: LinkId, key: &Digest, now: Time) -> bool {
        self.links.iter().any(|(asked, link)| {
            let patience_ms = if *asked == id { WANTED_MS } else { WANTED_ELSEWHERE_MS };
            link.wanted.get(key).is_some_and(|at| now.0 < at.0.saturating_add(patience_ms))
        })
    }

    /// Says whether so many keys that were asked for lately have not come.
    pub(crate) fn owe_keys(&self, count: usize, now: Time) -> bool {
        let fresh = |at: &&Time| now.0 < at.0.saturating_add(WANTED_MS);
        let owed = self.links.iter().flat_map(|(_, link)| link.wanted.values());
        owed.filter(fresh).nth(count.saturating_sub(1)).is_some()
    }

    /// Forgets that a key was asked for.
    pub(crate) fn unwant(&mut self, key: &Digest) {
        self.all_mut().for_each(|link| {
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

/// Unanswered pings after which a peer is suspect.
const SUSPECT_AFTER: u8 = 2;
/// Questions in a row without an answer that show a peer to be of no use, and how long ago the
/// first of them was asked: an honest one may have a full uplink.
const PASSED_OVER_MAX: u8 = 4;
const ANSWER_MS_MAX: u64 = 15_000;
/// How long a peer has to send a record before it is asked again.
pub(crate) const WANTED_MS: u64 = 3_000;
/// How long before another peer is asked for the same record.
const WANTED_ELSEWHERE_MS: u64 = 750;
