//! Plays a scenario in a world of real nodes and writes down what it came to.

mod authors;
mod books;
mod crowd;
mod overlay;
mod pending;
mod people;
mod plan;
mod stage;

use std::ops::ControlFlow;
use std::time::Instant;

use crate::outcome::{Cost, Outcome};
use crate::scenario::Scenario;
use stage::Stage;

/// How a scenario is played.
#[derive(Clone, Copy, Debug)]
pub struct PlayConfig {
    /// Machines in the world.
    pub nodes: usize,
    /// The seed.
    pub seed: u64,
    /// Threads; the outcome does not depend on them.
    pub threads: usize,
    /// Whether models are run beside it.
    pub models: Models,
}

/// Whether other protocols are run on the same workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Models {
    /// Those that the scenario names, and those that its expectations speak of.
    Named,
    /// None; expectations that speak of one are not asked.
    Off,
}

/// How far a run is.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// What happens.
    pub phase: &'a str,
    /// Virtual time.
    pub virtual_ms: f64,
    /// Virtual time at which the story is told.
    pub of_ms: f64,
}

/// Hears how far a run is, now and then, and may stop it.
pub type Watch<'a> = dyn FnMut(Progress<'_>) -> ControlFlow<()> + 'a;

/// Why a run ended early.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Stopped {
    /// An invariant broke; the text says which, when and where.
    Broken(String),
    /// Whoever watched wanted it to stop.
    Watcher,
}

impl From<String> for Stopped {
    fn from(broken: String) -> Self {
        Self::Broken(broken)
    }
}

/// Plays a scenario once. What breaks on the way is part of the outcome; none is returned if the
/// watcher stops it.
pub fn play(scenario: &Scenario, config: PlayConfig, watch: &mut Watch<'_>) -> Option<Outcome> {
    let began = Instant::now();
    let mut stage = Stage::new(scenario, config);
    let broken = match stage.play(watch) {
        Ok(()) => None,
        Err(Stopped::Broken(what)) => Some(what),
        Err(Stopped::Watcher) => return None,
    };
    let figures = stage.world.figures();
    let cost = Cost {
        virtual_ms: figures.now_us as f64 / 1_000.0,
        wall_ms: began.elapsed().as_secs_f64() * 1_000.0,
        events: figures.events,
        threads: config.threads as u64,
        memory_peak_bytes: memory_peak_bytes(),
    };
    let mut outcome = Outcome {
        schema: Outcome::SCHEMA.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        about: scenario.about.clone(),
        nodes: config.nodes as u64,
        seed: config.seed,
        replay: replay(scenario, config),
        trace: format!("{:016x}", stage.world.trace()),
        broken,
        cost,
        ..stage.outcome()
    };
    if outcome.broken.is_none() && config.models == Models::Named {
        for name in crate::compare::wanted(scenario) {
            let progress = Progress { phase: name, virtual_ms: 1.0, of_ms: 1.0 };
            if watch(progress).is_break() {
                return None;
            }
            outcome.compared.push(stage.compare(name));
        }
    }
    judge(&mut outcome, scenario, config.models);
    Some(outcome)
}

fn judge(outcome: &mut Outcome, scenario: &Scenario, models: Models) {
    outcome.verdicts = match models {
        Models::Named => scenario.expect.judge(outcome),
        Models::Off => scenario.expect.without_models().judge(outcome),
    };
    outcome.ok = outcome.broken.is_none() && outcome.verdicts.iter().all(|it| it.ok);
}

/// The command that does it again, on the same version of the program.
fn replay(scenario: &Scenario, config: PlayConfig) -> String {
    let source = scenario.file.as_deref().unwrap_or(&scenario.name);
    format!("trellis sim run {source} --nodes {} --seed {}", config.nodes, config.seed)
}

/// Returns the most memory this process ever had, where the system tells.
fn memory_peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1_024)
}
