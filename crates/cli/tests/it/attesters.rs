//! Four attesters as separate processes: checkpoints that all have, with one of them killed, not with two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, run, until};

#[test]
fn four_attesters_go_on_with_one_killed_stop_with_two_and_resume_by_themselves() {
    // CKPT-4, CKPT-5
    let place = tempfile::tempdir().unwrap();
    let network = network(place.path());
    let mut nodes: Vec<Node> = Vec::new();
    for number in 0..4 {
        let door = nodes.first().map(|first| first.text("http"));
        nodes.push(start(place.path(), number, &network, door.as_deref()));
    }
    let door = nodes[0].text("http");
    nodes[1].json(&["put", "well/3", "{\"litres\": 500}"]);
    let rule = place.path().join("rule.json");
    std::fs::write(&rule, "{\"logic\": 1, \"context\": \"Norrby\", \"confidence\": 0.9}").unwrap();
    let rule = nodes[2].json(&["rule", "commit", rule.to_str().unwrap()]);
    let all: Vec<&Node> = nodes.iter().collect();
    sealed_everywhere(&all);

    proven_by(&nodes[2], rule["rule"].as_str().unwrap(), &network, place.path());

    // Three of four are more than two thirds.
    nodes.pop().unwrap().kill();
    nodes[0].json(&["put", "well/4", "1"]);
    sealed_everywhere(&nodes.iter().collect::<Vec<_>>());

    // Two of four are not: what was nearly final may still become so, and nothing after that.
    nodes.pop().unwrap().kill();
    nodes[0].json(&["put", "well/5", "2"]);
    let stuck = height(&nodes[0]) + 1;
    let until_then = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until_then {
        assert!(height(&nodes[0]) <= stuck, "final without a quorum");
    }

    // Back after `kill -9`, they go on by themselves, and nobody said two things.
    for number in [2, 3] {
        nodes.push(start(place.path(), number, &network, Some(&door)));
    }
    let newcomer = start(place.path(), 4, &network, Some(&door));
    let mut all: Vec<&Node> = nodes.iter().collect();
    all.push(&newcomer);
    sealed_everywhere(&all);
    one_chain(&all);

    // Anybody with the network file checks it, without a node.
    let file = place.path().join("state.ckpt");
    let file = file.to_str().unwrap();
    let shown = newcomer.json(&["checkpoint", "show", "latest", "--out", file]);
    let verify = ["--json", "checkpoint", "verify", file, "--network", network.to_str().unwrap()];
    let verified = run(&place.path().join("nobody"), &verify).succeeds().json();
    assert_eq!(verified["root"], shown["checkpoint"]["root"]);
    assert!(3 <= verified["weight"].as_u64().unwrap(), "{verified}");
}

/// RULE-4: any node proves that a rule is accepted, and anybody with the network file checks it without a node.
fn proven_by(node: &Node, rule: &str, network: &Path, place: &Path) {
    let shown = node.json(&["checkpoint", "show", "latest"]);
    let numbers = (&shown["checkpoint"]["rules_accepted"], &shown["checkpoint"]["rules_count"]);
    assert_eq!(numbers, (&Value::from(1), &Value::from(1)), "{shown}");
    node.run(&["checkpoint", "show", "latest"]).succeeds().tells("1 of 1");
    let proof = node.run(&["rule", "prove", &rule[..8]]).succeeds().stdout;
    let (file, nobody) = (place.join("rule.proof"), place.join("nobody"));
    let check = |text: &str| {
        std::fs::write(&file, text).unwrap();
        let file = file.to_str().unwrap();
        run(&nobody, &["--json", "verify", file, "--network", network.to_str().unwrap()])
    };
    let verified = check(&proof).succeeds().json();
    assert_eq!((&verified["finding"], &verified["rule"]), (&"accepted".into(), &rule.into()));
    assert_eq!(verified["content"]["context"], "Norrby");
    let one = |name: &str| format!("\"{name}\":1");
    for name in ["supporters", "rules", "accepted"] {
        let other = proof.replacen(&one(name), &format!("\"{name}\":2"), 1);
        assert_ne!(other, proof, "{name}");
        check(&other).exits(4).says("proves nothing");
    }
    check(&proof.replacen("Norrby", "Soderby", 1)).exits(4).says("another rule");
}

/// Makes a key for each of four directories, and the network file that names them.
fn network(place: &Path) -> PathBuf {
    let mut text =
        "name = \"four attesters\"\n[checkpoints]\nevery_s = 1\nview_ms = 1000\nsettle_ms = 500\n\
         [rules]\nauthors = 1\n"
            .to_owned();
    for number in 0..4 {
        let row = run(&directory(place, number), &["checkpoint", "key"]).succeeds().stdout;
        text.push_str(&row);
    }
    let path = place.join("network.toml");
    std::fs::write(&path, text).unwrap();
    path
}

fn directory(place: &Path, number: usize) -> PathBuf {
    place.join(format!("n{number}"))
}

fn start(place: &Path, number: usize, network: &Path, door: Option<&str>) -> Node {
    let mut flags = vec!["--network", network.to_str().unwrap()];
    flags.extend(door.iter().flat_map(|door| ["--peer", *door]));
    Node::start(&directory(place, number), &flags)
}

fn height(node: &Node) -> u64 {
    node.json(&["checkpoint", "list"])["checkpoints"][0]["height"].as_u64().unwrap_or_default()
}

/// Everybody holds a final checkpoint of the state as it is at the first.
fn sealed_everywhere(nodes: &[&Node]) {
    for node in nodes {
        until("a checkpoint of all that was written", PATIENCE, || {
            let root = nodes[0].json(&["root"])["root"].clone();
            let list = node.json(&["checkpoint", "list"]);
            if list["checkpoints"][0]["root"] == root { Ok(()) } else { Err(list.to_string()) }
        });
    }
}

/// No two nodes hold different checkpoints of one height, and nobody is known to have said two things.
fn one_chain(nodes: &[&Node]) {
    let mut chain: BTreeMap<u64, Value> = BTreeMap::new();
    for node in nodes {
        let list = node.json(&["checkpoint", "list"]);
        assert_eq!(list["evidence"].as_array().map(Vec::len), Some(0), "{list}");
        for row in list["checkpoints"].as_array().unwrap() {
            let height = row["height"].as_u64().unwrap();
            let hash = chain.entry(height).or_insert(row["hash"].clone());
            assert_eq!(*hash, row["hash"], "height {height}");
        }
    }
    assert!(3 <= chain.len(), "{chain:?}");
}

/// The longest wait for a checkpoint on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
