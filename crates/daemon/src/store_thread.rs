//! The one thread that writes: group commit, in order, and patience with a full disk.
//!
//! Invariant: jobs are done in the order they came. All writes that wait when the thread is free
//! go into one transaction. A write that failed is tried again before anything later is, so what
//! is on disk is always a prefix of what was asked.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use engine::{Batch, Kept, TicketId};
use node::engine;
use store::{Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use wire::{Digest, RecordId, Set, Signed};

use crate::commands::Failure;
use crate::directory::Tenancy;
use crate::metrics::StoreMetrics;

/// Numbers a write.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct JobId(pub(crate) u64);

/// What the thread tells the runtime.
#[derive(Debug)]
pub(crate) enum Stored {
    /// Everything up to this write is on disk.
    Durable(JobId),
    /// Writing failed; nothing after the last `Durable` is on disk.
    Failed(Failure),
    /// The store is beyond repair; the thread has ended.
    Broken(StoreError),
    /// The answer to a fill.
    Filled(Set, Vec<Kept>),
    /// The answer to a load.
    Loaded(TicketId, Vec<Signed>),
}

/// The runtime's end.
#[derive(Debug)]
pub(crate) struct StoreThread {
    jobs: Sender<Job>,
    next: u64,
    durable: u64,
    path: PathBuf,
}

/// Resolves when the thread has ended: store closed, directory free.
pub(crate) type Ended = oneshot::Receiver<()>;

enum Job {
    Persist(JobId, Batch),
    Question(Question),
}

/// What is read once all that was asked before is written.
enum Question {
    Fill(Set, Digest, usize),
    Load(Load),
}

impl StoreThread {
    /// Starts the thread. It ends when this handle is dropped and the queue is done.
    pub(crate) fn start(
        store: Box<dyn Store>,
        tenancy: Tenancy,
        stored: mpsc::Sender<Stored>,
        metrics: StoreMetrics,
    ) -> std::io::Result<(Self, Ended)> {
        // Unbounded as a queue, bounded by the runtime: it takes no work from outside while
        // [`StoreThread::waiting`] is at its limit.
        let (jobs, queue) = channel();
        let (end, ended) = oneshot::channel();
        let worker = Worker { store, stored, metrics, writes: Vec::new(), last: JobId(0) };
        let path = tenancy.path().to_owned();
        let thread = std::thread::Builder::new().name("store".to_owned());
        let _detached: JoinHandle<()> = thread.spawn(move || {
            worker.run(&queue);
            drop(tenancy);
            // Nobody may be waiting for the end.
            let _unheard = end.send(());
        })?;
        Ok((Self { jobs, next: 0, durable: 0, path }, ended))
    }

    pub(crate) fn persist(&mut self, batch: Batch) -> JobId {
        self.next += 1;
        let job = JobId(self.next);
        // The thread is gone only after it said `Broken`, which ends the runtime.
        let _gone = self.jobs.send(Job::Persist(job, batch));
        job
    }

    pub(crate) fn load(&self, load: Load) {
        let _gone = self.jobs.send(Job::Question(Question::Load(load)));
    }

    pub(crate) fn fill(&self, set: Set, from: Digest, max: usize) {
        let _gone = self.jobs.send(Job::Question(Question::Fill(set, from, max)));
    }

    /// Says that what the node looked up was not what a hash says.
    pub(crate) fn lost(&self, place: Digest) -> StoreError {
        let detail = format!("what stands at {place} and beside it is not what its hash says");
        StoreError::Corrupt { path: self.path.clone(), detail }
    }

    pub(crate) fn durable(&mut self, job: JobId) {
        self.durable = self.durable.max(job.0);
    }

    /// Returns how many writes are not on disk yet.
    pub(crate) fn waiting(&self) -> u64 {
        self.next - self.durable
    }
}

/// Records the node wants to read.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) ticket: TicketId,
    pub(crate) ids: Vec<RecordId>,
    pub(crate) bytes_max: usize,
}

struct Worker {
    store: Box<dyn Store>,
    stored: mpsc::Sender<Stored>,
    metrics: StoreMetrics,
    /// Not on disk yet; not empty between rounds only while the disk fails.
    writes: Vec<Batch>,
    last: JobId,
}

/// Why a worker ends.
struct End;

impl Worker {
    fn run(mut self, queue: &Receiver<Job>) {
        loop {
            let first = if self.writes.is_empty() {
                queue.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                queue.recv_timeout(RETRY)
            };
            let closed = matches!(first, Err(RecvTimeoutError::Disconnected));
            let questions = self.collect(first.ok(), queue);
            if self.write().is_err() || self.answer(questions).is_err() || closed {
                return;
            }
        }
    }

    fn collect(&mut self, first: Option<Job>, queue: &Receiver<Job>) -> Vec<Question> {
        let mut questions = Vec::new();
        for job in first.into_iter().chain(queue.try_iter()).take(GROUP_MAX) {
            match job {
                Job::Question(question) => questions.push(question),
                Job::Persist(job, batch) => {
                    self.last = job;
                    self.writes.push(batch);
                }
            }
        }
        questions
    }

    fn write(&mut self) -> Result<(), End> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let start = Instant::now();
        let outcome = self.store.apply(&self.writes);
        match outcome {
            Ok(()) => {
                self.metrics.committed(start.elapsed(), self.writes.len());
                self.writes.clear();
                self.tell(Stored::Durable(self.last))
            }
            Err(error @ StoreError::Corrupt { .. }) => {
                self.tell(Stored::Broken(error))?;
                Err(End)
            }
            Err(error @ StoreError::DiskFull { .. }) => {
                self.tell(Stored::Failed(Failure::DiskFull(error.to_string())))
            }
            Err(error) => self.tell(Stored::Failed(Failure::Store(error.to_string()))),
        }
    }

    fn answer(&mut self, questions: Vec<Question>) -> Result<(), End> {
        for question in questions {
            match question {
                Question::Fill(set, from, max) => match self.store.kept(set, &from, max) {
                    Ok(kept) => self.tell(Stored::Filled(set, kept))?,
                    // Then what is not in memory stays in the store, and is looked up there.
                    Err(error) => tracing::warn!(%error, "the index could not be read"),
                },
                Question::Load(Load { ticket, ids, bytes_max }) => {
                    let records = self.store.records(&ids, bytes_max).unwrap_or_else(|error| {
                        // Whoever asked will ask another node.
                        tracing::warn!(%error, "records could not be read");
                        Vec::new()
                    });
                    self.tell(Stored::Loaded(ticket, records))?;
                }
            }
        }
        Ok(())
    }

    /// Waits for the runtime; a runtime that is gone ends the thread only when the queue is done.
    fn tell(&self, stored: Stored) -> Result<(), End> {
        match self.stored.blocking_send(stored) {
            Ok(()) => Ok(()),
            // Killed without a goodbye: what was asked is still written, nobody is told.
            Err(_) if self.writes.is_empty() => Ok(()),
            Err(_) => Err(End),
        }
    }
}

/// Wait between tries while the disk fails.
const RETRY: Duration = Duration::from_secs(1);
/// Jobs taken from the queue at once.
const GROUP_MAX: usize = 1_024;
