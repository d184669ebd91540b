//! `trellis sim`: simulated worlds of real nodes.

mod report;
mod run;
mod summary;

use serde_json::json;
use sim::Scenario;

use crate::failure::Failure;
use crate::output::Output;
use crate::table::Table;
use crate::words::grouped;

/// Play scenarios in simulated networks of real nodes, with faults and liars.
///
/// Time is virtual and every chance comes from a seed, so a run repeats to the last byte: the trace
/// hash says so. A scenario is a file: see crates/sim/scenarios, and docs/simulation.md for its keys.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis sim list
  trellis sim run churn --seeds 10
  trellis sim run warm-10k --out /tmp/runs
  trellis sim report /tmp/runs")]
pub(crate) enum Verb {
    List(ListArgs),
    Run(run::Args),
    Report(report::Args),
}

/// List the scenarios that come with the program.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis sim list")]
pub(crate) struct ListArgs {}

pub(crate) async fn run(verb: Verb, output: Output) -> anyhow::Result<()> {
    match verb {
        Verb::List(ListArgs {}) => list(output),
        Verb::Run(args) => run::run(args, output).await,
        Verb::Report(args) => report::run(args, output).await,
    }
}

fn list(output: Output) -> anyhow::Result<()> {
    let scenarios = Scenario::all();
    if output.is_json() {
        let rows: Vec<_> = scenarios
            .iter()
            .map(|it| json!({ "name": it.name, "nodes": it.nodes, "about": it.about }))
            .collect();
        return output.document(&json!({ "schema": "trellis.scenarios/1", "scenarios": rows }));
    }
    let mut table = Table::new(&["SCENARIO", "NODES", "ABOUT"]);
    for it in scenarios {
        table.row([it.name, grouped(it.nodes as u64), it.about]);
    }
    table.lines().iter().try_for_each(|line| output.data(line))
}

/// Finds a scenario, or says which name may be meant (exit code 2).
fn find(name: &str) -> anyhow::Result<Scenario> {
    Scenario::find(name).map_err(|error| Failure::usage(format!("{error}; see `trellis sim list`")))
}
