//! The report: what several runs came to, as one page that people can read.

mod faults;
mod growth;
mod latency;
mod page;
mod plot;
mod protocols;
mod runs;

use crate::models::{ReachConfig, ReachRow, reach};
use crate::network::{Machines, NetworkConfig};
use crate::outcome::{Figures, Outcome, Spread, Standing};
use plot::{Series, Stroke, shown};

pub(crate) use faults::within;

/// Writes the page. `reach` is how far push with a fanout and a TTL gets, if that was tried.
pub fn html(outcomes: &[Outcome], reach: &[ReachRow]) -> String {
    let mut sections = vec![runs::section(outcomes)];
    sections.extend(protocols::headline(outcomes));
    sections.extend(latency::sections(outcomes));
    sections.extend(faults::sections(outcomes));
    sections.extend(protocols::bytes(outcomes));
    sections.extend(growth::p99(outcomes));
    sections.extend(growth::reach(outcomes, reach));
    let good = outcomes.iter().filter(|it| it.ok).count();
    let lead = format!(
        "{} of {} runs kept everything that was expected of them. All times are virtual: the same \
         seed gives the same figures on every machine. Trellis is the real core, driven as the \
         daemon drives it; what is called a model is a small model of somebody's protocol, and a \
         bound is what nobody can beat.",
        good,
        outcomes.len()
    );
    page::page("Trellis in simulated networks", &lead, &sections)
}

/// Tries how far push with a fanout of 3 gets: the claims of designs A and C.
pub fn push_reach() -> Vec<ReachRow> {
    reach(&ReachConfig {
        nodes: vec![100, 1_000, 10_000, 59_049],
        ttls: (1..=10).collect(),
        fanout: 3,
        messages: 4,
        network: NetworkConfig::default(),
        machines: Machines::default(),
        seed: 0,
    })
}

/// The run that says most about other protocols: most of them, then the most nodes.
fn richest(outcomes: &[Outcome]) -> Option<&Outcome> {
    let compared = outcomes.iter().filter(|it| !it.compared.is_empty() && it.trellis.delivered > 0);
    compared.max_by_key(|it| (it.compared.len(), it.nodes, std::cmp::Reverse(it.seed)))
}

/// All protocols of a run, Trellis first.
fn protocols(outcome: &Outcome) -> impl Iterator<Item = &Figures> {
    std::iter::once(&outcome.trellis).chain(&outcome.compared)
}

fn stroke(standing: Standing) -> Stroke {
    match standing {
        Standing::Real => Stroke::Solid,
        Standing::Model => Stroke::Dashed,
        Standing::Bound => Stroke::Dotted,
    }
}

fn name(figures: &Figures) -> String {
    match figures.standing {
        Standing::Real => figures.protocol.clone(),
        Standing::Model => format!("{} (model)", figures.protocol),
        Standing::Bound => format!("{} (bound)", figures.protocol),
    }
}

fn spread_cells(spread: &Spread) -> [String; 4] {
    [spread.p50, spread.p90, spread.p99, spread.max].map(shown)
}

/// Per cent, with as many digits as it takes to see that something is missing.
fn percent(share: Option<f64>) -> String {
    match share {
        None => "-".to_owned(),
        Some(1.0) => "100 %".to_owned(),
        Some(share) if 0.999 < share => format!("{:.5} %", share * 100.0),
        Some(share) => format!("{:.2} %", share * 100.0),
    }
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), shown)
}

fn series(name: String, colour: usize, stroke: Stroke, points: Vec<(f64, f64)>) -> Series {
    Series { name, colour, stroke, points }
}

#[cfg(test)]
mod tests;
