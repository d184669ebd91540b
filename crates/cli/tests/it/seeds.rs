//! Seeds between real processes: offered, planted by hand, killed midway, and the whole of the command line.

use std::io::Write as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::cluster::PATIENCE;
use crate::support::{Node, until};

/// Waits until a seed is shown so.
#[track_caller]
fn shown(node: &Node, id: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    until("the seed is shown so", PATIENCE, || {
        let ran = node.run(&["--json", "seed", "show", id]);
        last = if ran.code == 0 { ran.json() } else { Value::Null };
        if holds(&last) { Ok(()) } else { Err(last.to_string()) }
    });
    last
}

/// The most memory a process ever had, KiB.
fn peak_kib(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Starts a node that gives each link so much.
fn giving(directory: &Path, kib_per_s: &str, flags: &[&str]) -> Node {
    std::fs::create_dir_all(directory).unwrap();
    let config = format!("[seeds]\nkib_per_s = {kib_per_s}\n");
    std::fs::write(directory.join("config.toml"), config).unwrap();
    Node::start(directory, flags)
}

fn file(place: &Path, size: usize) -> String {
    let bytes: Vec<u8> =
        (0..size).map(|at| u8::try_from((at / 5 + at % 11) % 251).unwrap()).collect();
    let file = place.join("content.bin");
    std::fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

/// One offers; two plant, and one of them dies while a third plants and is killed itself.
fn story(size: usize, kib_per_s: &str) {
    let place = TempDir::new().unwrap();
    let first = giving(&place.path().join("n1"), "1048576", &[]);
    let door = first.text("http");
    let second = giving(&place.path().join("n2"), kib_per_s, &["--peer", &door]);
    let third = giving(&place.path().join("n3"), kib_per_s, &["--peer", &door]);
    let path = file(place.path(), size);
    let said = first.run(&["seed", "offer", &path, "--title", "Guia", "--language", "pt-BR"]);
    let id = said.succeeds().stdout.trim().to_owned();
    for node in [&second, &third] {
        shown(node, &id, |it| it["waiting"] == true);
        node.run(&["seed", "plant", &id[..8], "--wait"]).succeeds().says("all");
    }
    let status = third.json(&["status"]);
    assert_eq!((&status["waiting"]["seeds"], &status["waiting"]["alerts"]), (&0.into(), &0.into()));
    let directory = place.path().join("n4");
    let flags = ["--peer", door.as_str()];
    let planter = Node::start(&directory, &flags);
    shown(&planter, &id, |it| {
        it["waiting"] == true && it["holders"].as_array().unwrap().len() == 3
    });
    planter.run(&["status"]).succeeds().tells("for you: 1 seed (`trellis seed list`)");
    // The first gives slowly from here on, too: it starts anew.
    let (first_directory, started) = (first.directory.clone(), std::time::Instant::now());
    first.kill();
    let first =
        giving(&first_directory, kib_per_s, &["--http", door.trim_start_matches("http://")]);
    planter.run(&["seed", "plant", &id]).succeeds().says("planted");
    let part = size as u64 / 8;
    let bytes = |it: &Value| it["progress"]["bytes"].as_u64().unwrap_or(0);
    shown(&planter, &id, |it| part < bytes(it));
    third.kill();
    let before = bytes(&shown(&planter, &id, |it| 2 * part < bytes(it)));
    let peak_before = peak_kib(&planter);
    planter.kill();
    let planter = Node::start(&directory, &flags);
    let resumed = shown(&planter, &id, |it| 0 < bytes(it) || it["state"] == "held");
    assert!(before <= bytes(&resumed) || resumed["state"] == "held", "{before}: {resumed}");
    shown(&planter, &id, |it| it["state"] == "held");
    let saved = place.path().join("saved.bin");
    let saved_path = saved.to_str().unwrap();
    planter.run(&["seed", "save", &id, saved_path]).succeeds();
    assert!(std::fs::read(&saved).unwrap() == std::fs::read(&path).unwrap());
    planter.run(&["seed", "save", &id, saved_path]).exits(4).says("is there already");
    let (peak, holder) = (peak_kib(&planter).max(peak_before), peak_kib(&first));
    let seconds = started.elapsed().as_secs();
    let figures = format!(
        "{size} bytes in {seconds} s; most memory: planter {peak} KiB, holder {holder} KiB"
    );
    writeln!(std::io::stderr(), "{figures}").unwrap();
    assert!(peak < 64 * 1024 && holder < 64 * 1024, "{figures}");
    drop(second);
}

#[test]
fn a_seed_is_planted_by_hand_and_survives_the_death_of_a_holder_and_of_the_planter() {
    // SEED-1, SEED-2, SEED-4
    story(24 << 20, "2048");
}

/// `cargo test -p cli --test it -- --ignored --nocapture two_hundred`
#[test]
#[ignore = "takes a minute or two"]
fn two_hundred_megabytes_take_little_memory() {
    // SEED-4
    story(200_000_000, "8192");
}

#[test]
fn what_people_may_not_do_with_seeds_is_refused_with_what_to_do() {
    // SEED-4
    let place = TempDir::new().unwrap();
    let node = Node::start(&place.path().join("n1"), &[]);
    let path = file(place.path(), 9_000);
    let token = place.path().join("bo.token");
    let token = token.to_str().unwrap();
    node.run(&["people", "add", "bo", "--role", "observer", "--out", token]).succeeds();
    node.run(&["--token", token, "seed", "offer", &path, "--title", "x"]).exits(4).says("observer");
    node.run(&["seed", "offer", "nowhere.bin", "--title", "x"]).exits(5).says("there is no file");
    node.run(&["seed", "offer", &path]).exits(2);
    let empty = place.path().join("empty");
    std::fs::write(&empty, "").unwrap();
    node.run(&["seed", "offer", empty.to_str().unwrap(), "--title", "x"]).exits(2).says("1 to");
    node.run(&["seed", "plant", "0123"]).exits(5).says("no seed begins");
    node.run(&["seed", "plant", "xyz"]).exits(2);
    let id =
        node.run(&["seed", "offer", &path, "--title", "x"]).succeeds().stdout.trim().to_owned();
    node.run(&["seed", "plant", &id]).exits(4).says("here already");
    node.run(&["seed", "list"]).succeeds().tells("held");
    node.run(&["seed", "show", &id[..6]]).succeeds().tells("blake3").tells("this node");
    node.run(&["seed", "uproot", &id]).succeeds();
    node.run(&["seed", "uproot", &id]).exits(4).says("nothing to uproot");
    node.run(&["seed", "save", &id, "-"]).exits(4).says("not here");
    node.run(&["seed", "later", &id, "--for", "7d"]).succeeds().says("put off");
    node.run(&["seed", "compost", &id]).succeeds();
    node.run(&["seed", "list", "--all"]).succeeds().tells("composted");
    node.run(&["log"]).succeeds().tells("seed.offer").tells("seed.compost").tells("seed.uproot");
}
