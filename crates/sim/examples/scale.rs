//! How large a world fits, and how fast it runs: `cargo run --release -p sim --example scale -- 10000`.
#![expect(clippy::print_stdout, reason = "the output is what it is for")]

use std::time::Instant;

use bytes::Bytes;
use clap::Parser;
use node::{Command, Publication};
use sim::observer::Latencies;
use sim::{Boot, World, WorldConfig};
use wire::MessageKind;

/// Starts that many machines with address books, publishes, and says what it cost.
#[derive(Parser)]
struct Args {
    /// Machines.
    hosts: usize,
    /// Messages, two each second.
    #[arg(long, default_value_t = 60)]
    messages: usize,
    /// Different authors among them.
    #[arg(long, default_value_t = 4)]
    authors: usize,
    /// Rows in each address book.
    #[arg(long, default_value_t = 200)]
    rows: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Messages before those that are measured.
    #[arg(long, default_value_t = 40)]
    skip: usize,
    /// Milliseconds between two messages.
    #[arg(long, default_value_t = 500)]
    every: u64,
    /// Packets lost, of a million.
    #[arg(long, default_value_t = 10_000)]
    loss: u32,
    /// Seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds until the first message.
    #[arg(long, default_value_t = 20)]
    settle: u64,
    /// Payload bytes.
    #[arg(long, default_value_t = 1_024)]
    bytes: usize,
}

fn main() -> Result<(), String> {
    let args = Args::parse();
    let started = Instant::now();
    let mut config = WorldConfig::new(args.seed, args.hosts);
    config.threads = args.threads;
    config.node.engine.body_bytes_max = wire::limits::BODY_BYTES_CEILING;
    // Much happens at once where all start together.
    config.checks.steps_per_second_max = 1_000_000;
    config.network.loss = sim::network::Loss::Independent(args.loss);
    config.boot = Boot::Books { rows: args.rows };
    let mut world = World::new(config);
    say("keys", started, &world);
    world.start_all(1_000_000);
    world.run(2_000)?;
    say("started", started, &world);
    world.run((args.settle * 1_000).saturating_sub(2_000))?;
    say("settled", started, &world);
    let degrees: usize = (0..args.hosts).map(|host| world.links(host).len()).sum();
    let fewest = (0..args.hosts).map(|host| world.links(host).len()).min().unwrap_or(0);
    println!("links: {:.2} each, at least {fewest}", ratio(degrees, args.hosts));
    let before = world.traffic();
    let mut numbers = Vec::new();
    for message in 0..args.messages {
        let author = (message % args.authors.max(1)) * args.hosts / args.authors.max(1);
        numbers.extend(world.command(author, Command::Publish(publication(args.bytes)))?);
        world.run(args.every)?;
    }
    say("published", started, &world);
    let held = world.run_until_held(&numbers, 60_000);
    say("held", started, &world);
    println!("everybody holds everything after {held:?} ms more");
    let mut latencies = Latencies::default();
    let mut copies = 0;
    let warm = &numbers[numbers.len().min(args.skip)..];
    for number in warm {
        latencies.add_all(&world.latencies(*number));
        copies += world.copies(*number).total;
    }
    let ms = |per_mille| f64::from(latencies.quantile_us(per_mille)) / 1_000.0;
    println!(
        "last {} messages: {} deliveries, p50 {:.1} ms, p99 {:.1} ms, longest {:.1} ms, {:.3} copies",
        warm.len(),
        latencies.len(),
        ms(500),
        ms(990),
        ms(1_000),
        ratio(copies, latencies.len())
    );
    println!("trace {:016x}", world.trace());
    println!("since the first message, by kind, for each machine and message:");
    let traffic = world.audit()?;
    let share = args.hosts * args.messages.max(1);
    for (kind, tally) in &traffic.kinds {
        let old = before.kinds.get(kind).copied().unwrap_or_default();
        let (frames, bytes) = (tally.frames - old.frames, tally.bytes - old.bytes);
        let record_bytes = tally.record_bytes - old.record_bytes;
        println!(
            "  {:12} {:8} {:8.3} frames {:9.1} bytes {:9.1} of records",
            kind.0,
            kind.1.name(),
            ratio(frames, share),
            ratio(bytes, share),
            ratio(record_bytes, share)
        );
    }
    println!("{:?} lost, {:?} unclaimed", traffic.lost, traffic.unclaimed);
    Ok(())
}

fn publication(bytes: usize) -> Publication {
    Publication {
        topic: "scale".to_owned(),
        kind: MessageKind::Announce,
        payload: Bytes::from(format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)))),
        reply_to: None,
        life_ms: 86_400_000,
        class: wire::Class::Normal,
    }
}

fn say(what: &str, started: Instant, world: &World) {
    let figures = world.figures();
    let wall_s = started.elapsed().as_secs_f64();
    let (now_kb, peak_kb) = (memory("VmRSS:"), memory("VmHWM:"));
    println!(
        "{what:10} {:6.1} s virtual, {wall_s:6.1} s wall, {:6.1} s CPU, {:9} events, {:9} steps, {:9} frames, \
         {:5.0} MB, {:6.0} B a node, peak {:5.0} MB",
        ratio(figures.now_us, 1_000_000_u64),
        cpu_s(),
        figures.events,
        figures.steps,
        figures.frames,
        ratio(now_kb, 1_000_u64),
        ratio(now_kb * 1_000, world.config().hosts),
        ratio(peak_kb, 1_000_u64)
    );
}

/// Reads a line of what the system says of this process, in kilobytes; 0 where it says nothing.
fn memory(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}

/// Reads the processor time of this process, in seconds of 100 ticks each.
fn cpu_s() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit(") ").next().unwrap_or_default();
    let ticks = behind.split(' ').skip(11).take(2).filter_map(|it| it.parse::<u32>().ok());
    f64::from(ticks.sum::<u32>()) / 100.0
}

fn ratio(part: impl TryInto<u64>, whole: impl TryInto<u64>) -> f64 {
    let number = |it: u64| {
        // Exact up to 2^53, and a figure for people anyway.
        format!("{it}").parse::<f64>().unwrap_or(f64::NAN)
    };
    number(part.try_into().unwrap_or(0)) / number(whole.try_into().unwrap_or(1))
}
