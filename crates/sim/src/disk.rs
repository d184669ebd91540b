//! A machine's disk: what it holds, as numbers into the vault.

use std::collections::BTreeMap;
use std::sync::Arc;

use checkpoint::Row as CouncilRow;
use engine::{AuthorClock, Batch, BookRow, JOURNAL, Snapshot};
use wire::{NodeId, RecordId, Signed};

use crate::vault::{Profile, Vault, alone};

/// What survives a crash. It keeps the promises of `store::Store`, which a test compares it with.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    /// Records, in rising order of their numbers.
    records: Vec<u32>,
    /// Rows by the number of their node; what differs from the book it was sold with. `None` for
    /// rows that were dropped.
    book: BTreeMap<u32, Option<Row>>,
    author: AuthorClock,
    council: BTreeMap<CouncilRow, Vec<u8>>,
    own: BTreeMap<String, Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    profile: u32,
    /// One more than the number of an address; 0 for none.
    reached: u32,
    heard_ms: u64,
}

impl Disk {
    /// Reads what a node wakes up with. `sold` is the book that was there at first.
    pub(crate) fn load(&self, vault: &Vault, sold: Vec<BookRow>) -> Snapshot {
        let stored = vault.records(&self.records);
        let mut items: Vec<_> = stored.into_iter().map(|stored| stored.kept).collect();
        items.sort_unstable_by_key(|kept| (kept.set, kept.key));
        let mut book: BTreeMap<NodeId, BookRow> =
            sold.into_iter().map(|row| (row.node, row)).collect();
        for (number, row) in &self.book {
            let Some(node) = vault.nodes.value(*number) else { continue };
            match row.and_then(|row| row.read(node, vault)) {
                Some(row) => book.insert(node, row),
                None => book.remove(&node),
            };
        }
        let council = self.council.clone().into_iter().collect();
        let is_journal = |name: &&String| name.starts_with(JOURNAL);
        let last = self.own.keys().rfind(is_journal);
        let own = self.own.iter().filter(|(name, _)| !is_journal(name) || Some(*name) == last);
        let own = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let book = book.into_values().collect();
        Snapshot { items, maps: None, book, author: self.author, council, own }
    }

    /// Writes a batch, in the order that the store promises.
    pub(crate) fn apply(&mut self, batch: &Batch, vault: &Vault) {
        for keep in &batch.keep {
            let number = vault.keep(keep);
            if let Some(replaced) = keep.replaces.as_ref().and_then(|id| vault.number(id)) {
                self.remove(replaced);
            }
            if let Err(place) = self.records.binary_search(&number) {
                self.records.insert(place, number);
            }
        }
        for gone in &batch.drop {
            vault.number(&gone.id).into_iter().for_each(|number| self.remove(number));
        }
        for row in &batch.book {
            let node = vault.nodes.number(&row.node, NodeId::clone);
            self.book.insert(node, Some(Row::of(row, vault)));
        }
        for node in &batch.book_drop {
            self.book.insert(vault.nodes.number(node, NodeId::clone), None);
        }
        self.author = batch.author.unwrap_or(self.author);
        for (row, value) in &batch.council {
            match value {
                Some(value) => self.council.insert(*row, value.clone()),
                None => self.council.remove(row),
            };
        }
        for (name, value) in &batch.own {
            match value {
                Some(value) => self.own.insert(name.clone(), value.clone()),
                None => self.own.remove(name),
            };
        }
    }

    /// Reads those of these records that it holds, in order, up to the one that fills `bytes_max`.
    pub(crate) fn read(&self, ids: &[RecordId], bytes_max: usize, vault: &Vault) -> Vec<Signed> {
        let numbers = ids.iter().filter_map(|id| vault.number(id));
        let held: Vec<u32> =
            numbers.filter(|number| self.records.binary_search(number).is_ok()).collect();
        let (mut bytes, mut records) = (0, Vec::new());
        for stored in vault.records(&held) {
            if bytes_max <= bytes {
                break;
            }
            bytes += stored.signed.size();
            records.push(stored.signed);
        }
        records
    }

    /// Says whether it holds a record, by number.
    pub(crate) fn holds(&self, number: u32) -> bool {
        self.records.binary_search(&number).is_ok()
    }

    /// Returns how many records it holds.
    pub(crate) fn len(&self) -> usize {
        self.records.len()
    }

    fn remove(&mut self, number: u32) {
        if let Ok(place) = self.records.binary_search(&number) {
            self.records.remove(place);
        }
    }
}

impl Row {
    fn of(row: &BookRow, vault: &Vault) -> Self {
        let profile = Profile(Arc::clone(&row.profile));
        let profile = vault.profiles.number(&profile, |it| Profile(Arc::new(alone(&it.0))));
        let reached = row.reached.as_ref().map(|it| vault.addresses.number(it, Clone::clone) + 1);
        Self { profile, reached: reached.unwrap_or(0), heard_ms: row.heard_ms }
    }

    fn read(self, node: NodeId, vault: &Vault) -> Option<BookRow> {
        let Profile(profile) = vault.profiles.value(self.profile)?;
        let reached = self.reached.checked_sub(1).and_then(|number| vault.addresses.value(number));
        Some(BookRow { node, profile, reached, heard_ms: self.heard_ms })
    }
}
