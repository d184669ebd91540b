//! `trellis sim`: exit codes, the replay line, the files it writes, and Ctrl-C.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use crate::support::{run, trellis, until};

#[test]
fn a_run_writes_a_file_and_the_report_reads_it() {
    let directory = tempfile::tempdir().unwrap();
    let runs = directory.path().join("runs");
    let out = runs.to_str().unwrap();
    let ran = run(directory.path(), &["sim", "run", "quiet", "--nodes", "6", "--out", out]);
    ran.succeeds().tells("quiet: a small network without faults (6 nodes, seed 0)").tells("held");
    let ran = run(
        directory.path(),
        &["--json", "sim", "run", "quiet", "--nodes", "7", "--seed", "3", "--out", out],
    );
    let outcome = ran.succeeds().json();
    assert_eq!((&outcome["ok"], &outcome["seed"]), (&true.into(), &3.into()));
    let kept = fs::read_to_string(runs.join("quiet-7-3.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(kept, outcome);
    run(directory.path(), &["sim", "report", out]).succeeds().tells("report.html");
    let page = fs::read_to_string(runs.join("report.html")).unwrap();
    for text in ["All 2 runs kept", "no TTL reaches all", "</html>"] {
        assert!(page.contains(text), "the page lacks {text:?}");
    }
}

#[test]
fn a_run_that_does_not_hold_says_how_to_repeat_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("hasty.toml");
    let text = "name = \"hasty\"\nabout = \"nobody is so fast\"\nnodes = 8
        [start]\nsettle_ms = 5_000\n[[stream]]\ntimes = 2\n[expect]\np99_ms_max = 1";
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let ran = run(directory.path(), &["sim", "run", file, "--seed", "5"]);
    ran.exits(1).tells(&format!("trellis sim run {file} --nodes 8 --seed 5"));
}

#[test]
fn what_cannot_be_right_is_wrong_usage() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path().to_str().unwrap();
    let ran = run(directory.path(), &["sim", "run", "chrun"]);
    ran.exits(2).says("did you mean \"churn\"");
    run(directory.path(), &["sim", "report", here]).exits(2).says("there is no run");
    let list = run(directory.path(), &["sim", "list"]);
    list.succeeds().tells("warm-100k").tells("100,000");
}

#[cfg(unix)]
#[test]
fn ctrl_c_stops_a_long_run() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("runs");
    let out = out.to_str().unwrap();
    let mut child = trellis(directory.path())
        .args(["sim", "run", "quiet", "--nodes", "4", "--seeds", "1000000", "--out", out])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let first = directory.path().join("runs/quiet-4-0.json");
    let patience = Duration::from_secs(60);
    until("the first run", patience, || match first.exists() {
        true => Ok(()),
        false => Err("no file".to_owned()),
    });
    let pid = child.id().to_string();
    std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let ended = until("the end", patience, || {
        child.try_wait().unwrap().ok_or_else(|| "it runs".to_owned())
    });
    assert_eq!(ended.code(), Some(130));
}
