//! What was run, and what did not hold.

use super::page::{BROKEN, HELD, Section, Table};
use super::plot::shown;
use super::{figure, percent};
use crate::outcome::Outcome;

/// One row for each run; under it what broke, each with the command that shows it again.
pub(super) fn section(outcomes: &[Outcome]) -> Section {
    let broken: Vec<&Outcome> = outcomes.iter().filter(|it| !it.ok).collect();
    let mut table = Table::new(
        "Latency from publishing to delivery in milliseconds; copies of the payload received per \
         delivery; bytes on the wire per byte of payload",
        &[
            "scenario",
            "nodes",
            "seed",
            "verdict",
            "delivered",
            "p50",
            "p99",
            "max",
            "copies",
            "wire",
            "trace",
        ],
    );
    for it in outcomes {
        let figures = &it.trellis;
        table.rows.push(vec![
            it.scenario.clone(),
            it.nodes.to_string(),
            it.seed.to_string(),
            (if it.ok { HELD } else { BROKEN }).to_owned(),
            percent(figures.share()),
            shown(figures.latency_ms.p50),
            shown(figures.latency_ms.p99),
            shown(figures.latency_ms.max),
            figure((figures.delivered > 0).then_some(figures.copies)),
            figure(figures.wire_per_payload()),
            it.trace.clone(),
        ]);
    }
    let title = match broken.len() {
        0 => format!("All {} runs kept what was expected", outcomes.len()),
        count => format!("{count} of {} runs did not keep what was expected", outcomes.len()),
    };
    let text: Vec<String> = broken.iter().map(|it| complaint(it)).collect();
    Section { title, text: text.join(" "), picture: None, legend: Vec::new(), table }
}

fn complaint(outcome: &Outcome) -> String {
    let failed = outcome.verdicts.iter().filter(|it| !it.ok);
    let mut reasons: Vec<String> = failed
        .map(|it| format!("{} is {}, wanted {}", it.what, figure(it.seen), shown(it.wanted)))
        .collect();
    reasons.extend(outcome.broken.clone());
    format!("{}: {}. Again: {}.", outcome.scenario, reasons.join("; "), outcome.replay)
}
