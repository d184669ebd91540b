//! Prints what the reference models come to: `models [nodes] [seeds] [datagram|reliable] [name..]`,
//! and with `liars` or `kills` or `reach` as the third word that instead.
#![expect(clippy::print_stdout, reason = "the output is what it is for")]

use std::time::Instant;

use sim::models::{
    Faults, Kind, Model, ModelConfig, ModelOutcome, Publication, Purpose, ReachConfig, Role,
    Sources, Workload, baseline_machines, baseline_network, reach, run,
};
use sim::network::Mode;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let count = |place: usize, otherwise: usize| {
        words.get(place).and_then(|it| it.parse().ok()).unwrap_or(otherwise)
    };
    let (nodes, seeds) = (count(0, 10_000), count(1, 1) as u64);
    let wanted = words.get(3..).unwrap_or_default();
    let all = Model::NAMES.iter().map(|it| it.0);
    let names = all.filter(|it| wanted.is_empty() || wanted.iter().any(|word| word == it));
    let names: Vec<&str> = names.collect();
    match words.get(2).map(String::as_str) {
        None | Some("datagram") => plain(&names, nodes, seeds, Mode::Datagram),
        Some("reliable") => plain(&names, nodes, seeds, Mode::Reliable),
        Some("liars") => liars(&names, nodes, seeds),
        Some("kills") => kills(&names, nodes, seeds),
        Some("reach") => print_reach(),
        Some(other) => println!("no such table: {other}"),
    }
}

fn plain(names: &[&str], nodes: usize, seeds: u64, delivery: Mode) {
    println!("{nodes} nodes, {seeds} seeds, {delivery:?}, 1 KiB, 1 % loss; 40 + 20 messages\n");
    println!(
        "| model | sources | delivered | p50 / p99 / max ms | copies | bytes: payload + control \
         | events | seconds |\n|-|-|-|-|-|-|-|-|"
    );
    for name in names {
        for sources in [Sources::Any, Sources::Few(4), Sources::Few(1)] {
            let start = Instant::now();
            let worlds = (1..=seeds).filter_map(|seed| {
                let mut config = config(name, nodes, seed, sources)?;
                config.network.mode = delivery;
                Some(run(&config))
            });
            print_row(&format!("{name} | {sources:?}"), &worlds.collect::<Vec<_>>(), start);
        }
    }
}

fn liars(names: &[&str], nodes: usize, seeds: u64) {
    println!("{nodes} nodes, {seeds} seeds, Datagram, 1 KiB, 1 % loss; 40 + 20 messages\n");
    println!(
        "| model | liars | delivered | p50 / p99 / max ms | copies | bytes: payload + control \
         | events | seconds |\n|-|-|-|-|-|-|-|-|"
    );
    for name in names {
        for (share, role) in [(33, Role::Mute), (50, Role::Mute), (50, Role::LyingHave)] {
            let start = Instant::now();
            let worlds = (1..=seeds).filter_map(|seed| {
                let mut config = config(name, nodes, seed, Sources::Any)?;
                config.faults = Faults::liars(share, role, &config.workload, (nodes, seed));
                Some(run(&config))
            });
            print_row(&format!("{name} | {share} % {role:?}"), &worlds.collect::<Vec<_>>(), start);
        }
    }
}

/// Share of survivors that each of five messages reached within 1 s, 5 s, ever.
fn kills(names: &[&str], nodes: usize, seeds: u64) {
    println!("{nodes} nodes, {seeds} seeds, Datagram, 1 KiB, 1 % loss; noticed in 1 to 3 s");
    println!("(push in 0 to 30 s)\n");
    println!("| model | killed | +10 ms | +2 s | +4 s | +10 s | +38 s |\n|-|-|-|-|-|-|-|");
    for name in names {
        for share in [50, 90] {
            let mut cells = vec![String::new(); 5];
            for seed in 1..=seeds {
                let Some(config) = crash(name, nodes, seed, share) else { continue };
                for (cell, it) in cells.iter_mut().zip(run(&config).messages) {
                    let percent = |count: u64| 100.0 * count as f64 / it.expected as f64;
                    let (one, five) = it.reached_within;
                    let (one, five, ever) = (percent(one), percent(five), percent(it.reached));
                    *cell = format!("{cell} {one:.2}/{five:.2}/{ever:.2}");
                }
            }
            println!("| {name} | {share} % | {} |", cells.join(" | "));
        }
    }
}

fn crash(name: &str, nodes: usize, seed: u64, share: usize) -> Option<ModelConfig<'static>> {
    let crash_us = 20_000_000;
    let mut config = config(name, nodes, seed, Sources::Any)?;
    config.workload.publications.retain(|it| it.at_us < crash_us);
    for it in &mut config.workload.publications {
        it.purpose = Purpose::WarmUp;
    }
    for (source, after_ms) in (1..).zip([10, 2_000, 4_000, 10_000, 38_000]) {
        config.workload.publications.push(Publication {
            at_us: crash_us + after_ms * 1_000,
            source,
            payload_bytes: 1_024,
            purpose: Purpose::Measure,
        });
    }
    config.faults = Faults::killed(share, crash_us, &config.workload, (nodes, seed));
    if let Model::Push { .. } = config.model {
        config.faults.detection_us = (0, 30_000_000);
    }
    Some(config)
}

fn print_reach() {
    let rows = reach(&ReachConfig {
        nodes: vec![100, 1_000, 10_000, 59_049, 100_000],
        ttls: (1..=12).collect(),
        fanout: 3,
        messages: 5,
        network: baseline_network(Mode::Datagram),
        machines: baseline_machines(),
        seed: 1,
    });
    println!("| nodes | TTL | reached | without overlap | with any TTL |\n|-|-|-|-|-|");
    for row in rows {
        println!(
            "| {} | {} | {:.3} % | {:.3} % | {:.2} % |",
            row.nodes,
            row.ttl,
            100.0 * row.reached,
            100.0 * row.without_overlap,
            100.0 * row.with_any_ttl
        );
    }
}

fn config(name: &str, nodes: usize, seed: u64, sources: Sources) -> Option<ModelConfig<'static>> {
    Some(ModelConfig {
        model: Model::named(name)?,
        nodes,
        seed,
        network: baseline_network(Mode::Datagram),
        machines: baseline_machines(),
        workload: Workload::steady((40, 20), 1_024, sources, (nodes, seed)),
        faults: Faults::none(),
        overlay: None,
    })
}

fn print_row(what: &str, outcomes: &[ModelOutcome], start: Instant) {
    let mean = |value: &dyn Fn(&ModelOutcome) -> f64| {
        outcomes.iter().map(value).sum::<f64>() / outcomes.len().max(1) as f64
    };
    let ms = |share: f64| mean(&|it| it.quantile_us(share).map_or(0.0, f64::from) / 1_000.0);
    let payload = mean(&|it| it.bytes(Kind::Payload));
    println!(
        "| {what} | {:.3} % | {:.0} / {:.0} / {:.0} | {:.3} | {payload:.0} + {:.0} | {} | {:.1} |",
        100.0 * mean(&ModelOutcome::delivered),
        ms(0.5),
        ms(0.99),
        ms(1.0),
        mean(&ModelOutcome::copies),
        mean(&ModelOutcome::bytes_all) - payload,
        outcomes.iter().map(|it| it.events).sum::<u64>(),
        start.elapsed().as_secs_f64()
    );
}
