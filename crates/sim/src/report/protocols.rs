//! Protocols side by side: copies against time, and what the bytes are spent on.

use std::collections::BTreeSet;

use super::page::{Key, Section, Table};
use super::plot::{Axis, Bars, Plot, Scale, Stroke, shown};
use super::{figure, name, percent, protocols, richest, series};
use crate::outcome::{Figures, Outcome, Standing, ratio};

/// Copies against p99, one point for each protocol: down and to the left is better.
pub(super) fn headline(outcomes: &[Outcome]) -> Option<Section> {
    let outcome = richest(outcomes)?;
    // The direct path is a time that no protocol has; it sends nothing that could be counted.
    let shown_here: Vec<&Figures> = protocols(outcome)
        .filter(|it| it.delivered > 0 && 0.0 < it.copies && it.protocol != DIRECT)
        .collect();
    let points: Vec<_> = shown_here
        .iter()
        .enumerate()
        .map(|(number, it)| {
            let partly = it.share().filter(|share| *share < 0.999);
            let reach = partly.map(|it| format!(", reaches {}", percent(Some(it))));
            let label = format!("{}{}", name(it), reach.unwrap_or_default());
            series(label, number, Stroke::Named, vec![(it.latency_ms.p99, it.copies)])
        })
        .collect();
    let x = points.iter().flat_map(|it| it.points.iter().map(|point| point.0));
    let mut x = Axis::over("p99 of deliveries, milliseconds", Scale::Linear, x);
    // Room for the names beside the points.
    x.range.end *= 1.3;
    let y = points.iter().flat_map(|it| it.points.iter().map(|point| point.1));
    let y = Axis::over("payload copies received per delivery", Scale::Linear, y.chain([1.0]));
    let mut table = Table::new(
        "Of the deliveries that each protocol made",
        &["protocol", "delivered", "p50 ms", "p99 ms", "copies", "wire bytes per payload byte"],
    );
    for it in &shown_here {
        table.rows.push(vec![
            name(it),
            percent(it.share()),
            shown(it.latency_ms.p50),
            shown(it.latency_ms.p99),
            shown(it.copies),
            figure(it.wire_per_payload()),
        ]);
    }
    let ours = &outcome.trellis;
    Some(Section {
        title: format!(
            "Trellis delivers {} with {} copies in {} ms{}",
            percent(ours.share()),
            shown(ours.copies),
            shown(ours.latency_ms.p99.round()),
            comparison(outcome)
        ),
        text: format!(
            "{}, {} nodes, seed {}. Down and to the left is better. A protocol that reaches only \
             a part is fast at that part.",
            outcome.scenario, outcome.nodes, outcome.seed
        ),
        picture: Some(Plot { x, y, series: points }.svg()),
        legend: Vec::new(),
        table,
    })
}

/// What every byte of payload costs on the wire.
pub(super) fn bytes(outcomes: &[Outcome]) -> Option<Section> {
    let outcome = richest(outcomes).or_else(|| {
        outcomes.iter().filter(|it| it.trellis.delivered > 0).max_by_key(|it| it.nodes)
    })?;
    let with_bytes: Vec<&Figures> = protocols(outcome)
        .filter(|it| 0 < it.payload_bytes && !it.bytes_by_kind.is_empty())
        .collect();
    let kinds: BTreeSet<&String> =
        with_bytes.iter().flat_map(|it| it.bytes_by_kind.keys()).collect();
    let parts: Vec<String> = kinds.into_iter().cloned().collect();
    let lengths = |it: &Figures| {
        let of = |kind: &String| it.bytes_by_kind.get(kind).copied().unwrap_or(0) as f64;
        parts.iter().map(|kind| of(kind) / it.payload_bytes as f64).collect::<Vec<f64>>()
    };
    let bars: Vec<_> = with_bytes.iter().map(|it| (name(it), lengths(it))).collect();
    let mut heads = vec!["protocol", "all"];
    heads.extend(parts.iter().map(String::as_str));
    let mut table = Table::new("Bytes sent for each byte of payload delivered", &heads);
    for (name, lengths) in &bars {
        let mut row = vec![name.clone(), shown(lengths.iter().sum())];
        row.extend(lengths.iter().map(|it| shown(*it)));
        table.rows.push(row);
    }
    let legend = parts.iter().enumerate().map(|(number, it)| Key::part(it, number)).collect();
    let x_title = "bytes sent for each byte of payload delivered".to_owned();
    Some(Section {
        title: format!(
            "Trellis sends {} bytes for each byte it delivers",
            figure(outcome.trellis.wire_per_payload())
        ),
        text: format!(
            "{}, {} nodes, seed {}; all frames, with everything around them, while the measured \
             messages travelled.",
            outcome.scenario, outcome.nodes, outcome.seed
        ),
        picture: Some(Bars { x_title, bars }.svg()),
        legend,
        table,
    })
}

fn comparison(outcome: &Outcome) -> String {
    let other = outcome
        .compared
        .iter()
        .find(|it| it.standing == Standing::Model && it.protocol.starts_with("gossipsub"));
    let Some(other) = other else { return String::new() };
    let ratio = ratio(outcome.trellis.latency_ms.p99, other.latency_ms.p99);
    format!(
        "; {} needs {} copies and {} ms, so p99 is {} of it",
        name(other),
        shown(other.copies),
        shown(other.latency_ms.p99.round()),
        figure(ratio)
    )
}

/// The name of the bound that is no protocol.
const DIRECT: &str = "direct";
