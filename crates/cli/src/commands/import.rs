//! `trellis import`.

mod chunks;

use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use daemon::api::types::Written;
use indicatif::ProgressBar;
use serde_json::json;
use tokio::time::Instant;

use super::{Place, query};
use crate::client::Client;
use crate::failure::Failure;
use crate::signals::Signals;
use crate::words::{grouped, short_hex, took};
use chunks::{Chunk, Chunks};

/// Write many entries at once, from lines of {"name": .., "value": ..}.
///
/// A file is checked as a whole first: where any line is broken, nothing is written. Standard
/// input is checked and written 1,000 lines at a time. Where an import stops half-way, it says
/// which lines are in. Importing the same lines again does no harm.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis import airports.ndjson --collection airports
  zcat big.ndjson.gz | trellis import -")]
pub(crate) struct Args {
    /// The file of lines; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// Their collection [default: the node's default collection]
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let bytes = checked_bytes(&args.file)?;
    let chunks = Chunks::new(open(&args.file)?);
    let bar = place.output.progress(bytes);
    bar.set_message("importing");
    let path = format!("/v1/import{}", query(&[("collection", args.collection.as_deref())]));
    let mut import = Import { client, path, bar, lines: 0, entries: 0, root: String::new() };
    let began = Instant::now();
    let outcome = import.send_all(chunks).await;
    import.bar.finish_and_clear();
    outcome?;
    let (entries, root) = (import.entries, import.root.as_str());
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.imported/1", "entries": entries, "lines": import.lines,
            "root": root, "took_ms": began.elapsed().as_millis(),
        }));
    }
    place.output.data(format_args!("{entries}"))?;
    let (entries, took) = (grouped(entries), took(began.elapsed()));
    place.output.note(match short_hex(root) {
        "" => "there is no line to import".to_owned(),
        root => format!("{entries} entries are on disk, in {took}; the root is {root}"),
    });
    Ok(())
}

/// Reads a whole file to find its broken lines before anything is written; returns its length.
/// What can be read only once is checked as it comes.
fn checked_bytes(file: &Path) -> anyhow::Result<u64> {
    if !is_regular(file) {
        return Ok(0);
    }
    for chunk in Chunks::new(open(file)?) {
        chunk.map_err(|error| anyhow!("{}, {error}; nothing was written", file.display()))?;
    }
    Ok(std::fs::metadata(file)?.len())
}

fn is_regular(file: &Path) -> bool {
    file != Path::new("-") && std::fs::metadata(file).is_ok_and(|it| it.is_file())
}

fn open(file: &Path) -> anyhow::Result<Box<dyn BufRead + Send>> {
    if file == Path::new("-") {
        return Ok(Box::new(BufReader::new(io::stdin())));
    }
    match File::open(file) {
        Ok(opened) => Ok(Box::new(BufReader::new(opened))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!("there is no file {}", file.display())))
        }
        Err(error) => Err(error).with_context(|| format!("opening {}", file.display())),
    }
}

/// An import on its way.
struct Import {
    client: Client,
    path: String,
    bar: ProgressBar,
    /// The last line of the file that is in.
    lines: u64,
    entries: u64,
    root: String,
}

impl Import {
    async fn send_all(&mut self, mut chunks: Chunks) -> anyhow::Result<()> {
        let mut signals = Signals::listen()?;
        loop {
            // On a thread of its own: standard input may stay silent for ever, and a read of it
            // would keep the signals from being heard.
            let reading = tokio::task::spawn_blocking(move || (chunks.next(), chunks));
            let (next, rest) = tokio::select! {
                read = reading => read?,
                () = signals.next() => {
                    let why = format!("interrupted: {}", self.what_is_in());
                    return Err(Failure::interrupted(why));
                }
            };
            chunks = rest;
            let Some(chunk) = next else { return Ok(()) };
            let chunk = chunk.map_err(|error| anyhow!("{error}; {}", self.what_is_in()))?;
            tokio::select! {
                outcome = self.send(&chunk) => outcome?,
                () = signals.next() => {
                    let (first, last) = (chunk.first_line(), chunk.last_line());
                    return Err(Failure::interrupted(format!(
                        "interrupted: {}; whether lines {first}-{last} are in is unknown",
                        self.what_is_in()
                    )));
                }
            }
        }
    }

    async fn send(&mut self, chunk: &Chunk) -> anyhow::Result<()> {
        let sent = self.client.send_lines::<Written>(&self.path, chunk.text().to_owned()).await;
        let written = sent.map_err(|error| {
            let why = chunk.in_lines_of_file(&format!("{error:#}"));
            let why = format!("{why}; {}", self.what_is_in());
            match Failure::exit_code(&error) {
                // The arguments were right, the file is not.
                Failure::USAGE => anyhow!(why),
                _ => Failure::with_code_of(&error, why),
            }
        })?;
        self.lines = chunk.last_line();
        self.entries += written.value.ids.len() as u64;
        self.root = written.value.root;
        self.bar.inc(chunk.bytes_read());
        Ok(())
    }

    fn what_is_in(&self) -> String {
        match self.lines {
            0 => "nothing was written".to_owned(),
            lines => format!("lines 1-{lines} are in, nothing from line {} on", lines + 1),
        }
    }
}
