//! Hosts: a network namespace each, with a cable to a bridge, and a node on it.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    directory: PathBuf,
    node: Option<Child>,
    started: Instant,
}

impl Host {
    /// Makes a host without any cable.
    pub(crate) fn new(name: &str, under: &Path) -> Self {
        must(&["ip", "netns", "add", name]);
        let host = Self {
            name: name.to_owned(),
            directory: under.join(name),
            node: None,
            started: Instant::now(),
        };
        host.must(&["ip", "link", "set", "lo", "up"]);
        host
    }

    /// Lays a cable from here to a bridge of the lab; `address` with the length of its prefix.
    pub(crate) fn plug(&self, bridge: &str, address: &str) -> String {
        let (name, socket) = (&self.name, format!("{}-{bridge}", self.name));
        let inside = format!("to-{bridge}");
        must(&[
            "ip", "link", "add", &socket, "type", "veth", "peer", "name", &inside, "netns", name,
        ]);
        must(&["ip", "link", "set", &socket, "master", bridge, "up"]);
        let family = if address.contains(':') { "-6" } else { "-4" };
        let mut add = vec!["ip", family, "address", "add", address, "dev", &inside];
        if family == "-6" {
            // The address is ours: nobody has to be asked.
            add.push("nodad");
        } else {
            self.must(&["sysctl", "-qw", &format!("net.ipv6.conf.{inside}.disable_ipv6=1")]);
        }
        self.must(&add);
        self.must(&["ip", "link", "set", &inside, "up"]);
        socket
    }

    /// Runs a command here, which must succeed.
    pub(crate) fn must(&self, command: &[&str]) -> String {
        let mut all = vec!["ip", "netns", "exec", &self.name];
        all.extend(command);
        must(&all)
    }

    /// Starts a node here, and waits until it serves.
    pub(crate) fn up(&mut self, flags: &[&str], env: &[(&str, &str)]) -> Value {
        let mut command = self.trellis();
        command.args(["up", "--json", "--log", "info"]).args(flags).envs(env.iter().copied());
        let log = File::options().create(true).append(true).open(self.log_file()).unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        (self.node, self.started) = (Some(child), Instant::now());
        let mut line = String::new();
        // The sandbox ends a lab whose node says nothing.
        BufReader::new(stdout).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{}: {}", self.name, self.log()))
    }

    /// Starts some other program here.
    pub(crate) fn spawn(&self, command: &[&str]) -> Child {
        let mut all = Command::new("ip");
        all.args(["netns", "exec", &self.name]).args(command);
        all.stdin(Stdio::null()).spawn().unwrap()
    }

    /// Runs the command line here; it must succeed. Returns its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut command = self.trellis();
        let output = command.arg("--json").args(arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {arguments:?}: {said}{complained}", self.name);
        serde_json::from_str(&said).unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        self.json(&["status"])
    }

    pub(crate) fn root(&self) -> String {
        self.status()["state"]["root"].as_str().unwrap().to_owned()
    }

    pub(crate) fn links(&self) -> u64 {
        self.status()["links"].as_u64().unwrap()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    fn log_file(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    fn trellis(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, env!("CARGO_BIN_EXE_trellis"), "--dir"]);
        command.arg(&self.directory).stdin(Stdio::null());
        command
    }
}

/// The node ends before its directory goes.
impl Drop for Host {
    fn drop(&mut self) {
        if let Some(node) = &mut self.node {
            // It may have ended by itself.
            let _ended = node.kill();
            let _reaped = node.wait();
        }
    }
}

/// Makes a bridge of the lab.
pub(crate) fn bridge(name: &str) {
    must(&["ip", "link", "add", name, "type", "bridge"]);
    must(&["ip", "link", "set", name, "up"]);
}

/// Runs a command that must succeed.
pub(crate) fn must(command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complained}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Asks again and again until the answer is there. Returns how long that took.
pub(crate) fn until(
    what: &str,
    patience: Duration,
    hosts: &[Host],
    mut ask: impl FnMut() -> Result<(), String>,
) -> Duration {
    let start = Instant::now();
    while let Err(last) = ask() {
        if patience < start.elapsed() {
            let ends: Vec<String> =
                hosts.iter().map(|it| format!("{}:\n{}", it.name, it.log())).collect();
            panic!("{what}: not within {patience:?}; last: {last}\n{}", ends.join("\n"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    start.elapsed()
}

/// Says whether all hosts have one root.
pub(crate) fn agree(hosts: &[Host]) -> Result<(), String> {
    let roots: Vec<String> = hosts.iter().map(Host::root).collect();
    if roots.windows(2).all(|it| it[0] == it[1]) { Ok(()) } else { Err(format!("{roots:?}")) }
}

/// A network file of a lab.
pub(crate) fn network(under: &Path, name: &str) -> String {
    let file = under.join(format!("{name}.toml"));
    std::fs::write(&file, format!("name = \"{name}\"\n")).unwrap();
    file.display().to_string()
}

/// Tells the harness what was measured.
#[expect(clippy::print_stdout, reason = "what a lab measures is part of its outcome")]
pub(crate) fn figure(what: &str) {
    println!("figure: {what}");
}
