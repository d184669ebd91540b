//! What was announced and has not come: when whom is asked for it.
//!
//! In a tree of shortest paths the record comes before its announcements. Where it does not, the
//! first wait is what it usually takes to come after all, learned here; then one announcer is
//! asked, then two at once. Who announces what it never sends is asked last, then not believed for
//! a minute. Bounds: so many ids, announcers and asks; one more id is left to a comparison.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Have, ShortId};

use crate::{Config, LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Missing {
    waits: BTreeMap<ShortId, Wait>,
    due: BTreeSet<(Time, ShortId)>,
    debts: BTreeMap<LinkId, Debt>,
    /// How much later than their first announcement records come by push: mean and deviation,
    /// sixteenths of a millisecond.
    lag: u64,
    deviation: u64,
    graft_ms: u64,
    graft_ms_max: u64,
}

#[derive(Debug)]
struct Wait {
    first: Time,
    /// How long the first announcer had had it by then.
    age_ms: u64,
    at: Time,
    announcers: Vec<LinkId>,
    asked: Vec<LinkId>,
}

/// What a link announced and did not send.
#[derive(Clone, Copy, Debug, Default)]
struct Debt {
    no_shows: u8,
    at: Time,
}

/// What was known of a record that has come.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Came {
    /// Whether this link was asked for it.
    pub(crate) asked: bool,
    /// Who has it, as they said.
    pub(crate) announcers: Vec<LinkId>,
    /// The link that announced it before it came, and how much sooner it would have brought it.
    pub(crate) sooner: Option<(LinkId, u64)>,
}

/// What follows from waiting.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    pub(crate) asks: Vec<(LinkId, ShortId)>,
    pub(crate) late: BTreeSet<LinkId>,
}

impl Missing {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            waits: BTreeMap::new(),
            due: BTreeSet::new(),
            debts: BTreeMap::new(),
            lag: 0,
            deviation: 0,
            graft_ms: config.graft_ms,
            graft_ms_max: config.graft_ms_max,
        }
    }

    /// Notes that a link has a record that we do not.
    pub(crate) fn announced(&mut self, have: Have, link: LinkId, now: Now) {
        let Have { id: name, age_ms } = have;
        let debt = self.debts.get(&link).copied().unwrap_or_default();
        if NO_SHOWS_MAX <= debt.no_shows && now.mono_ms < debt.at.0 + DISBELIEF_MS {
            return;
        }
        if let Some(wait) = self.waits.get_mut(&name) {
            if wait.announcers.len() < ANNOUNCERS_MAX && !wait.announcers.contains(&link) {
                wait.announcers.push(link);
            }
            return;
        }
        if IDS_MAX <= self.waits.len() {
            return;
        }
        let at = now.after(self.patience_ms());
        let (first, age_ms, asked) = (now.time(), u64::from(age_ms), Vec::new());
        let wait = Wait { first, age_ms, at, announcers: vec![link], asked };
        self.waits.insert(name, wait);
        self.due.insert((at, name));
    }

    /// A record came on a link, or was found otherwise.
    pub(crate) fn came(&mut self, name: ShortId, link: Option<LinkId>, now: Now) -> Came {
        let Some(wait) = self.waits.remove(&name) else {
            if link.is_some() {
                self.learn(0);
            }
            return Came::default();
        };
        self.due.remove(&(wait.at, name));
        let asked = link.is_some_and(|link| wait.asked.contains(&link));
        if let Some(link) = link.filter(|_| asked) {
            self.debts.remove(&link);
        } else if link.is_some() {
            self.learn(now.mono_ms.saturating_sub(wait.first.0));
        }
        let lead_ms = now.mono_ms.saturating_sub(wait.first.0).saturating_add(wait.age_ms);
        let sooner = wait.announcers.first().map(|link| (*link, lead_ms));
        Came { asked, announcers: wait.announcers, sooner }
    }

    /// Returns whom to ask for what now, and who was asked and did not answer. `patience` is how
    /// long a link may take.
    pub(crate) fn ask(&mut self, now: Now, patience: impl Fn(LinkId) -> Option<u64>) -> Asks {
        let Asks { mut asks, mut late } = Asks::default();
        while let Some((_, name)) = self.due.first().copied().filter(|(at, _)| *at <= now.time()) {
            self.due.pop_first();
            let Some(wait) = self.waits.get_mut(&name) else { continue };
            late.extend(&wait.asked);
            // Two at once after the first did not help.
            let count = if wait.asked.is_empty() { 1 } else { 2 };
            let debts = &self.debts;
            let owes = |link: &LinkId| debts.get(link).map_or(0, |debt| debt.no_shows);
            let asked = &wait.asked;
            let mut open: Vec<LinkId> = wait.announcers.to_vec();
            open.retain(|link| !asked.contains(link) && patience(*link).is_some());
            open.sort_by_key(owes);
            open.truncate(count);
            let Some(wait_ms) = open.iter().filter_map(|link| patience(*link)).max() else {
                let wait = self.waits.remove(&name);
                wait.into_iter().flat_map(|it| it.asked).for_each(|link| self.owe(link, now));
                continue;
            };
            wait.asked.extend(&open);
            wait.at = now.after(wait_ms);
            self.due.insert((wait.at, name));
            asks.extend(open.into_iter().map(|link| (link, name)));
        }
        Asks { asks, late }
    }

    /// Returns when somebody is asked next.
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(crate) fn link_gone(&mut self, link: LinkId) {
        self.debts.remove(&link);
    }

    /// Says whether a link owes so much that it is not believed.
    fn owe(&mut self, link: LinkId, now: Now) {
        let debt = self.debts.entry(link).or_default();
        debt.no_shows = debt.no_shows.saturating_add(1).min(NO_SHOWS_MAX);
        debt.at = now.time();
    }

    /// How long an announced record usually takes to come by itself (Jacobson's estimator).
    fn patience_ms(&self) -> u64 {
        let learned = (self.lag + 4 * self.deviation) / 16;
        (self.graft_ms + learned).min(self.graft_ms_max)
    }

    fn learn(&mut self, lag_ms: u64) {
        let lag = (lag_ms * 16).min(self.graft_ms_max * 16);
        let off = self.lag.abs_diff(lag);
        self.lag = (7 * self.lag + lag) / 8;
        self.deviation = (7 * self.deviation + off) / 8;
    }
}

/// Records waited for at once.
const IDS_MAX: usize = 16_384;
/// Who has one of them, as far as we remember.
const ANNOUNCERS_MAX: usize = 6;
/// Announcements without a record after which a link is not believed, and for how long.
const NO_SHOWS_MAX: u8 = 8;
const DISBELIEF_MS: u64 = 60_000;
