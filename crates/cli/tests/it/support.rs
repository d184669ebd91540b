//! Real nodes as separate processes, and the real command line.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::Value;

/// A node that runs. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Node {
    child: Child,
    pub(crate) directory: PathBuf,
    pub(crate) up: Value,
}

impl Node {
    /// Starts a node on `directory` with free ports, and waits until it serves.
    pub(crate) fn start(directory: &Path, flags: &[&str]) -> Self {
        Self::try_start(directory, flags).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts a node, or returns what it said on standard error.
    pub(crate) fn try_start(directory: &Path, flags: &[&str]) -> Result<Self, String> {
        let mut arguments = vec!["up", "--json", "--log", "info"];
        if !flags.contains(&"--http") {
            arguments.extend(["--http", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--api") {
            arguments.extend(["--api", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--listen") {
            arguments.extend(["--listen", "none"]);
        }
        arguments.extend(flags);
        let log = log_of(directory);
        std::fs::create_dir_all(log.parent().unwrap()).unwrap();
        let child = trellis(directory)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(File::options().create(true).append(true).open(&log).unwrap())
            .spawn()
            .unwrap();
        let mut node = Self { child, directory: directory.to_owned(), up: Value::Null };
        let line = node.first_line();
        match serde_json::from_str(&line) {
            Ok(up) => node.up = up,
            Err(_) => return Err(node.log()),
        }
        Ok(node)
    }

    fn first_line(&mut self) -> String {
        let stdout = self.child.stdout.take().unwrap();
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            let read = BufReader::new(stdout).read_line(&mut line);
            // The test may have given up.
            let _gone = sender.send(read.map(|_| line));
        });
        receiver.recv_timeout(START_MAX).expect("a node serves or fails in time").unwrap()
    }

    /// Runs the command line against this node.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        run(&self.directory, arguments)
    }

    /// Runs a command that must succeed and returns its JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--json"];
        all.extend(arguments);
        self.run(&all).succeeds().json()
    }

    pub(crate) fn text(&self, key: &str) -> String {
        self.up[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.up)).to_owned()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(log_of(&self.directory)).unwrap()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal by its short name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([format!("-{name}"), pid]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(crate) fn ends_within(&mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < deadline, "still running; its log:\n{}", self.log());
            std::thread::sleep(LOOK);
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.exits(0)
    }

    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Checks that standard error says this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in {:?}", self.stderr);
        self
    }

    /// Checks that standard output says this.
    #[track_caller]
    pub(crate) fn tells(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in {:?}", self.stdout);
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}", self.stdout))
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

/// The program, with an environment that no machine changes.
pub(crate) fn trellis(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trellis"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TRELLIS_") {
            command.env_remove(name);
        }
    }
    command.arg("--dir").arg(directory).stdin(Stdio::null());
    command
}

/// Runs the command line on a directory.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> Ran {
    trellis(directory).args(arguments).output().unwrap().into()
}

/// Runs the command line with something on standard input.
pub(crate) fn run_with_input(directory: &Path, arguments: &[&str], input: &[u8]) -> Ran {
    let mut command = trellis(directory);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    // A command that has seen enough closes the pipe.
    let _closed = writer.join().unwrap();
    output.into()
}

/// Asks again and again until the answer is there; says what the last one was if it never is.
#[track_caller]
pub(crate) fn until<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Result<T, String>,
) -> T {
    let deadline = Instant::now() + patience;
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(last) => assert!(Instant::now() < deadline, "{what}: not in time; last: {last}"),
        }
        std::thread::sleep(LOOK);
    }
}

/// Returns a port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn log_of(directory: &Path) -> PathBuf {
    directory.with_extension("log")
}

/// Longest start of a node on a busy machine.
const START_MAX: Duration = Duration::from_secs(30);
/// Wait between two looks.
const LOOK: Duration = Duration::from_millis(20);
