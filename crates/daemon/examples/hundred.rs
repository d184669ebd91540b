//! A hundred real nodes in one process on loopback sockets: what a delivery costs.
//!
//! `cargo run --release -p daemon --example hundred [NODES [MESSAGES [PER_SECOND [IDLE_S]]]]`
//!
//! The nodes are the daemon's own, with their stores in memory. Messages of 256 B come from
//! rotating nodes, after three unmeasured ones from each: sources are warm. Everything is counted: the
//! sockets' bytes with framing and encryption, the processor time of the whole process with the
//! readers of events and this program in it.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use bytes::Bytes;
use daemon::api::types::EventData;
use daemon::node::Publication;
use daemon::{Item, Running, Settings, Subscription, start_in_memory};
use futures_util::future::join_all;
use tokio::time::{interval, sleep, timeout};
use wire::{Class, MessageKind};

/// What is measured.
#[derive(Clone, Copy, Debug)]
struct Plan {
    nodes: usize,
    messages: usize,
    per_second: usize,
    idle_s: u64,
}

/// What all nodes and this process have spent.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    link_bytes: f64,
    /// Before and after this was asked for, which is not to be counted.
    cpu_begin_s: f64,
    cpu_end_s: f64,
    copies: f64,
    repaired: f64,
    grafted: f64,
    verified: f64,
}

/// When each message set out, and how long it took to each node.
#[derive(Debug, Default)]
struct Arrivals {
    sent: BTreeMap<usize, Instant>,
    took: Vec<Duration>,
    seen: BTreeMap<(usize, usize), u32>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let number = |at: usize, default: usize| {
        env::args().nth(at).map_or(default, |text| text.parse().expect("a number"))
    };
    let (nodes, messages, per_second) = (number(1, 100), number(2, 400), number(3, 20));
    let idle_s = u64::try_from(number(4, 60)).unwrap();
    let plan = Plan { nodes, messages, per_second, idle_s };
    println!("{nodes} nodes, {messages} messages of {PAYLOAD_BYTES} B, {per_second} a second");
    let place = tempfile::tempdir().unwrap();
    let before_kib = resident_kib();
    let nodes = start_all(place.path(), plan.nodes).await;
    settle(&nodes).await;
    let resident = (resident_kib() - before_kib) / plan.nodes as f64;
    println!("memory per node, linked and quiet: {resident:.0} KiB of resident memory");
    idle(&nodes, plan).await;
    let missing = run(&nodes, plan).await;
    let resident = (resident_kib() - before_kib) / plan.nodes as f64;
    println!("memory per node, afterwards: {resident:.0} KiB of resident memory");
    join_all(nodes.into_iter().map(|node| node.stop(Duration::from_secs(10)))).await;
    if missing == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Starts nodes one after the other; each knows two that run already.
async fn start_all(place: &std::path::Path, count: usize) -> Vec<Running> {
    let mut nodes: Vec<Running> = Vec::new();
    for number in 0..count {
        let mut flags = vec![
            ("http.listen", LOOPBACK.to_owned()),
            ("api.listen", LOOPBACK.to_owned()),
            ("libp2p.listen", "none".to_owned()),
            ("peers.dial", "http".to_owned()),
        ];
        for known in [number / 2, number * 2 / 3] {
            let urls = nodes.get(known).and_then(Running::http_url);
            flags.extend(urls.map(|url| ("peers.bootstrap", url)));
        }
        flags.dedup();
        let flag = |(key, value): (&str, String)| (key.to_owned(), value, key.to_owned());
        let flags = flags.into_iter().map(flag).collect();
        let directory = place.join(format!("n{number}"));
        // A network of its own: a port that is dialled in vain today was another program's yesterday.
        fs::create_dir_all(&directory).unwrap();
        let network = format!("name = \"hundred-{}\"\n", std::process::id());
        fs::write(directory.join("network.toml"), network).unwrap();
        let settings = Settings::load(&directory, None, std::iter::empty(), flags).unwrap();
        nodes.push(start_in_memory(settings).await.unwrap());
    }
    nodes
}

/// Waits until every node has links, and their number has not changed for a while.
async fn settle(nodes: &[Running]) {
    let (begun, mut before, mut quiet) = (Instant::now(), Vec::new(), 0);
    while quiet < 5 {
        sleep(Duration::from_secs(1)).await;
        let links = links(nodes).await;
        quiet = if links == before && links.iter().all(|it| 0 < *it) { quiet + 1 } else { 0 };
        before = links;
        if SETTLE_MAX < begun.elapsed() {
            println!("links still change after {} s; going on", SETTLE_MAX.as_secs());
            break;
        }
    }
    let (least, most) = (before.iter().min().unwrap(), before.iter().max().unwrap());
    let mean = before.iter().sum::<usize>() as f64 / before.len() as f64;
    println!("links: {least} to {most}, {mean:.1} on average, after {:.0?}", begun.elapsed());
}

async fn links(nodes: &[Running]) -> Vec<usize> {
    let status = |node: &Running| {
        let commands = node.commands();
        async move { commands.status().await.unwrap().links }
    };
    join_all(nodes.iter().map(status)).await
}

async fn idle(nodes: &[Running], plan: Plan) {
    let before = spent(nodes).await;
    sleep(Duration::from_secs(plan.idle_s)).await;
    let after = spent(nodes).await;
    let share = plan.nodes as f64 * plan.idle_s as f64;
    let (bytes, cpu_s) =
        (after.link_bytes - before.link_bytes, after.cpu_begin_s - before.cpu_end_s);
    println!(
        "idle over {} s, per node: {:.0} B/s on the sockets, {:.0} us/s of processor",
        plan.idle_s,
        bytes / share,
        cpu_s * 1e6 / share
    );
}

/// Publishes, waits until everything is everywhere, and returns how many deliveries are missing.
async fn run(nodes: &[Running], plan: Plan) -> usize {
    // Who wrote twice within a minute floods the next one, and has a tree from then on.
    let warm_up = 3 * plan.nodes;
    publish(nodes, Plan { messages: warm_up, ..plan }, 0, None).await;
    sleep(Duration::from_secs(5)).await;
    let arrivals = Arc::new(Mutex::new(Arrivals::default()));
    let readers: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(at, node)| {
            let events = node.commands().events().subscribe(None);
            tokio::spawn(read(events, at, plan, arrivals.clone()))
        })
        .collect();
    let (before, begun) = (spent(nodes).await, Instant::now());
    publish(nodes, plan, warm_up, Some(&arrivals)).await;
    for reader in readers {
        let abort = reader.abort_handle();
        if timeout(PATIENCE.saturating_sub(begun.elapsed()), reader).await.is_err() {
            abort.abort();
        }
    }
    let took_s = begun.elapsed().as_secs_f64();
    // Late announcements belong to it as well.
    sleep(Duration::from_secs(2)).await;
    let after = spent(nodes).await;
    tell(plan, before, after, took_s, &arrivals.lock().unwrap())
}

fn tell(plan: Plan, before: Spent, after: Spent, took_s: f64, arrivals: &Arrivals) -> usize {
    let expected = plan.nodes * plan.messages;
    let missing = expected - arrivals.seen.len();
    let twice = arrivals.seen.values().filter(|count| **count != 1).count();
    let deliveries = (plan.nodes - 1) as f64 * plan.messages as f64;
    println!(
        "delivered: {} of {expected} in {took_s:.1} s, {twice} more than once",
        expected - missing
    );
    if 0 < missing {
        println!("NOT DELIVERED: {missing}");
    }
    println!("copies per delivery, pushed: {:.3}", (after.copies - before.copies) / deliveries);
    println!("asked for and sent again: {:.0}", after.repaired - before.repaired);
    println!("links grafted: {:.0}", after.grafted - before.grafted);
    println!(
        "signatures checked per delivery: {:.3}",
        (after.verified - before.verified) / deliveries
    );
    println!(
        "bytes on the sockets per delivery: {:.0} (idle traffic of that time included)",
        (after.link_bytes - before.link_bytes) / deliveries
    );
    println!(
        "processor time per delivery: {:.0} us (all of the process)",
        (after.cpu_begin_s - before.cpu_end_s) * 1e6 / deliveries
    );
    let mut took = arrivals.took.clone();
    took.sort_unstable();
    let at = |percent: usize| {
        let at = took.len().saturating_sub(1) * percent / 100;
        took.get(at).copied().unwrap_or_default()
    };
    println!("latency: p50 {:.1?}, p99 {:.1?}, last {:.1?}", at(50), at(99), at(100));
    missing
}

/// Publishes at one node after the other.
async fn publish(nodes: &[Running], plan: Plan, from: usize, arrivals: Option<&Mutex<Arrivals>>) {
    let pause = Duration::from_secs(1) / u32::try_from(plan.per_second.max(1)).unwrap();
    let mut pace = interval(pause);
    for number in from..from + plan.messages {
        pace.tick().await;
        // Another source each time; 37 has no factor in common with the sizes one tries.
        let node = &nodes[number * 37 % nodes.len()];
        if let Some(arrivals) = arrivals {
            arrivals.lock().unwrap().sent.insert(number, Instant::now());
        }
        let text = format!("\"{number:0width$}\"", width = PAYLOAD_BYTES - 2);
        let publication = Publication {
            topic: "hundred".to_owned(),
            kind: MessageKind::Announce,
            payload: Bytes::from(text),
            reply_to: None,
            life_ms: 3_600_000,
            class: Class::Normal,
        };
        let receipt = node.commands().publish(publication).await.unwrap();
        if 0 < receipt.handed.links_congested {
            println!("message {number}: {} links were congested", receipt.handed.links_congested);
        }
    }
}

/// Notes what reaches one node until it has everything.
async fn read(mut events: Subscription, at: usize, plan: Plan, arrivals: Arc<Mutex<Arrivals>>) {
    let mut left = plan.messages;
    while 0 < left {
        let event = match events.next().await {
            Some(Item::Event(event)) => event,
            Some(Item::Gap(gap)) => {
                println!("node {at} missed events: {gap:?}");
                continue;
            }
            Some(Item::Bye) | None => return,
        };
        let EventData::Message(message) = &event.what else { continue };
        let now = Instant::now();
        let text = message.payload.text().trim_matches('"').trim_start_matches('0');
        let number: usize = text.parse().unwrap_or(0);
        let mut arrivals = arrivals.lock().unwrap();
        let Some(sent) = arrivals.sent.get(&number).copied() else { continue };
        let count = arrivals.seen.entry((at, number)).or_default();
        *count += 1;
        if *count == 1 {
            left -= 1;
            if message.from.is_some() {
                arrivals.took.push(now - sent);
            }
        }
    }
}

async fn spent(nodes: &[Running]) -> Spent {
    let mut spent = Spent { cpu_begin_s: cpu_s(), ..Spent::default() };
    let client = reqwest::Client::new();
    for node in nodes {
        let counters = node.commands().status().await.unwrap().counters;
        spent.copies += counters.messages_received as f64;
        spent.repaired += counters.repaired as f64;
        spent.grafted += counters.grafted as f64;
        spent.verified += counters.verified as f64;
        let url = format!("{}/metrics", node.api_url());
        let request = client.get(url).bearer_auth(node.token());
        let text = request.send().await.unwrap().text().await.unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(LINK_BYTES));
        spent.link_bytes += line.and_then(|it| it.trim().parse::<f64>().ok()).unwrap();
    }
    Spent { cpu_end_s: cpu_s(), ..spent }
}

/// Processor time of this process, user and system.
fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: f64 = fields[11..13].iter().map(|it| it.parse::<f64>().unwrap()).sum();
    ticks / TICKS_PER_S
}

fn resident_kib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

const PAYLOAD_BYTES: usize = 256;
const LOOPBACK: &str = "127.0.0.1:0";
/// Bytes sent on links; what is sent here is received here.
const LINK_BYTES: &str = "trellis_network_bytes_total{kind=\"link\",direction=\"sent\"}";
/// How Linux counts in /proc, on every machine it has run on for years.
const TICKS_PER_S: f64 = 100.0;
const SETTLE_MAX: Duration = Duration::from_secs(120);
/// How long the slowest message may take.
const PATIENCE: Duration = Duration::from_secs(120);
