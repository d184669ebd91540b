//! What comparisons cost while messages fly, for several guards, and how fast a healed wall is forgotten.
//!
//! `cargo run --release -p sim --example guard [NODES [SEEDS]]`
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::collections::BTreeMap;
use std::env;

use bytes::Bytes;
use node::{Command, Publication};
use sim::network::{Mode, NetworkConfig};
use sim::observer::Latencies;
use sim::{World, WorldConfig};
use wire::MessageKind;

fn main() {
    let number = |at| env::args().nth(at).and_then(|it| it.parse().ok());
    let (nodes, seeds) = (number(1).unwrap_or(100), number(2).unwrap_or(1));
    println!("{nodes} nodes; 20 messages of 1 KiB a second for 20 s; then 60 s behind a wall");
    println!(
        "guard ms | idle | B/s sent | walks | repaired | copies | p50, p99 ms | wire/payload | healed ms"
    );
    for seed in 0..seeds as u64 {
        for guard_ms in [1, 500, 1_000, 2_000, 4_000] {
            measure(nodes, seed, guard_ms);
        }
    }
}

fn measure(nodes: usize, seed: u64, guard_ms: u64) {
    let mut config = WorldConfig::new(seed, nodes);
    config.node.engine.guard_ms = guard_ms;
    config.network = NetworkConfig { mode: Mode::Reliable, ..NetworkConfig::default() };
    let mut world = World::new(config);
    world.start_all(2_000_000);
    world.run(40_000).unwrap();
    let idle = bytes(&world, 60);
    world.run(60_000).unwrap();
    let idle_bytes = (bytes(&world, 60) - idle) / 60 / nodes as u64;
    publish(&mut world, 200);
    let before = (bytes(&world, 60), counters(&world));
    let first = world.published().len();
    publish(&mut world, 400);
    let last = world.published().len();
    let after = (bytes(&world, 60), counters(&world));
    world.run(10_000).unwrap();
    let (mut latencies, mut copies) = (Latencies::default(), 0);
    for message in first..last {
        latencies.add_all(&world.latencies(message));
        copies += world.copies(message).total;
    }
    let sent = (last - first) as u64;
    let per_second = (after.0 - before.0) / 20 / nodes as u64;
    let [walks, repaired] = [0, 1].map(|at| after.1[at] - before.1[at]);
    let healed = heal(&mut world, nodes);
    println!(
        "{guard_ms} | {idle_bytes} | {per_second} | {walks} | {repaired} | {:.3} | {}, {} | {:.3} | {healed:?}",
        copies as f64 / (sent * (nodes as u64 - 1)) as f64,
        latencies.quantile_us(500) / 1_000,
        latencies.quantile_us(990) / 1_000,
        (after.0 - before.0) as f64 / (sent * 1_024 * (nodes as u64 - 1)) as f64,
    );
}

/// Half and half for a minute, with traffic on both sides; returns after how long all is everywhere.
fn heal(world: &mut World, nodes: usize) -> Result<u64, String> {
    world.divide(|node| u8::from(node < nodes / 2));
    publish(world, 1_200);
    world.heal();
    world.run_until_equal(60_000)
}

/// Publishes a message each 50 ms, anywhere.
fn publish(world: &mut World, count: usize) {
    for _ in 0..count {
        let node = world.draw(world.config().hosts);
        let payload = Bytes::from(format!("\"{}\"", "x".repeat(1_022)));
        let (topic, kind) = ("guard".to_owned(), MessageKind::Announce);
        let (reply_to, class) = (None, wire::Class::Normal);
        let publication =
            Publication { topic, kind, payload, reply_to, life_ms: 86_400_000, class };
        world.command(node, Command::Publish(publication)).unwrap();
        world.run(50).unwrap();
    }
}

/// Bytes sent so far, with what surrounds each frame.
fn bytes(world: &World, overhead: u64) -> u64 {
    let figures = world.figures();
    figures.bytes + overhead * figures.frames
}

/// Walks begun and records repaired, by all nodes.
fn counters(world: &World) -> [u64; 2] {
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for (_, node) in world.nodes() {
        let counters = node.engine().status().counters;
        *sums.entry("walks").or_default() += counters.compared;
        *sums.entry("repaired").or_default() += counters.repaired;
    }
    ["walks", "repaired"].map(|name| sums.get(name).copied().unwrap_or(0))
}
