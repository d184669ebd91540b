//! The run itself: start, settle, what the plan says, and the wait until all is everywhere.

use engine::Now;

use super::authors::Authors;
use super::books::{Books, Purpose, Sent, between, overhead_bytes};
use super::crowd::Crowd;
use super::pending::Pending;
use super::people::People;
use super::plan::{Act, Plan, us};
use super::{PlayConfig, Progress, Stopped, Watch, overlay};
use crate::World;
use crate::compare;
use crate::outcome::{Figures, Outcome};
use crate::scenario::Scenario;

/// Everything that takes part.
pub(super) struct Stage<'a> {
    scenario: &'a Scenario,
    config: PlayConfig,
    pub(super) world: World,
    crowd: Crowd,
    authors: Authors,
    people: People,
    books: Books,
    /// When the story is told.
    of_us: u64,
    /// When the measurement ends; none once it has.
    measured_us: Option<u64>,
    /// When the last turn ends; none once it has.
    turns_end_us: Option<u64>,
    /// What must catch up since the last fault.
    behind: Option<Pending>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(scenario: &'a Scenario, config: PlayConfig) -> Self {
        let crowd = Crowd::new(scenario, config.nodes, config.seed);
        let mut world = scenario.world(config.nodes, config.seed, config.threads);
        world.tune = crowd.tune();
        let mut world = World::new(world);
        crowd.possess(&mut world);
        let books = Books { refused: vec![0; scenario.streams.len()], ..Books::default() };
        Self {
            scenario,
            config,
            world,
            crowd,
            authors: Authors::default(),
            people: People::of(scenario),
            books,
            of_us: 0,
            measured_us: None,
            turns_end_us: None,
            behind: None,
        }
    }

    /// Plays it to its end.
    pub(super) fn play(&mut self, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        let plan = Plan::of(self.scenario, self.crowd.off.len());
        self.start(&plan, watch)?;
        let zero_us = self.world.now_us();
        self.books.last_fault_us = plan.last_fault_us.map(|it| zero_us + it);
        let mut begin_us = plan.measured_us.map(|it| zero_us + it.0);
        for (at_us, act) in &plan.acts {
            if let Some(begin) = begin_us.filter(|it| *it <= zero_us + at_us) {
                self.pass(begin, "story", watch)?;
                self.books.begin = Some(self.world.traffic());
                self.books.rows = overlay::rows(&self.world);
                self.measured_us = plan.measured_us.map(|it| zero_us + it.1);
                begin_us = None;
            }
            self.pass(zero_us + at_us, "story", watch)?;
            self.act(*act)?;
            if plan.last_fault_us == Some(*at_us) && is_fault(*act) {
                self.behind = Some(Pending::new(self.books.messages()));
            }
        }
        self.turns_end_us = Some(zero_us + plan.turns_end_us);
        self.end(watch)
    }

    /// Says what it came to so far.
    pub(super) fn outcome(&mut self) -> Outcome {
        self.books.count_missing(&self.world);
        self.books.end.divided = self.crowd.divided;
        let overlay = overlay::describe(&self.world, &self.crowd);
        Outcome {
            trellis: self.books.figures(&self.world),
            streams: self.books.streams(&self.world, self.scenario),
            reaches: self.books.reaches(&self.world, overlay.live),
            overlay,
            end: self.books.end.clone(),
            ..Outcome::default()
        }
    }

    /// Runs another protocol on what was measured.
    pub(super) fn compare(&self, name: &str) -> Figures {
        let sent = self.books.sent.iter().map(|it| compare::Message {
            at_us: it.at_us,
            author: it.author,
            payload_bytes: it.payload_bytes,
            measured: it.purpose == Purpose::Measure,
        });
        let liars = self.crowd.liars.iter().map(|(host, (_, kind))| (*host, *kind));
        compare::run(&compare::Case {
            name,
            world: self.world.config(),
            seed: self.config.seed,
            messages: sent.collect(),
            liars: liars.collect(),
            killed: &self.crowd.killed,
            rows: &self.books.rows,
        })
    }

    /// Switches the machines on and lets them settle.
    fn start(&mut self, plan: &Plan, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        let start = &self.scenario.start;
        let nodes = self.config.nodes;
        let early: Vec<usize> =
            (0..nodes).filter(|it| self.crowd.is_early(self.scenario, *it)).collect();
        let took_us = match start.every_ms {
            0 => start.spread_ms * 1_000,
            every_ms => every_ms * 1_000 * early.len() as u64,
        };
        let settled_us = took_us + start.settle_ms * 1_000;
        self.of_us = settled_us + plan.last_us;
        if early.len() == nodes && start.every_ms == 0 {
            self.world.start_all(took_us);
        } else {
            for (number, host) in early.iter().enumerate() {
                self.pass(took_us * number as u64 / early.len() as u64, "starting", watch)?;
                self.world.start(*host);
            }
        }
        self.pass(settled_us.saturating_sub(start.idle_ms * 1_000), "settling", watch)?;
        let (traffic, from_us) = (self.world.traffic(), self.world.now_us());
        self.pass(settled_us, "settling", watch)?;
        if from_us < settled_us && 0 < start.idle_ms {
            let sent = between(&traffic, &self.world.traffic(), overhead_bytes(&self.world));
            let seconds = (settled_us - from_us) as f64 / 1e6;
            let bytes = sent.values().sum::<u64>() as f64;
            self.books.end.idle_bytes_per_s =
                Some(bytes / seconds / self.world.up_len().max(1) as f64);
        }
        Ok(())
    }

    fn act(&mut self, act: Act) -> Result<(), Stopped> {
        let (world, faults) = (&mut self.world, &self.scenario.faults);
        match act {
            Act::Fault(fault) => self.crowd.fault(world, &faults[fault])?,
            Act::Round(fault) => self.crowd.round(world, &faults[fault]),
            Act::RoundsEnd(fault) => self.crowd.rounds_end(world, &faults[fault]),
            Act::JoinNext => {
                if let Some(host) = self.crowd.off.pop_front() {
                    world.start(host);
                }
            }
            Act::LiarsJoin(group) => {
                let liars = self.crowd.liars.iter().filter(|(_, it)| it.0 == group);
                liars.for_each(|(host, _)| world.start(*host));
            }
            Act::Publish(stream, turn) => self.publish(stream, turn)?,
        }
        Ok(())
    }

    fn publish(&mut self, number: usize, turn: usize) -> Result<(), Stopped> {
        let stream = &self.scenario.streams[number];
        let purpose = if turn < stream.warm_up { Purpose::WarmUp } else { Purpose::Measure };
        let authors = self.authors.of_turn(&mut self.world, &self.crowd, stream, turn);
        for author in authors {
            for writing in self.authors.write(&mut self.world, stream, author) {
                let at_us = self.world.now_us();
                let messages = self.world.command(author, writing.command)?;
                let refused = writing.records.saturating_sub(messages.len());
                self.books.refused[number] += refused as u64;
                let payload_bytes = writing.payload_bytes;
                self.books.sent.extend(messages.into_iter().map(|message| Sent {
                    message,
                    stream: number,
                    author,
                    at_us,
                    payload_bytes,
                    purpose,
                }));
            }
        }
        Ok(())
    }

    /// Waits until everything is everywhere, or for as long as the scenario has patience.
    fn end(&mut self, watch: &mut Watch<'_>) -> Result<(), Stopped> {
        let end_us = self.world.now_us();
        let mut all = Pending::new(self.books.messages());
        let wants_equal = self.scenario.expect.equal_within_ms.is_some();
        let deadline_us = end_us + us(self.scenario.expect.patience_ms());
        loop {
            let after_ms = (self.world.now_us() - end_us) as f64 / 1_000.0;
            if self.books.end.complete_after_ms.is_none() && all.is_done(&self.world) {
                self.books.end.complete_after_ms = Some(after_ms);
            }
            let complete = self.books.end.complete_after_ms.is_some();
            if wants_equal && complete && self.world.roots().len() == 1 {
                self.books.end.equal_after_ms.get_or_insert(after_ms);
            }
            let equal = !wants_equal || self.books.end.equal_after_ms.is_some();
            let turns_ended = self.measured_us.is_none() && self.turns_end_us.is_none();
            let told = complete && equal && self.behind.is_none();
            let late = deadline_us <= self.world.now_us();
            if turns_ended && (told || late) {
                break;
            }
            self.pass(self.world.now_us() + POLL_US, "waiting", watch)?;
        }
        self.world.audit()?;
        let equal = self.world.roots().len() == 1;
        let at_ms = self.world.now_us() / 1_000;
        let now = Now { mono_ms: at_ms, unix_ms: crate::boot::START_UNIX_MS + at_ms };
        let shown = self.people.look(&self.world, &self.crowd, equal, now)?;
        let end = &mut self.books.end;
        (end.alerts, end.rules_accepted) = (shown.alerts, shown.rules_accepted);
        (end.transfers_agreed, end.transfers_ended) =
            (shown.transfers_agreed, shown.transfers_ended);
        Ok(())
    }

    /// Says how far behind nodes are when the workload ends.
    fn look_back(&mut self) {
        let all = Pending::new(self.books.messages());
        let live = self.world.honest_len().max(1) as f64;
        self.books.end.behind_mean = all.lacking(&self.world) as f64 / live;
        let pending = self.world.nodes().map(|(_, node)| node.engine().pending_len() as u64);
        self.books.end.pending_max = pending.max().unwrap_or(0);
    }

    /// Lets time pass, a little at once.
    fn pass(
        &mut self,
        until_us: u64,
        phase: &'static str,
        watch: &mut Watch<'_>,
    ) -> Result<(), Stopped> {
        loop {
            let now_us = self.world.now_us();
            if self.measured_us.is_some_and(|it| it <= now_us) {
                self.measured_us = None;
                self.books.finish = Some(self.world.traffic());
            }
            if self.turns_end_us.is_some_and(|it| it <= now_us) {
                self.turns_end_us = None;
                self.look_back();
            }
            if let Some(behind) = &mut self.behind
                && behind.is_done(&self.world)
            {
                let fault_us = self.books.last_fault_us.unwrap_or(now_us);
                let after_ms = (now_us - fault_us) as f64 / 1_000.0;
                self.books.end.caught_up_after_ms = Some(after_ms);
                self.behind = None;
            }
            if until_us <= now_us {
                return Ok(());
            }
            let (virtual_ms, of_ms) = (now_us as f64 / 1_000.0, self.of_us as f64 / 1_000.0);
            if watch(Progress { phase, virtual_ms, of_ms }).is_break() {
                return Err(Stopped::Watcher);
            }
            let stops = [self.measured_us, self.turns_end_us];
            let to_us = stops.into_iter().flatten().fold(until_us.min(now_us + POLL_US), u64::min);
            self.world.run_until(to_us)?;
            self.people.decide(&mut self.world, &self.crowd)?;
            self.people.check(&self.world, &self.crowd)?;
        }
    }
}

fn is_fault(act: Act) -> bool {
    match act {
        Act::Fault(_) | Act::Round(_) | Act::RoundsEnd(_) | Act::JoinNext | Act::LiarsJoin(_) => {
            true
        }
        Act::Publish(..) => false,
    }
}

/// How often it is looked whether all is everywhere: times to completion are rounded up to this.
const POLL_US: u64 = 100_000;
