//! The address book: one small row for each node, in the order of their ids.
//!
//! A row is sixteen bytes until something happens to it: the profile is shared by all cores of a
//! process that know it, and what it says is read when the node is dialled or shown, not before.

use std::sync::Arc;

use bytes::Bytes;
use wire::{Address, Content, Hlc, Medium, NodeId, Opened, Profile, Signed};

use crate::membership::Near;
use crate::reach::reach;
use crate::{BookRow, Time};

#[derive(Debug, Default)]
pub(crate) struct Book {
    rows: Vec<Known>,
}

/// A node in the book.
#[derive(Debug)]
pub(crate) struct Known {
    profile: Arc<Signed>,
    past: Option<Box<Past>>,
}

/// What happened between a node and us.
#[derive(Debug, Default)]
pub(crate) struct Past {
    pub(crate) reached: Option<Address>,
    pub(crate) heard_ms: u64,
    pub(crate) retry: Retry,
}

/// How often a dial failed, and when it may be tried again.
#[derive(Debug, Default)]
pub(crate) struct Retry {
    pub(crate) failures: u32,
    pub(crate) at: Time,
    pub(crate) why: Option<Box<str>>,
}

impl Book {
    /// Takes what was kept. The store held it, so its signatures are not checked again; a row whose
    /// profile is somebody else's is left out.
    pub(crate) fn waking(rows: Vec<BookRow>) -> Self {
        let rows = rows.into_iter().filter(|row| row.node == row.profile.author);
        let mut rows: Vec<Known> = rows.map(Known::waking).collect();
        rows.sort_unstable_by(|a, b| a.node().cmp(b.node()));
        rows.dedup_by(|a, b| a.node() == b.node());
        // What they were read into is several times as large.
        rows.shrink_to_fit();
        Self { rows }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn has(&self, node: &NodeId) -> bool {
        self.place(node).is_ok()
    }

    pub(crate) fn get(&self, node: &NodeId) -> Option<&Known> {
        self.rows.get(self.place(node).ok()?)
    }

    pub(crate) fn get_mut(&mut self, node: &NodeId) -> Option<&mut Known> {
        let at = self.place(node).ok()?;
        self.rows.get_mut(at)
    }

    /// Puts a row in its place. Returns the one that stood there.
    pub(crate) fn insert(&mut self, row: Known) -> Option<Known> {
        match self.place(row.node()) {
            Ok(at) => self.rows.get_mut(at).map(|old| std::mem::replace(old, row)),
            Err(at) => {
                if self.rows.len() == self.rows.capacity() {
                    // A book grows slowly once it is known; twice the room would stay empty.
                    self.rows.reserve_exact(self.rows.len() / 8 + 8);
                }
                self.rows.insert(at, row);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, node: &NodeId) -> Option<Known> {
        self.place(node).ok().map(|at| self.rows.remove(at))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Known> {
        self.rows.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.rows.iter_mut()
    }

    fn place(&self, node: &NodeId) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.node().cmp(node))
    }
}

impl Known {
    /// Makes a row of a verified profile; `None` for a record of another kind. The body is copied:
    /// a row must not hold the whole frame that brought it.
    pub(crate) fn of(opened: &Opened) -> Option<Self> {
        let Content::Profile(_) = &opened.record.content else { return None };
        let Signed { body, author, signature } = &opened.signed;
        let body = Bytes::copy_from_slice(body);
        let profile = Arc::new(Signed { body, author: *author, signature: *signature });
        Some(Self { profile, past: None })
    }

    fn waking(row: BookRow) -> Self {
        let BookRow { profile, reached, heard_ms, .. } = row;
        let nothing = reached.is_none() && heard_ms == 0;
        let past = Past { reached, heard_ms, retry: Retry::default() };
        Self { profile, past: (!nothing).then(|| Box::new(past)) }
    }

    pub(crate) fn node(&self) -> &NodeId {
        &self.profile.author
    }

    pub(crate) fn signed(&self) -> &Arc<Signed> {
        &self.profile
    }

    /// Reads what the profile says, and when it was written.
    pub(crate) fn read(&self) -> Option<(Hlc, Profile)> {
        let record = Signed::clone(&self.profile).open().ok()?.record;
        match record.content {
            Content::Profile(profile) => Some((record.created, profile)),
            Content::Contradiction(_) | Content::Entry(_) | Content::Message(_) => None,
        }
    }

    pub(crate) fn past(&self) -> Option<&Past> {
        self.past.as_deref()
    }

    pub(crate) fn past_mut(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }

    /// Forgets what happened, for a row that takes over.
    pub(crate) fn take_past(&mut self) -> Past {
        self.past.take().map_or_else(Past::default, |past| *past)
    }

    pub(crate) fn reached(&self) -> Option<&Address> {
        self.past()?.reached.as_ref()
    }

    pub(crate) fn heard_ms(&self) -> u64 {
        self.past().map_or(0, |past| past.heard_ms)
    }

    pub(crate) fn failures(&self) -> u32 {
        self.past().map_or(0, |past| past.retry.failures)
    }

    /// Returns when it may be dialled; [`NEVER`] while it has no address for us.
    pub(crate) fn retry_at(&self) -> Time {
        self.past().map_or(Time(0), |past| past.retry.at)
    }

    /// Returns the address to try: where we last reached it, then all in turn. What a profile says
    /// of private networks is tried only by those who live there, what we do not dial by nobody
    /// (MEMBER-15).
    pub(crate) fn address(&self, near: Near, dials: &[Medium]) -> Option<Address> {
        let told = self.read().map(|(_, profile)| profile.addresses).unwrap_or_default();
        let rank = |address: &Address| dials.iter().position(|it| *it == address.medium());
        let dialled = |address: &Address| rank(address).is_some();
        let told = told.into_iter().filter(|it| near.may_dial(reach(it)) && dialled(it));
        let mut told: Vec<Address> = told.collect();
        told.sort_by_key(rank);
        let reached = self.reached().filter(|it| dialled(it)).cloned();
        let mut all: Vec<Address> = reached.into_iter().chain(told).collect();
        let turn = usize::try_from(self.failures()).unwrap_or(usize::MAX);
        let at = turn.checked_rem(all.len())?;
        Some(all.swap_remove(at))
    }

    pub(crate) fn row(&self) -> BookRow {
        let (node, profile) = (*self.node(), Arc::clone(&self.profile));
        BookRow { node, profile, reached: self.reached().cloned(), heard_ms: self.heard_ms() }
    }
}

impl Retry {
    pub(crate) fn failed(&mut self, why: &str, at: Time) {
        self.failures = self.failures.saturating_add(1);
        self.at = at;
        self.why = Some(why.into());
    }
}

/// When a node is dialled that has no address for us.
pub(crate) const NEVER: Time = Time(u64::MAX);
