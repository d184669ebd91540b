//! The one task that owns the node: inputs in, effects performed in order.
//!
//! Invariant: whatever follows a `Persist` in a list of effects waits until that write is on
//! disk, so nothing is acknowledged or forwarded as ours that a crash could take back. Other
//! lists go on meanwhile.

mod held;
mod inputs;
mod questions;
mod receipts;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use engine::{Effect as NetEffect, Input as NetInput};
use node::people::Roster;
use node::{Answer, Command, CommandError, CommandId, Effect, Input, Node, engine};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use transport::{Inbound, Inbox, Transport};

use crate::clock::Clock;
use crate::commands::{Failure, Reply, Request};
use crate::discovery::Discovery;
use crate::doors::Doors;
use crate::invites::Invites;
use crate::report::Reporter;
use crate::running::RunError;
use crate::store_thread::{JobId, Load, StoreThread, Stored};
use crate::verify::{Verified, Verifier};
use crate::workshop::{Worked, Workshop};
use held::Held;
use questions::{Agreed, Look};
use receipts::Receipts;

/// Everything one node runs on.
pub(crate) struct Runtime {
    pub(crate) node: Node,
    pub(crate) clock: Clock,
    pub(crate) transport: Transport,
    pub(crate) inbound: Inbox,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) store: StoreThread,
    pub(crate) stored: mpsc::Receiver<Stored>,
    pub(crate) verifier: Verifier,
    pub(crate) verified: mpsc::Receiver<Verified>,
    pub(crate) workshop: Workshop,
    pub(crate) worked: mpsc::Receiver<Worked>,
    pub(crate) reporter: Reporter,
    pub(crate) condition: watch::Sender<Condition>,
    /// Who may come in at the API.
    pub(crate) roster: watch::Sender<Roster>,
    pub(crate) stop: CancellationToken,
    pub(crate) invites: Arc<Invites>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) desk: Desk,
}

/// What the task keeps for itself.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    callers: BTreeMap<CommandId, Caller>,
    commands: u64,
    doors: Doors,
    held: Held,
    receipts: Receipts,
    look: Option<Look>,
    agreed: Option<Agreed>,
}

type Caller = oneshot::Sender<Result<Reply, Failure>>;

/// How the runtime is, for everybody who must not wait for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    /// Why writes are refused, while they are.
    pub(crate) failing: Option<Failure>,
    /// Whether the node is stopping.
    pub(crate) stopping: bool,
    /// What waits.
    pub(crate) queues: crate::metrics::Queues,
}

/// What happened next.
enum Next {
    Agreement,
    /// A thread of ours is gone, which only a bug can cause.
    Gone(&'static str),
    Inbound(Inbound),
    Request(Request),
    Stop,
    Stored(Stored),
    Tick,
    Verified(Verified),
    Worked(Worked),
}

impl Runtime {
    /// Runs until told to stop, or until the store is beyond repair.
    pub(crate) async fn run(mut self: Box<Self>) -> Result<(), RunError> {
        let mut glance = tokio::time::interval(GLANCE);
        glance.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            if let Some(place) = self.node.engine().lost() {
                return Err(RunError::Store(self.store.lost(place)));
            }
            match self.next(&mut glance).await {
                Next::Agreement => self.glance(),
                Next::Gone(thread) => {
                    return Err(RunError::Failed(format!("the {thread} thread has ended")));
                }
                Next::Inbound(inbound) => self.inbound(inbound),
                Next::Request(request) => self.request(request),
                Next::Stop => break,
                Next::Stored(stored) => self.stored(stored)?,
                Next::Tick => self.input(Input::Net(NetInput::Tick)),
                Next::Worked(worked) => self.input(worked),
                Next::Verified(results) => self.input(Input::Net(NetInput::Verified(results))),
            }
        }
        self.leave().await
    }

    async fn next(&mut self, glance: &mut tokio::time::Interval) -> Next {
        let deadline = self.node.deadline().map(|time| self.clock.instant(time));
        // Work from outside waits while the disk is behind: this bounds the store's queue.
        let room = self.store.waiting() < STORE_WAITING_MAX;
        let mut verdicts = Vec::new();
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Next::Stop,
            () = until(deadline) => Next::Tick,
            stored = self.stored.recv() => stored.map_or(Next::Gone("store"), Next::Stored),
            worked = self.worked.recv() => worked.map_or(Next::Gone("council"), Next::Worked),
            // All that is known by now at once: what they change is then written at once.
            count = self.verified.recv_many(&mut verdicts, VERDICTS_AT_ONCE) => match count {
                0 => Next::Gone("verify"),
                _ => Next::Verified(verdicts.into_iter().flatten().collect()),
            },
            _ = glance.tick() => Next::Agreement,
            Some(request) = self.requests.recv() => Next::Request(request),
            Some(inbound) = self.inbound.recv(), if room => Next::Inbound(inbound),
        }
    }

    fn input(&mut self, input: Input) {
        let effects = self.node.handle(input, self.clock.now());
        // What it said of a set that the store does not hold is worth nothing, and goes nowhere.
        if self.node.engine().lost().is_none() {
            self.perform(effects);
        }
        for view in self.node.take_news() {
            self.reporter.transfer(&view, self.clock.now().unix_ms);
        }
    }

    fn perform(&mut self, effects: Vec<Effect>) {
        let mut gate: Option<JobId> = None;
        self.desk.receipts.begin(None);
        for effect in effects {
            match (effect, gate) {
                // Reads and writes go to their thread at once: its queue keeps their order.
                (Effect::Net(NetEffect::Persist(batch)), _) => {
                    gate = Some(self.store.persist(batch));
                }
                (Effect::Net(NetEffect::Fill(set, from, max)), _) => {
                    self.store.fill(set, from, max)
                }
                (Effect::Net(NetEffect::Load(ticket, ids, bytes_max)), _) => {
                    self.store.load(Load { ticket, ids, bytes_max });
                }
                (effect, Some(job)) => self.desk.held.push(job, effect),
                (effect, None) => self.perform_now(effect),
            }
        }
    }

    fn perform_now(&mut self, effect: Effect) {
        let effect = match effect {
            Effect::Answer(id, answer) => {
                if let Answer::People(assembly) = &answer {
                    // What is on disk by now is who may come in, whoever waits for this answer.
                    let roster = &assembly.roster;
                    self.roster.send_if_modified(|it| {
                        let changed = it != roster;
                        it.clone_from(roster);
                        changed
                    });
                }
                return self.answer(id, Ok(answer));
            }
            Effect::Seed(wish) => return self.workshop.seed(wish),
            Effect::Net(effect) => effect,
        };
        match effect {
            NetEffect::AnswerDoor(ticket, answer) => self.desk.doors.answer(ticket, answer),
            NetEffect::Dial(address) => self.transport.dial(address),
            NetEffect::Disconnect(link, reason, why) => self.disconnect(link, reason, why),
            NetEffect::Fill(set, from, max) => self.store.fill(set, from, max),
            NetEffect::Glance(ticket, glance) => self.workshop.glance(ticket, glance),
            NetEffect::Load(ticket, ids, bytes_max) => {
                self.store.load(Load { ticket, ids, bytes_max });
            }
            NetEffect::Persist(batch) => {
                self.store.persist(batch);
            }
            NetEffect::PushDoor(address, envelope) => self.transport.push_door(address, *envelope),
            NetEffect::Report(event) => self.reporter.report(event, self.clock.now().unix_ms),
            NetEffect::Send(link, class, frame) => {
                let sent = self.transport.send(link.0, class, &frame);
                self.desk.receipts.sent(link, sent);
            }
            NetEffect::TellLeft(link, class) => self.transport.tell_left(link.0, class),
            NetEffect::Work(ticket, work) => self.workshop.work(ticket, work),
            NetEffect::Verify(class, checks) => self.verifier.check(class, checks),
        }
    }

    fn request(&mut self, request: Request) {
        let Request { command, answer } = request;
        let failing = self.condition.borrow().failing.clone();
        if let Some(failure) = failing.filter(|_| command.writes()) {
            // Refused before the node sees it: while the disk fails, nothing changes.
            let _hung_up = answer.send(Err(failure));
            return;
        }
        let id = self.next_command();
        self.desk.callers.insert(id, answer);
        self.input(Input::Command(id, command));
    }

    fn next_command(&mut self) -> CommandId {
        self.desk.commands += 1;
        CommandId(self.desk.commands)
    }

    fn answer(&mut self, id: CommandId, outcome: Result<Answer, Failure>) {
        if let Some(caller) = self.desk.callers.remove(&id) {
            let handed = self.desk.receipts.handed(self.transport.backlog_bytes());
            // A caller that hung up needs no answer.
            let _hung_up = caller.send(outcome.map(|answer| Reply { answer, handed }));
        }
    }

    fn stored(&mut self, stored: Stored) -> Result<(), RunError> {
        match stored {
            Stored::Broken(error) => {
                let failure = Failure::Store(error.to_string());
                self.fail_answers(&failure);
                self.condition.send_modify(|it| it.failing = Some(failure));
                return Err(RunError::Store(error));
            }
            Stored::Durable(job) => {
                self.store.durable(job);
                self.recovered();
                for (job, effect) in self.desk.held.release(job) {
                    self.desk.receipts.begin(Some(job));
                    self.perform_now(effect);
                }
            }
            Stored::Failed(failure) => {
                self.fail_answers(&failure);
                if self.condition.borrow().failing.is_none() {
                    tracing::error!(%failure, "the store refuses to write; trying again");
                    self.condition.send_modify(|it| it.failing = Some(failure));
                }
            }
            Stored::Filled(set, kept) => self.input(Input::Net(NetInput::Filled(set, kept))),
            Stored::Loaded(ticket, records) => {
                self.input(Input::Net(NetInput::Loaded(ticket, records)));
            }
        }
        Ok(())
    }

    fn recovered(&mut self) {
        if self.condition.borrow().failing.is_some() {
            tracing::info!("the store writes again");
            self.condition.send_modify(|it| it.failing = None);
        }
    }

    /// Whoever waits for a write that failed is told so; what else waits goes on waiting.
    fn fail_answers(&mut self, failure: &Failure) {
        for id in self.desk.held.take_answers() {
            self.answer(id, Err(failure.clone()));
        }
    }

    /// Says goodbye, then waits until everything asked of the store is done, or until the disk
    /// says no: the store thread tries once more when we are gone.
    async fn leave(mut self: Box<Self>) -> Result<(), RunError> {
        self.condition.send_modify(|it| it.stopping = true);
        let id = self.next_command();
        self.input(Input::Command(id, Command::Leave));
        self.requests.close();
        while let Ok(request) = self.requests.try_recv() {
            let _hung_up = request.answer.send(Err(Failure::Refused(CommandError::Stopping)));
        }
        while 0 < self.store.waiting() {
            match self.stored.recv().await {
                Some(stored @ Stored::Failed(_)) => {
                    self.stored(stored)?;
                    break;
                }
                Some(stored) => self.stored(stored)?,
                None => break,
            }
        }
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Writes that may wait for the disk before we stop listening to the network.
const STORE_WAITING_MAX: u64 = 512;
/// Lots of verdicts taken at once, each of a millisecond of checking.
const VERDICTS_AT_ONCE: usize = 16;
/// How often agreement is looked at, for the log and the metrics.
const GLANCE: Duration = Duration::from_secs(2);
