//! What becomes of it in larger networks: p99, and the reach of push with a TTL.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Key, Section, Table};
use super::plot::{Axis, Plot, Scale, Stroke, shown};
use super::{figure, name, percent, protocols, series, stroke};
use crate::models::ReachRow;
use crate::outcome::{Outcome, Standing, ratio};

/// One section for each scenario that was run in several sizes; a point is the median over seeds.
pub(super) fn p99(outcomes: &[Outcome]) -> Vec<Section> {
    let scenarios: BTreeSet<&String> = outcomes.iter().map(|it| &it.scenario).collect();
    let sizes = |scenario: &str| {
        let all = outcomes.iter().filter(|it| it.scenario == scenario && it.trellis.delivered > 0);
        all.map(|it| it.nodes).collect::<BTreeSet<u64>>()
    };
    let several = scenarios.into_iter().filter(|it| 1 < sizes(it).len());
    several.map(|scenario| p99_of(outcomes, scenario)).collect()
}

/// The claims of designs A and C as they are, and Trellis with the same fanout.
pub(super) fn reach(outcomes: &[Outcome], points: &[ReachRow]) -> Option<Section> {
    let first = points.first()?;
    let sizes: BTreeSet<usize> = points.iter().map(|it| it.nodes).collect();
    let mut lines = Vec::new();
    for (number, nodes) in sizes.iter().enumerate() {
        let of_size = points.iter().filter(|it| it.nodes == *nodes);
        let curve = of_size.map(|it| (f64::from(it.ttl), it.reached)).collect();
        let name = format!("push, {nodes} nodes (model)");
        lines.push(series(name, number + 1, Stroke::Dashed, curve));
    }
    let (low, high) = points
        .iter()
        .map(|it| f64::from(it.ttl))
        .fold((f64::MAX, 0.0_f64), |it, ttl| (it.0.min(ttl), it.1.max(ttl)));
    let limit = first.with_any_ttl;
    let limit_name = format!("what fanout {} cannot pass: {}", first.fanout, percent(Some(limit)));
    lines.push(series(limit_name, 8, Stroke::Dotted, vec![(low, limit), (high, limit)]));
    let mut table = Table::new(
        "Share of the nodes that a message reached",
        &["nodes", "TTL", "push", "Trellis with the same fanout"],
    );
    let ours: BTreeMap<u64, f64> = outcomes
        .iter()
        .filter(|it| it.scenario == SAME_FANOUT)
        .filter_map(|it| Some((it.nodes, it.trellis.share()?)))
        .collect();
    for it in points {
        let trellis = ours.get(&(it.nodes as u64)).copied();
        table.rows.push(vec![
            it.nodes.to_string(),
            it.ttl.to_string(),
            percent(Some(it.reached)),
            percent(trellis),
        ]);
    }
    if let Some((nodes, share)) = ours.last_key_value() {
        let name = format!("Trellis, fanout {}, {nodes} nodes", first.fanout);
        lines.push(series(name, 0, Stroke::Solid, vec![(low, *share), (high, *share)]));
    }
    let x = Axis { title: "TTL, links".into(), scale: Scale::Linear, range: low..high };
    let y = Axis { title: "share of nodes".into(), scale: Scale::Linear, range: 0.0..1.02 };
    let last = points.iter().max_by_key(|it| (it.nodes, it.ttl))?;
    let legend = lines.iter().map(Key::of).collect();
    Some(Section {
        title: format!(
            "Push with fanout {} and TTL {} reaches {} of {} nodes; no TTL reaches all",
            last.fanout,
            last.ttl,
            percent(Some(last.reached)),
            last.nodes
        ),
        text: "Designs A (TTL 10) and C (TTL 3) push to three and stop. Trellis pushes along \
               trees and pulls what is missing, so its reach does not depend on a TTL."
            .to_owned(),
        picture: Some(Plot { x, y, series: lines }.svg()),
        legend,
        table,
    })
}

fn p99_of(outcomes: &[Outcome], scenario: &str) -> Section {
    let mut values: BTreeMap<(Standing, String), BTreeMap<u64, Vec<f64>>> = BTreeMap::new();
    for outcome in outcomes.iter().filter(|it| it.scenario == scenario) {
        for it in protocols(outcome).filter(|it| it.delivered > 0) {
            let sizes = values.entry((it.standing, name(it))).or_default();
            sizes.entry(outcome.nodes).or_default().push(it.latency_ms.p99);
        }
    }
    let mut table = Table::new(
        "p99 in milliseconds, the median over seeds",
        &["protocol", "nodes", "seeds", "p99"],
    );
    let mut lines = Vec::new();
    for (number, ((standing, name), sizes)) in values.into_iter().enumerate() {
        let mut points = Vec::new();
        for (nodes, mut p99) in sizes {
            p99.sort_by(f64::total_cmp);
            let median = p99[p99.len() / 2];
            points.push((nodes as f64, median));
            let cells = [nodes.to_string(), p99.len().to_string(), shown(median)];
            table.rows.push([vec![name.clone()], cells.to_vec()].concat());
        }
        lines.push(series(name, number, stroke(standing), points));
    }
    let all = || lines.iter().flat_map(|it| it.points.iter());
    let x = Axis::over("nodes (logarithmic)", Scale::Log, all().map(|it| it.0));
    let y = Axis::over("p99, milliseconds", Scale::Linear, all().map(|it| it.1));
    let growth = lines.first().and_then(|it| {
        let (first, last) = (it.points.first()?, it.points.last()?);
        Some((first.0, last.0, ratio(last.1, first.1)))
    });
    let (from, to, times) = growth.unwrap_or_default();
    let legend = lines.iter().map(Key::of).collect();
    Section {
        title: format!(
            "{scenario}: from {} to {} nodes p99 grows {} times",
            shown(from),
            shown(to),
            figure(times)
        ),
        text: String::new(),
        picture: Some(Plot { x, y, series: lines }.svg()),
        legend,
        table,
    }
}

/// The scenario that gives Trellis the fanout of designs A and C.
const SAME_FANOUT: &str = "fanout-3";
