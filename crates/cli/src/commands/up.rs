//! `trellis up`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use daemon::{Running, Settings};
use serde_json::json;

use super::Place;
use super::config::environment;
use crate::failure::Failure;
use crate::output::Output;
use crate::signals::Signals;
use crate::words::counted;

/// Run a node in the foreground, and make what it lacks: directory, key, data.
///
/// Peers reach it through its door (--http) and over libp2p (--listen); you operate it through its API (--api), which
/// `trellis status` and the others find by themselves. Ctrl-C leaves politely within 10 s; a second
/// Ctrl-C stops at once. Every flag can stand in DIR/config.toml: see `trellis config show`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis up
  trellis up --peer http://192.0.2.7:8880 --peer http://192.0.2.8:8880
  trellis up --peer /ip4/192.0.2.7/udp/8888/quic-v1
  trellis up --listen /ip4/0.0.0.0/udp/9999/quic-v1 --http none
  trellis up --dir /tmp/second --listen none --http 127.0.0.1:0 --api 127.0.0.1:0
  trellis up --http 0.0.0.0:443 --tls-cert fullchain.pem --tls-key privkey.pem
  trellis up --http none --listen none --peer http://192.0.2.7:8880   (outgoing links only)")]
pub(crate) struct Args {
    /// Where the door for peers listens, or none; port 0 means any [default: 0.0.0.0:8880]
    #[arg(long, value_name = "ADDR")]
    http: Option<String>,
    /// Where the operator's API listens [default: 127.0.0.1:8881]
    #[arg(long, value_name = "ADDR")]
    api: Option<String>,
    /// Another node's address, dialled at the start and for ever after; may be repeated
    #[arg(long, value_name = "URL|MULTIADDR")]
    peer: Vec<String>,
    /// A DNS name whose TXT records (trellis=ADDRESS) tell of peers; may be repeated
    #[arg(long, value_name = "NAME")]
    dns: Vec<String>,
    /// Find nodes of this network on the LAN, and be found [default: on; a node on loopback alone does neither]
    #[arg(long, value_enum, value_name = "on|off")]
    mdns: Option<Switch>,
    /// The network file [default: DIR/network.toml, or the network "commons"]
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
    /// Where the door can be reached from outside, if this machine cannot know
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// A certificate (PEM) with which the door speaks HTTPS; a new one is taken up by itself
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The private key of that certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// What becomes of unsigned messages of design-A nodes [default: refuse]
    #[arg(long, value_enum)]
    unsigned: Option<Unsigned>,
    /// What is logged: error, warn, info, debug, trace, or a filter [default: info]
    #[arg(long, value_name = "LEVEL")]
    log: Option<String>,
    /// Where libp2p listens, or none; may be repeated [default: QUIC and TCP on port 8888]
    #[arg(long, value_name = "MULTIADDR|none")]
    listen: Vec<String>,
}

/// Whether something is done.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Switch {
    /// It is
    On,
    /// It is not
    Off,
}

/// What becomes of messages without a signature.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Unsigned {
    /// They are refused
    Refuse,
    /// They are carried on, marked as unproven
    Relay,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let mut signals = Signals::listen()?;
    let directory = std::path::absolute(&place.directory)?;
    let settings = Settings::load(&directory, None, environment(), flags(args)?);
    let settings = settings.map_err(|error| Failure::usage(error.to_string()))?;
    settings.warnings.iter().for_each(|warning| place.output.note(warning));
    daemon::telemetry::init(&settings.log_level, settings.log_format);
    let asked_peers = settings.bootstrap.len() + settings.dns.len();
    let door = settings.http_listen;
    let mut running = tokio::select! {
        running = daemon::start(settings) => running?,
        () = signals.next() => return Err(Failure::interrupted("stopped before it was up")),
    };
    announce(&running, place.output)?;
    let shown = running.directory().display();
    place.output.note(match (running.http_url(), running.listeners().first()) {
        (None, Some(listener)) if asked_peers == 0 => {
            format!("alone      on this machine: trellis --dir DIR up --peer {listener}")
        }
        (http, _) => invitation(asked_peers, door, http),
    });
    place.output.note(format_args!("try        trellis --dir {shown} status"));
    place.output.note("stop       Ctrl-C");
    tokio::select! {
        stopped = running.wait() => return stopped.context("the node stopped by itself"),
        () = signals.next() => {}
    }
    leave(running, &mut signals, place.output).await
}

async fn leave(running: Running, signals: &mut Signals, output: Output) -> anyhow::Result<()> {
    let patience_s = LEAVE_MAX.as_secs();
    output.note(format_args!("leaving, at most {patience_s} s; Ctrl-C again stops at once"));
    tokio::select! {
        () = running.stop(LEAVE_MAX) => {
            output.note("left");
            Ok(())
        }
        () = signals.next() => Err(Failure::interrupted("stopped at once; nothing written is lost")),
    }
}

fn announce(running: &Running, output: Output) -> anyhow::Result<()> {
    let (node, api) = (running.node_id().to_string(), running.api_url());
    let (http, directory) = (running.http_url(), running.directory());
    if output.is_json() {
        output.document(&json!({
            "schema": "trellis.up/1", "node": node, "directory": directory, "http": http,
            "listen": running.listeners(), "api": api, "pid": std::process::id(),
        }))?;
    }
    let shown = directory.display();
    let door = http.unwrap_or_else(|| "closed: outgoing links only".to_owned());
    output.note(format_args!("node       {node}"));
    output.note(format_args!("directory  {shown}"));
    output.note(format_args!("door       {door}   for peers"));
    for listener in running.listeners() {
        output.note(format_args!("listening  {listener}"));
    }
    output.note(format_args!("api        {api}   for you, with the token in {shown}/token"));
    Ok(())
}

/// Says how this node gets its peers. `listen` is where its door was told to listen, `http` the
/// door's URL as this machine sees it.
pub(crate) fn invitation(
    asked_peers: usize,
    listen: Option<SocketAddr>,
    http: Option<String>,
) -> String {
    match (asked_peers, listen.zip(http)) {
        (0, Some((listen, http))) if listen.ip().is_unspecified() => {
            let port = http.rsplit(':').next().unwrap_or_default();
            let scheme = http.split(':').next().unwrap_or_default();
            format!(
                "alone      on another machine: trellis up --peer {scheme}://THIS-MACHINE:{port}"
            )
        }
        (0, Some((listen, http))) if listen.ip().is_loopback() => {
            format!("alone      on this machine: trellis --dir DIR up --peer {http}")
        }
        (0, Some((_, http))) => format!("alone      on another machine: trellis up --peer {http}"),
        (0, None) => "alone      name a peer with --peer URL: nobody can dial this node".to_owned(),
        (peers, _) => {
            let peers = counted(peers as u64, "peer", "peers");
            format!("peers      dialling {peers}, again and again until they answer")
        }
    }
}

/// Turns the flags into settings: key, value, name of the flag.
fn flags(args: &Args) -> anyhow::Result<Vec<(String, String, String)>> {
    let path = |file: &Option<PathBuf>| -> anyhow::Result<Option<String>> {
        let Some(file) = file else { return Ok(None) };
        let file = std::path::absolute(file)?;
        let text =
            file.to_str().with_context(|| format!("{} is not UTF-8 text", file.display()))?;
        Ok(Some(text.to_owned()))
    };
    let unsigned = args.unsigned.map(|unsigned| match unsigned {
        Unsigned::Refuse => "refuse".to_owned(),
        Unsigned::Relay => "relay".to_owned(),
    });
    let mdns = args.mdns.map(|switch| match switch {
        Switch::On => "on".to_owned(),
        Switch::Off => "off".to_owned(),
    });
    let single = [
        ("http.listen", args.http.clone(), "--http"),
        ("api.listen", args.api.clone(), "--api"),
        ("network.file", path(&args.network)?, "--network"),
        ("http.tls_cert", path(&args.tls_cert)?, "--tls-cert"),
        ("http.tls_key", path(&args.tls_key)?, "--tls-key"),
        ("http.url", args.url.clone(), "--url"),
        ("http.unsigned", unsigned, "--unsigned"),
        ("log.level", args.log.clone(), "--log"),
        ("peers.mdns", mdns, "--mdns"),
    ];
    let peers = args.peer.iter().map(|peer| ("peers.bootstrap", Some(peer.clone()), "--peer"));
    let names = args.dns.iter().map(|name| ("peers.dns", Some(name.clone()), "--dns"));
    let listen = args.listen.iter().map(|it| ("libp2p.listen", Some(it.clone()), "--listen"));
    let given = single.into_iter().chain(peers).chain(names).chain(listen);
    let flags = given.filter_map(|(key, value, flag)| Some((key.into(), value?, flag.into())));
    Ok(flags.collect())
}

/// How long a polite end may take.
const LEAVE_MAX: Duration = Duration::from_secs(10);
