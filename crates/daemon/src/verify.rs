//! The threads that check signatures: strictly, one by one, alerts first.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use lanes::{Bounds, Lanes};
use tokio::sync::mpsc;
use wire::{Claim, Class, Keyring, NetworkId, RecordId};

/// Signatures to check.
type Checks = Vec<(RecordId, Claim)>;
/// Which are right.
pub(crate) type Verified = Vec<(RecordId, bool)>;

/// The runtime's end. The threads end when it is dropped.
#[derive(Debug)]
pub(crate) struct Verifier(Arc<Desk>);

/// What waits to be checked: the same order as on a link, so that alerts go first and a flood of
/// them does not end the rest (CLASS-1).
#[derive(Debug)]
pub(crate) struct Desk {
    waiting: Mutex<Waiting>,
    more: Condvar,
}

#[derive(Debug)]
struct Waiting {
    lanes: Lanes<(RecordId, Claim)>,
    ended: bool,
}

impl Verifier {
    pub(crate) fn start(
        network: NetworkId,
        verified: mpsc::Sender<Verified>,
    ) -> std::io::Result<Self> {
        let desk = Arc::new(Desk::new());
        let verifier = Self(desk.clone());
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores.min(THREADS_MAX) {
            let (desk, verified) = (desk.clone(), verified.clone());
            let thread = std::thread::Builder::new().name("verify".to_owned());
            let _detached = thread.spawn(move || run(&desk, &network, &verified))?;
        }
        Ok(verifier)
    }

    pub(crate) fn check(&self, class: Class, checks: Checks) {
        self.0.add(class, checks);
    }
}

impl Drop for Verifier {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Desk {
    pub(crate) fn new() -> Self {
        // Bounded by the core: `pending_max` signatures wait at most, in all classes together.
        let bounds = Bounds { frames_max: usize::MAX, bytes_max: usize::MAX };
        let waiting = Waiting { lanes: Lanes::new(bounds), ended: false };
        Self { waiting: Mutex::new(waiting), more: Condvar::new() }
    }

    pub(crate) fn add(&self, class: Class, checks: Checks) {
        let mut waiting = self.waiting();
        for check in checks {
            waiting.lanes.push(class, check, CHECK_BYTES);
        }
        drop(waiting);
        self.more.notify_all();
    }

    /// Waits for the next checks, a few at a time: an alert waits behind no more. `None` at the
    /// end.
    pub(crate) fn next(&self) -> Option<Checks> {
        let wait = |waiting: &mut Waiting| waiting.lanes.is_empty() && !waiting.ended;
        let waiting = self.more.wait_while(self.waiting(), wait);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.ended {
            return None;
        }
        let checks = std::iter::from_fn(|| waiting.lanes.pop()).map(|(_, check)| check);
        Some(checks.take(CHECKS_AT_ONCE).collect())
    }

    pub(crate) fn end(&self) {
        self.waiting().ended = true;
        self.more.notify_all();
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn run(desk: &Desk, network: &NetworkId, verified: &mpsc::Sender<Verified>) {
    let mut keyring = Keyring::default();
    while let Some(checks) = desk.next() {
        let verdict = |(id, claim): &(RecordId, Claim)| (*id, keyring.verify(claim, network));
        let results = checks.iter().map(verdict).collect();
        if verified.blocking_send(results).is_err() {
            return;
        }
    }
}

/// Threads at most: what else a node does takes as much as four of them.
const THREADS_MAX: usize = 4;
/// What one check counts: they all take as long.
const CHECK_BYTES: usize = 128;
/// A millisecond of checking.
const CHECKS_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests;
