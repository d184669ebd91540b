//! Directories nobody can write to, and a disk that is really full.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::PATIENCE;
use crate::plain;
use crate::support::{Ran, run, until};

/// A node on a small disk of its own, in a namespace of its own: nothing of it outlives the node.
struct Island {
    child: Child,
    up: Value,
    /// The directory as it is seen from here.
    directory: PathBuf,
}

impl Island {
    fn start(place: &Path, options: &str) -> Self {
        let mut child = on_island(place, options).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let up = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let seen = format!("/proc/{}/root{}", child.id(), place.display());
        Self { child, up, directory: seen.into() }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        run(&self.directory, arguments)
    }

    fn url(&self, key: &str) -> &str {
        self.up[key].as_str().unwrap()
    }
}

impl Drop for Island {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// `trellis up` behind a mount that nobody else sees.
fn on_island(place: &Path, options: &str) -> Command {
    let script = "mount -t tmpfs -o \"$1\" tmpfs \"$2\" && exec \"$3\" --dir \"$2\" up --json \
                  --http 127.0.0.1:0 --api 127.0.0.1:0";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", script, "sh", options]);
    command
        .arg(place)
        .arg(env!("CARGO_BIN_EXE_trellis"))
        .stdin(Stdio::null())
        .stderr(Stdio::piped());
    command
}

/// Says whether this machine lets us mount in a namespace of our own.
fn may_mount(place: &Path) -> bool {
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs"]).arg(place);
    command.output().is_ok_and(|output| output.status.success())
}

/// Says in the test's output that it did not run, and why.
#[expect(clippy::print_stderr, reason = "who runs the tests must see what was not tested")]
pub(super) fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

#[test]
fn a_file_in_the_place_of_the_directory_is_named() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("node");
    std::fs::write(&file, "precious").unwrap();
    let flags = ["up", "--http", "127.0.0.1:0", "--api", "127.0.0.1:0"];
    run(&file, &flags).exits(1).says(file.to_str().unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "precious");
}

#[test]
fn a_read_only_directory_is_named() {
    let place = tempfile::tempdir().unwrap();
    if !may_mount(place.path()) {
        return skip("no mounts in a namespace here");
    }
    let output = on_island(place.path(), "ro,size=1m").output().unwrap();
    let ran = Ran::from(output).exits(1);
    ran.says(place.path().to_str().unwrap()).says("ead-only");
}

#[test]
fn a_full_disk_refuses_writes_answers_reads_and_heals() {
    let place = tempfile::tempdir().unwrap();
    if !may_mount(place.path()) {
        return skip("no mounts in a namespace here");
    }
    let node = Island::start(place.path(), "size=16m");
    node.run(&["put", "before", "1"]).succeeds();
    let ballast = node.directory.join("ballast");
    fill(&ballast);
    let value = json!("x".repeat(50_000)).to_string();
    let mut acknowledged = Vec::new();
    let refused = (0..2_000).find_map(|number| {
        let name = format!("n{number}");
        let ran = node.run(&["put", &name, &value]);
        if ran.code == 0 {
            acknowledged.push(name);
            return None;
        }
        Some(ran)
    });
    refused.expect("a full disk refuses").exits(1).says("disk");
    // Reads go on, the door answers, and who asks whether it is ready hears why not.
    node.run(&["get", "before"]).succeeds();
    assert_eq!(plain::get(node.url("http"), "/health").unwrap().status, 200);
    let ready = plain::get(node.url("api"), "/readyz").unwrap();
    assert!(ready.status == 503 && ready.body.contains("disk"), "{ready:?}");
    std::fs::remove_file(&ballast).unwrap();
    until("a put after there is room", PATIENCE, || match node.run(&["put", "after", "2"]) {
        ran if ran.code == 0 => Ok(()),
        ran => Err(ran.stderr),
    });
    for name in acknowledged.iter().map(String::as_str).chain(["before", "after"]) {
        node.run(&["get", name]).succeeds();
    }
    until("it is ready", Duration::from_secs(5), || {
        let ready = plain::get(node.url("api"), "/readyz")?;
        if ready.status == 200 { Ok(()) } else { Err(ready.body) }
    });
}

/// Writes a file until not a byte more fits.
fn fill(ballast: &Path) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(ballast).unwrap();
    for size in [1 << 20, 1 << 12, 1] {
        while file.write_all(&vec![0; size]).is_ok() {}
    }
}
