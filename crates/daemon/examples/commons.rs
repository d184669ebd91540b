//! What people decide, on real nodes in one process: alerts while links are full, and long lists.
//!
//! `cargo run --release -p daemon --example commons -- alerts [NODES [ALERTS [BULK_PER_SECOND]]]`: alerts from rotating nodes
//! while nothing else is sent, then while every node publishes bulk of 16 KB, so often that the processors are
//! busy; times from raising to every other node's event.
//!
//! `cargo run --release -p daemon --example commons -- lists [NODES [RECORDS]]`: so many readings of levels (six of ten), words on rules (three) and
//! alerts (one) at all nodes; waits until all show the same, then measures pages of 100 over the API.
#![expect(clippy::print_stdout, reason = "a program that prints its measurements")]
#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made has no other answer")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use std::{env, fs};

use bytes::Bytes;
use daemon::api::types::EventData;
use daemon::node::levels::{Amount, Reading};
use daemon::node::people::Actor;
use daemon::node::rules::{Stance, Word};
use daemon::node::{Decision, Publication};
use daemon::{Item, Running, Settings, Subscription, start_in_memory};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};
use wire::{Class, Digest, MessageKind, RecordId};

#[tokio::main]
async fn main() {
    let number = |at: usize, default: usize| {
        env::args().nth(at).map_or(default, |text| text.parse().expect("a number"))
    };
    let place = tempfile::tempdir().unwrap();
    match env::args().nth(1).as_deref() {
        Some("alerts") => {
            let nodes = start_all(place.path(), number(2, 50)).await;
            alerts(&nodes, number(3, 60), number(4, 200)).await;
            stop_all(nodes).await;
        }
        Some("lists") => {
            let nodes = start_all(place.path(), number(2, 20)).await;
            lists(&nodes, number(3, 100_000)).await;
            stop_all(nodes).await;
        }
        _ => println!(
            "say: commons alerts [NODES [ALERTS [BULK_PER_SECOND]]], or commons lists [NODES [RECORDS]]"
        ),
    }
}

/// Starts nodes that know each other, and waits until their links have settled.
async fn start_all(place: &Path, count: usize) -> Vec<Running> {
    let network = format!(
        "name = \"commons-{}\"\n[alerts]\nburst = 1000\nper_hour = 100000\n",
        std::process::id()
    );
    let mut nodes: Vec<Running> = Vec::new();
    for number in 0..count {
        let mut flags = vec![
            ("http.listen", "127.0.0.1:0".to_owned()),
            ("api.listen", "127.0.0.1:0".to_owned()),
            ("libp2p.listen", "none".to_owned()),
            ("peers.dial", "http".to_owned()),
        ];
        for known in BTreeSet::from([number / 2, number * 2 / 3]) {
            let urls = nodes.get(known).and_then(Running::http_url);
            flags.extend(urls.map(|url| ("peers.bootstrap", url)));
        }
        let flag = |(key, value): (&str, String)| (key.to_owned(), value, key.to_owned());
        let directory = place.join(format!("n{number}"));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("network.toml"), &network).unwrap();
        let flags = flags.into_iter().map(flag).collect();
        let settings = Settings::load(&directory, None, std::iter::empty(), flags).unwrap();
        nodes.push(start_in_memory(settings).await.unwrap());
    }
    let (mut before, mut quiet) = (Vec::new(), 0);
    while quiet < 5 {
        sleep(Duration::from_secs(1)).await;
        let asked = nodes.iter().map(|node| node.commands());
        let links = join_all(asked.map(|it| async move { it.status().await.unwrap().links })).await;
        quiet = if links == before && links.iter().all(|it| 0 < *it) { quiet + 1 } else { 0 };
        before = links;
    }
    println!("{count} nodes, {:.1} links each", before.iter().sum::<usize>() as f64 / count as f64);
    nodes
}

async fn stop_all(nodes: Vec<Running>) {
    join_all(nodes.into_iter().map(|node| node.stop(Duration::from_secs(10)))).await;
}

/// When alerts were raised, and how long they took to each other node.
type Arrivals = Arc<Mutex<(BTreeMap<String, Instant>, Vec<(String, Instant)>)>>;

async fn alerts(nodes: &[Running], count: usize, bulk_per_second: usize) {
    let arrivals = Arrivals::default();
    for node in nodes {
        tokio::spawn(note_alerts(node.commands().events().subscribe(None), arrivals.clone()));
    }
    raise(nodes, nodes.len(), &arrivals).await;
    let idle = raise(nodes, count, &arrivals).await;
    tell("alerts, idle", &idle);
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let bulk = nodes.iter().map(|node| {
        let (commands, stop, sent) = (node.commands(), stop.clone(), sent.clone());
        let pause = Duration::from_secs_f64(nodes.len() as f64 / bulk_per_second as f64);
        tokio::spawn(async move {
            let mut pace = tokio::time::interval(pause);
            let mut number = 0_u64;
            while !stop.load(Ordering::Relaxed) {
                pace.tick().await;
                number += 1;
                let payload = Bytes::from(format!("\"{number:0width$}\"", width = BULK_BYTES - 2));
                // A node that has no room says so; that is what full means.
                if commands.publish(bulk_of(payload)).await.is_ok() {
                    sent.fetch_add(1, Ordering::Relaxed);
                }
            }
        })
    });
    let bulk: Vec<_> = bulk.collect();
    sleep(Duration::from_secs(10)).await;
    let (before, begun, cpu) = (sent.load(Ordering::Relaxed), Instant::now(), cpu_s());
    let loaded = raise(nodes, count, &arrivals).await;
    let took_s = begun.elapsed().as_secs_f64();
    let rate = (sent.load(Ordering::Relaxed) - before) as f64 / took_s;
    let busy = (cpu_s() - cpu) / took_s;
    tell("alerts, loaded", &loaded);
    println!(
        "bulk meanwhile: {rate:.0} messages of {BULK_BYTES} B a second, {busy:.2} processors busy"
    );
    let p95 = |all: &[Duration]| all[all.len() * 95 / 100].as_secs_f64();
    println!("p95 of loaded in terms of idle: {:.2}", p95(&loaded) / p95(&idle));
    stop.store(true, Ordering::Relaxed);
    join_all(bulk).await;
}

fn bulk_of(payload: Bytes) -> Publication {
    Publication {
        topic: "bulk".to_owned(),
        kind: MessageKind::Announce,
        payload,
        reply_to: None,
        life_ms: 3_600_000,
        class: Class::Bulk,
    }
}

async fn note_alerts(mut events: Subscription, arrivals: Arrivals) {
    loop {
        match events.next().await {
            Some(Item::Event(event)) => {
                let EventData::Message(it) = &event.what else { continue };
                if it.topic == "alerts" && it.from.is_some() {
                    arrivals.lock().unwrap().1.push((it.id.clone(), Instant::now()));
                }
            }
            Some(Item::Gap(gap)) => println!("a reader missed events: {gap:?}"),
            Some(Item::Bye) | None => return,
        }
    }
}

/// Raises alerts at one node after the other, and waits until they are everywhere. Returns the times in order.
async fn raise(nodes: &[Running], count: usize, arrivals: &Arrivals) -> Vec<Duration> {
    *arrivals.lock().unwrap() = Default::default();
    for number in 0..count {
        let payload = Bytes::from(format!("{{\"severity\":\"critical\",\"text\":\"{number}\"}}"));
        let at = Instant::now();
        let id = decide(&nodes[number * 37 % nodes.len()], alert(payload)).await;
        arrivals.lock().unwrap().0.insert(id.to_string(), at);
        sleep(Duration::from_millis(300)).await;
    }
    let wanted = count * (nodes.len() - 1);
    let all = async {
        while arrivals.lock().unwrap().1.len() < wanted {
            sleep(Duration::from_millis(100)).await;
        }
    };
    let missing = timeout(PATIENCE, all).await.is_err();
    let arrivals = arrivals.lock().unwrap();
    if missing {
        println!("NOT EVERYWHERE: {} of {wanted} deliveries", arrivals.1.len());
    }
    let took = arrivals.1.iter().filter_map(|(id, at)| Some(*at - *arrivals.0.get(id)?));
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    took
}

fn alert(payload: Bytes) -> Decision {
    Decision::RaiseAlert { payload, life_ms: 86_400_000 }
}

async fn decide(node: &Running, decision: Decision) -> RecordId {
    use daemon::node::Answer;
    match node.commands().decide(Actor::operator(), decision).await.unwrap() {
        Answer::Published { id, .. } => id,
        Answer::Written(ids) => ids[0],
        other => panic!("{other:?}"),
    }
}

/// Levels, words and alerts at all nodes; then what asking for them costs.
async fn lists(nodes: &[Running], records: usize) {
    let begun = Instant::now();
    let share = records / nodes.len() / 10;
    join_all(nodes.iter().map(|node| write_all(node, share))).await;
    println!("{records} written in {:.0} s", begun.elapsed().as_secs_f64());
    let client = reqwest::Client::new();
    let words = 3 * share * nodes.len();
    loop {
        let mut shown = BTreeSet::new();
        for node in nodes {
            let status = node.commands().status().await.unwrap();
            let rules = ask(&client, node, "/v1/rules?limit=1").await.1;
            let alerts = node.commands().alerts().await.unwrap().0;
            let ids: Vec<u8> = alerts.iter().flat_map(|it| it.id.0).collect();
            let alerts = (alerts.len(), Digest::of("alerts", &[&ids]));
            let rules = (rules["count"].clone(), rules["accepted"].clone(), rules["root"].clone());
            shown.insert(format!("{} {:?} {rules:?}", status.state.root, alerts));
        }
        if let (1, Some(all)) = (shown.len(), shown.first()) {
            let status = nodes[0].commands().status().await.unwrap();
            if words as u64 <= status.state.count {
                println!("all show the same after {:.0} s: {all}", begun.elapsed().as_secs_f64());
                break;
            }
        }
        assert!(begun.elapsed() < LISTS_MAX, "nodes still differ: {shown:#?}");
        sleep(Duration::from_secs(2)).await;
    }
    let first = ask(&client, &nodes[0], "/v1/rules?limit=100").await.1;
    let rule = format!("/v1/rules/{}", first["rules"][0]["rule"].as_str().unwrap());
    let paths =
        ["/v1/alerts?limit=100", "/v1/rules?limit=100", "/v1/levels", "/v1/levels/own", &rule];
    for path in paths {
        let mut took = Vec::new();
        for node in nodes {
            for _ in 0..10 {
                took.push(ask(&client, node, path).await.0);
            }
        }
        took.sort_unstable();
        tell(path.get(..22).unwrap_or(path), &took);
    }
}

/// One node's part: six readings, three words and an alert, so many times.
async fn write_all(node: &Running, share: usize) {
    let commands = node.commands();
    for number in 0..share {
        let reading = |step: usize| Reading {
            kind: ["water", "energy", "food"][step % 3].to_owned(),
            level: Amount(((number * 7 + step) % 5_000) as u64 * 1_000),
            capacity: Some(Amount(5_000_000)),
            unit: Some("u".to_owned()),
            critical: None,
        };
        commands.set_levels((0..6).map(reading).collect()).await.unwrap();
        for step in 0..3 {
            let rule = number * 3 + step;
            let content = Bytes::from(format!("{{\"context\":\"commons\",\"logic\":{rule}}}"));
            let word = Word {
                stance: Stance::Commit,
                logic: Digest::default(),
                context: Digest::default(),
                confidence: 700 + (rule as u64 * 37) % 300,
                evidence: 1,
                note: Bytes::from_static(b"\"\""),
            };
            decide(node, Decision::CommitRule { content, word }).await;
        }
        decide(node, alert(Bytes::from(format!("{{\"text\":\"{number}\"}}")))).await;
    }
}

async fn ask(
    client: &reqwest::Client,
    node: &Running,
    path: &str,
) -> (Duration, serde_json::Value) {
    let at = Instant::now();
    let request = client.get(format!("{}{path}", node.api_url())).bearer_auth(node.token());
    let answer = request.send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    let bytes = answer.bytes().await.unwrap();
    let took = at.elapsed();
    (took, serde_json::from_slice(&bytes).unwrap())
}

fn tell(what: &str, took: &[Duration]) {
    let at = |percent: usize| took.get(took.len().saturating_sub(1) * percent / 100).copied();
    let [p50, p95, last] = [50, 95, 100].map(|it| at(it).unwrap_or_default());
    println!("{what}: {} times, p50 {p50:.1?}, p95 {p95:.1?}, last {last:.1?}", took.len());
}

/// Processor time of this process, user and system.
fn cpu_s() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11..13].iter().map(|it| it.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

const BULK_BYTES: usize = 16_000;
/// How long alerts may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long nodes may differ.
const LISTS_MAX: Duration = Duration::from_secs(1_200);
