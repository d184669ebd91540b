//! The thread that checks signatures: strictly, one by one, in the order asked.

use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::mpsc;
use wire::{NetworkId, RecordId, Signed};

/// Signatures to check, or their results.
type Checks = Vec<(RecordId, Signed)>;
/// Which are right.
pub(crate) type Verified = Vec<(RecordId, bool)>;

/// The runtime's end. The thread ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Verifier {
    // Unbounded as a queue, bounded by the core: `pending_max` signatures wait at most.
    checks: Sender<Checks>,
}

impl Verifier {
    pub(crate) fn start(
        network: NetworkId,
        verified: mpsc::Sender<Verified>,
    ) -> std::io::Result<Self> {
        let (checks, queue) = channel();
        let thread = std::thread::Builder::new().name("verify".to_owned());
        let _detached = thread.spawn(move || run(&queue, &network, &verified))?;
        Ok(Self { checks })
    }

    pub(crate) fn check(&self, checks: Checks) {
        // The thread ends only after this handle, or with the runtime.
        let _gone = self.checks.send(checks);
    }
}

fn run(queue: &Receiver<Checks>, network: &NetworkId, verified: &mpsc::Sender<Verified>) {
    while let Ok(checks) = queue.recv() {
        let results = checks.iter().map(|(id, signed)| (*id, signed.verify(network))).collect();
        if verified.blocking_send(results).is_err() {
            return;
        }
    }
}
