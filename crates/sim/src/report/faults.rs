//! What messages reached that were sent after a fault.

use super::page::{Key, Section, Table};
use super::plot::{Axis, Plot, Scale, Stroke, shown};
use super::{percent, series};
use crate::outcome::{Outcome, Reach};

/// One section for each run with a fault: share reached against time.
pub(super) fn sections(outcomes: &[Outcome]) -> Vec<Section> {
    let mut seen = std::collections::BTreeSet::new();
    let faulty = outcomes.iter().filter(|it| !it.reaches.is_empty());
    faulty.filter(|it| seen.insert((it.scenario.clone(), it.nodes))).map(section).collect()
}

fn section(outcome: &Outcome) -> Section {
    let lines: Vec<_> = outcome
        .reaches
        .iter()
        .enumerate()
        .map(|(number, it)| {
            let name = format!("sent {} ms after the fault", shown(it.sent_after_ms));
            series(name, number, Stroke::Solid, it.curve_ms.clone())
        })
        .collect();
    let times = lines.iter().flat_map(|it| it.points.iter().map(|point| point.0));
    let x = Axis::over("milliseconds since the message was sent", Scale::Log, times);
    let y = Axis { title: "share of live nodes".into(), scale: Scale::Linear, range: 0.0..1.02 };
    let mut table = Table::new(
        "Share of the living that had the message",
        &["sent after the fault, ms", "within 1 s", "within 5 s", "in the end"],
    );
    for it in &outcome.reaches {
        table.rows.push(vec![
            shown(it.sent_after_ms),
            percent(Some(within(it, 1_000.0))),
            percent(Some(within(it, 5_000.0))),
            percent(Some(within(it, f64::INFINITY))),
        ]);
    }
    let first = outcome.reaches.first();
    let title = format!(
        "{}: a message sent {} ms after the fault reaches {} within 5 s and {} in the end",
        outcome.scenario,
        shown(first.map_or(0.0, |it| it.sent_after_ms)),
        percent(first.map(|it| within(it, 5_000.0))),
        percent(first.map(|it| within(it, f64::INFINITY))),
    );
    let text = format!(
        "{}. {} nodes, {} alive at the end, {} of them isolated, seed {}.",
        outcome.about, outcome.nodes, outcome.overlay.live, outcome.overlay.isolated, outcome.seed
    );
    let legend = lines.iter().map(Key::of).collect();
    Section { title, text, picture: Some(Plot { x, y, series: lines }.svg()), legend, table }
}

/// Returns the share reached within a time.
pub(crate) fn within(reach: &Reach, ms: f64) -> f64 {
    reach.curve_ms.iter().take_while(|it| it.0 <= ms).last().map_or(0.0, |it| it.1)
}
