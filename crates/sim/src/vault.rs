//! What all disks and workers of a world share: each record's bytes once, each signature checked
//! once. Numbers depend on who came first, so nothing that is visible may.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use checkpoint::{Done, Work};
use engine::{Keep, Kept};
use wire::{Address, Claim, Digest, NodeId, RecordId, Signed};

use crate::chance::digest;

/// The bytes behind all disks. Bound: what the story writes; a world ends before it matters.
#[derive(Debug, Default)]
pub(crate) struct Vault {
    records: RwLock<Records>,
    /// Profiles in address books.
    pub(crate) profiles: Table<Profile>,
    /// Addresses at which somebody was reached.
    pub(crate) addresses: Table<Address>,
    /// Everybody anybody has heard of.
    pub(crate) nodes: Table<NodeId>,
    seals: Seals,
    /// What came of the council's work: a function of the work.
    works: Mutex<HashMap<Digest, Done>>,
}

#[derive(Debug, Default)]
struct Records {
    numbers: HashMap<RecordId, u32>,
    records: Vec<Stored>,
}

/// A record as every disk that holds it knows it.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    pub(crate) kept: Kept,
    pub(crate) signed: Signed,
}

/// A profile, told from others by its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Profile(pub(crate) Arc<Signed>);

/// Values by number and numbers by value.
#[derive(Debug)]
pub(crate) struct Table<T>(RwLock<Rows<T>>);

#[derive(Debug)]
struct Rows<T> {
    numbers: HashMap<T, u32>,
    values: Vec<T>,
}

/// Which signatures are right: a pure function of the bytes, so everybody may share the answer.
#[derive(Debug, Default)]
struct Seals(Mutex<HashMap<(u64, u64), bool>>);

impl Vault {
    /// Returns the number of a record, which is new or not.
    pub(crate) fn keep(&self, keep: &Keep) -> u32 {
        if let Some(number) = self.number(&keep.id) {
            return number;
        }
        let mut records = self.records.write().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(records.records.len()).expect("fewer than four billion records");
        let number = *records.numbers.entry(keep.id).or_insert(next);
        if number == next {
            let Keep { set, key, id, created, expires_ms, .. } = *keep;
            let kept = Kept { set, key, id, created, expires_ms };
            records.records.push(Stored { kept, signed: alone(&keep.signed) });
        }
        number
    }

    /// Returns the number of a record that some disk holds.
    pub(crate) fn number(&self, id: &RecordId) -> Option<u32> {
        self.read().numbers.get(id).copied()
    }

    /// Returns some records by number. Takes a list: an iterator that asked the vault for numbers
    /// while this holds its lock would wait for ever behind somebody who wants to write.
    pub(crate) fn records(&self, numbers: &[u32]) -> Vec<Stored> {
        let records = self.read();
        numbers.iter().filter_map(|it| records.records.get(*it as usize).cloned()).collect()
    }

    /// Checks a signature, once in a world.
    pub(crate) fn verify(&self, network: &Digest, claim: &Claim) -> bool {
        let key = key_of(claim);
        if let Some(known) = self.seals.all().get(&key) {
            return *known;
        }
        let genuine = claim.verify(network);
        self.seals.all().insert(key, genuine);
        genuine
    }

    /// Does work for a council, once in a world.
    pub(crate) fn work(&self, work: &Work) -> Done {
        let name = work.name();
        let known = self.works.lock().unwrap_or_else(PoisonError::into_inner).get(&name).cloned();
        known.unwrap_or_else(|| {
            let done = work.run();
            let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
            works.insert(name, done.clone());
            done
        })
    }

    /// Notes that a signature is right, for who made it.
    pub(crate) fn seal(&self, claim: &Claim) {
        self.seals.all().insert(key_of(claim), true);
    }

    fn read(&self) -> RwLockReadGuard<'_, Records> {
        self.records.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seals {
    fn all(&self) -> MutexGuard<'_, HashMap<(u64, u64), bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone + Eq + Hash> Table<T> {
    /// Returns the number of a value; `own` makes the copy that is kept.
    pub(crate) fn number(&self, value: &T, own: impl Fn(&T) -> T) -> u32 {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(number) = known.numbers.get(value) {
            return *number;
        }
        drop(known);
        let mut rows = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let next = u32::try_from(rows.values.len()).expect("fewer than four billion values");
        if let Some(number) = rows.numbers.get(value) {
            return *number;
        }
        let value = own(value);
        rows.numbers.insert(value.clone(), next);
        rows.values.push(value);
        next
    }

    /// Returns a value.
    pub(crate) fn value(&self, number: u32) -> Option<T> {
        let rows = self.0.read().unwrap_or_else(PoisonError::into_inner);
        rows.values.get(number as usize).cloned()
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(RwLock::new(Rows { numbers: HashMap::new(), values: Vec::new() }))
    }
}

impl PartialEq for Profile {
    fn eq(&self, other: &Self) -> bool {
        self.0.signature == other.0.signature && self.0 == other.0
    }
}

impl Eq for Profile {}

impl Hash for Profile {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.signature.hash(state);
    }
}

fn key_of(claim: &Claim) -> (u64, u64) {
    let half = |start: u64| {
        let author = digest(start, claim.author.as_bytes());
        digest(digest(author, &claim.digest.0), &claim.signature)
    };
    (half(1), half(2))
}

/// Copies a record out of the frame it came in, which it would keep alive.
pub(crate) fn alone(signed: &Signed) -> Signed {
    Signed { body: Bytes::copy_from_slice(&signed.body), ..*signed }
}
