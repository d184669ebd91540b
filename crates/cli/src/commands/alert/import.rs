//! `trellis alert import`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use daemon::api::types::{AlertSeverity, NewAlert, Told};
use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use super::super::Place;
use crate::failure::Failure;
use crate::input;
use crate::words::counted;

/// Raise an alert for each line of a file, in their order: what an observatory wrote.
///
/// A line is {"text": "..", "severity": "warning", "evidence": [".."]}, or an earthquake: {"id", "magnitude",
/// "place"}, critical from magnitude 6 on, a warning from 4.5 on, else a notice. Those beyond this
/// node's budget travel as normal messages; none is lost.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis alert import earthquakes.ndjson --from-magnitude 4.5
  trellis alert import alerts.ndjson --life 7d")]
pub(crate) struct Args {
    /// The file of lines
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Earthquakes from this magnitude on alone
    #[arg(long, value_name = "MAGNITUDE")]
    from_magnitude: Option<f64>,
    /// How long they hold, for example 24h or 7d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
}

/// A line, of either kind.
#[derive(Deserialize)]
struct Line {
    text: Option<String>,
    severity: Option<AlertSeverity>,
    #[serde(default)]
    evidence: Vec<String>,
    id: Option<String>,
    magnitude: Option<f64>,
    place: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let alerts = read(args)?;
    let client = place.client()?;
    let (mut raised, mut demoted) = (0_u64, 0_u64);
    for alert in &alerts {
        let body = serde_json::to_string(alert)?;
        let sent = client.send::<Told>(Method::POST, "/v1/alerts", body).await;
        let told = sent.map_err(|error| {
            let why = format!("{raised} of {} are raised: {error:#}", alerts.len());
            Failure::with_code_of(&error, why)
        })?;
        raised += 1;
        demoted += u64::from(told.value.demoted);
    }
    if place.output.is_json() {
        let schema = "trellis.alerts-imported/1";
        return place
            .output
            .document(&json!({ "schema": schema, "raised": raised, "demoted": demoted }));
    }
    place.output.data(raised)?;
    let (count, normal) = (counted(raised, "alert", "alerts"), counted(demoted, "one", "of them"));
    place.output.note(format_args!(
        "{count} raised; {normal} beyond this node's budget travel as normal messages"
    ));
    Ok(())
}

/// Reads the whole file before anything is raised.
fn read(args: &Args) -> anyhow::Result<Vec<NewAlert>> {
    let file: &Path = &args.file;
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(Failure::not_found(format!("there is no file {}", file.display())));
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", file.display())),
    };
    let mut alerts = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let bad =
            |why: String| anyhow!("{}, line {number}: {why}; nothing was raised", file.display());
        let line: Line = serde_json::from_str(line)
            .map_err(|error| bad(error.to_string().replace(" at line 1 column", " at column")))?;
        let is_small = args.from_magnitude.is_some_and(|from| line.magnitude < Some(from));
        if !is_small {
            alerts.push(alert(line, args.life).map_err(bad)?);
        }
    }
    if alerts.is_empty() {
        return Err(anyhow!("{} holds no line to raise", file.display()));
    }
    Ok(alerts)
}

fn alert(line: Line, life_s: Option<u64>) -> Result<NewAlert, String> {
    let Line { text, severity, mut evidence, id, magnitude, place } = line;
    let (text, severity) = match (text, magnitude, place) {
        (Some(text), ..) => (text, severity.unwrap_or_default()),
        (None, Some(magnitude), Some(place)) => {
            let severity = match magnitude {
                6.0.. => AlertSeverity::Critical,
                4.5.. => AlertSeverity::Warning,
                _ => AlertSeverity::Notice,
            };
            evidence.extend(id);
            (format!("earthquake of magnitude {magnitude}, {place}"), severity)
        }
        (None, ..) => return Err("it has neither a text nor magnitude and place".to_owned()),
    };
    Ok(NewAlert { text, severity, evidence, life_s })
}
