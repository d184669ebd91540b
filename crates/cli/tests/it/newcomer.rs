//! `kill -9` of a node that fetches a state in chunks: it goes on where it was.

use std::fs;
use std::path::Path;

use cli::Client;
use daemon::api::types::Written;
use tempfile::TempDir;

use crate::cluster::PATIENCE;
use crate::support::{Node, until};

#[test]
fn a_newcomer_that_is_killed_again_and_again_goes_on_where_it_was() {
    // SNAP-5
    let place = TempDir::new().unwrap();
    let first = node(&place.path().join("first"), &[]);
    fill(&first);
    let second = node(&place.path().join("second"), &["--peer", &first.text("http")]);
    until("two suppliers", PATIENCE, || held(&second, ENTRIES));
    let doors = [first.text("http"), second.text("http")];
    let flags = ["--peer", &doors[0], "--peer", &doors[1]];
    let home = place.path().join("newcomer");
    let mut newcomer = node(&home, &flags);
    let mut before = 0;
    for part in 1..=3 {
        until("a part of it", PATIENCE, || held(&newcomer, part * ENTRIES / 5));
        let seen = number(&newcomer, "/state/entries");
        newcomer.kill();
        newcomer = node(&home, &flags);
        // Before it can have heard of anything new; what it shows was on its own disk.
        let woken = number(&newcomer, "/state/entries");
        assert!(before < woken, "{woken} of {seen} there, {before} the time before");
        before = woken;
    }
    until("all of it", PATIENCE, || held(&newcomer, ENTRIES));
    let checked = number(&newcomer, "/counters/verified");
    assert!(checked <= ENTRIES - before + 8, "{checked} checked, and {before} were there");
    assert!(0 < number(&newcomer, "/counters/chunks_fetched"));
    until("one root", PATIENCE, || {
        let roots = [&first, &second, &newcomer].map(|node| node.json(&["root"])["root"].clone());
        if roots[0] == roots[1] && roots[1] == roots[2] {
            Ok(())
        } else {
            Err(format!("{roots:?}"))
        }
    });
}

/// Chunks leave slowly, so that there is time to be killed.
fn node(home: &Path, flags: &[&str]) -> Node {
    fs::create_dir_all(home).unwrap();
    #[cfg(unix)]
    fs::set_permissions(home, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let settings = "[gossip]\nchunks_min = 100\n\n[limits]\nchunks_kib_per_s = 250\n";
    fs::write(home.join("config.toml"), settings).unwrap();
    Node::start(home, flags)
}

fn fill(node: &Node) {
    let line = |number| format!("{{\"name\":\"n{number}\",\"value\":\"{number:0200}\"}}\n");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let client = Client::find(&node.directory).unwrap();
    for from in (0..ENTRIES).step_by(1_000) {
        let lines = (from..from + 1_000).map(line).collect();
        runtime.block_on(client.send_lines::<Written>("/v1/import", lines)).unwrap();
    }
}

fn held(node: &Node, entries: u64) -> Result<(), String> {
    let there = number(node, "/state/entries");
    if entries <= there { Ok(()) } else { Err(format!("{there} of {entries}")) }
}

fn number(node: &Node, pointer: &str) -> u64 {
    let status = node.json(&["status"]);
    status.pointer(pointer).and_then(serde_json::Value::as_u64).unwrap()
}

const ENTRIES: u64 = 6_000;
