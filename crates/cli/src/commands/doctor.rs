//! `trellis doctor`.

mod finding;
mod here;
mod peers;
mod running;

use std::time::{SystemTime, UNIX_EPOCH};

use daemon::Settings;
use serde_json::json;

use super::Place;
use crate::client::Client;
use crate::failure::Failure;
use finding::{Finding, Verdict};

/// Examine this node: its settings, keys, ports, disk, clock, peers and state.
///
/// Each line says PASS, WARN, FAIL or UNKNOWN, why, and the command that mends it. Without a running node
/// only what can be seen from outside is examined. Nothing is changed. Exit code 1 if anything fails.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis doctor
  trellis doctor --json | jq '.findings[] | select(.verdict != \"pass\")'")]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, place: &Place) -> anyhow::Result<()> {
    let mut findings = Vec::new();
    let client = match Client::find(&place.directory) {
        Ok(client) => Some(client),
        Err(error) if Failure::exit_code(&error) == Failure::NO_DAEMON => None,
        Err(error) => return Err(error),
    };
    let seen = match &client {
        Some(client) => running::look(client).await,
        None => Err("no node is running here: start one with `trellis up`".to_owned()),
    };
    let settings = Settings::load(&place.directory, None, environment(), Vec::new());
    findings.push(here::settings(&settings));
    findings.push(here::directory(&place.directory));
    findings.push(here::secrets(&place.directory));
    findings.push(here::network(&place.directory, settings.as_ref().ok()));
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    findings.extend(settings.as_ref().ok().and_then(|it| here::certificate(it, now_s)));
    findings.extend(here::membership(&place.directory, settings.as_ref().ok(), now_s));
    findings.push(here::disk(&place.directory));
    findings.push(here::open_files());
    if let (Ok(settings), Err(_)) = (&settings, &seen) {
        findings.extend(here::ports(settings));
    }
    findings.extend(settings.as_ref().ok().map(|it| here::exposure(it, seen.as_ref().ok())));
    findings.extend(running::examine(&seen));
    let told = match (&client, &seen) {
        (Some(client), Ok(_)) => peers::told(client).await,
        _ => None,
    };
    let planned = settings.iter().flat_map(|it| &it.bootstrap).map(ToString::to_string);
    let addresses = told.unwrap_or_else(|| planned.collect());
    if let Ok(settings) = &settings {
        findings.extend(peers::names(settings).await);
    }
    findings.extend(peers::examine(&addresses, settings.as_ref().ok(), seen.as_ref().ok()).await);
    tell(&findings, place)
}

fn tell(findings: &[Finding], place: &Place) -> anyhow::Result<()> {
    let count = |verdict| findings.iter().filter(|it| it.verdict == verdict).count();
    let failed = count(Verdict::Fail);
    if place.output.is_json() {
        let document =
            json!({ "schema": "trellis.doctor/1", "findings": findings, "failed": failed });
        place.output.document(&document)?;
    } else {
        for finding in findings {
            finding.lines().iter().try_for_each(|line| place.output.data(line))?;
        }
        let [pass, warn, unknown] = [Verdict::Pass, Verdict::Warn, Verdict::Unknown].map(count);
        place.output.note(format_args!(
            "{pass} passed, {warn} to look at, {failed} failed, {unknown} unknown"
        ));
    }
    match failed {
        0 => Ok(()),
        1 => Err(anyhow::anyhow!("one check failed")),
        _ => Err(anyhow::anyhow!("{failed} checks failed")),
    }
}

fn environment() -> impl Iterator<Item = (String, String)> {
    super::config::environment()
}
