//! `trellis demo`.

use std::path::Path;

use anyhow::bail;

use crate::demo::{Directory, Keep, Lack, Plan, Story};
use crate::open_files;
use crate::output::Output;
use crate::signals::Signals;

/// Run a network on this machine: real nodes, real sockets, real data.
///
/// The nodes find each other, import 3,376 airports at one of them, publish messages and write
/// entries at all of them; a third of them leaves, misses changes and comes back. Every figure is
/// measured; a step that does not happen in time says what is missing. The network then stays up
/// until Ctrl-C, with commands to try.
///
/// Beyond 10 nodes only the first 200 airports are imported: the nodes share this machine's
/// processors, and each one checks every signature. Beyond 20 nodes each tries to have 4 links
/// instead of 12, so that 50 nodes fit into 1,024 open files; more may need `ulimit -n 20000`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis demo
  trellis demo --check              end by itself: exit 0 only if all nodes agree on everything
  trellis demo --nodes 50 --check
  trellis demo --dir /tmp/lab       keep keys and data under /tmp/lab")]
pub(crate) struct Args {
    /// How many nodes
    #[arg(long, short, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(2..=200))]
    nodes: u16,
    /// Messages that each node publishes
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1_000))]
    messages: u16,
    /// Entries that each node writes
    #[arg(long, value_name = "N", default_value_t = 20)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=1_000))]
    entries: u16,
    /// Airports that the first node imports [default: 3376, or 200 beyond 10 nodes]
    #[arg(long, value_name = "N")]
    airports: Option<u16>,
    /// End after the last check; exit 1 and name what is missing if anything is
    #[arg(long)]
    check: bool,
    /// Keep the temporary directory
    #[arg(long)]
    keep: bool,
}

pub(crate) async fn run(args: &Args, dir: Option<&Path>, output: Output) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    daemon::telemetry::init("error", daemon::telemetry::LogFormat::Pretty);
    if let Some(open_max) = open_files::allowed()
        && open_max < u64::from(args.nodes) * OPEN_FILES_PER_NODE
    {
        output.note(format_args!(
            "this shell allows {open_max} open files, which may be too few: try `ulimit -n 20000`"
        ));
    }
    let directory = Directory::new(dir, if args.keep { Keep::Yes } else { Keep::No })?;
    let all = if args.nodes > 10 { 200 } else { u16::MAX };
    let plan = Plan {
        nodes: args.nodes.into(),
        messages: args.messages.into(),
        entries: args.entries.into(),
        airports: args.airports.unwrap_or(all).into(),
    };
    let mut story = tokio::select! {
        story = Story::begin(plan, &directory, output) => story?,
        () = signals.next() => return Ok(()),
    };
    let complete = tokio::select! {
        told = tell(&mut story) => { told?; true }
        () = signals.next() => false,
    };
    if complete && !args.check {
        story.invite()?;
        signals.next().await;
    }
    output.note("leaving");
    let report = tokio::select! {
        report = story.end() => report,
        () = signals.next() => bail!("stopped at once"),
    };
    if directory.is_kept() {
        output.note(format_args!("kept {}", directory.path().display()));
    }
    if output.is_json() {
        output.document(&report)?;
    }
    match (complete, report.ok) {
        (true, true) => Ok(()),
        (true, false) => bail!("the nodes do not agree: {}", report.lacking.join(", ")),
        (false, _) => bail!("interrupted before the last check"),
    }
}

async fn tell(story: &mut Story) -> anyhow::Result<()> {
    if let Err(error) = story.tell().await {
        match error.downcast_ref::<Lack>() {
            Some(lack) => story.failed(lack)?,
            None => return Err(error),
        }
    }
    story.check().await
}

/// Both ends of a node's links are in this process, and its door, API, store and their clients:
/// 50 nodes were seen to need up to 973.
const OPEN_FILES_PER_NODE: u64 = 20;
