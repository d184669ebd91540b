//! What was announced and has not come: when whom is asked for it.
//!
//! In a tree of shortest paths the record comes before its announcements. Where it does not, the
//! first wait is what it usually takes to come after all, learned here; then one announcer is
//! asked, then two at once. Who announces what it never sends is asked last, then not believed for
//! a minute. Bounds: so many ids, announcers and asks; one more id is left to a comparison.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use wire::{Have, ShortId};

use crate::{Config, LinkId, Now, Time};

#[derive(Debug)]
pub(crate) struct Missing {
    waits: BTreeMap<ShortId, Wait>,
    due: BTreeSet<(Time, ShortId)>,
    debts: BTreeMap<LinkId, Debt>,
    /// What nobody brought in time, and who was asked, the oldest first in `order`.
    overdue: BTreeMap<ShortId, Vec<Asked>>,
    order: VecDeque<ShortId>,
    /// How much later than their first announcement records come by push.
    lag: Estimate,
    /// How much later than expected peers answer: they have much to send.
    lateness: Estimate,
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
    asked: Vec<Asked>,
}

/// Who was asked, and by when it should have come.
#[derive(Clone, Copy, Debug)]
struct Asked {
    link: LinkId,
    by: Time,
}

/// How long something usually takes (Jacobson's estimator): mean and deviation, sixteenths of a
/// millisecond.
#[derive(Clone, Copy, Debug, Default)]
struct Estimate {
    mean: u64,
    deviation: u64,
}

impl Estimate {
    fn learn(&mut self, ms: u64) {
        let it = ms.saturating_mul(16);
        let off = self.mean.abs_diff(it);
        self.mean = (self.mean.saturating_mul(7).saturating_add(it)) / 8;
        self.deviation = (self.deviation.saturating_mul(7).saturating_add(off)) / 8;
    }

    fn ms(self) -> u64 {
        self.mean.saturating_add(self.deviation.saturating_mul(4)) / 16
    }
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
            overdue: BTreeMap::new(),
            order: VecDeque::new(),
            lag: Estimate::default(),
            lateness: Estimate::default(),
            graft_ms: config.graft_ms,
            graft_ms_max: config.graft_ms_max,
        }
    }

    /// How many records were announced, or asked for, and have not come.
    pub(crate) fn len(&self) -> usize {
        self.waits.len()
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
            let asked = link.and_then(|link| self.paid(name, link));
            match asked {
                Some(asked) => self.answered(asked, now),
                None if link.is_some() => self.lag.learn(0),
                None => {}
            }
            return Came { asked: asked.is_some(), ..Came::default() };
        };
        self.due.remove(&(wait.at, name));
        let asked = link.and_then(|link| wait.asked.iter().find(|it| it.link == link).copied());
        if let Some(asked) = asked {
            self.answered(asked, now);
        } else if link.is_some() {
            let lag_ms = now.mono_ms.saturating_sub(wait.first.0);
            self.lag.learn(lag_ms.min(self.graft_ms_max));
        }
        let asked = asked.is_some();
        let lead_ms = now.mono_ms.saturating_sub(wait.first.0).saturating_add(wait.age_ms);
        let sooner = wait.announcers.first().map(|link| (*link, lead_ms));
        Came { asked, announcers: wait.announcers, sooner }
    }

    /// Returns whom to ask for what now, and who was asked and did not answer. `patience` is how
    /// long a link may take.
    pub(crate) fn ask(&mut self, now: Now, patience: impl Fn(LinkId) -> Option<u64>) -> Asks {
        let Asks { mut asks, mut late } = Asks::default();
        let lateness_ms = self.lateness.ms().min(LATENESS_MS_MAX);
        while let Some((_, name)) = self.due.first().copied().filter(|(at, _)| *at <= now.time()) {
            self.due.pop_first();
            let Some(wait) = self.waits.get_mut(&name) else { continue };
            late.extend(wait.asked.iter().map(|it| it.link));
            // Two at once after the first did not help.
            let count = if wait.asked.is_empty() { 1 } else { 2 };
            let debts = &self.debts;
            let owes = |link: &LinkId| debts.get(link).map_or(0, |debt| debt.no_shows);
            let asked = &wait.asked;
            let mut open: Vec<LinkId> = wait.announcers.to_vec();
            open.retain(|link| {
                asked.iter().all(|it| it.link != *link) && patience(*link).is_some()
            });
            open.sort_by_key(owes);
            open.truncate(count);
            let Some(wait_ms) = open.iter().filter_map(|link| patience(*link)).max() else {
                self.give_up(name, now);
                continue;
            };
            let by = |link: LinkId| now.after(patience(link).unwrap_or_default());
            wait.asked.extend(open.iter().map(|link| Asked { link: *link, by: by(*link) }));
            wait.at = now.after(wait_ms.saturating_add(lateness_ms));
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

    /// A link has sent what it was asked for, in time or late: what it announces is true.
    fn answered(&mut self, asked: Asked, now: Now) {
        self.debts.remove(&asked.link);
        self.lateness.learn(now.mono_ms.saturating_sub(asked.by.0).min(LATENESS_MS_MAX));
    }

    /// Takes what a link was asked for in vain and sends after all: each record pays once.
    fn paid(&mut self, name: ShortId, link: LinkId) -> Option<Asked> {
        let overdue = self.overdue.get_mut(&name)?;
        let at = overdue.iter().position(|it| it.link == link)?;
        Some(overdue.swap_remove(at))
    }

    /// Nobody is left to be asked. Whoever sends it after all has only been slow.
    fn give_up(&mut self, name: ShortId, now: Now) {
        let Some(wait) = self.waits.remove(&name).filter(|it| !it.asked.is_empty()) else { return };
        wait.asked.iter().for_each(|it| self.owe(it.link, now));
        if self.overdue.insert(name, wait.asked).is_none() {
            self.order.push_back(name);
        }
        if OVERDUE_MAX < self.order.len()
            && let Some(oldest) = self.order.pop_front()
        {
            self.overdue.remove(&oldest);
        }
    }

    /// How long an announced record usually takes to come by itself.
    fn patience_ms(&self) -> u64 {
        (self.graft_ms + self.lag.ms()).min(self.graft_ms_max)
    }
}

/// Records waited for at once.
const IDS_MAX: usize = 16_384;
/// Who has one of them, as far as we remember.
const ANNOUNCERS_MAX: usize = 6;
/// Announcements without a record after which a link is not believed, and for how long.
const NO_SHOWS_MAX: u8 = 8;
const DISBELIEF_MS: u64 = 60_000;
/// Records that came too late or never, as far as we remember; the oldest makes room.
const OVERDUE_MAX: usize = 4_096;
/// The most that we wait longer because peers are slow.
const LATENESS_MS_MAX: u64 = 4_000;
