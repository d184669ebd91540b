//! A foreign implementation of libp2p dials us: js-libp2p from npm, installed into a temporary directory.
//!
//! Without `node` and `npm`, or without a registry, it is reported as ignored with the reason. This
//! is why the test has its own `main`.
#![expect(clippy::print_stdout, reason = "a test harness reports on standard output")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use serde_json::Value;
use transport::{Config, Libp2p, Limits, Security, Transport};
use wire::{Identity, NetworkId};

/// How the test ended.
enum Outcome {
    Failed(String),
    Ignored(String),
    Passed,
}

fn main() -> ExitCode {
    let asked: Vec<String> = std::env::args().skip(1).filter(|it| !it.starts_with('-')).collect();
    if !asked.iter().all(|it| NAME.contains(it.as_str())) {
        println!("\ntest result: ok. 0 passed; 0 failed; 0 ignored; 1 filtered out");
        return ExitCode::SUCCESS;
    }
    println!("\nrunning 1 test");
    let (word, counts, code) = match test() {
        Outcome::Passed => ("ok".to_owned(), "1 passed; 0 failed; 0 ignored", ExitCode::SUCCESS),
        Outcome::Ignored(why) => {
            (format!("ignored, {why}"), "0 passed; 0 failed; 1 ignored", ExitCode::SUCCESS)
        }
        Outcome::Failed(why) => {
            (format!("FAILED\n{why}"), "0 passed; 1 failed; 0 ignored", ExitCode::FAILURE)
        }
    };
    println!("test {NAME} ... {word}\n\ntest result: {counts}");
    code
}

fn test() -> Outcome {
    let missing =
        ["node", "npm"].into_iter().find(|tool| run(Path::new("."), tool, &["--version"]).is_err());
    if let Some(tool) = missing {
        return Outcome::Ignored(format!("{tool} is not installed"));
    }
    let Ok(place) = tempfile::tempdir() else {
        return Outcome::Ignored("no temporary directory".to_owned());
    };
    for (name, text) in [("package.json", PACKAGE), ("dial.mjs", SCRIPT)] {
        if let Err(error) = std::fs::write(place.path().join(name), text) {
            return Outcome::Ignored(format!("the temporary directory cannot be written: {error}"));
        }
    }
    let install = ["install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    if let Err(why) = run(place.path(), "npm", &install) {
        return Outcome::Ignored(format!("npm cannot install js-libp2p: {why}"));
    }
    match dialled(place.path()) {
        Ok(()) => Outcome::Passed,
        Err(why) => Outcome::Failed(why),
    }
}

/// Starts a node, has it dialled, and compares what the other side saw.
fn dialled(place: &Path) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let identity = Identity::from_seed([7; 32]);
    let (transport, _inbox) = runtime.block_on(start(&identity))?;
    let listener = transport.listeners().first().ok_or("no listener")?;
    let address = format!("{listener}/p2p/{}", identity.id());
    let said = run(place, "node", &["dial.mjs", &address])?;
    let told: Value = serde_json::from_str(said.trim()).map_err(|_| format!("it said {said}"))?;
    let has =
        |name: &str| told["protocols"].as_array().is_some_and(|it| it.iter().any(|it| it == name));
    let peer = identity.id().to_string();
    for (what, fits) in [
        ("its peer", told["peer"] == peer.as_str()),
        ("Noise", told["encryption"] == "/noise"),
        ("Yamux", told["multiplexer"] == "/yamux/1.0.0"),
        ("a ping", told["pinged"] == true),
        ("our agent", told["agent"] == AGENT),
        ("our protocol", told["protocol"] == "trellis/1"),
        ("the streams of a link", has("/trellis/link/1") && has("/trellis/frames/1/alert")),
    ] {
        if !fits {
            return Err(format!("{what} is not what it should be: {told}"));
        }
    }
    runtime.block_on(transport.stop(Duration::from_secs(5)));
    Ok(())
}

async fn start(identity: &Identity) -> Result<(Transport, transport::Inbox), String> {
    let listen =
        "/ip4/127.0.0.1/tcp/0".parse().map_err(|error: wire::WireError| error.to_string())?;
    let config = Config {
        certificate: None,
        roots: transport::Roots::default(),
        private: None,
        listen: None,
        libp2p: Some(Libp2p { listen: vec![listen], security: Security::Any, ..Libp2p::default() }),
        dial_from: None,
        identity: identity.clone(),
        network: NetworkId::default(),
        agent: AGENT.to_owned(),
        limits: Limits::default(),
    };
    Transport::start(config).await.map_err(|error| error.to_string())
}

fn run(place: &Path, tool: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(tool).current_dir(place).args(arguments).output();
    let output = output.map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

const NAME: &str = "js_libp2p_dials_pings_and_identifies_us";
const AGENT: &str = "foreign-test/1";
const PACKAGE: &str = include_str!("foreign/package.json");
const SCRIPT: &str = include_str!("foreign/dial.mjs");
