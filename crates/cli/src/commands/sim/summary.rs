//! What a run came to, on one screen.

use sim::Outcome;
use sim::outcome::{Figures, Standing};

use crate::table::Table;
use crate::words::grouped;

/// All that matters of one run.
pub(super) fn screen(outcome: &Outcome) -> Vec<String> {
    let mut lines = vec![
        format!(
            "{}: {} ({} nodes, seed {})",
            outcome.scenario,
            outcome.about,
            grouped(outcome.nodes),
            outcome.seed
        ),
        String::new(),
    ];
    lines.extend(protocols(outcome));
    lines.extend(streams(outcome));
    lines.push(String::new());
    lines.push(format!("bytes       {}", bytes(&outcome.trellis)));
    let overlay = &outcome.overlay;
    lines.push(format!(
        "links       {:.1} each, at least {:.0}, at most {:.0}; {} of {} live honest nodes isolated",
        overlay.links.mean,
        overlay.links_min,
        overlay.links.max,
        overlay.isolated,
        grouped(overlay.live)
    ));
    lines.push(format!("end         {}", end(outcome)));
    lines.push(format!("simulation  {}", cost(outcome)));
    lines.push(String::new());
    lines.extend(verdicts(outcome));
    lines
}

/// One of several runs: a line, and more only if something did not hold.
pub(super) fn line(outcome: &Outcome) -> Vec<String> {
    let figures = &outcome.trellis;
    let mut lines = vec![format!(
        "seed {}: {}, delivered {}, p99 {:.0} ms, {:.2} copies, complete after {}, trace {}, {:.1} s",
        outcome.seed,
        if outcome.ok { "held" } else { "NOT HELD" },
        percent(figures.share()),
        figures.latency_ms.p99,
        figures.copies,
        ms(outcome.end.complete_after_ms),
        outcome.trace,
        outcome.cost.wall_ms / 1_000.0
    )];
    if !outcome.ok {
        lines.extend(verdicts(outcome));
    }
    lines
}

fn protocols(outcome: &Outcome) -> Vec<String> {
    if outcome.trellis.messages == 0 {
        return Vec::new();
    }
    let mut table = Table::new(&[
        "milliseconds",
        "delivered",
        "p50",
        "p90",
        "p99",
        "max",
        "copies",
        "wire/payload",
        "p99 ratio",
    ]);
    let ours = outcome.trellis.latency_ms.p99;
    for it in std::iter::once(&outcome.trellis).chain(&outcome.compared) {
        let name = match it.standing {
            Standing::Real => it.protocol.clone(),
            Standing::Model => format!("{} (model)", it.protocol),
            Standing::Bound => format!("{} (bound)", it.protocol),
        };
        let latency = &it.latency_ms;
        let mut cells = vec![name, percent(it.share())];
        cells.extend(
            [latency.p50, latency.p90, latency.p99, latency.max].map(|it| format!("{it:.0}")),
        );
        cells.push(format!("{:.3}", it.copies));
        cells.push(it.wire_per_payload().map_or_else(dash, |it| format!("{it:.3}")));
        let ratio = (0.0 < latency.p99).then(|| format!("{:.2}", ours / latency.p99));
        cells.push(ratio.unwrap_or_else(dash));
        table.row(cells);
    }
    table.lines()
}

fn streams(outcome: &Outcome) -> Vec<String> {
    let measured: Vec<_> = outcome.streams.iter().filter(|it| 0 < it.messages).collect();
    if measured.len() < 2 {
        return Vec::new();
    }
    let mut table = Table::new(&["stream", "messages", "delivered", "p50", "p99", "max"]);
    for it in measured {
        let share = sim::outcome::ratio(it.delivered as f64, it.expected as f64);
        let latency = [it.latency_ms.p50, it.latency_ms.p99, it.latency_ms.max];
        let mut cells = vec![it.name.clone(), grouped(it.messages), percent(share)];
        cells.extend(latency.map(|it| format!("{it:.0}")));
        table.row(cells);
    }
    std::iter::once(String::new()).chain(table.lines()).collect()
}

fn bytes(figures: &Figures) -> String {
    let Some(all) = figures.wire_per_payload() else { return "nothing measured".to_owned() };
    let mut kinds: Vec<_> = figures.bytes_by_kind.iter().collect();
    kinds.sort_by_key(|it| std::cmp::Reverse(it.1));
    let part = |bytes: u64| bytes as f64 / figures.payload_bytes as f64;
    let parts: Vec<String> =
        kinds.iter().take(5).map(|(kind, bytes)| format!("{kind} {:.3}", part(**bytes))).collect();
    format!("{all:.3} for each byte of payload delivered: {}", parts.join(", "))
}

fn end(outcome: &Outcome) -> String {
    let end = &outcome.end;
    let mut text = format!(
        "{} records, everything everywhere after {}, {} deliveries missing",
        grouped(end.published),
        ms(end.complete_after_ms),
        grouped(end.missing)
    );
    if let Some(after) = end.caught_up_after_ms {
        text.push_str(&format!(", caught up {after:.0} ms after the last fault"));
    }
    if let Some(bytes) = end.idle_bytes_per_s {
        text.push_str(&format!(", idle {bytes:.0} B/s for each node"));
    }
    text
}

fn cost(outcome: &Outcome) -> String {
    let cost = &outcome.cost;
    let memory = cost.memory_peak_bytes.map_or_else(dash, |it| format!("{} MB", it / 1_000_000));
    format!(
        "{:.1} s in {:.1} s on {} threads, {} events, {memory} at most, trace {}",
        cost.virtual_ms / 1_000.0,
        cost.wall_ms / 1_000.0,
        cost.threads,
        grouped(cost.events),
        outcome.trace
    )
}

fn verdicts(outcome: &Outcome) -> Vec<String> {
    let mut table = Table::new(&["expected", "bound", "seen", ""]);
    for it in &outcome.verdicts {
        let seen = it.seen.map_or_else(|| "nothing".to_owned(), number);
        let verdict = if it.ok { "held" } else { "NOT HELD" };
        table.row([it.what.clone(), number(it.wanted), seen, verdict.to_owned()]);
    }
    let mut lines = table.lines();
    if let Some(broken) = &outcome.broken {
        lines.push(format!("BROKEN {broken}"));
    }
    if !outcome.ok {
        lines.push(format!("again (version {}): {}", outcome.version, outcome.replay));
    }
    lines
}

fn percent(share: Option<f64>) -> String {
    match share {
        None => dash(),
        Some(1.0) => "100 %".to_owned(),
        Some(share) => format!("{:.4} %", share * 100.0),
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn ms(value: Option<f64>) -> String {
    value.map_or_else(|| "never".to_owned(), |it| format!("{it:.0} ms"))
}

fn dash() -> String {
    "-".to_owned()
}
