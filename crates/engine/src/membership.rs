//! Whom we know and whom we dial next: the address book and the bootstrap list.
//!
//! Nobody is forgotten because a dial failed; the next one only waits longer (MEMBER-1). Bound: the
//! book. Who makes room: of those we never heard, the one that failed most; a newcomer cannot push
//! out one that we heard (MEMBER-4).

use std::collections::BTreeMap;

use wire::{Address, Content, Hlc, NodeId, Opened, Signed};

use crate::random::Random;
use crate::{BookRow, Config, Now, Time};

#[derive(Debug)]
pub(crate) struct Membership {
    me: NodeId,
    known: BTreeMap<NodeId, Known>,
    bootstrap: BTreeMap<Address, Bootstrap>,
    /// Dials under way, and for whom.
    dials: BTreeMap<Address, Target>,
    redial_ms: u64,
    redial_max_ms: u64,
    redial_alone_ms: u64,
    book_max: usize,
}

/// A node in the book.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) profile: Signed,
    pub(crate) created: Hlc,
    pub(crate) agent: String,
    pub(crate) addresses: Vec<Address>,
    pub(crate) reached: Option<Address>,
    pub(crate) heard_ms: u64,
    pub(crate) linked: bool,
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
            dials: BTreeMap::new(),
            redial_ms: config.redial_ms,
            redial_max_ms: config.redial_max_ms,
            redial_alone_ms: config.redial_alone_ms,
            book_max: config.book_max,
        };
        config.bootstrap.iter().for_each(|address| membership.add_bootstrap(address.clone()));
        for row in book {
            let Ok(opened) = row.profile.open() else { continue };
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

    pub(crate) fn bootstrap(&self) -> &BTreeMap<Address, Bootstrap> {
        &self.bootstrap
    }

    /// Says whether an address or any of a node's addresses is being dialled.
    pub(crate) fn is_dialling(&self, address: &Address) -> bool {
        self.dials.contains_key(address)
    }

    pub(crate) fn dials_len(&self) -> usize {
        self.dials.len()
    }

    /// Says whether a profile is newer than the one we have.
    pub(crate) fn is_news(&self, author: &NodeId, created: Hlc) -> bool {
        *author != self.me && self.known.get(author).is_none_or(|known| known.created < created)
    }

    /// Takes a verified profile in, if it is news (MEMBER-2). Returns the row to write and the node that made room for it.
    pub(crate) fn learn(&mut self, opened: &Opened) -> Option<(BookRow, Option<NodeId>)> {
        let author = opened.signed.author;
        if !self.is_news(&author, opened.record.created) {
            return None;
        }
        let mut new = Known::of(opened, None, 0)?;
        let mut gone = None;
        if let Some(old) = self.known.get_mut(&author) {
            new.heard_ms = old.heard_ms;
            new.linked = old.linked;
            new.reached = old.reached.take().filter(|at| new.addresses.contains(at));
            if new.addresses == old.addresses {
                new.retry = std::mem::take(&mut old.retry);
            }
        } else if self.book_max <= self.known.len() {
            gone = Some(self.make_room()?);
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
        let known = self.known.get_mut(&peer)?;
        known.linked = true;
        known.heard_ms = now.unix_ms;
        known.retry = Retry::default();
        if let Some(address) = dialled {
            known.reached = Some(address.clone());
        }
        self.row(&peer)
    }

    /// Notes that a link is gone; the peer is not dialled before `wait_ms` have passed.
    pub(crate) fn unlinked(&mut self, peer: NodeId, why: &str, wait_ms: u64, now: Now) {
        let retry = || Retry { failures: 0, at: now.after(wait_ms), why: Some(why.to_owned()) };
        for bootstrap in self.bootstrap.values_mut().filter(|it| it.node == Some(peer)) {
            bootstrap.retry = retry();
        }
        if let Some(known) = self.known.get_mut(&peer) {
            known.linked = false;
            known.heard_ms = now.unix_ms;
            known.retry = retry();
        }
    }

    /// Notes who answered a dial. A node other than the expected one is no proof of that one.
    pub(crate) fn dial_answered(&mut self, address: &Address, by: NodeId, now: Now) {
        match self.dials.remove(address) {
            Some(Target::Node(expected)) if expected != by => {
                if let Some(known) = self.known.get_mut(&expected) {
                    let wait_ms = self.redial_max_ms;
                    known.retry.failed("another node answers there", now.after(wait_ms));
                }
            }
            Some(Target::Bootstrap) if by == self.me => {
                if let Some(bootstrap) = self.bootstrap.get_mut(address) {
                    bootstrap.node = Some(by);
                }
            }
            Some(Target::Bootstrap | Target::Node(_)) | None => {}
        }
    }

    /// Notes that a design-A node answered a dial. Says whether the operator had asked for it.
    pub(crate) fn dial_found_door(&mut self, address: &Address) -> bool {
        self.dials.remove(address);
        match self.bootstrap.get_mut(address) {
            Some(bootstrap) => {
                bootstrap.door = true;
                true
            }
            None => false,
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
        let mut others: Vec<&Known> = others.map(|(_, known)| known).collect();
        others.sort_by_key(|known| (!known.linked, u64::MAX - known.heard_ms));
        others.into_iter().take(max).map(|known| known.profile.clone()).collect()
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
        let linked = bootstrap.node.is_some_and(|node| {
            node == self.me || self.known.get(&node).is_some_and(|known| known.linked)
        });
        !linked && !bootstrap.door && !self.dials.contains_key(address)
    }

    /// Returns nodes that are not linked and have an address that is not being dialled.
    fn dialable(&self) -> impl Iterator<Item = (&NodeId, &Known, &Address)> {
        self.known.iter().filter(|(_, known)| !known.linked).filter_map(|(node, known)| {
            let address = known.address()?;
            (!self.dials.contains_key(address)).then_some((node, known, address))
        })
    }

    fn make_room(&mut self) -> Option<NodeId> {
        let strangers = self.known.iter().filter(|(_, it)| it.heard_ms == 0 && !it.linked);
        let gone = *strangers.max_by_key(|(_, it)| it.retry.failures)?.0;
        self.known.remove(&gone);
        Some(gone)
    }

    fn row(&self, node: &NodeId) -> Option<BookRow> {
        let known = self.known.get(node)?;
        let (profile, reached) = (known.profile.clone(), known.reached.clone());
        Some(BookRow { node: *node, profile, reached, heard_ms: known.heard_ms })
    }
}

impl Known {
    fn of(opened: &Opened, reached: Option<Address>, heard_ms: u64) -> Option<Self> {
        let Content::Profile(profile) = &opened.record.content else { return None };
        Some(Self {
            profile: opened.signed.clone(),
            created: opened.record.created,
            agent: profile.agent.clone(),
            addresses: profile.addresses.clone(),
            reached,
            heard_ms,
            linked: false,
            retry: Retry::default(),
        })
    }

    /// Returns the address to try: where we last reached it, then all in turn.
    pub(crate) fn address(&self) -> Option<&Address> {
        let count = self.addresses.len() + usize::from(self.reached.is_some());
        let turn = usize::try_from(self.retry.failures).unwrap_or(usize::MAX);
        self.reached.iter().chain(&self.addresses).nth(turn.checked_rem(count)?)
    }
}

impl Retry {
    fn failed(&mut self, why: &str, at: Time) {
        self.failures = self.failures.saturating_add(1);
        self.at = at;
        self.why = Some(why.to_owned());
    }
}
