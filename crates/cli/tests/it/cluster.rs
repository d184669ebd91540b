//! Networks of separate processes: they find each other, hear everything and agree.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Node, free_port, until};

#[test]
fn three_nodes_in_a_star_hear_everything_and_agree() {
    let place = tempfile::tempdir().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let door = first.text("http");
    let second = Node::start(&place.path().join("n2"), &["--peer", &door]);
    let third = Node::start(&place.path().join("n3"), &["--peer", &door]);
    check_network(&[first, second, third]);
}

#[test]
fn three_nodes_in_a_chain_hear_everything_and_agree() {
    let place = tempfile::tempdir().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let second = Node::start(&place.path().join("n2"), &["--peer", &first.text("http")]);
    let third = Node::start(&place.path().join("n3"), &["--peer", &second.text("http")]);
    check_network(&[first, second, third]);
}

#[test]
fn a_node_started_before_its_bootstrap_joins_when_that_one_appears() {
    let place = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port());
    let door = format!("http://{listen}");
    let second = Node::start(&place.path().join("n2"), &["--peer", &door]);
    let third = Node::start(&place.path().join("n3"), &["--peer", &door]);
    let failed = |node: &Node| {
        let peers = node.json(&["peers"]);
        let tried = peers["peers"].as_array().unwrap().iter().any(|peer| !peer["why"].is_null());
        if tried { Ok(()) } else { Err(peers.to_string()) }
    };
    until("the second has tried in vain", PATIENCE, || failed(&second));
    let first = Node::start(&place.path().join("n1"), &["--http", &listen]);
    check_network(&[first, second, third]);
}

#[test]
fn a_node_that_was_killed_comes_back_with_all_it_had_and_gets_what_it_missed() {
    let place = tempfile::tempdir().unwrap();
    let (nodes, third) = trio(place.path());
    third.json(&["put", "before", "1"]);
    agree(&[&nodes[0], &nodes[1], &third], 1, PATIENCE);
    third.kill();
    nodes[0].json(&["put", "away", "2"]);
    nodes[1].json(&["publish", "news", "\"missed\""]);
    let third = Node::start(&place.path().join("n3"), &["--peer", &nodes[0].text("http")]);
    agree(&[&nodes[0], &nodes[1], &third], 2, PATIENCE);
    assert_eq!(third.json(&["get", "before"])["value"], 1);
    assert_eq!(third.json(&["get", "away"])["value"], 2);
    until("the missed message", PATIENCE, || count(&third, "/messages/count", 1));
}

#[test]
fn a_node_that_moved_to_another_port_is_found_again() {
    let place = tempfile::tempdir().unwrap();
    let (mut nodes, third) = trio(place.path());
    let old = nodes[0].text("http");
    nodes.remove(0).kill();
    let moved = Node::start(&place.path().join("n1"), &["--http", &other_port(&old)]);
    assert_ne!(moved.text("http"), old);
    moved.json(&["put", "moved", "true"]);
    agree(&[&moved, &nodes[0], &third], 1, PATIENCE);
    for node in [&nodes[0], &third] {
        until("the new address", PATIENCE, || knows(node, &moved.text("http")));
    }
}

/// Starts three nodes that are linked; the third stands apart, to be hurt.
fn trio(place: &Path) -> (Vec<Node>, Node) {
    let first = Node::start(&place.join("n1"), &[]);
    let door = first.text("http");
    let second = Node::start(&place.join("n2"), &["--peer", &door]);
    let third = Node::start(&place.join("n3"), &["--peer", &door]);
    for node in [&first, &second, &third] {
        until("everybody is known", PATIENCE, || at_least(node, "/known", 2));
        until("everybody is linked", PATIENCE, || at_least(node, "/links", 1));
    }
    (vec![first, second], third)
}

/// Everybody is linked, hears every message, and has the same root soon after the last put.
fn check_network(nodes: &[Node]) {
    for node in nodes {
        until("everybody is known", PATIENCE, || at_least(node, "/known", nodes.len() as u64 - 1));
        until("everybody is linked", PATIENCE, || at_least(node, "/links", 1));
    }
    for (index, node) in nodes.iter().enumerate() {
        node.json(&["publish", "news", &format!("{{\"from\":{index}}}")]);
    }
    for node in nodes {
        until("every message", PATIENCE, || count(node, "/messages/count", nodes.len() as u64));
        let heard = messages(node, nodes.len());
        let expected: Vec<u64> = (0..nodes.len() as u64).collect();
        assert_eq!(heard, expected, "messages at {}", node.up);
    }
    for (index, node) in nodes.iter().enumerate() {
        node.json(&["put", &format!("entry/{index}"), &index.to_string()]);
    }
    agree(&nodes.iter().collect::<Vec<_>>(), nodes.len() as u64, Duration::from_secs(2));
    let root = |node: &Node| node.json(&["root"])["root"].clone();
    let roots: Vec<Value> = nodes.iter().map(root).collect();
    assert!(roots.iter().all(|it| *it == roots[0]), "{roots:?}");
}

/// Returns who sent the messages that a node has heard since it started.
fn messages(node: &Node, count: usize) -> Vec<u64> {
    let count = count.to_string();
    let watched = node.run(&["watch", "news", "--from", "0", "--count", &count, "--json"]);
    let lines = watched.succeeds().stdout;
    let events = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut from: Vec<u64> =
        events.map(|event| event["data"]["payload"]["from"].as_u64().unwrap()).collect();
    from.sort_unstable();
    from
}

/// All nodes have one root over `entries` entries, within `patience`.
pub(crate) fn agree(nodes: &[&Node], entries: u64, patience: Duration) {
    let began = Instant::now();
    until("agreement", patience, || {
        let roots: Vec<Value> = nodes.iter().map(|node| node.json(&["root"])).collect();
        let same =
            roots.iter().all(|it| it["root"] == roots[0]["root"] && it["entries"] == entries);
        let after = began.elapsed();
        if same { Ok(()) } else { Err(format!("after {after:?}: {roots:?}")) }
    });
}

fn count(node: &Node, pointer: &str, expected: u64) -> Result<(), String> {
    let status = node.json(&["status"]);
    let found = status.pointer(pointer).and_then(Value::as_u64);
    if found == Some(expected) { Ok(()) } else { Err(format!("{found:?} of {expected}")) }
}

pub(crate) fn at_least(node: &Node, pointer: &str, expected: u64) -> Result<(), String> {
    let status = node.json(&["status"]);
    let found = status.pointer(pointer).and_then(Value::as_u64);
    if found >= Some(expected) { Ok(()) } else { Err(format!("{found:?} of {expected}: {status}")) }
}

fn knows(node: &Node, url: &str) -> Result<(), String> {
    let peers = node.json(&["peers"]);
    let mut known = peers["peers"].as_array().unwrap().iter();
    let there = known.any(|peer| peer["addresses"].as_array().unwrap().iter().any(|it| it == url));
    if there { Ok(()) } else { Err(peers.to_string()) }
}

fn other_port(old: &str) -> String {
    loop {
        let port = free_port();
        if !old.ends_with(&format!(":{port}")) {
            return format!("127.0.0.1:{port}");
        }
    }
}

/// Longer than any of this takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
