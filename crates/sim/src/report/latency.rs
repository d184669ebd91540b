//! How long deliveries took, against the bounds and the other protocols of the same run.

use std::collections::BTreeSet;

use super::page::{Key, Section, Table};
use super::plot::{Axis, Plot, Scale, shown};
use super::{figure, name, percent, protocols, series, spread_cells, stroke};
use crate::outcome::{Outcome, Standing};

/// One section for each scenario and size: its first seed.
pub(super) fn sections(outcomes: &[Outcome]) -> Vec<Section> {
    let mut seen = BTreeSet::new();
    let measured = outcomes.iter().filter(|it| !it.trellis.curve_ms.is_empty());
    let first = measured.filter(|it| seen.insert((it.scenario.clone(), it.nodes)));
    first.map(section).collect()
}

fn section(outcome: &Outcome) -> Section {
    let lines: Vec<_> = protocols(outcome)
        .filter(|it| !it.curve_ms.is_empty())
        .enumerate()
        .map(|(number, it)| series(name(it), number, stroke(it.standing), it.curve_ms.clone()))
        .collect();
    let times = lines.iter().flat_map(|it| it.points.iter().map(|point| point.0));
    let x = Axis::over("milliseconds since publishing (logarithmic)", Scale::Log, times);
    let y = Axis { title: "share of live nodes".into(), scale: Scale::Linear, range: 0.0..1.02 };
    let mut table = Table::new(
        "Milliseconds from publishing to delivery; p99 in terms of Trellis's",
        &["protocol", "delivered", "p50", "p90", "p99", "max", "p99 ratio"],
    );
    for it in protocols(outcome) {
        let mut row = vec![name(it), percent(it.share())];
        row.extend(spread_cells(&it.latency_ms));
        let ratio = crate::outcome::ratio(it.latency_ms.p99, outcome.trellis.latency_ms.p99);
        row.push(figure(ratio));
        table.rows.push(row);
    }
    let legend = lines.iter().map(Key::of).collect();
    Section {
        title: title(outcome),
        text: format!("{}. {} nodes, seed {}.", outcome.about, outcome.nodes, outcome.seed),
        picture: Some(Plot { x, y, series: lines }.svg()),
        legend,
        table,
    }
}

fn title(outcome: &Outcome) -> String {
    let p99 = outcome.trellis.latency_ms.p99;
    let mut title = format!(
        "{}: Trellis reaches 99 % of deliveries in {} ms",
        outcome.scenario,
        shown(p99.round())
    );
    let others = outcome.compared.iter().filter(|it| it.delivered > 0);
    let parts: Vec<String> = others
        .filter(|it| it.standing == Standing::Bound || it.protocol.starts_with("gossipsub"))
        .map(|it| format!("{} {} ms", name(it), shown(it.latency_ms.p99.round())))
        .collect();
    if !parts.is_empty() {
        title = format!("{title}; {}", parts.join(", "));
    }
    title
}
