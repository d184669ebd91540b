//! A disk that loses power, fills up and fails, on command.

use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex};

use redb::{Builder, Database, StorageBackend};

use super::network;
use crate::StoreError;
use crate::disk::{DiskStore, StoreFile};

/// The disk itself; clones are the same disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Platter(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// What the system would read.
    bytes: Vec<u8>,
    /// What has reached the disk for good.
    durable: Vec<u8>,
    /// What was written since, in order.
    pending: Vec<Op>,
    /// Pages that have room on the disk.
    pages: BTreeSet<u64>,
    /// All there was, if somebody wants to know.
    journal: Vec<Op>,
    /// How many operations there were.
    ops: u64,
    /// The operation that fails once.
    fails_at: Option<(u64, ErrorKind)>,
    /// The operation from which on there is no power.
    dark_from: Option<u64>,
    /// How many pages there is room for.
    pages_max: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    SetLen(usize),
    Sync,
    Write(usize, Vec<u8>),
}

impl Platter {
    pub(super) fn open(&self) -> Result<DiskStore, StoreError> {
        let platter = self.clone();
        let open = move || {
            let database: Database = Builder::new().create_with_backend(platter.clone())?;
            Ok(database)
        };
        StoreFile::with("/platter".into(), network(), LAYER_ROWS_MAX, open).map(DiskStore::on)
    }

    pub(super) fn ops(&self) -> u64 {
        self.0.lock().unwrap().ops
    }

    pub(super) fn pages(&self) -> usize {
        self.0.lock().unwrap().pages.len()
    }

    /// Returns every operation since the beginning.
    pub(super) fn journal(&self) -> Vec<Op> {
        self.0.lock().unwrap().journal.clone()
    }

    /// Does what was once done to another disk.
    pub(super) fn repeat(&self, op: &Op) {
        match op {
            Op::SetLen(len) => self.set_len(*len as u64),
            Op::Sync => self.sync_data(),
            Op::Write(at, data) => self.write(*at as u64, data),
        }
        .unwrap();
    }

    /// Lets one operation fail, counted from the beginning.
    pub(super) fn fail_at(&self, op: u64, kind: ErrorKind) {
        self.0.lock().unwrap().fails_at = Some((op, kind));
    }

    /// Cuts the power before an operation, counted from the beginning.
    pub(super) fn cut_at(&self, op: u64) {
        self.0.lock().unwrap().dark_from = Some(op);
    }

    pub(super) fn limit_pages(&self, pages_max: Option<usize>) {
        self.0.lock().unwrap().pages_max = pages_max;
    }

    /// The disk as it may look when power comes back: all that was synced, and of the rest some
    /// sectors and not others.
    pub(super) fn after_power_cut(&self, seed: u64) -> Self {
        let state = self.0.lock().unwrap();
        let (mut bytes, mut dice) = (state.durable.clone(), Dice(seed));
        for op in &state.pending {
            match op {
                Op::SetLen(len) if dice.heads() => bytes.resize(*len, 0),
                Op::SetLen(_) | Op::Sync => {}
                Op::Write(at, data) => {
                    for (number, sector) in data.chunks(SECTOR_BYTES).enumerate() {
                        if dice.heads() {
                            put(&mut bytes, at + number * SECTOR_BYTES, sector);
                        }
                    }
                }
            }
        }
        let durable = bytes.clone();
        Self(Arc::new(Mutex::new(State { bytes, durable, ..State::default() })))
    }
}

impl State {
    /// Counts an operation, and says whether it fails.
    fn step(&mut self) -> Result<(), Error> {
        let op = self.ops;
        self.ops += 1;
        if self.dark_from.is_some_and(|dark| dark <= op) {
            return Err(Error::other("no power"));
        }
        match self.fails_at {
            Some((at, kind)) if at == op => Err(Error::from(kind)),
            _ => Ok(()),
        }
    }

    /// Room is needed for pages that were never written; the others are overwritten in place.
    fn take_room(&mut self, offset: u64, len: usize) -> Result<(), Error> {
        let end = offset + len as u64;
        let touched: Vec<u64> = (offset / PAGE_BYTES..end.div_ceil(PAGE_BYTES)).collect();
        let new = touched.iter().filter(|page| !self.pages.contains(page)).count();
        if self.pages_max.is_some_and(|max| max < self.pages.len() + new) && 0 < new {
            return Err(Error::from(ErrorKind::StorageFull));
        }
        self.pages.extend(touched);
        Ok(())
    }
}

impl StorageBackend for Platter {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.0.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.0.lock().unwrap();
        let start = usize::try_from(offset).unwrap();
        let bytes = state.bytes.get(start..start + out.len());
        out.copy_from_slice(bytes.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        let len = usize::try_from(len).unwrap();
        state.bytes.resize(len, 0);
        state.pending.push(Op::SetLen(len));
        state.journal.push(Op::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        let State { bytes, durable, pending, journal, .. } = &mut *state;
        durable.clone_from(bytes);
        pending.clear();
        journal.push(Op::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.0.lock().unwrap();
        state.step()?;
        state.take_room(offset, data.len())?;
        let at = usize::try_from(offset).unwrap();
        put(&mut state.bytes, at, data);
        state.pending.push(Op::Write(at, data.to_vec()));
        state.journal.push(Op::Write(at, data.to_vec()));
        Ok(())
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, data: &[u8]) {
    let end = at + data.len();
    if bytes.len() < end {
        bytes.resize(end, 0);
    }
    bytes[at..end].copy_from_slice(data);
}

/// A small generator (SplitMix64): the same seed, the same cuts.
struct Dice(u64);

impl Dice {
    fn heads(&mut self) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) & 1 == 1
    }
}

/// So few that layers fill up and are merged within a short history.
const LAYER_ROWS_MAX: usize = 8;
const PAGE_BYTES: u64 = 4_096;
const SECTOR_BYTES: usize = 512;
