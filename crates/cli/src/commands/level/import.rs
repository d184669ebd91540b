//! `trellis level import`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use daemon::api::types::{LevelLine, OwnLevels};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Place;
use crate::failure::Failure;
use crate::words::counted;

/// Set levels from the lines of a file, in their order: what a sensor wrote.
///
/// A line is {"kind": "water", "level": 1200, "capacity": 5000, "unit": "L", "critical": 500}; what
/// is left out stays as it was. "resource" is read as "kind", and fields this command does not know are
/// left alone. A kind that is new and whose capacity no line says gets the largest level of the file.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis level import levels.ndjson
  trellis level import readings.ndjson --capacity water=5000")]
pub(crate) struct Args {
    /// The file of lines
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// How much of a kind fits; may be given again for other kinds
    #[arg(long, value_name = "KIND=AMOUNT", value_parser = capacity)]
    capacity: Vec<(String, String)>,
}

/// A line as sensors write it.
#[derive(Deserialize)]
struct Line {
    #[serde(alias = "resource")]
    kind: String,
    level: Value,
    capacity: Option<Value>,
    unit: Option<String>,
    critical: Option<Value>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let mut lines = read(&args.file)?;
    let client = place.client()?;
    let known = client.get::<OwnLevels>("/v1/levels/own").await?.value;
    for (kind, largest) in largest(&lines) {
        let is_known = known.levels.iter().any(|it| it.kind == kind);
        let given = args.capacity.iter().find(|(it, _)| *it == kind);
        let first = lines.iter_mut().find(|it| it.kind == kind);
        let Some(first) = first.filter(|it| it.capacity.is_none()) else { continue };
        match given {
            Some((_, capacity)) => first.capacity = Some(capacity.clone().into()),
            None if is_known => {}
            None => {
                let note = format!(
                    "{kind}: no capacity is known, {largest} is taken, the most in this file"
                );
                place.output.note(note);
                first.capacity = Some(largest);
            }
        }
    }
    let mut set = 0;
    for chunk in lines.chunks(LINES_AT_ONCE) {
        let text: Vec<String> =
            chunk.iter().map(serde_json::to_string).collect::<Result<_, _>>()?;
        let sent = client.send_lines::<OwnLevels>("/v1/levels/own", text.join("\n")).await;
        sent.map_err(|error| {
            let (first, last) = (set + 1, set + chunk.len());
            let before = if set == 0 { String::new() } else { format!("; lines 1-{set} are set") };
            let why = format!("of the levels {first}-{last} none is set: {error:#}{before}");
            match Failure::exit_code(&error) {
                // The arguments were right, the file is not.
                Failure::USAGE => anyhow!(why),
                _ => Failure::with_code_of(&error, why),
            }
        })?;
        set += chunk.len();
    }
    if place.output.is_json() {
        let document = json!({ "schema": "trellis.levels-imported/1", "readings": set });
        return place.output.document(&document);
    }
    place.output.data(set)?;
    let count = counted(set as u64, "reading", "readings");
    place.output.note(format_args!("{count} taken in order; others are told a band once an hour"));
    Ok(())
}

/// Reads the whole file before anything is set.
fn read(file: &Path) -> anyhow::Result<Vec<LevelLine>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::not_found(format!("there is no file {}", file.display())));
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let line: Line = serde_json::from_str(line).map_err(|error| {
            let error = error.to_string().replace(" at line 1 column", " at column");
            anyhow!("{}, line {number}: {error}; nothing was set", file.display())
        })?;
        let Line { kind, level, capacity, unit, critical } = line;
        lines.push(LevelLine { kind, level, capacity, unit, critical });
    }
    if lines.is_empty() {
        return Err(anyhow!("{} holds no line", file.display()));
    }
    Ok(lines)
}

/// Returns the largest level of each kind, as it is written.
fn largest(lines: &[LevelLine]) -> BTreeMap<String, Value> {
    let mut largest: BTreeMap<String, Value> = BTreeMap::new();
    let number = |value: &Value| match value.as_str() {
        Some(text) => text.parse().unwrap_or(0.0),
        None => value.as_f64().unwrap_or(0.0),
    };
    for line in lines {
        let most = largest.entry(line.kind.clone()).or_insert_with(|| line.level.clone());
        if number(most) < number(&line.level) {
            *most = line.level.clone();
        }
    }
    largest
}

fn capacity(text: &str) -> Result<(String, String), String> {
    let (kind, amount) = text.split_once('=').ok_or("write it as KIND=AMOUNT: water=5000")?;
    Ok((kind.to_owned(), amount.to_owned()))
}

/// What one request takes.
const LINES_AT_ONCE: usize = 4_096;
