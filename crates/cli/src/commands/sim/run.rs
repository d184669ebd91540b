//! `trellis sim run`.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context as _, anyhow, bail};
use indicatif::ProgressBar;
use sim::play::{Models, PlayConfig, Progress, play};
use sim::{Outcome, Scenario};

use super::{find, summary};
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::Signals;
use crate::words::counted;

/// Play a scenario, once for each seed, and check what it expects.
///
/// Exit code 0 if everything held in every run, 1 if not, 2 if the scenario cannot be read. A run
/// that fails ends with the line that repeats it. Ctrl-C stops after the runs that are complete.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis sim run quiet
  trellis sim run churn --seeds 100
  trellis sim run kill-90 --nodes 1000 --seed 7 --out /tmp/runs
  trellis sim run my-own.toml --json")]
pub(crate) struct Args {
    /// One of `trellis sim list`, or a file whose name ends in .toml
    #[arg(value_name = "NAME|FILE")]
    scenario: String,
    /// How many nodes [default: the scenario's own]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    nodes: Option<u32>,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// How many seeds, from --seed upwards
    #[arg(long, value_name = "N", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Threads for one run; what comes out does not depend on them [default: all processors]
    #[arg(long, value_name = "N")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    threads: Option<u16>,
    /// Write each run's figures to DIR/SCENARIO-NODES-SEED.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Run Trellis alone; expectations that speak of another protocol are not asked
    #[arg(long)]
    alone: bool,
}

pub(crate) async fn run(args: Args, output: Output) -> anyhow::Result<()> {
    let scenario = find(&args.scenario)?;
    if let Some(out) = &args.out {
        std::fs::create_dir_all(out).with_context(|| format!("making {}", out.display()))?;
    }
    let mut signals = Signals::listen()?;
    let stop = Arc::new(AtomicBool::new(false));
    let runs = Runs { args, scenario, output, stop: Arc::clone(&stop) };
    let mut work = tokio::task::spawn_blocking(move || runs.play_all());
    tokio::select! {
        done = &mut work => return done.context("the run panicked")?,
        () = signals.next() => stop.store(true, Ordering::Relaxed),
    }
    tokio::select! {
        done = work => done.context("the run panicked")?,
        () = signals.next() => Err(Failure::interrupted("stopped at once")),
    }
}

struct Runs {
    args: Args,
    scenario: Scenario,
    output: Output,
    stop: Arc<AtomicBool>,
}

impl Runs {
    fn play_all(&self) -> anyhow::Result<()> {
        let (mut good, mut bad) = (0, 0);
        for seed in self.args.seed..self.args.seed.saturating_add(self.args.seeds) {
            let outcome = self.play_one(seed)?;
            self.keep(&outcome)?;
            self.tell(&outcome)?;
            if outcome.ok { good += 1 } else { bad += 1 }
        }
        if 1 < self.args.seeds {
            self.output.note(format_args!(
                "{}, {bad} that did not hold",
                counted(good, "run that held", "runs that held")
            ));
        }
        match bad {
            0 => Ok(()),
            _ => bail!("{} did not hold", counted(bad, "run", "runs")),
        }
    }

    fn play_one(&self, seed: u64) -> anyhow::Result<Outcome> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let config = PlayConfig {
            nodes: self.args.nodes.map_or(self.scenario.nodes, |it| it as usize),
            seed,
            threads: self.args.threads.map_or(threads, usize::from),
            models: if self.args.alone { Models::Off } else { Models::Named },
        };
        let clock = self.output.clock();
        let outcome = play(&self.scenario, config, &mut |progress| self.watch(&clock, progress));
        clock.finish_and_clear();
        outcome.ok_or_else(|| Failure::interrupted(format!("stopped in seed {seed}")))
    }

    fn watch(&self, clock: &ProgressBar, progress: Progress<'_>) -> ControlFlow<()> {
        clock.set_length(whole(progress.of_ms));
        clock.set_position(whole(progress.virtual_ms));
        clock.set_message(progress.phase.to_owned());
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn keep(&self, outcome: &Outcome) -> anyhow::Result<()> {
        let Some(out) = &self.args.out else { return Ok(()) };
        let name = format!("{}-{}-{}.json", outcome.scenario, outcome.nodes, outcome.seed);
        let path = out.join(name);
        let text = serde_json::to_string_pretty(outcome)?;
        std::fs::write(&path, text).map_err(|error| anyhow!("writing {}: {error}", path.display()))
    }

    fn tell(&self, outcome: &Outcome) -> anyhow::Result<()> {
        if self.output.is_json() {
            return self.output.document(outcome);
        }
        let lines = match self.args.seeds {
            1 => summary::screen(outcome),
            _ => summary::line(outcome),
        };
        lines.iter().try_for_each(|line| self.output.data(line))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "virtual time")]
fn whole(ms: f64) -> u64 {
    ms as u64
}
