//! What membership does in a world: `cargo run --release -p sim --example membership -- overlay`.
#![expect(clippy::print_stdout, reason = "the output is what it is for")]

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use clap::{Parser, Subcommand};
use sim::chance::Chance;
use sim::{Boot, World, WorldConfig};

/// Links, books, probes and redials of many real nodes, in figures.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
    /// Machines.
    #[arg(long, default_value_t = 1_000, global = true)]
    hosts: usize,
    /// Seed.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
}

#[derive(Clone, Copy, Subcommand)]
enum Verb {
    /// How fast a flood would be over the links as chosen, and over random ones.
    Overlay,
    /// What an idle network sends, and how many links change.
    Idle,
    /// How survivors find each other after most are gone at once.
    Kill {
        /// How many of a hundred are gone.
        #[arg(default_value_t = 90)]
        percent: usize,
    },
}

fn main() -> Result<(), String> {
    let args = Args::parse();
    match args.verb {
        Verb::Overlay => overlay(&args),
        Verb::Idle => idle(&args),
        Verb::Kill { percent } => kill(&args, percent),
    }
}

fn world(args: &Args, candidates: usize, boot: Boot) -> Result<World, String> {
    let mut config = WorldConfig::new(args.seed, args.hosts);
    config.threads = 1;
    config.checks.steps_per_second_max = 1_000_000;
    config.node.engine.candidates = candidates;
    config.boot = boot;
    let mut world = World::new(config);
    world.start_all(1_000_000);
    world.run(60_000)?;
    Ok(world)
}

fn overlay(args: &Args) -> Result<(), String> {
    // With six candidates all six are kept: none is chosen for being near.
    for (name, candidates) in [("24 candidates", 24), ("random", 6)] {
        let world = world(args, candidates, Boot::Books { rows: 200 })?;
        let mut chance = Chance::new(args.seed, &[1]);
        let mut arrivals: Vec<u64> = Vec::new();
        for _ in 0..20 {
            let source = usize::try_from(chance.below(args.hosts as u64)).unwrap_or(0);
            arrivals.extend(flood(&world, source));
        }
        arrivals.sort_unstable();
        let (fewest, mean, most) = degrees(&world);
        println!(
            "{name:14} flood p50 {:6.1} p99 {:6.1} ms, last {:6.1}; links {fewest} to {most}, mean {mean:.2}",
            at(&arrivals, 500),
            at(&arrivals, 990),
            at(&arrivals, 1_000)
        );
    }
    Ok(())
}

/// When a flood reaches everybody, microseconds; half a millisecond at each hop.
fn flood(world: &World, source: usize) -> Vec<u64> {
    let mut best: BTreeMap<usize, u64> = BTreeMap::from([(source, 0)]);
    let mut heap = BinaryHeap::from([std::cmp::Reverse((0, source))]);
    while let Some(std::cmp::Reverse((at_us, host))) = heap.pop() {
        if best.get(&host).is_some_and(|known| *known < at_us) {
            continue;
        }
        for link in world.links(host) {
            let there_us = at_us + link.latency_us + 500;
            if best.get(&link.to).is_none_or(|known| there_us < *known) {
                best.insert(link.to, there_us);
                heap.push(std::cmp::Reverse((there_us, link.to)));
            }
        }
    }
    best.into_values().filter(|at_us| 0 < *at_us).collect()
}

fn idle(args: &Args) -> Result<(), String> {
    let mut world = world(args, 24, Boot::Bootstrap { hosts: 1 })?;
    world.run(600_000)?;
    let before = world.traffic();
    let mut links = pairs(&world);
    let mut changes = 0;
    let seconds = 600;
    for _ in 0..seconds {
        world.run(1_000)?;
        let now = pairs(&world);
        changes += now.symmetric_difference(&links).count();
        links = now;
    }
    let after = world.traffic();
    let overhead = world.config().network.overhead_bytes;
    let each = |total: u64| f(total) / f(args.hosts as u64) / f(seconds);
    for (kind, tally) in &after.kinds {
        let old = before.kinds.get(kind).copied().unwrap_or_default();
        let (frames, bytes) = (tally.frames - old.frames, tally.bytes - old.bytes);
        let all = bytes + frames * overhead;
        println!("  {:12} {:7.3} frames, {:7.1} B with headers", kind.0, each(frames), each(all));
    }
    let (frames, bytes) =
        (after.sent.frames - before.sent.frames, after.sent.bytes - before.sent.bytes);
    let (fewest, mean, most) = degrees(&world);
    println!("{:.1} B/s sent by each node, all included", each(bytes + frames * overhead));
    let known: usize = (0..args.hosts).map(|host| world.peers(host).len()).sum();
    println!(
        "links {fewest} to {most}, mean {mean:.2}; {:.2} ends opened or closed a minute and node; \
         {:.1} nodes known",
        each(changes as u64) * 60.0,
        f(known as u64) / f(args.hosts as u64)
    );
    Ok(())
}

fn kill(args: &Args, percent: usize) -> Result<(), String> {
    let mut world = world(args, 24, Boot::Books { rows: 200 })?;
    let mut chance = Chance::new(args.seed, &[2]);
    let mut left: Vec<usize> = (0..args.hosts).collect();
    while args.hosts * (100 - percent) / 100 < left.len() {
        let place = usize::try_from(chance.below(left.len() as u64)).unwrap_or(0);
        world.kill(left.swap_remove(place));
    }
    let mut waited_ms = 0;
    for ms in [0, 1_000, 1_000, 1_000, 1_000, 1_000, 5_000, 10_000, 20_000, 20_000] {
        world.run(ms)?;
        waited_ms += ms;
        let alive: Vec<usize> = left.iter().map(|host| live_links(&world, *host).len()).collect();
        let share = |min: usize| alive.iter().filter(|count| min <= **count).count() * 100;
        let dead: usize = left.iter().map(|host| world.links(*host).len()).sum::<usize>();
        let dead = dead - alive.iter().sum::<usize>();
        println!(
            "{:5.1} s: 1 link {:3} %, 3 links {:3} %, mean {:5.2}, dead links not found yet {:.2} a node, \
             largest part {:5.1} %",
            f(waited_ms) / 1_000.0,
            share(1) / left.len(),
            share(3) / left.len(),
            f(alive.iter().sum::<usize>() as u64) / f(left.len() as u64),
            f(dead as u64) / f(left.len() as u64),
            f(largest_part(&world, &left) as u64) * 100.0 / f(left.len() as u64)
        );
    }
    Ok(())
}

fn live_links(world: &World, host: usize) -> BTreeSet<usize> {
    world.links(host).into_iter().map(|link| link.to).filter(|to| world.is_up(*to)).collect()
}

fn largest_part(world: &World, hosts: &[usize]) -> usize {
    let (mut seen, mut most) = (BTreeSet::new(), 0);
    for host in hosts {
        let (mut stack, mut size) = (vec![*host], 0);
        while let Some(host) = stack.pop() {
            if seen.insert(host) {
                size += 1;
                stack.extend(live_links(world, host));
            }
        }
        most = most.max(size);
    }
    most
}

fn pairs(world: &World) -> BTreeSet<(usize, usize)> {
    let ends = (0..world.config().hosts)
        .flat_map(|host| world.links(host).into_iter().map(move |link| (host, link.to)));
    ends.collect()
}

fn degrees(world: &World) -> (usize, f64, usize) {
    let all: Vec<usize> = (0..world.config().hosts).map(|host| world.links(host).len()).collect();
    let mean = f(all.iter().sum::<usize>() as u64) / f(all.len() as u64);
    (all.iter().copied().min().unwrap_or(0), mean, all.iter().copied().max().unwrap_or(0))
}

fn at(sorted_us: &[u64], per_mille: usize) -> f64 {
    let place = (sorted_us.len() * per_mille / 1_000).min(sorted_us.len().saturating_sub(1));
    f(sorted_us.get(place).copied().unwrap_or(0)) / 1_000.0
}

fn f(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
