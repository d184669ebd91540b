//! A node that speaks only design A's JSON beside real nodes of ours.

mod double;
mod faults;
mod records;

use serde_json::{Value, json};

use crate::cluster::{PATIENCE, agree, at_least};
use crate::plain;
use crate::support::{Node, until};
use double::{Double, FIELDS, ROW, message};

/// A node of ours.
fn node(place: &tempfile::TempDir, name: &str, flags: &[&str]) -> Node {
    Node::start(&place.path().join(name), flags)
}

/// Returns a node's rows of `GET /peers`, after checking that no strict reader would drop them.
fn rows(node: &Node) -> Vec<Value> {
    let rows = plain::get(&node.text("http"), "/peers").unwrap().json();
    for row in rows.as_array().unwrap() {
        let mut keys: Vec<&String> = row.as_object().unwrap().keys().collect();
        let mut exact = ROW;
        keys.sort();
        exact.sort_unstable();
        assert_eq!(keys, exact, "DOOR-1");
    }
    rows.as_array().unwrap().clone()
}

/// Says whether a node has a healthy double at its door.
fn listed(node: &Node, double: &Double) -> Result<(), String> {
    let rows = rows(node);
    let fits = |row: &&Value| row["peer_id"] == double.id() && row["url"] == double.url();
    match rows.iter().find(fits) {
        Some(row) if row["is_healthy"] == true => Ok(()),
        Some(_) | None => Err(format!("{rows:?}")),
    }
}

/// Brings a double in as design A does: it asks around, and announces itself until it is known.
fn join(node: &Node, double: &Double) {
    let url = node.text("http");
    double.bootstrap(&url).unwrap();
    // A node answers so many hints at a time; design A repeats its announcement for ever.
    until("the double is in", PATIENCE, || {
        double.announce();
        listed(node, double)
    });
}

pub(crate) fn root(node: &Node) -> String {
    let state = plain::get(&node.text("http"), "/state").unwrap().json();
    state["merkle_root"].as_str().unwrap().to_owned()
}

/// Waits until `GET /state` shows another root: what it answers may be 200 ms old.
fn changed(node: &Node, before: &str) -> String {
    until("another root", PATIENCE, || match root(node) {
        root if root == before => Err(root),
        root => Ok(root),
    })
}

fn whole(number: &Value, max: u64) -> bool {
    number.as_u64().is_some_and(|it| it <= max)
}

#[test]
fn a_design_a_node_joins_with_one_announcement_and_is_announced_to() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let double = Double::start("node-a");
    double.bootstrap(&node.text("http")).unwrap();
    assert!(double.look(|state| state.peers.contains_key(&node.text("node"))));
    let answers = double.announce();
    answers[0].is(200, "status", "accepted");
    // It is believed only after it was called back.
    until("the double is in", PATIENCE, || listed(&node, &double));
    assert!(double.look(|state| state.calls.contains(&"GET /health".to_owned())));
    let announced = double.hears("peer_announce", |_| true);
    assert_eq!(announced["payload"]["node_id"], node.text("node"));
    assert_eq!(announced["payload"]["url"], node.text("http"));
    // Who comes later learns of it from the node, however strictly it reads the list.
    let later = Double::start("node-b");
    later.bootstrap(&node.text("http")).unwrap();
    assert!(later.look(|state| state.peers.contains_key("node-a")));
    let peers = node.json(&["peers"]);
    let mut rows = peers["peers"].as_array().unwrap().iter();
    let row = rows.find(|it| it["name"] == "node-a").unwrap_or_else(|| panic!("{peers}"));
    assert_eq!((&row["state"], &row["addresses"]), (&json!("door"), &json!([double.url()])));
}

#[test]
fn a_published_message_reaches_design_a_in_its_own_words_and_goes_on_from_there() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let (double, behind) = (Double::start("node-a"), Double::start("node-b"));
    join(&node, &double);
    behind.bootstrap(&double.url()).unwrap();
    double.bootstrap(&behind.url()).unwrap();
    let published = node.json(&["publish", "news", r#"{"a":1}"#]);
    let heard = double.hears("news", |_| true);
    for field in FIELDS {
        assert!(heard.get(field).is_some(), "no {field} in {heard}");
    }
    assert_eq!((&heard["payload"], &heard["message_id"]), (&json!({"a": 1}), &published["id"]));
    assert_eq!(heard["origin_peer"], node.text("node"));
    assert!(whole(&heard["ttl"], 10) && heard["timestamp"].is_f64(), "{heard}");
    let relayed = behind.hears("news", |_| true);
    assert_eq!(relayed["ttl"].as_u64().unwrap() + 1, heard["ttl"].as_u64().unwrap());
    // Back where it came from it is known, although its signature was lost on the way.
    let back = plain::post(&node.text("http"), "/gossip", relayed.to_string().as_bytes()).unwrap();
    back.is(200, "status", "duplicate");
}

#[test]
fn a_put_changes_the_roots_of_others_and_design_a_is_told_the_root() {
    let place = tempfile::tempdir().unwrap();
    let first = node(&place, "n1", &[]);
    let second = node(&place, "n2", &["--peer", &first.text("http")]);
    let double = Double::start("node-a");
    join(&second, &double);
    until("a link", PATIENCE, || at_least(&second, "/links", 1));
    let before = (root(&first), root(&second));
    first.json(&["put", "well/3", r#"{"litres":500}"#]);
    agree(&[&first, &second], 1, PATIENCE);
    let after = (changed(&first, &before.0), changed(&second, &before.1));
    assert_eq!(after.0, after.1);
    // The node that was only told of the entry tells its own neighbours.
    let told = double.hears("state_update", |it| it["payload"]["merkle_root"] == after.1);
    assert!(told["payload"]["state_version"].is_u64(), "{told}");
}

#[test]
fn fanout_at_the_door_is_three() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let doubles: Vec<Double> = (0..5).map(|it| Double::start(&format!("node-{it}"))).collect();
    doubles.iter().for_each(|it| join(&node, it));
    // None of them passes anything on: they have no peers but the node itself.
    let pushed = |node: &Node| node.json(&["status"])["counters"]["pushed"].as_u64().unwrap();
    let before = pushed(&node);
    node.json(&["publish", "news", "1"]);
    let after = pushed(&node);
    assert!((3..8).contains(&(after - before)), "{before} {after}");
    let heard =
        |double: &Double| double.look(|it| it.heard.iter().any(|it| it["message_type"] == "news"));
    until("three have it", PATIENCE, || match doubles.iter().filter(|it| heard(it)).count() {
        3.. => Ok(()),
        count => Err(count.to_string()),
    });
}

#[test]
fn an_unsigned_message_is_refused_unless_the_operator_allowed_it() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &[]);
    let body = message("node-a", "news", json!({"a": 1})).to_string();
    let refused = plain::post(&node.text("http"), "/gossip", body.as_bytes()).unwrap();
    refused.is(403, "code", "unsigned-refused");
    // Again: what was refused is not known as heard.
    let again = plain::post(&node.text("http"), "/gossip", body.as_bytes()).unwrap();
    again.is(403, "code", "unsigned-refused");
    assert_eq!(node.json(&["status"])["messages"]["count"], 0);
}

#[test]
fn a_relayed_message_is_seen_by_a_watcher_elsewhere_marked_as_bridged() {
    let place = tempfile::tempdir().unwrap();
    let first = node(&place, "n1", &["--unsigned", "relay"]);
    let second = node(&place, "n2", &["--peer", &first.text("http")]);
    until("a link", PATIENCE, || at_least(&second, "/links", 1));
    let url = first.text("http");
    let body = message("node-a", "news", json!({"a": 1}));
    let text = body.to_string();
    plain::post(&url, "/gossip", text.as_bytes()).unwrap().is(200, "status", "accepted");
    plain::post(&url, "/gossip", text.as_bytes()).unwrap().is(200, "status", "duplicate");
    until("it has crossed", PATIENCE, || at_least(&second, "/messages/count", 1));
    let watched = second.run(&["watch", "lattice/news", "--from", "0", "--count", "1", "--json"]);
    let event = watched.succeeds().json();
    assert_eq!(event["data"]["payload"], json!({"a": 1}), "{event}");
    let bridged = &event["data"]["bridged"];
    assert_eq!(bridged["message_id"], body["message_id"], "{event}");
    assert_eq!(
        (&bridged["message_type"], &bridged["origin_peer"]),
        (&json!("news"), &json!("node-a"))
    );
    // It was carried under the carrier's name, and is no part of the state.
    assert_eq!(event["data"]["author"], first.text("node"));
    assert_eq!(second.json(&["root"])["entries"], 0);
    assert_eq!(first.json(&["status"])["messages"]["count"], 1);
}

#[test]
fn a_huge_ttl_is_clamped_and_a_negative_one_refused() {
    let place = tempfile::tempdir().unwrap();
    let node = node(&place, "n1", &["--unsigned", "relay"]);
    let double = Double::start("node-a");
    join(&node, &double);
    let post = |ttl: Value, payload: Value| {
        let mut body = message("node-b", "news", payload);
        body["ttl"] = ttl;
        plain::post(&node.text("http"), "/gossip", body.to_string().as_bytes()).unwrap()
    };
    post(json!(-1), json!("negative")).is(400, "code", "bad-field");
    post(json!(1.5), json!("broken")).is(400, "code", "bad-field");
    post(json!("3"), json!("text")).is(400, "code", "bad-field");
    post(json!(1_000_000_000), json!("huge")).is(200, "status", "accepted");
    let heard = double.hears("news", |_| true);
    assert_eq!(heard["payload"], "huge", "only what was taken goes on");
    assert!(whole(&heard["ttl"], 10), "{heard}");
}
