//! Whom we know and whom we dial next: the address book and the bootstrap list.
//!
//! Nobody is forgotten because a dial failed; the next one only waits longer (MEMBER-1). Bound: the
//! book. Who makes room (MEMBER-4): never a linked node, and of those reached by a dial of ours only
//! what is more than three quarters of the book, the one heard longest ago; else one never heard,
//! first who failed often, then any; else the one heard longest ago.

use std::collections::{BTreeMap, BTreeSet};

use wire::{Address, Medium, NodeId, Opened, Signed};

use crate::book::{Book, Known, NEVER, Past, Retry};
use crate::declined::Declined;
use crate::random::Random;
use crate::reach::Reach;
use crate::{BookRow, Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Membership {
    me: NodeId,
    book: Book,
    bootstrap: BTreeMap<Address, Bootstrap>,
    /// Who is linked, in the book or not.
    linked: BTreeSet<NodeId>,
    declined: Declined,
    /// Which addresses that are not of the internet we may dial because we live there too.
    near: Near,
    /// What we dial, the best first.
    media: Vec<Medium>,
    /// Dials under way.
    dials: BTreeMap<Address, Dial>,
    redial_ms: u64,
    redial_max_ms: u64,
    redial_alone_ms: u64,
    book_max: usize,
    /// Rows that stay because a dial of ours reached their nodes.
    reached_max: usize,
    hello_ms: u64,
}

/// Networks that are not the internet and in which we have an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Near {
    pub(crate) machine: bool,
    pub(crate) site: bool,
}

/// An address the operator gave.
#[derive(Debug, Default)]
pub(crate) struct Bootstrap {
    /// Who answered there last.
    pub(crate) node: Option<NodeId>,
    /// Whether a design-A node answers there; its health is checked elsewhere.
    pub(crate) door: bool,
    pub(crate) retry: Retry,
}

/// A dial under way: for whom, and since when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Dial {
    target: Target,
    since: Time,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Target {
    Bootstrap,
    /// Nobody in particular: an address that was heard of.
    Hearsay,
    Node(NodeId),
}

impl Membership {
    pub(crate) fn new(me: NodeId, config: &Config, mut book: Vec<BookRow>) -> Self {
        // Our own profile is kept among those of others.
        book.retain(|row| row.node != me);
        let mut membership = Self {
            me,
            book: Book::waking(book),
            bootstrap: BTreeMap::new(),
            linked: BTreeSet::new(),
            declined: Declined::default(),
            near: Near { machine: true, site: true },
            media: config.dials.clone(),
            dials: BTreeMap::new(),
            redial_ms: config.redial_ms,
            redial_max_ms: config.redial_max_ms,
            redial_alone_ms: config.redial_alone_ms,
            book_max: config.book_max,
            reached_max: config.book_max * 3 / 4,
            hello_ms: config.probe_ms,
        };
        config.bootstrap.iter().for_each(|address| membership.add_bootstrap(address.clone()));
        membership
    }

    pub(crate) fn add_bootstrap(&mut self, address: Address) {
        self.bootstrap.entry(address).or_default().retry = Retry::default();
    }

    pub(crate) fn book(&self) -> &Book {
        &self.book
    }

    /// Says in which networks we live.
    pub(crate) fn set_near(&mut self, near: Near) {
        if near == self.near {
            return;
        }
        self.near = near;
        // Who had no address for us may have one now.
        for known in self.book.iter_mut().filter(|known| known.retry_at() == NEVER) {
            known.past_mut().retry.at = Time(0);
        }
    }

    /// Returns where a node is dialled next.
    pub(crate) fn address(&self, known: &Known) -> Option<Address> {
        known.address(self.near, &self.media)
    }

    pub(crate) fn bootstrap(&self) -> &BTreeMap<Address, Bootstrap> {
        &self.bootstrap
    }

    /// Says whether an address is being dialled.
    pub(crate) fn is_dialling(&self, address: &Address) -> bool {
        self.dials.contains_key(address)
    }

    pub(crate) fn dials_len(&self) -> usize {
        self.dials.len()
    }

    /// Returns how many dials began less than `ms` ago: those that may still be answered soon.
    pub(crate) fn young_dials_len(&self, ms: u64, now: Now) -> usize {
        self.dials.values().filter(|dial| now.mono_ms < dial.since.0.saturating_add(ms)).count()
    }

    /// Says whether the very bytes are in the book.
    pub(crate) fn has_profile(&self, signed: &Signed) -> bool {
        self.book.get(&signed.author).is_some_and(|known| **known.signed() == *signed)
    }

    /// Says whether a profile is newer than the one we have.
    pub(crate) fn is_news(&self, opened: &Opened, now: Now) -> bool {
        let author = &opened.signed.author;
        let have = self.book.get(author).and_then(Known::read).map(|(created, _)| created);
        let newer = have.is_none_or(|have| have < opened.record.created);
        *author != self.me && newer && !self.declined.has(&opened.id, now)
    }

    /// Takes a verified profile in, if it is news (MEMBER-2). Returns the row to write and the node
    /// that made room for it.
    pub(crate) fn learn(
        &mut self,
        opened: &Opened,
        random: &mut Random,
        now: Now,
    ) -> Option<(BookRow, Option<NodeId>)> {
        let author = opened.signed.author;
        if !self.is_news(opened, now) {
            return None;
        }
        let mut new = Known::of(opened)?;
        let mut gone = None;
        if let Some(old) = self.book.remove(&author) {
            self.take_over(&mut new, old, now);
        } else if self.book_max <= self.book.len() {
            gone = self.make_room(random, now);
            if gone.is_none() {
                self.declined.add(&opened.id, now);
                return None;
            }
        }
        let row = new.row();
        self.book.insert(new);
        Some((row, gone))
    }

    /// Keeps what happened to a node whose profile is replaced; new addresses are due at once.
    fn take_over(&mut self, new: &mut Known, mut old: Known, now: Now) {
        self.decline(&old, now);
        let addresses = |known: &Known| known.read().map(|(_, profile)| profile.addresses);
        let (before, after) = (addresses(&old), addresses(new).unwrap_or_default());
        let Past { reached, heard_ms, retry } = old.take_past();
        let reached = reached.filter(|at| after.contains(at));
        let moved = before.is_none_or(|before| before != after);
        let retry = if moved { Retry::default() } else { retry };
        *new.past_mut() = Past { reached, heard_ms, retry };
    }

    fn decline(&mut self, known: &Known, now: Now) {
        if let Ok(opened) = Signed::clone(known.signed()).open() {
            self.declined.add(&opened.id, now);
        }
    }

    /// Notes that a peer said hello. Returns the row to write.
    pub(crate) fn linked(
        &mut self,
        peer: NodeId,
        dialled: Option<&Address>,
        now: Now,
    ) -> Option<BookRow> {
        if let Some(bootstrap) = dialled.and_then(|address| self.bootstrap.get_mut(address)) {
            *bootstrap = Bootstrap { node: Some(peer), ..Bootstrap::default() };
        }
        self.linked.insert(peer);
        let known = self.book.get_mut(&peer)?;
        let past = known.past_mut();
        past.heard_ms = now.unix_ms;
        past.retry = Retry::default();
        if let Some(address) = dialled {
            past.reached = Some(address.clone());
        }
        Some(known.row())
    }

    /// Notes that a link is gone; the peer is not dialled before `wait_ms` have passed.
    pub(crate) fn unlinked(&mut self, peer: NodeId, why: &str, wait_ms: u64, now: Now) {
        self.linked.remove(&peer);
        let retry = || Retry { failures: 0, at: now.after(wait_ms), why: Some(why.into()) };
        for bootstrap in self.bootstrap.values_mut().filter(|it| it.node == Some(peer)) {
            bootstrap.retry = retry();
        }
        if let Some(known) = self.book.get_mut(&peer) {
            let past = known.past_mut();
            past.heard_ms = now.unix_ms;
            past.retry = retry();
        }
    }

    /// Notes that a peer went without a word: it counts as one that does not answer.
    pub(crate) fn missed(&mut self, peer: &NodeId) {
        if let Some(known) = self.book.get_mut(peer).filter(|_| !self.linked.contains(peer)) {
            let retry = &mut known.past_mut().retry;
            retry.failures = retry.failures.max(1);
        }
    }

    /// Notes that a link ended before its peer said hello: as good as no answer.
    pub(crate) fn mute(&mut self, peer: NodeId, dialled: Option<&Address>, why: &str, now: Now) {
        let bootstrap = dialled.and_then(|address| self.bootstrap.get_mut(address));
        let known = self.book.get_mut(&peer).map(|known| &mut known.past_mut().retry);
        for retry in bootstrap.map(|it| &mut it.retry).into_iter().chain(known) {
            let wait_ms = (self.redial_ms << retry.failures.min(20)).min(self.redial_max_ms);
            retry.failed(why, now.after(wait_ms));
        }
    }

    /// Notes who answered a dial; the next one waits for the hello. A node other than the expected
    /// one is no proof of that one.
    pub(crate) fn dial_answered(&mut self, address: &Address, by: NodeId, now: Now) {
        let hello = now.after(self.hello_ms);
        if let Some(known) = self.book.get_mut(&by) {
            known.past_mut().retry.at = hello;
        }
        match self.dials.remove(address).map(|dial| dial.target) {
            Some(Target::Node(expected)) if expected != by => {
                if let Some(known) = self.book.get_mut(&expected) {
                    let at = now.after(self.redial_max_ms);
                    known.past_mut().retry.failed("another node answers there", at);
                }
            }
            Some(Target::Bootstrap) => {
                if let Some(bootstrap) = self.bootstrap.get_mut(address) {
                    bootstrap.retry.at = hello;
                    bootstrap.node = (by == self.me).then_some(by);
                }
            }
            Some(Target::Hearsay | Target::Node(_)) | None => {}
        }
    }

    /// Says whether the operator asked for an address.
    pub(crate) fn is_asked(&self, address: &Address) -> bool {
        self.bootstrap.contains_key(address)
    }

    /// Notes that a design-A node answered a dial.
    pub(crate) fn dial_found_door(&mut self, address: &Address) {
        self.dials.remove(address);
        if let Some(bootstrap) = self.bootstrap.get_mut(address) {
            bootstrap.door = true;
        }
    }

    /// Notes that a dial failed. Nobody is given up: the wait doubles up to its bound.
    pub(crate) fn dial_failed(
        &mut self,
        address: &Address,
        why: &str,
        alone: bool,
        random: &mut Random,
        now: Now,
    ) {
        let max_ms = if alone { self.redial_alone_ms } else { self.redial_max_ms };
        let retry = match self.dials.remove(address).map(|dial| dial.target) {
            Some(Target::Bootstrap) => self.bootstrap.get_mut(address).map(|it| &mut it.retry),
            Some(Target::Node(node)) => self.book.get_mut(&node).map(|it| &mut it.past_mut().retry),
            Some(Target::Hearsay) | None => None,
        };
        if let Some(retry) = retry {
            let wait_ms = self.redial_ms << retry.failures.min(20);
            retry.failed(why, now.after(random.jitter(wait_ms.min(max_ms))));
        }
    }

    /// Says whether a node is linked that was reached there, or says that it is there.
    pub(crate) fn is_linked_at(&self, address: &Address) -> bool {
        let linked = self.linked.iter().filter_map(|node| self.book.get(node));
        let is_there = |known: &Known| {
            let told = || known.read().is_some_and(|(_, it)| it.addresses.contains(address));
            known.reached() == Some(address) || told()
        };
        linked.into_iter().any(is_there)
    }

    /// Notes that an address is dialled that was heard of.
    pub(crate) fn dial_heard_of(&mut self, address: &Address, now: Now) {
        self.dialled(address, Target::Hearsay, now);
    }

    /// Makes everybody due soon: the last link is gone.
    pub(crate) fn hurry(&mut self, random: &mut Random, now: Now) {
        let waiting = self.book.iter_mut().filter(|known| now.time() < known.retry_at());
        let nodes = waiting.map(|known| &mut known.past_mut().retry);
        for retry in self.bootstrap.values_mut().map(|it| &mut it.retry).chain(nodes) {
            retry.at = retry.at.min(now.after(random.jitter(self.redial_ms)));
        }
    }

    /// Returns the operator's addresses that are due, at most `max`.
    pub(crate) fn due_bootstrap(&mut self, max: usize, now: Now) -> Vec<Address> {
        let due = self
            .bootstrap
            .iter()
            .filter(|(address, it)| it.retry.at <= now.time() && self.is_wanted(address, it));
        let due: Vec<Address> = due.map(|(address, _)| address.clone()).take(max).collect();
        due.iter().for_each(|address| self.dialled(address, Target::Bootstrap, now));
        due
    }

    /// Returns where to dial at most `wanted` nodes that are due: in random order, those that
    /// failed least first.
    pub(crate) fn due(
        &mut self,
        wanted: usize,
        random: &mut Random,
        now: Now,
    ) -> Vec<(NodeId, Address)> {
        let due = self.book.iter().filter(|known| known.retry_at() <= now.time());
        let due = due.filter(|it| !self.linked.contains(it.node()) && !self.is_dialled(it.node()));
        let due: Vec<(u32, NodeId)> = due.map(|it| (it.failures(), *it.node())).collect();
        let mut due = random.pick(due, usize::MAX);
        due.sort_by_key(|(failures, _)| *failures);
        let mut found = Vec::new();
        for (_, node) in due {
            if wanted <= found.len() {
                break;
            }
            found.extend(self.try_node(&node, now));
        }
        found
    }

    /// Returns where to dial a node that somebody named, if it is known, due and not linked.
    pub(crate) fn dial_named(&mut self, node: &NodeId, now: Now) -> Option<Address> {
        let is_due = self.book.get(node).is_some_and(|known| known.retry_at() <= now.time());
        if !is_due || self.linked.contains(node) || self.is_dialled(node) {
            return None;
        }
        let (node, address) = self.reserve(node)?;
        self.dialled(&address, Target::Node(node), now);
        Some(address)
    }

    /// Returns where to dial a node that has to be reached now, whatever its turn.
    pub(crate) fn dial_wanted(&mut self, node: &NodeId, now: Now) -> Option<Address> {
        if self.linked.contains(node) || self.is_dialled(node) {
            return None;
        }
        let (node, address) = self.reserve(node)?;
        self.dialled(&address, Target::Node(node), now);
        Some(address)
    }

    /// Returns where to dial a node that was heard once and does not answer now, whatever its turn,
    /// and how long ago it was heard.
    pub(crate) fn lost(&mut self, random: &mut Random, now: Now) -> Option<(Address, u64)> {
        let lost = self.book.iter().filter(|it| 0 < it.failures() && 0 < it.heard_ms());
        let lost =
            lost.filter(|it| !self.linked.contains(it.node()) && !self.is_dialled(it.node()));
        let lost = lost.map(|it| (*it.node(), now.unix_ms.saturating_sub(it.heard_ms())));
        let (node, ago_ms) = random.pick(lost.collect(), 1).pop()?;
        let (_, address) = self.try_node(&node, now)?;
        Some((address, ago_ms))
    }

    /// Makes those due soon that did not answer: one of them is back.
    pub(crate) fn hope(&mut self, random: &mut Random, now: Now) {
        let failed = self.book.iter_mut().filter(|it| 0 < it.failures() && it.retry_at() != NEVER);
        for known in failed {
            let retry = &mut known.past_mut().retry;
            retry.at = retry.at.min(now.after(random.jitter(self.redial_ms)));
        }
    }

    /// Says whether a node did not answer when it was dialled last.
    pub(crate) fn is_failing(&self, node: &NodeId) -> bool {
        self.book.get(node).is_some_and(|known| 0 < known.failures())
    }

    /// Returns when somebody becomes due, or any moment up to `early` if somebody is due by then.
    pub(crate) fn deadline(&self, early: Time) -> Option<Time> {
        let free = |it: &Known| !self.linked.contains(it.node()) && !self.is_dialled(it.node());
        let mut first = NEVER;
        // Asked after every step: mostly somebody near the beginning of the book is due.
        for known in self.book.iter() {
            if known.retry_at() < first && free(known) {
                first = known.retry_at();
                if first <= early {
                    break;
                }
            }
        }
        (first != NEVER).then_some(first)
    }

    /// Returns when an address of the operator's becomes due.
    pub(crate) fn bootstrap_deadline(&self) -> Option<Time> {
        let wanted = self.bootstrap.iter().filter(|(address, it)| self.is_wanted(address, it));
        wanted.map(|(_, it)| it.retry.at).min()
    }

    /// Returns profiles to hand to a peer: half of linked nodes, half of any others, at random
    /// (MEMBER-3). Where there are too few of one kind, more of the other.
    pub(crate) fn sample(&self, except: &NodeId, max: usize, random: &mut Random) -> Vec<Signed> {
        let linked = self.linked.iter().filter(|node| *node != except);
        let linked: Vec<&Known> = linked.filter_map(|node| self.book.get(node)).collect();
        let others = self.book.iter().filter(|it| !self.linked.contains(it.node()));
        let others: Vec<&Known> = others.filter(|it| it.node() != except).collect();
        let of_linked = linked.len().min((max / 2).max(max.saturating_sub(others.len())));
        let mut chosen = random.pick(linked, of_linked);
        chosen.extend(random.pick(others, max.saturating_sub(of_linked)));
        chosen.into_iter().map(|known| Signed::clone(known.signed())).collect()
    }

    fn is_wanted(&self, address: &Address, bootstrap: &Bootstrap) -> bool {
        let linked = |node| node == self.me || self.linked.contains(&node);
        let linked = bootstrap.node.is_some_and(linked);
        !linked && !bootstrap.door && !self.dials.contains_key(address)
    }

    fn dialled(&mut self, address: &Address, target: Target, now: Now) {
        self.dials.insert(address.clone(), Dial { target, since: now.time() });
    }

    fn is_dialled(&self, node: &NodeId) -> bool {
        self.dials.values().any(|dial| dial.target == Target::Node(*node))
    }

    /// Finds an address of a node that nobody dials yet.
    fn reserve(&self, node: &NodeId) -> Option<(NodeId, Address)> {
        let address = self.address(self.book.get(node)?)?;
        (!self.dials.contains_key(&address)).then_some((*node, address))
    }

    fn try_node(&mut self, node: &NodeId, now: Now) -> Option<(NodeId, Address)> {
        if let Some((node, address)) = self.reserve(node) {
            self.dialled(&address, Target::Node(node), now);
            return Some((node, address));
        }
        let redial_ms = self.redial_ms;
        // Without an address it has to come to us; or a dial of another node there is under way.
        let at = self.address(self.book.get(node)?).map_or(NEVER, |_| now.after(redial_ms));
        let known = self.book.get_mut(node)?;
        known.past_mut().retry.at = at;
        None
    }

    fn make_room(&mut self, random: &mut Random, now: Now) -> Option<NodeId> {
        let free = || self.book.iter().filter(|it| !self.linked.contains(it.node()));
        let strangers = || free().filter(|it| it.reached().is_none());
        let never_heard = || strangers().filter(|it| it.heard_ms() == 0);
        let of = |known: &Known| *known.node();
        let reached_len = self.book.iter().filter(|it| it.reached().is_some()).count();
        let reached = free().filter(|it| self.reached_max < reached_len && it.reached().is_some());
        let reached = reached.min_by_key(|it| it.heard_ms()).map(of);
        let failed = never_heard().filter(|it| FAILED_OFTEN <= it.failures());
        let failed = failed.max_by_key(|it| it.failures()).map(of);
        let any = random.pick(never_heard().map(of).collect(), 1).pop();
        let oldest = strangers().min_by_key(|it| it.heard_ms()).map(of);
        let gone = reached.or(failed).or(any).or(oldest)?;
        let row = self.book.remove(&gone)?;
        self.decline(&row, now);
        Some(gone)
    }
}

impl Near {
    pub(crate) fn may_dial(self, reach: Reach) -> bool {
        match reach {
            Reach::Internet => true,
            Reach::Machine => self.machine,
            Reach::Site => self.site,
        }
    }
}

/// Who failed so often and was never heard makes room first.
const FAILED_OFTEN: u32 = 3;
