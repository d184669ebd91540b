//! `trellis ca`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;
use daemon::authority::{self, Authority, AuthorityError, Issued};
use daemon::wire::NodeId;
use serde_json::{Value, json};

use super::Place;
use crate::failure::Failure;
use crate::table::Table;
use crate::words::seconds_in_words;

/// Private networks: only nodes with a certificate of the network's authority are members.
///
/// The authority is a key and a certificate in DIR/ca, and needs no running node. A node asks with `request`,
/// the authority answers with `issue`, and `install` puts the answer in its place. Certificates are good
/// for 30 days at most; `renew` issues them again. Whoever has DIR/ca/ca.key decides who is a member.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis ca init greenhouse                 an authority, and DIR/ca/network.toml for all members
  trellis ca issue --here                    the node of this directory becomes a member
  trellis ca request > me.csr                at another node: send this to the authority
  trellis ca issue me.csr > me.pem           at the authority: send this back, with the network file
  trellis ca install me.pem                  at the other node; then: trellis up --network network.toml
  trellis ca renew > all.pem
  trellis ca revoke 12D3KooWGRUYWsXwGmAz6RqFbUw1JTsqzvbM4qRmJYpRo5p7iN4h")]
pub(crate) enum Verb {
    Init(InitArgs),
    Request(RequestArgs),
    Issue(IssueArgs),
    Install(InstallArgs),
    Renew(RenewArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make an authority and the network file of its network. Never overwrites one.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis ca init greenhouse")]
pub(crate) struct InitArgs {
    /// What the network is called
    #[arg(value_name = "NAME")]
    name: String,
}

/// Print a request for a certificate of this directory's node; its key stays here.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis ca request > me.csr")]
pub(crate) struct RequestArgs {}

/// Issue a certificate for a node, and print it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis ca issue me.csr > me.pem
  trellis ca issue --here")]
pub(crate) struct IssueArgs {
    /// The request, or - for standard input
    #[arg(value_name = "FILE", required_unless_present = "here")]
    request: Option<PathBuf>,
    /// For the node of this directory, and install it
    #[arg(long, conflicts_with = "request")]
    here: bool,
    /// How long it is good, 1 to 30
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
}

/// Put a certificate where this directory's node looks for it. A running node takes it up by itself.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis ca install me.pem")]
pub(crate) struct InstallArgs {
    /// The certificate, or - for standard input
    #[arg(value_name = "FILE")]
    certificate: PathBuf,
}

/// Issue again, for one node or for all whose certificates are two thirds over, and print the certificates.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis ca renew > all.pem
  trellis ca renew 12D3KooWGRUYWsXwGmAz6RqFbUw1JTsqzvbM4qRmJYpRo5p7iN4h > one.pem")]
pub(crate) struct RenewArgs {
    /// The node [default: all that are due]
    #[arg(value_name = "NODE")]
    node: Option<NodeId>,
    /// How long it is good, 1 to 30
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
}

/// List what was issued: the newest certificate of each node, and who was sent away.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis ca list")]
pub(crate) struct ListArgs {}

/// Send a node away for good. All members close their links to it within seconds.
///
/// This writes a record into DIR/revocations. The node that runs in DIR tells the others; so does any other
/// member if you copy the file into its DIR/revocations.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:
  trellis ca revoke 12D3KooWGRUYWsXwGmAz6RqFbUw1JTsqzvbM4qRmJYpRo5p7iN4h")]
pub(crate) struct RevokeArgs {
    /// The node
    #[arg(value_name = "NODE")]
    node: NodeId,
}

pub(crate) fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Init(args) => init(args, place),
        Verb::Request(_) => {
            place.output.data(said(authority::request(&place.directory))?.trim_end())
        }
        Verb::Issue(args) => issue(args, place),
        Verb::Install(args) => install(&place.directory, &read(&args.certificate)?, place),
        Verb::Renew(args) => renew(args, place),
        Verb::List(_) => list(place),
        Verb::Revoke(args) => revoke(args, place),
    }
}

fn init(args: &InitArgs, place: &Place) -> anyhow::Result<()> {
    let authority = said(Authority::init(&place.directory, &args.name, now_ms() / 1_000))?;
    let (network, key) = (authority.network_file(), place.directory.join("ca").join("ca.key"));
    if place.output.is_json() {
        let document = json!({ "schema": "trellis.ca/1", "name": args.name, "network_file": network, "key": key });
        return place.output.document(&document);
    }
    place.output.data(format_args!("network  {}   for all members", network.display()))?;
    place
        .output
        .data(format_args!("key      {}   keep it secret, and a copy elsewhere", key.display()))?;
    place.output.note("next: trellis ca issue --here, then trellis up --network with that file");
    Ok(())
}

fn issue(args: &IssueArgs, place: &Place) -> anyhow::Result<()> {
    let authority = said(Authority::open(&place.directory))?;
    let request = match &args.request {
        Some(file) => read(file)?,
        None => said(authority::request(&place.directory))?,
    };
    let issued = said(authority.issue(&request, args.days, now_ms() / 1_000))?;
    if args.here {
        return install(&place.directory, &issued.pem, place);
    }
    tell(&[issued], place)
}

fn install(directory: &Path, pem: &str, place: &Place) -> anyhow::Result<()> {
    // Of a file with several, the one that is ours.
    let blocks = pem.split_inclusive("-----END CERTIFICATE-----");
    let mut result = Err(AuthorityError::File("the file holds no certificate (PEM)".to_owned()));
    for block in blocks.filter(|it| it.contains("-----BEGIN")) {
        result = authority::install(directory, &format!("{}\n", block.trim()));
        if result.is_ok() {
            break;
        }
    }
    let member = said(result)?;
    let left_s = member.expires_s.saturating_sub(now_ms() / 1_000);
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.ca-installed/1", "node": member.node.to_string(),
            "expires_in_s": left_s,
        }));
    }
    let left = seconds_in_words(left_s);
    place.output.data(format_args!("{} is a member for {left}", member.node))
}

fn renew(args: &RenewArgs, place: &Place) -> anyhow::Result<()> {
    let authority = said(Authority::open(&place.directory))?;
    let now_s = now_ms() / 1_000;
    let nodes: Vec<NodeId> = match args.node {
        Some(node) => vec![node],
        None => {
            let all = said(authority.list())?.into_iter();
            all.filter(|it| !it.revoked && is_due(it, now_s)).map(|it| it.node).collect()
        }
    };
    let renewed = nodes.iter().map(|node| said(authority.renew(*node, args.days, now_s)));
    let renewed = renewed.collect::<anyhow::Result<Vec<_>>>()?;
    if renewed.is_empty() {
        place.output.note("nothing is due");
    }
    tell(&renewed, place)
}

/// Two thirds of its time are over.
fn is_due(issued: &Issued, now_s: u64) -> bool {
    let (life_s, left_s) =
        (issued.expires_s.saturating_sub(issued.begins_s), issued.expires_s.saturating_sub(now_s));
    left_s <= life_s / 3
}

fn list(place: &Place) -> anyhow::Result<()> {
    let issued = said(said(Authority::open(&place.directory))?.list())?;
    let now_s = now_ms() / 1_000;
    if place.output.is_json() {
        let rows: Vec<Value> = issued.iter().map(|it| row(it, now_s)).collect();
        return place.output.document(&json!({ "schema": "trellis.ca-list/1", "issued": rows }));
    }
    let mut table = Table::new(&["NODE", "STATE"]);
    for it in &issued {
        table.row([it.node.to_string(), state(it, now_s)]);
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))
}

fn revoke(args: &RevokeArgs, place: &Place) -> anyhow::Result<()> {
    let authority = said(Authority::open(&place.directory))?;
    let path = said(authority.revoke(args.node, now_ms()))?;
    let publishes = daemon::checkup::holder(&place.directory).is_some();
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.ca-revoked/1", "node": args.node.to_string(), "record": path,
            "published": publishes,
        }));
    }
    place.output.data(format_args!("{} is revoked: {}", args.node, path.display()))?;
    place.output.note(match publishes {
        true => "the node that runs here tells the others within seconds",
        false => {
            "no node runs here: start one, or copy that file into DIR/revocations of any member"
        }
    });
    Ok(())
}

fn tell(issued: &[Issued], place: &Place) -> anyhow::Result<()> {
    let now_s = now_ms() / 1_000;
    if place.output.is_json() {
        let rows: Vec<Value> = issued.iter().map(|it| row(it, now_s)).collect();
        return place.output.document(&json!({ "schema": "trellis.ca-issued/1", "issued": rows }));
    }
    for it in issued {
        place.output.data(it.pem.trim_end())?;
        place.output.note(format_args!("{}: {}", it.node, state(it, now_s)));
    }
    Ok(())
}

fn row(issued: &Issued, now_s: u64) -> Value {
    let Issued { node, begins_s, expires_s, revoked, pem } = issued;
    json!({
        "node": node.to_string(), "begins_unix_s": begins_s, "expires_unix_s": expires_s,
        "expires_in_s": expires_s.saturating_sub(now_s), "due": is_due(issued, now_s),
        "revoked": revoked, "pem": pem,
    })
}

fn state(issued: &Issued, now_s: u64) -> String {
    let left = seconds_in_words(issued.expires_s.saturating_sub(now_s));
    match (issued.revoked, issued.expires_s <= now_s) {
        (true, _) => "revoked".to_owned(),
        (false, true) => "expired: trellis ca renew".to_owned(),
        (false, false) if is_due(issued, now_s) => {
            format!("good for {left}, due: trellis ca renew")
        }
        (false, false) => format!("good for {left}"),
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let read = match file.to_str() {
        Some("-") => std::io::stdin().take(FILE_BYTES_MAX).read_to_string(&mut text),
        _ => std::fs::File::open(file)
            .and_then(|it| it.take(FILE_BYTES_MAX).read_to_string(&mut text)),
    };
    read.with_context(|| format!("cannot read {}", file.display()))?;
    Ok(text)
}

fn said<T>(result: Result<T, AuthorityError>) -> anyhow::Result<T> {
    result.map_err(|error| match error {
        AuthorityError::Days => Failure::usage(error.to_string()),
        AuthorityError::None(_) | AuthorityError::Unknown(_) => {
            Failure::not_found(error.to_string())
        }
        AuthorityError::Exists(_) | AuthorityError::Revoked(_) => {
            Failure::refused(error.to_string())
        }
        AuthorityError::Directory(_) | AuthorityError::File(_) => error.into(),
    })
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Far beyond a request or the certificates of a network.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
