//! Words for one node: sealed, receipted, shown to who watches there.

use std::path::Path;
use std::time::Duration;

use crate::support::{Node, until};

/// Two nodes of a network of their own, linked.
pub(crate) fn pair(place: &Path, name: &str) -> (Node, Node) {
    let file = place.join("network.toml");
    std::fs::write(&file, format!("name = \"{name}\"\n")).expect("a network file");
    let network = file.to_str().expect("a path of text");
    let first = Node::start(&place.join("n1"), &["--network", network]);
    let peer = first.text("http");
    let second = Node::start(&place.join("n2"), &["--network", network, "--peer", &peer]);
    until("a link", Duration::from_secs(20), || {
        let status = second.json(&["status"]);
        if status["links"] == 1 { Ok(()) } else { Err(status.to_string()) }
    });
    (first, second)
}

#[test]
fn what_is_said_to_one_node_is_shown_there_and_receipted() {
    // DIRECT-4
    let place = tempfile::tempdir().unwrap();
    let (first, second) = pair(place.path(), "letters");
    let sent = first.json(&["send", &second.text("node"), "{\"litres\":12345678901234567890.5}"]);
    assert_eq!((&sent["schema"], &sent["relayed"]), (&"trellis.sent/1".into(), &false.into()));
    let ran = second.run(&["--json", "watch", "--direct", "--count", "1", "--from", "1"]);
    let shown = ran.succeeds();
    assert!(shown.stdout.contains("12345678901234567890.5"), "{}", shown.stdout);
    assert_eq!(shown.json()["data"]["author"], first.text("node"));
    assert_eq!(shown.json()["data"]["id"], sent["id"]);
    // Nothing of it is in the state or among the messages.
    let status = second.json(&["status"]);
    assert_eq!((&status["state"]["entries"], &status["messages"]["count"]), (&0.into(), &0.into()));
}

#[test]
fn wrong_wishes_are_refused_and_who_is_away_is_said_to_be_away() {
    // DIRECT-5, DIRECT-6
    let place = tempfile::tempdir().unwrap();
    let (first, mut second) = pair(place.path(), "letters-refused");
    let node = second.text("node");
    first.run(&["send", "nobody", "1"]).exits(2).says("not a node id");
    first.run(&["send", &first.text("node"), "1"]).exits(2).says("this node itself");
    first.run(&["send", &node, "no json"]).exits(2).says("is not JSON");
    let long = format!("\"{}\"", "x".repeat(12 * 1024));
    first.run(&["send", &node, &long]).exits(4).says("at most 12288 bytes");
    second.signal("INT");
    second.ends_within(Duration::from_secs(20));
    first.run(&["send", &node, "1"]).exits(1).says("no neighbour leads to it");
}
