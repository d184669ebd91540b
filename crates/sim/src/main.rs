//! Plays stories in simulated worlds and says which seed broke what.
#![expect(clippy::print_stdout, reason = "the output is what it is for")]

use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, Subcommand};
use sim::Scenario;

/// Simulated worlds of real Trellis nodes: seeded, repeatable, with crashes and partitions.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// List the stories.
    List,
    /// Play a story, for example: sim run churn --seeds 100
    Run {
        /// Which one; see `sim list`.
        name: String,
        /// How many nodes (default: the story's own).
        #[arg(long)]
        nodes: Option<usize>,
        /// How many seeds, from --seed upwards.
        #[arg(long, default_value_t = 1)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
    },
}

fn main() -> ExitCode {
    match Args::parse().command {
        Verb::List => {
            for scenario in Scenario::ALL {
                println!("{:15} {:4} nodes  {}", scenario.name, scenario.nodes, scenario.about);
            }
            ExitCode::SUCCESS
        }
        Verb::Run { name, nodes, seeds, seed } => {
            let Some(scenario) = Scenario::named(&name) else {
                println!("there is no story {name:?}: see `sim list`");
                return ExitCode::from(2);
            };
            let nodes = nodes.unwrap_or(scenario.nodes).clamp(2, 60_000);
            play(scenario, nodes, seed..seed.saturating_add(seeds))
        }
    }
}

fn play(scenario: &Scenario, nodes: usize, seeds: std::ops::Range<u64>) -> ExitCode {
    let (mut broken, mut agreed_ms) = (0, Vec::new());
    for seed in seeds {
        let start = Instant::now();
        match scenario.run(seed, nodes) {
            Ok(outcome) => {
                agreed_ms.push(outcome.agreed_in_ms);
                println!(
                    "seed {seed}: {} records at every live node, agreed {} ms after the last fault, \
                     {} frames, {} MB, trace {:016x}, {:.1} s",
                    outcome.acknowledged,
                    outcome.agreed_in_ms,
                    outcome.frames,
                    outcome.bytes / 1_000_000,
                    outcome.trace,
                    start.elapsed().as_secs_f64()
                );
            }
            Err(error) => {
                broken += 1;
                println!("BROKEN {error}");
                println!(
                    "  again: cargo run --release -p sim -- run {} --nodes {nodes} --seed {seed}",
                    scenario.name
                );
            }
        }
    }
    agreed_ms.sort_unstable();
    let (good, median) = (agreed_ms.len(), agreed_ms.get(agreed_ms.len() / 2).copied());
    println!("{good} good, {broken} broken, median agreement {} ms", median.unwrap_or(0));
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
