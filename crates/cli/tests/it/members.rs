//! A private network from nothing: three nodes, one sent away, and one that nobody let in.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::support::{Node, run, run_with_input, until};

/// Lets the node of a directory in, as its people would.
fn let_in(authority: &Path, directory: &Path) -> String {
    let request = run(directory, &["ca", "request"]).succeeds().stdout;
    let issued =
        run_with_input(authority, &["ca", "issue", "-"], request.as_bytes()).succeeds().stdout;
    let arguments = ["--json", "ca", "install", "-"];
    let installed = run_with_input(directory, &arguments, issued.as_bytes()).succeeds().json();
    installed["node"].as_str().unwrap().to_owned()
}

fn network(authority: &Path) -> PathBuf {
    authority.join("ca").join("network.toml")
}

#[test]
fn three_nodes_from_nothing_and_one_is_sent_away() {
    // CA-1, CA-4, CA-5
    let place = tempfile::tempdir().unwrap();
    let dir = |name: &str| place.path().join(name);
    let made = run(&dir("a"), &["--json", "ca", "init", "members-it"]).succeeds().json();
    let key = made["key"].as_str().unwrap();
    assert_eq!(std::fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
    run(&dir("a"), &["ca", "init", "members-it"]).exits(4).says("never overwritten");
    run(&dir("a"), &["ca", "issue", "--here", "--days", "31"]).exits(2).says("1 to 30 days");
    run(&dir("a"), &["ca", "issue", "--here"]).succeeds();
    let file = network(&dir("a"));
    let with = |more: &[&str]| -> Vec<String> {
        let all = ["--network", file.to_str().unwrap()].into_iter().chain(more.iter().copied());
        all.map(str::to_owned).collect()
    };
    let start = |name: &str, more: &[&str]| {
        let flags = with(more);
        Node::try_start(&dir(name), &flags.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let refused = start("b", &[]).unwrap_err();
    assert!(refused.contains("trellis ca request"), "{refused}");
    let (second, third) = (let_in(&dir("a"), &dir("b")), let_in(&dir("a"), &dir("c")));
    // Somebody else's certificate is of no use.
    let issued = run(&dir("a"), &["--json", "ca", "list"]).succeeds().json();
    let theirs = issued["issued"].as_array().unwrap().iter().find(|it| it["node"] == *third);
    let pem = theirs.unwrap()["pem"].as_str().unwrap().as_bytes();
    run_with_input(&dir("b"), &["ca", "install", "-"], pem).exits(1).says("and the node here is");

    let quic = "/ip4/127.0.0.1/udp/0/quic-v1";
    let one = start("a", &["--listen", quic]).unwrap();
    let door = one.text("http");
    assert!(door.starts_with("https://"), "{door}");
    let listener = one.up["listen"][0].as_str().unwrap().to_owned();
    let two = start("b", &["--peer", &door]).unwrap();
    let three = start("c", &["--http", "none", "--peer", &listener]).unwrap();
    two.json(&["put", "well", "1"]);
    until("the entry is everywhere", PATIENCE, || {
        let held = [&one, &three].iter().all(|node| node.run(&["get", "well"]).code == 0);
        if held { Ok(()) } else { Err("not yet".to_owned()) }
    });
    assert_eq!(
        run(&dir("b"), &["--json", "doctor"]).json()["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|it| it["check"] == "membership")
            .unwrap()["verdict"],
        "pass"
    );

    let revoked = run(&dir("a"), &["--json", "ca", "revoke", &third]).succeeds().json();
    assert_eq!(revoked["published"], json!(true));
    let links = |node: &Node| node.json(&["status"])["links"].as_u64().unwrap();
    until("the links to it close", PATIENCE, || {
        let left = (links(&one), links(&two), links(&three));
        if left == (1, 1, 0) { Ok(()) } else { Err(format!("{left:?}")) }
    });
    // Others know it from the record, and it survives a restart.
    two.kill();
    let two = start("b", &["--peer", &door]).unwrap();
    until("they link again", PATIENCE, || match links(&two) {
        1 => Ok(()),
        links => Err(links.to_string()),
    });
    until("it is told why", PATIENCE, || {
        let log = three.log();
        let peers = three.json(&["peers"]).to_string();
        if peers.contains("revoked") || log.contains("revoked") { Ok(()) } else { Err(peers) }
    });
    assert!(one.log().contains("revoked"), "{}", one.log());
    run(&dir("a"), &["ca", "renew", &third]).exits(4).says("was revoked");
    run(&dir("a"), &["ca", "renew", &second]).succeeds().tells("BEGIN CERTIFICATE");
    run(&dir("a"), &["ca", "list"]).succeeds().tells("revoked");
}

#[test]
fn an_authority_says_what_is_wrong() {
    let place = tempfile::tempdir().unwrap();
    let dir = place.path().join("n");
    run(&dir, &["ca", "list"]).exits(5).says("trellis ca init");
    run(&dir, &["ca", "issue", "--here"]).exits(5);
    run(&dir, &["ca", "init", ""]).exits(1).says("name must be");
    assert!(!dir.join("ca").exists());
    run(&dir, &["ca", "init", "wrong-it"]).succeeds();
    let nobody = "12D3KooWGRUYWsXwGmAz6RqFbUw1JTsqzvbM4qRmJYpRo5p7iN4h";
    run(&dir, &["ca", "renew", nobody]).exits(5).says("nothing was issued");
    run(&dir, &["ca", "revoke", "me"]).exits(2);
    run_with_input(&dir, &["ca", "issue", "-"], b"hello").exits(1).says("no request");
    run_with_input(&dir, &["ca", "install", "-"], b"hello").exits(1).says("no certificate");
}

const PATIENCE: Duration = Duration::from_secs(40);
