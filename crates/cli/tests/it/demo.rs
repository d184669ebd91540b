//! `trellis demo`: what it says to try is what works.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::{trellis, until};

/// A demo that runs. Dropping it kills it.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn every_command_that_the_demo_prints_works_and_decides() {
    let place = tempfile::tempdir().unwrap();
    // A blank in the path: what is printed is for a shell.
    let directory = place.path().join("my demo");
    let demo = trellis(&directory)
        .args(["demo", "--nodes", "3", "--airports", "50", "--messages", "2", "--entries", "2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut demo = Demo(demo);
    let (sender, lines) = mpsc::channel();
    let stdout = BufReader::new(demo.0.stdout.take().unwrap());
    std::thread::spawn(move || {
        stdout.lines().map_while(Result::ok).try_for_each(|it| sender.send(it))
    });
    let deadline = Instant::now() + PATIENCE;
    let mut told = Vec::new();
    while told.last().is_none_or(|it| it != "Ctrl-C ends it.") {
        let left = deadline.saturating_duration_since(Instant::now());
        match lines.recv_timeout(left) {
            Ok(line) => told.push(line),
            Err(_) => panic!("the demo did not get there: {told:#?}"),
        }
    }
    let commands: Vec<&str> = told.iter().filter_map(|it| it.strip_prefix("  trellis ")).collect();
    assert!(10 <= commands.len(), "{told:#?}");
    let shell = |command: &str| {
        let here = Path::new(env!("CARGO_BIN_EXE_trellis")).parent().unwrap();
        let path = format!("{}:{}", here.display(), std::env::var("PATH").unwrap());
        let line = format!("trellis {command}");
        let ran = Command::new("sh").args(["-c", &line]).env("PATH", path).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        (ran.status.success(), String::from_utf8_lossy(&ran.stdout).into_owned(), said)
    };
    // This one goes on until it is ended.
    for command in commands.iter().filter(|it| !it.ends_with(" watch")) {
        let (well, out, said) = shell(command);
        assert!(well, "trellis {command}: {said}{out}");
    }
    let show = commands.iter().find(|it| it.contains("transfer show")).unwrap();
    until("both said yes, so it is agreed", PATIENCE, || {
        let (_, out, said) = shell(show);
        if out.contains("agreed") { Ok(()) } else { Err(format!("{out}{said}")) }
    });
    let log = commands.iter().find(|it| it.ends_with(" log")).unwrap();
    let (_, out, _) = shell(log);
    assert!(out.contains("alert.acknowledge") && out.contains("transfer.yes"), "{out}");
    let pid = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended =
        until("the end", PATIENCE, || demo.0.try_wait().unwrap().ok_or("it runs".to_owned()));
    assert!(ended.success(), "{told:#?}");
}

const PATIENCE: Duration = Duration::from_secs(90);
