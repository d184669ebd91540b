//! Rules between real processes: put forward, confirmed, challenged, and the same everywhere.

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::PATIENCE;
use crate::support::{Node, until};

const RULE: &str = r#"{"logic": "rain above 10 mm, then well 3 rises", "context": {"site": "Norrby"},
    "confidence": 0.9, "evidence": 12, "note": "two winters"}"#;

/// Waits until all show so many accepted rules, and the same root of them.
#[track_caller]
fn accept(nodes: &[&Node], count: u64) {
    until("all accept the same rules", PATIENCE, || {
        let all: Vec<Value> = nodes.iter().map(|it| it.json(&["rule", "list"])).collect();
        let same = all.iter().all(|it| it["accepted"] == count && it["root"] == all[0]["root"]);
        if same { Ok(()) } else { Err(format!("{all:?}")) }
    });
}

#[test]
fn three_nodes_find_a_rule_together_and_all_accept_it() {
    // RULE-1, RULE-2, RULE-3
    let place = TempDir::new().unwrap();
    let first = Node::start(&place.path().join("n1"), &[]);
    let door = first.text("http");
    let second = Node::start(&place.path().join("n2"), &["--peer", &door]);
    let third = Node::start(&place.path().join("n3"), &["--peer", &door]);
    let file = place.path().join("rule.json");
    std::fs::write(&file, RULE).unwrap();
    let file = file.to_str().unwrap();
    let said = first.json(&["rule", "commit", file]);
    let id = said["rule"].as_str().unwrap();
    let known = |node: &Node| {
        until("the rule is known", PATIENCE, || {
            let all = node.json(&["rule", "list"]);
            if all["count"] == 1 { Ok(()) } else { Err(all.to_string()) }
        });
    };
    [&second, &third].into_iter().for_each(known);
    // Announced first: what it says comes when somebody asks.
    let shown = second.json(&["rule", "show", &id[..8], "--offline"]);
    assert_eq!((&shown["held"], &shown["content"]), (&Value::from(false), &Value::Null));
    let shown = second.json(&["rule", "show", &id[..8]]);
    assert_eq!(shown["content"]["logic"], "rain above 10 mm, then well 3 rises");
    assert_eq!(shown["words"][0]["note"], "two winters");
    // The same rule, found by another: the same id.
    assert_eq!(second.json(&["rule", "commit", file])["rule"], said["rule"]);
    accept(&[&first, &second, &third], 0);
    third.run(&["rule", "confirm", id, "--confidence", "0.7", "--evidence", "3"]).succeeds();
    accept(&[&first, &second, &third], 1);
    third.run(&["rule", "challenge", id, "not in winter"]).succeeds();
    accept(&[&first, &second, &third], 0);
    first.run(&["rule", "show", id]).succeeds().tells("challenged by").tells("not in winter");
    third.run(&["rule", "confirm", id, "--confidence", "0.8"]).succeeds();
    accept(&[&first, &second, &third], 1);

    // Killed and back it accepts what it accepted.
    let directory = third.directory.clone();
    third.kill();
    let third = Node::start(&directory, &[]);
    let alone = third.json(&["rule", "list", "--accepted"]);
    assert_eq!(alone["rules"][0]["rule"], said["rule"], "{alone}");
    third.run(&["rule", "confirm", id, "--confidence", "0.8"]).exits(4).says("exactly that");
    third.run(&["rule", "confirm", id, "--confidence", "1.1"]).exits(2);
    third.run(&["rule", "confirm", &"0".repeat(64), "--confidence", "1"]).exits(5);
    third.run(&["rule", "challenge", id, ""]).exits(2);
    third.run(&["rule", "commit", "nowhere.json"]).exits(5);
    third.run(&["put", "a", "1", "--collection", "rules"]).exits(2);
    third.run(&["log"]).succeeds().tells("rule.confirm").tells("rule.challenge");
}
