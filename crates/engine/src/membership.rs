//! Whom we know and whom we dial next: the address book and the bootstrap list.
//!
//! Nobody is forgotten because a dial failed; the next one only waits longer (MEMBER-1). Bound: the
//! book. Who makes room (MEMBER-4): never a linked node or one we reached ourselves; of the others
//! first those never heard, the most failed of them, then the one heard longest ago.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use wire::{Address, Content, Hlc, NodeId, Opened, RecordId, Signed};

use crate::memory::Memory;
use crate::random::Random;
use crate::reach::{Reach, reach};
use crate::{BookRow, Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Membership {
    me: NodeId,
    known: BTreeMap<NodeId, Known>,
    bootstrap: BTreeMap<Address, Bootstrap>,
    /// Who is linked, in the book or not.
    linked: BTreeSet<NodeId>,
    /// Profiles there was no room for, or no longer, so that they are not checked and passed on
    /// again when another copy comes.
    declined: Memory,
    /// Which addresses that are not of the internet we may dial because we live there too.
    near: Near,
    /// Dials under way, and for whom.
    dials: BTreeMap<Address, Target>,
    redial_ms: u64,
    redial_max_ms: u64,
    redial_alone_ms: u64,
    book_max: usize,
    hello_ms: u64,
}

/// Networks that are not the internet and in which we have an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Near {
    pub(crate) machine: bool,
    pub(crate) site: bool,
}

/// A node in the book.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) profile: Arc<Signed>,
    id: RecordId,
    pub(crate) created: Hlc,
    pub(crate) agent: String,
    pub(crate) addresses: Vec<Address>,
    /// How far each of them reaches; parsed once, asked often.
    reaches: Vec<Reach>,
    pub(crate) reached: Option<Address>,
    pub(crate) heard_ms: u64,
    pub(crate) retry: Retry,
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

/// How often a dial failed, and when it may be tried again.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    pub(crate) failures: u32,
    pub(crate) at: Time,
    pub(crate) why: Option<String>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Target {
    Bootstrap,
    Node(NodeId),
}

impl Membership {
    pub(crate) fn new(me: NodeId, config: &Config, book: Vec<BookRow>) -> Self {
        let mut membership = Self {
            me,
            known: BTreeMap::new(),
            bootstrap: BTreeMap::new(),
            linked: BTreeSet::new(),
            declined: Memory::default(),
            near: Near { machine: true, site: true },
            dials: BTreeMap::new(),
            redial_ms: config.redial_ms,
            redial_max_ms: config.redial_max_ms,
            redial_alone_ms: config.redial_alone_ms,
            book_max: config.book_max,
            hello_ms: config.probe_ms,
        };
        config.bootstrap.iter().for_each(|address| membership.add_bootstrap(address.clone()));
        for row in book {
            let Ok(opened) = Signed::clone(&row.profile).open() else { continue };
            if let Some(known) = Known::of(&opened, row.reached, row.heard_ms) {
                membership.known.insert(row.node, known);
            }
        }
        membership
    }

    pub(crate) fn add_bootstrap(&mut self, address: Address) {
        self.bootstrap.entry(address).or_default().retry = Retry::default();
    }

    pub(crate) fn known(&self) -> &BTreeMap<NodeId, Known> {
        &self.known
    }

    /// Says in which networks we live.
    pub(crate) fn set_near(&mut self, near: Near) {
        self.near = near;
    }

    pub(crate) fn near(&self) -> Near {
        self.near
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

    /// Says whether a profile is newer than the one we have.
    pub(crate) fn is_news(&self, opened: &Opened) -> bool {
        let author = &opened.signed.author;
        let have = self.known.get(author).map(|known| known.created);
        let newer = have.is_none_or(|have| have < opened.record.created);
        *author != self.me && newer && !self.declined.has(&opened.id)
    }

    /// Takes a verified profile in, if it is news (MEMBER-2). Returns the row to write and the node
    /// that made room for it.
    pub(crate) fn learn(&mut self, opened: &Opened, now: Now) -> Option<(BookRow, Option<NodeId>)> {
        let author = opened.signed.author;
        if !self.is_news(opened) {
            return None;
        }
        let mut new = Known::of(opened, None, 0)?;
        let mut gone = None;
        if let Some(old) = self.known.get_mut(&author) {
            self.declined.add(old.id, now);
            new.heard_ms = old.heard_ms;
            new.reached = old.reached.take().filter(|at| new.addresses.contains(at));
            if new.addresses == old.addresses {
                new.retry = std::mem::take(&mut old.retry);
            }
        } else if self.book_max <= self.known.len() {
            gone = self.make_room(now);
            if gone.is_none() {
                self.declined.add(opened.id, now);
                return None;
            }
        }
        self.known.insert(author, new);
        Some((self.row(&author)?, gone))
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
        let known = self.known.get_mut(&peer)?;
        known.heard_ms = now.unix_ms;
        known.retry = Retry::default();
        if let Some(address) = dialled {
            known.reached = Some(address.clone());
        }
        self.row(&peer)
    }

    /// Notes that a link is gone; the peer is not dialled before `wait_ms` have passed.
    pub(crate) fn unlinked(&mut self, peer: NodeId, why: &str, wait_ms: u64, now: Now) {
        self.linked.remove(&peer);
        let retry = || Retry { failures: 0, at: now.after(wait_ms), why: Some(why.to_owned()) };
        for bootstrap in self.bootstrap.values_mut().filter(|it| it.node == Some(peer)) {
            bootstrap.retry = retry();
        }
        if let Some(known) = self.known.get_mut(&peer) {
            known.heard_ms = now.unix_ms;
            known.retry = retry();
        }
    }

    /// Notes that a link ended before its peer said hello: as good as no answer.
    pub(crate) fn mute(&mut self, peer: NodeId, dialled: Option<&Address>, why: &str, now: Now) {
        let bootstrap = dialled.and_then(|address| self.bootstrap.get_mut(address));
        let known = self.known.get_mut(&peer).map(|known| &mut known.retry);
        for retry in bootstrap.map(|it| &mut it.retry).into_iter().chain(known) {
            let wait_ms = (self.redial_ms << retry.failures.min(20)).min(self.redial_max_ms);
            retry.failed(why, now.after(wait_ms));
        }
    }

    /// Notes who answered a dial; the next one waits for the hello. A node other than the expected
    /// one is no proof of that one.
    pub(crate) fn dial_answered(&mut self, address: &Address, by: NodeId, now: Now) {
        let hello = now.after(self.hello_ms);
        if let Some(known) = self.known.get_mut(&by) {
            known.retry.at = hello;
        }
        match self.dials.remove(address) {
            Some(Target::Node(expected)) if expected != by => {
                if let Some(known) = self.known.get_mut(&expected) {
                    let wait_ms = self.redial_max_ms;
                    known.retry.failed("another node answers there", now.after(wait_ms));
                }
            }
            Some(Target::Bootstrap) => {
                if let Some(bootstrap) = self.bootstrap.get_mut(address) {
                    bootstrap.retry.at = hello;
                    bootstrap.node = (by == self.me).then_some(by);
                }
            }
            Some(Target::Node(_)) | None => {}
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
        let retry = match self.dials.remove(address) {
            Some(Target::Bootstrap) => self.bootstrap.get_mut(address).map(|it| &mut it.retry),
            Some(Target::Node(node)) => self.known.get_mut(&node).map(|it| &mut it.retry),
            None => None,
        };
        if let Some(retry) = retry {
            let wait_ms = self.redial_ms << retry.failures.min(20);
            retry.failed(why, now.after(random.jitter(wait_ms.min(max_ms))));
        }
    }

    /// Makes everybody due soon: the last link is gone.
    pub(crate) fn hurry(&mut self, random: &mut Random, now: Now) {
        let nodes = self.known.values_mut().map(|it| &mut it.retry);
        for retry in self.bootstrap.values_mut().map(|it| &mut it.retry).chain(nodes) {
            retry.at = retry.at.min(now.after(random.jitter(self.redial_ms)));
        }
    }

    /// Returns the addresses to dial now: first the operator's, then at most `wanted` nodes that
    /// failed least. At most `max` in all.
    pub(crate) fn due(
        &mut self,
        wanted: usize,
        max: usize,
        random: &mut Random,
        now: Now,
    ) -> Vec<Address> {
        let time = now.time();
        let mut due: Vec<(Address, Target)> = self
            .bootstrap
            .iter()
            .filter(|(address, it)| it.retry.at <= time && self.is_wanted(address, it))
            .map(|(address, _)| (address.clone(), Target::Bootstrap))
            .collect();
        let nodes: Vec<(NodeId, u32, Address)> = self
            .dialable()
            .filter(|(_, known, _)| known.retry.at <= time)
            .filter(|(_, _, address)| due.iter().all(|(taken, _)| taken != *address))
            .map(|(node, known, address)| (*node, known.retry.failures, address.clone()))
            .collect();
        let mut nodes = random.pick(nodes, usize::MAX);
        nodes.sort_by_key(|(_, failures, _)| *failures);
        let nodes = nodes.into_iter().take(wanted);
        due.extend(nodes.map(|(node, _, address)| (address, Target::Node(node))));
        due.truncate(max);
        due.into_iter()
            .map(|(address, target)| {
                self.dials.insert(address.clone(), target);
                address
            })
            .collect()
    }

    /// Returns when somebody becomes due.
    pub(crate) fn deadline(&self, nodes_wanted: bool) -> Option<Time> {
        let bootstrap = self.bootstrap.iter().filter(|(address, it)| self.is_wanted(address, it));
        let bootstrap = bootstrap.map(|(_, it)| it.retry.at).min();
        if !nodes_wanted {
            return bootstrap;
        }
        self.dialable().map(|(_, known, _)| known.retry.at).chain(bootstrap).min()
    }

    /// Returns profiles to hand to a peer: the linked first, then those heard last (MEMBER-3).
    pub(crate) fn sample(&self, except: &NodeId, max: usize) -> Vec<Signed> {
        let others = self.known.iter().filter(|(node, _)| *node != except);
        let mut others: Vec<(&NodeId, &Known)> = others.collect();
        others
            .sort_by_key(|(node, known)| (!self.linked.contains(*node), u64::MAX - known.heard_ms));
        others.into_iter().take(max).map(|(_, known)| Signed::clone(&known.profile)).collect()
    }

    /// Returns a node that could be dialled though no link is wanted, for rotation.
    pub(crate) fn stranger(&mut self, random: &mut Random, now: Now) -> Option<Address> {
        let due = self.dialable().filter(|(_, known, _)| known.retry.at <= now.time());
        let due = due.map(|(node, _, address)| (*node, address.clone())).collect();
        let (node, address) = random.pick(due, 1).pop()?;
        self.dials.insert(address.clone(), Target::Node(node));
        Some(address)
    }

    fn is_wanted(&self, address: &Address, bootstrap: &Bootstrap) -> bool {
        let linked = |node| node == self.me || self.linked.contains(&node);
        let linked = bootstrap.node.is_some_and(linked);
        !linked && !bootstrap.door && !self.dials.contains_key(address)
    }

    /// Returns nodes that are not linked and have an address that is not being dialled.
    fn dialable(&self) -> impl Iterator<Item = (&NodeId, &Known, &Address)> {
        let unlinked = self.known.iter().filter(|(node, _)| !self.linked.contains(*node));
        unlinked.filter_map(|(node, known)| {
            let address = known.address(self.near)?;
            (!self.dials.contains_key(address)).then_some((node, known, address))
        })
    }

    fn make_room(&mut self, now: Now) -> Option<NodeId> {
        let others = self.known.iter();
        let others =
            others.filter(|(node, it)| it.reached.is_none() && !self.linked.contains(*node));
        let least = others.min_by_key(|(_, it)| (it.heard_ms, u32::MAX - it.retry.failures));
        let gone = *least?.0;
        let row = self.known.remove(&gone)?;
        self.declined.add(row.id, now);
        Some(gone)
    }

    fn row(&self, node: &NodeId) -> Option<BookRow> {
        let known = self.known.get(node)?;
        let (profile, reached) = (Arc::clone(&known.profile), known.reached.clone());
        Some(BookRow { node: *node, profile, reached, heard_ms: known.heard_ms })
    }
}

impl Known {
    fn of(opened: &Opened, reached: Option<Address>, heard_ms: u64) -> Option<Self> {
        let Content::Profile(profile) = &opened.record.content else { return None };
        Some(Self {
            profile: Arc::new(opened.signed.clone()),
            id: opened.id,
            created: opened.record.created,
            agent: profile.agent.clone(),
            addresses: profile.addresses.clone(),
            reaches: profile.addresses.iter().map(reach).collect(),
            reached,
            heard_ms,
            retry: Retry::default(),
        })
    }

    /// Returns the address to try: where we last reached it, then all in turn. What a profile says
    /// of private networks is tried only by those who live there.
    pub(crate) fn address(&self, near: Near) -> Option<&Address> {
        let told = self.addresses.iter().zip(&self.reaches);
        let told = told.filter(|(_, reach)| near.may_dial(**reach)).map(|(address, _)| address);
        let count = told.clone().count() + usize::from(self.reached.is_some());
        let turn = usize::try_from(self.retry.failures).unwrap_or(usize::MAX);
        self.reached.iter().chain(told).nth(turn.checked_rem(count)?)
    }
}

impl Near {
    fn may_dial(self, reach: Reach) -> bool {
        match reach {
            Reach::Internet => true,
            Reach::Machine => self.machine,
            Reach::Site => self.site,
        }
    }
}

impl Retry {
    fn failed(&mut self, why: &str, at: Time) {
        self.failures = self.failures.saturating_add(1);
        self.at = at;
        self.why = Some(why.to_owned());
    }
}
