//! Alerts between real processes: raised here, shown there, also to who comes late, across crashes.

use std::path::Path;

use tempfile::TempDir;

use crate::cluster::PATIENCE;
use crate::support::{Node, until};

/// Waits until a node shows so many alerts that wait for somebody.
#[track_caller]
fn shows(node: &Node, count: usize) -> serde_json::Value {
    until("alerts are shown", PATIENCE, || {
        let alerts = node.json(&["alert", "list"]);
        let shown = alerts["alerts"].as_array().unwrap().len();
        if shown == count { Ok(alerts) } else { Err(alerts.to_string()) }
    })
}

#[test]
fn an_alert_reaches_all_also_late_ones_and_survives_a_crash() {
    // ALERT-3, ALERT-4
    let place = TempDir::new().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let door = first.text("http");
    let second = Node::start(&place.path().join("n2"), &["--peer", &door]);
    let raised = first.json(&["alert", "raise", "the dam leaks", "--severity", "critical"]);
    let id = raised["id"].as_str().unwrap();
    let seen = shows(&second, 1);
    assert_eq!(seen["alerts"][0]["text"], "the dam leaks");
    assert_eq!(seen["alerts"][0]["severity"], "critical");

    second.run(&["alert", "ack", &id[..8], "--for", "6h", "--note", "on our way"]).succeeds();
    shows(&second, 0);
    shows(&first, 1);
    second.run(&["alert", "dispute", id, "a drill"]).succeeds();
    until("the dispute travels", PATIENCE, || {
        let alert = first.json(&["alert", "show", &id[..8]]);
        let reason = alert["disputes"][0]["reason"].as_str();
        if reason == Some("a drill") { Ok(()) } else { Err(alert.to_string()) }
    });
    // Killed and back, it knows what was acknowledged; who comes late is warned too.
    let directory = second.directory.clone();
    second.kill();
    let second = Node::start(&directory, &["--peer", &door]);
    shows(&second, 0);
    second.run(&["alert", "show", id]).succeeds().tells("on our way").tells("a drill");
    second.run(&["alert", "ack", id]).exits(4).says("operator acknowledged");
    second.run(&["log"]).succeeds().tells("alert.received").tells("alert.acknowledge");
    second.run(&["log", "verify"]).succeeds().says("whole and unchanged");
    let third = Node::start(&place.path().join("n3"), &["--peer", &door]);
    let seen = shows(&third, 1);
    assert_eq!(seen["alerts"][0]["disputes"][0]["reason"], "a drill");

    third.run(&["alert", "ack", "00"]).exits(2);
    third.run(&["alert", "ack", "00000000"]).exits(5);
    third.run(&["alert", "dispute", &"0".repeat(64), "no"]).exits(5);
    third.run(&["alert", "raise", ""]).exits(2);
    third.run(&["publish", "alerts", "1"]).exits(2).says("trellis alert");
}

#[test]
fn a_week_of_earthquakes_reaches_another_node_and_none_is_lost() {
    // ALERT-1
    let place = TempDir::new().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let second = Node::start(&place.path().join("n2"), &["--peer", &first.text("http")]);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/earthquakes.ndjson");
    let file = file.to_str().unwrap();
    let imported = first.json(&["alert", "import", file, "--from-magnitude", "4.5"]);
    let raised = imported["raised"].as_u64().unwrap();
    assert_eq!((raised, imported["demoted"].as_u64().unwrap()), (85, 75), "{imported}");
    let seen = shows(&second, usize::try_from(raised).unwrap());
    let critical = |it: &&serde_json::Value| it["severity"] == "critical";
    assert_eq!(seen["alerts"].as_array().unwrap().iter().filter(critical).count(), 5);
    let twice = place.path().join("broken.ndjson");
    std::fs::write(&twice, "{\"text\":\"a\"}\n{\"magnitude\":1}\n").unwrap();
    first.run(&["alert", "import", twice.to_str().unwrap()]).exits(1).says("line 2");
    shows(&first, usize::try_from(raised).unwrap());
}
