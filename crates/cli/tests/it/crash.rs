//! `kill -9` in the middle of writing: nothing acknowledged is lost, nothing is half in.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::time::Duration;

use cli::Client;
use daemon::api::types::{Entries, Written};
use reqwest::Method;
use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::{PATIENCE, at_least};
use crate::support::{Node, until};

#[test]
fn three_crashes_during_writes_lose_nothing_that_was_acknowledged() {
    crash(3);
}

/// `scripts/crash.sh` runs this one, with the number of rounds in ROUNDS.
#[test]
#[ignore = "takes minutes: scripts/crash.sh"]
fn many_crashes_during_writes_lose_nothing_that_was_acknowledged() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|it| it.parse().ok()).unwrap_or(50);
    crash(rounds);
}

/// What one round wrote.
#[derive(Debug, Default)]
struct Round {
    /// Names whose puts were acknowledged.
    acknowledged: Vec<String>,
    /// Imports by their number, and whether they were acknowledged.
    imports: BTreeMap<usize, bool>,
}

fn crash(rounds: usize) {
    let place = TempDir::new().unwrap();
    let witness = Node::start(&place.path().join("witness"), &[]);
    let door = witness.text("http");
    let mut victim = Node::start(&place.path().join("victim"), &["--peer", &door]);
    let mut all: BTreeSet<String> = BTreeSet::new();
    let (mut acknowledged, mut unfinished) = (0, 0);
    for round in 0..rounds {
        until("linked", PATIENCE, || at_least(&victim, "/links", 1));
        let wrote = write_until_killed(victim, round);
        // Nobody may help it to remember: what it shows now was on its own disk.
        witness.signal("STOP");
        victim = Node::start(&place.path().join("victim"), &["--peer", &door]);
        let there = names(&victim, &format!("r{round}/"));
        witness.signal("CONT");
        for name in &wrote.acknowledged {
            assert!(there.contains(name), "round {round}: {name} was acknowledged and is lost");
        }
        acknowledged += wrote.acknowledged.len();
        for (&import, &done) in &wrote.imports {
            let prefix = format!("r{round}/import{import}/");
            let in_it = there.iter().filter(|name| name.starts_with(&prefix)).count();
            let whole = in_it == IMPORT_LINES || (in_it == 0 && !done);
            assert!(whole, "round {round}: {in_it} lines of import {import} are in");
            acknowledged += if done { IMPORT_LINES } else { 0 };
            unfinished += usize::from(!done);
        }
        all.extend(there);
        same_roots(&victim, &witness, round);
    }
    let held = names(&victim, "r");
    assert!(all.is_subset(&held), "entries of earlier rounds are lost");
    let kept = held.len();
    let mut stderr = std::io::stderr().lock();
    writeln!(
        stderr,
        "{rounds} crashes: {acknowledged} entries acknowledged, none lost, {kept} there at the \
         end; {unfinished} imports cut off, each wholly in or wholly out; roots equal every time"
    )
    .unwrap();
}

/// Puts and imports side by side until the node is gone.
fn write_until_killed(victim: Node, round: usize) -> Round {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = std::sync::Arc::new(Client::find(&victim.directory).unwrap());
    // Spread over the time in which both kinds of write are under way.
    let delay = Duration::from_millis(20 + (round as u64 * 37) % 180);
    runtime.block_on(async {
        let puts = tokio::spawn(put_all(client.clone(), round));
        let imports = tokio::spawn(import_all(client.clone(), round));
        tokio::time::sleep(delay).await;
        victim.kill();
        let acknowledged = puts.await.unwrap();
        Round { acknowledged, imports: imports.await.unwrap() }
    })
}

async fn put_all(client: std::sync::Arc<Client>, round: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let name = format!("r{round}/put{number}");
        let path = format!("/v1/entries/{}", name.replace('/', "%2F"));
        let sent = client.send::<Written>(Method::PUT, &path, number.to_string()).await;
        if sent.is_err() {
            break;
        }
        acknowledged.push(name);
    }
    acknowledged
}

async fn import_all(client: std::sync::Arc<Client>, round: usize) -> BTreeMap<usize, bool> {
    let mut imports = BTreeMap::new();
    for import in 0.. {
        let lines = (0..IMPORT_LINES).map(|line| {
            format!("{{\"name\":\"r{round}/import{import}/{line}\",\"value\":{line}}}\n")
        });
        let sent = client.send_lines::<Written>("/v1/import", lines.collect()).await;
        imports.insert(import, sent.is_ok());
        if sent.is_err() {
            break;
        }
    }
    imports
}

fn names(node: &Node, prefix: &str) -> BTreeSet<String> {
    let listed = node.run(&["list", "--prefix", prefix, "--json"]).succeeds();
    let entries: Entries = serde_json::from_str(&listed.stdout).unwrap();
    entries.entries.into_iter().map(|entry| entry.name).collect()
}

fn same_roots(victim: &Node, witness: &Node, round: usize) {
    until(&format!("equal roots after round {round}"), PATIENCE, || {
        let roots = [victim.json(&["root"]), witness.json(&["root"])];
        let [mine, other] = &roots;
        let same = mine["root"] == other["root"] && mine["root"] != Value::Null;
        if same { Ok(()) } else { Err(format!("{mine} and {other}")) }
    });
}

/// Lines of one import request.
const IMPORT_LINES: usize = 200;
