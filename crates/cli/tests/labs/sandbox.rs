//! The room a lab runs in: namespaces of its own, and an end in any case.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How a lab ended.
pub(crate) enum Outcome {
    Failed(String),
    Ignored(String),
    /// With what it measured.
    Passed(String),
}

/// Says that the program is inside.
pub(crate) const INSIDE: &str = "--inside";

/// Runs a lab inside; it has `PATIENCE`.
pub(crate) fn run(name: &str, tools: &[&str]) -> Outcome {
    for tool in ["ip", "unshare", "mount"].iter().chain(tools) {
        if !has(tool) && !installed(tool) {
            return Outcome::Ignored(format!("{tool} is not installed, and cannot be"));
        }
    }
    if let Err(why) = call(&["true".to_owned()]) {
        return Outcome::Ignored(format!("no namespaces here: {why}"));
    }
    let program = std::env::current_exe().expect("a program has a path");
    let command = [program.display().to_string(), INSIDE.to_owned(), name.to_owned()];
    match call(&command) {
        Ok(said) => {
            let figures = said.lines().filter_map(|line| line.strip_prefix("figure: "));
            let figures: Vec<&str> = figures.collect();
            Outcome::Passed(match figures.as_slice() {
                [] => String::new(),
                figures => format!(" ({})", figures.join(", ")),
            })
        }
        Err(why) => Outcome::Failed(why),
    }
}

/// Gives the inside a place for names of namespaces; seen by nobody outside.
pub(crate) fn prepare() {
    super::host::must(&["mount", "-t", "tmpfs", "tmpfs", "/run"]);
    std::fs::create_dir_all("/run/netns").expect("a fresh directory takes another");
    super::host::must(&["ip", "link", "set", "lo", "up"]);
}

/// Runs a command in fresh namespaces; whatever it starts ends with it.
fn call(command: &[String]) -> Result<String, String> {
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if !is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    let child =
        unshare.args(command).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().map_err(|error| error.to_string())?;
    let readers = [
        read_all(child.stdout.take().expect("it is piped")),
        read_all(child.stderr.take().expect("it is piped")),
    ];
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break Some(status),
            None if deadline < Instant::now() => {
                // The namespaces go with the process that holds them.
                let _ended = child.kill();
                let _reaped = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let [said, complained] = readers.map(|it| it.join().unwrap_or_default());
    match status {
        Some(status) if status.success() => Ok(said),
        Some(_) => Err(format!("{said}{complained}")),
        None => Err(format!("not done within {} s\n{said}{complained}", PATIENCE.as_secs())),
    }
}

fn read_all(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        // What was read until it broke is worth showing.
        let _end = from.read_to_end(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
}

/// Installs what is missing, where that is ours to do.
fn installed(tool: &str) -> bool {
    let package = match tool {
        "ip" => "iproute2",
        "nft" => "nftables",
        "nginx" => "nginx-light",
        other => other,
    };
    let install = ["install", "-y", "--no-install-recommends", package];
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    is_root()
        && has("apt-get")
        && quiet(Command::new("apt-get").args(install)).is_ok_and(|it| it.success())
        && has(tool)
}

fn has(tool: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    let places = path.split(':').chain(["/usr/sbin", "/sbin"]);
    places.into_iter().any(|place| Path::new(place).join(tool).is_file())
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    uid.and_then(|it| it.split_whitespace().next()) == Some("0")
}

/// What a lab may take.
const PATIENCE: Duration = Duration::from_secs(180);
