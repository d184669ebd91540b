//! `trellis sim report`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use serde_json::json;
use sim::Outcome;

use crate::failure::Failure;
use crate::output::Output;

/// Write one page about several runs: DIR/report.html.
///
/// It reads what `trellis sim run --out DIR` wrote there, adds how far push with a fanout of 3 gets
/// (designs A and C; a model that takes a few seconds), and needs nothing but a browser to be read.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis sim report /tmp/runs")]
pub(crate) struct Args {
    /// Where the runs are
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub(crate) async fn run(args: Args, output: Output) -> anyhow::Result<()> {
    // A plain thread: models take their time.
    tokio::task::spawn_blocking(move || write(&args.dir, output))
        .await
        .context("writing the page")?
}

fn write(dir: &Path, output: Output) -> anyhow::Result<()> {
    let outcomes = read(dir)?;
    let page = sim::report::html(&outcomes, &sim::report::push_reach());
    let path = dir.join("report.html");
    std::fs::write(&path, page).with_context(|| format!("writing {}", path.display()))?;
    let path = path.display().to_string();
    if output.is_json() {
        let runs = outcomes.len();
        return output
            .document(&json!({ "schema": "trellis.report/1", "runs": runs, "path": path }));
    }
    output.data(path)
}

/// Reads all runs, by scenario, size and seed.
fn read(dir: &Path) -> anyhow::Result<Vec<Outcome>> {
    let entries = std::fs::read_dir(dir)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", dir.display())))?;
    let mut outcomes = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("reading {}", dir.display()))?.path();
        if path.extension().is_some_and(|it| it == "json") {
            outcomes.push(read_one(&path)?);
        }
    }
    if outcomes.is_empty() {
        return Err(Failure::usage(format!(
            "there is no run in {0}: try `trellis sim run quiet --out {0}`",
            dir.display()
        )));
    }
    outcomes.sort_by(|a, b| (&a.scenario, a.nodes, a.seed).cmp(&(&b.scenario, b.nodes, b.seed)));
    Ok(outcomes)
}

fn read_one(path: &Path) -> anyhow::Result<Outcome> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let outcome: Outcome = serde_json::from_str(&text)
        .map_err(|error| anyhow!("{} is no run: {error}", path.display()))?;
    if outcome.schema != Outcome::SCHEMA {
        bail!("{} is of kind {:?}, not {:?}", path.display(), outcome.schema, Outcome::SCHEMA);
    }
    Ok(outcome)
}
