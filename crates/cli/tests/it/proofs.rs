//! Proofs from a real node, checked by the program without one.

use std::fs;

use serde_json::Value;

use crate::support::{Node, run, run_with_input};

#[test]
fn a_proof_convinces_without_the_node_and_a_changed_one_does_not() {
    let place = tempfile::tempdir().unwrap();
    let node = Node::start(&place.path().join("node"), &[]);
    let lines: String = (0..40).map(|n| format!("{{\"name\":\"n{n}\",\"value\":{n}}}\n")).collect();
    let input = place.path().join("lines");
    fs::write(&input, lines).unwrap();
    node.run(&["import", input.to_str().unwrap(), "--collection", "default"]).succeeds();
    let root = node.run(&["root"]).succeeds().stdout.trim().to_owned();
    let proof = node.run(&["get", "n7", "--proof"]).succeeds().says("stands in the state").stdout;
    let absent = node.run(&["get", "nobody", "--proof"]).succeeds().stdout;
    node.kill();

    let elsewhere = place.path().join("elsewhere");
    let file = place.path().join("proof.json");
    let check = |text: &str, arguments: &[&str]| {
        fs::write(&file, text).unwrap();
        run(&elsewhere, &[&["verify", file.to_str().unwrap()], arguments].concat())
    };
    let given = ["--root", root.as_str()];
    assert_eq!(check(&proof, &given).succeeds().says("is proven").stdout.trim(), "7");
    check(&proof, &[]).succeeds().says("give --root");
    check(&absent, &given).succeeds().says("has no record");
    let shown = check(&proof, &["--root", &root, "--json"]).succeeds().json();
    assert_eq!((&shown["finding"], &shown["value"]), (&"present".into(), &7.into()));
    run_with_input(&elsewhere, &["verify", "-"], proof.as_bytes()).succeeds();

    let other = root.replace(&root[..1], if root.starts_with('0') { "1" } else { "0" });
    check(&proof, &["--root", &other]).exits(4).says("another root");
    let document: Value = serde_json::from_str(&proof).unwrap();
    for field in ["name", "author", "network", "proof", "record", "root", "schema"] {
        let mut changed = document.clone();
        let text = document[field].as_str().unwrap();
        let last = text.trim_end_matches('=');
        let by = if last.ends_with('1') { "2" } else { "1" };
        changed[field] = format!("{}{by}{}", &last[..last.len() - 1], &text[last.len()..]).into();
        check(&changed.to_string(), &[]).exits(4);
    }
    check(&proof[..proof.len() / 2], &[]).exits(4).says("is no proof");
    check("", &[]).exits(4).says("is no proof");
    let missing = place.path().join("missing");
    run(&elsewhere, &["verify", missing.to_str().unwrap()]).exits(1).says("reading");
    run(&elsewhere, &["verify", file.to_str().unwrap(), "--root", "12"]).exits(2);
}
