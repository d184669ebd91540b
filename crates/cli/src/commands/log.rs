//! `trellis log`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use daemon::api::types::Log;
use daemon::journal;
use serde_json::json;

use super::Place;
use crate::client::Client;
use crate::failure::Failure;
use crate::words::{counted, printable, printable_json, short_hex};

/// Show what people decided at this node, and what they were shown.
///
/// Each line names the one before by its hash, and the node signs it: nobody can change or drop one
/// without all after it showing that.
#[derive(clap::Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  trellis log
  trellis log --last 100
  trellis log export decisions.log
  trellis log verify decisions.log"
)]
pub(crate) struct Args {
    /// Only the last so many
    #[arg(long, value_name = "N", default_value_t = 20)]
    last: usize,
    #[command(subcommand)]
    verb: Option<Verb>,
}

/// What to do with it.
#[derive(clap::Subcommand, Debug)]
enum Verb {
    Export(ExportArgs),
    Verify(VerifyArgs),
}

/// Write the whole log to a file.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis log export decisions.log")]
struct ExportArgs {
    /// The file; it must not be there yet
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Check numbers, hashes and signatures of a log: this node's, or one that was exported, offline.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis log verify
  trellis log verify decisions.log")]
struct VerifyArgs {
    /// A file that `trellis log export` wrote [default: the log of the running node]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    match &args.verb {
        None => show(args, place).await,
        Some(Verb::Export(args)) => export(args, place).await,
        Some(Verb::Verify(args)) => verify(args, place).await,
    }
}

async fn show(args: &Args, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let mut log = whole(&client).await?;
    let before = log.lines.len().saturating_sub(args.last);
    log.lines.drain(..before);
    if place.output.is_json() {
        return place.output.document(&log);
    }
    for line in &log.lines {
        let who = if line.person == "-" {
            "the node".to_owned()
        } else {
            format!("{} ({})", printable(&line.person), printable(&line.role))
        };
        let (number, time, deed) = (line.number, &line.time, printable(&line.deed));
        let (result, what) = (printable(&line.result), printable_json(line.what.text()));
        place.output.data(format_args!("{number}  {time}  {who}  {deed}  {result}  {what}"))?;
    }
    let earlier = if before == 0 { String::new() } else { format!("; {before} earlier ones") };
    let count = counted(log.lines.len() as u64, "line", "lines");
    place.output.note(format_args!("{count}{earlier}"));
    Ok(())
}

async fn export(args: &ExportArgs, place: &Place) -> anyhow::Result<()> {
    let log = whole(&place.client()?).await?;
    let text = text(&log);
    let shown = journal::verify(text.as_bytes())
        .map_err(|error| Failure::refused(format!("{error}; nothing was written")))?;
    write_new(&args.file, &text)?;
    if place.output.is_json() {
        return place.output.document(&document(&shown));
    }
    let lines = counted(shown.lines, "line", "lines");
    place.output.note(format_args!("{lines} are in {}", args.file.display()));
    Ok(())
}

async fn verify(args: &VerifyArgs, place: &Place) -> anyhow::Result<()> {
    let text = match &args.file {
        None => text(&whole(&place.client()?).await?).into_bytes(),
        Some(file) => match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::not_found(format!("there is no file {}", file.display())));
            }
            Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
        },
    };
    let shown = journal::verify(&text).map_err(|error| Failure::refused(error.to_string()))?;
    if place.output.is_json() {
        return place.output.document(&document(&shown));
    }
    if shown.lines == 0 {
        place.output.note("the log is empty");
        return Ok(());
    }
    place.output.data(&shown.last)?;
    let lines = counted(shown.lines, "line", "lines");
    let (first, last) = (shown.first, short_hex(&shown.last));
    let begins = if first == 1 { String::new() } else { format!(", from line {first} on") };
    place.output.note(format_args!(
        "{lines}{begins}, whole and unchanged, signed by {}; keep {last}... to see later that none \
         is missing at the end",
        shown.node
    ));
    Ok(())
}

/// Reads the log page by page.
async fn whole(client: &Client) -> anyhow::Result<Log> {
    let mut log = Log { schema: "trellis.log/1".to_owned(), lines: Vec::new(), next: None };
    loop {
        let after = log.next.map(|number| format!("&after={number}")).unwrap_or_default();
        let page = client.get::<Log>(&format!("/v1/log?limit=1000{after}")).await?.value;
        log.lines.extend(page.lines);
        log.next = page.next;
        if log.next.is_none() {
            return Ok(log);
        }
    }
}

/// Rows as they were signed, an empty line between them.
fn text(log: &Log) -> String {
    log.lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
}

fn document(shown: &journal::Shown) -> serde_json::Value {
    let journal::Shown { lines, first, node, last } = shown;
    let schema = "trellis.log-verified/1";
    json!({ "schema": schema, "lines": lines, "first": first, "node": node, "last": last })
}

fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let opened = options.write(true).create_new(true).open(file);
    let writing = || format!("writing {}", file.display());
    opened.with_context(writing)?.write_all(text.as_bytes()).with_context(writing)
}
