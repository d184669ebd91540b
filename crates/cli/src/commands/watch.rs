//! `trellis watch`.

use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use daemon::api::types::{Event, EventData, Gap, MessageClass};
use futures_util::StreamExt as _;
use reqwest::Response;
use tokio::time::Instant;

use super::{Place, query};
use crate::client::Client;
use crate::failure::Failure;
use crate::sse::{self, Parser};
use crate::words::{printable, printable_json, short_hex, short_node};

/// Follow what happens at this node: messages, or what --kind says.
///
/// Where the connection breaks it takes up again behind the last event; what was missed all the
/// same is said. With --json every event is one line.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis watch
  trellis watch news
  trellis watch --kind entry --kind root
  trellis watch --kind alert --kind transfer
  trellis watch --direct
  trellis watch news --json --count 1 | jq .data.payload")]
pub(crate) struct Args {
    /// Only messages of this topic
    topic: Option<String>,
    /// Only messages to this node alone: short for --kind direct
    #[arg(long, conflicts_with_all = ["topic", "kind"])]
    direct: bool,
    /// What to follow; may be repeated [default: message]
    #[arg(long, short, value_enum)]
    kind: Vec<Kind>,
    /// Begin behind this event instead of with the next one
    #[arg(long, value_name = "ID")]
    from: Option<u64>,
    /// Stop after this many events
    #[arg(long, short = 'n', value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Kinds of event.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Alert,
    All,
    Checkpoint,
    Direct,
    Entry,
    Level,
    Message,
    Peer,
    Refused,
    Root,
    Rule,
    Transfer,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let path = path(args)?;
    let mut watch = Watch { place, last: args.from, left: args.count };
    let mut response = place.client()?.events(&path, watch.last).await?;
    place.output.note("watching; Ctrl-C ends");
    loop {
        match watch.read(response).await? {
            End::Broken => response = watch.again(&path).await?,
            End::Bye if args.count.is_some() => bail!("the node stopped before all events came"),
            End::Bye => {
                place.output.note("the node has stopped");
                return Ok(());
            }
            End::Enough => return Ok(()),
        }
    }
}

/// Why a stream ended.
enum End {
    Broken,
    Bye,
    Enough,
}

struct Watch<'a> {
    place: &'a Place,
    last: Option<u64>,
    left: Option<u64>,
}

impl Watch<'_> {
    async fn read(&mut self, response: Response) -> anyhow::Result<End> {
        let mut parser = Parser::default();
        let mut bytes = response.bytes_stream();
        while let Some(Ok(bytes)) = bytes.next().await {
            for event in parser.feed(&bytes) {
                if let Some(end) = self.show(&event)? {
                    return Ok(end);
                }
            }
            if parser.is_overlong() {
                bail!("the node sent an event without end");
            }
        }
        Ok(End::Broken)
    }

    fn show(&mut self, event: &sse::Event) -> anyhow::Result<Option<End>> {
        self.last = event.id.or(self.last);
        match event.kind.as_str() {
            "bye" => return Ok(Some(End::Bye)),
            "gap" => {
                let lost = serde_json::from_str::<Gap>(&event.data).ok().and_then(|gap| gap.lost);
                let lost = lost.map_or("an unknown number of".to_owned(), |lost| lost.to_string());
                self.place.output.note(format_args!("gap: {lost} events were missed"));
                return Ok(None);
            }
            _ => {}
        }
        let output = self.place.output;
        if output.is_json() {
            output.data(&event.data)?;
        } else if let Ok(event) = serde_json::from_str::<Event>(&event.data) {
            output.data(line(&event)?)?;
        }
        self.left = self.left.map(|left| left.saturating_sub(1));
        Ok((self.left == Some(0)).then_some(End::Enough))
    }

    /// Connects again, for a while: the node may be restarting, with another port.
    async fn again(&self, path: &str) -> anyhow::Result<Response> {
        self.place.output.note("the connection broke; trying again");
        let patience = Instant::now() + AGAIN_MAX;
        loop {
            tokio::time::sleep(AGAIN).await;
            let client = self.place.client();
            let outcome = match client {
                Ok(client) => Client::events(&client, path, self.last).await,
                Err(error) => Err(error),
            };
            match outcome {
                Err(error)
                    if Failure::exit_code(&error) == Failure::NO_DAEMON
                        && Instant::now() < patience => {}
                outcome => return outcome,
            }
        }
    }
}

fn path(args: &Args) -> anyhow::Result<String> {
    let only_messages = args.kind.iter().all(|kind| matches!(kind, Kind::Message));
    if args.topic.is_some() && !only_messages {
        return Err(Failure::usage("only messages have a topic: leave out TOPIC or --kind"));
    }
    let names: Vec<&str> = args.kind.iter().map(|&kind| name(kind)).collect();
    let kinds = match names.as_slice() {
        _ if args.direct => Some("direct".to_owned()),
        [] => Some("message".to_owned()),
        names if names.contains(&"all") => None,
        names => Some(names.join(",")),
    };
    // Commas separate kinds, so they stay as they are.
    let kinds = kinds.map(|kinds| format!("kind={kinds}"));
    let topic = query(&[("topic", args.topic.as_deref())]);
    let topic = topic.strip_prefix('?').map(str::to_owned);
    let parts: Vec<String> = [topic, kinds].into_iter().flatten().collect();
    Ok(format!("/v1/events?{}", parts.join("&")))
}

fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Alert => "alert",
        Kind::All => "all",
        Kind::Checkpoint => "checkpoint",
        Kind::Direct => "direct",
        Kind::Entry => "entry",
        Kind::Level => "level",
        Kind::Message => "message",
        Kind::Peer => "peer",
        Kind::Refused => "refused",
        Kind::Root => "root",
        Kind::Rule => "rule",
        Kind::Transfer => "transfer",
    }
}

fn line(event: &Event) -> anyhow::Result<String> {
    let text = match &event.what {
        EventData::Alert(it) => {
            let (severity, text) = (serde_json::to_value(it.severity)?, printable(&it.text));
            format!("alert\t...{}\t{}\t{text}", short_node(&it.node), word(&severity))
        }
        EventData::Checkpoint(it) => {
            let (height, root, signers) = (it.height, short_hex(&it.root), it.signers);
            format!("checkpoint\t{height}\t{root}\tsigned by {signers}")
        }
        EventData::Direct(it) => {
            let payload = printable_json(it.payload.text());
            format!("direct\t...{}\t{payload}", short_node(&it.author))
        }
        EventData::Entry(it) => {
            let what = if it.deleted { "deleted" } else { "written" };
            let (collection, name) = (printable(&it.collection), printable(&it.name));
            format!("{collection}\t{name}\t...{}\t{what}", short_node(&it.author))
        }
        EventData::Level(it) => {
            let (kind, need) = (printable(&it.kind), serde_json::to_value(it.need)?);
            format!("level\t...{}\t{kind}\t{}\t{}", short_node(&it.node), it.band, word(&need))
        }
        EventData::Message(it) => {
            let payload = printable_json(it.payload.text());
            let topic = printable(&it.topic);
            let mark = if it.bridged.is_some() { "\tunsigned" } else { "" };
            let class = match it.class {
                MessageClass::Alert => "\talert",
                MessageClass::Bulk => "\tbulk",
                MessageClass::Control | MessageClass::Normal => "",
            };
            format!("{topic}\t...{}\t{payload}{class}{mark}", short_node(&it.author))
        }
        EventData::Peer(it) => {
            let node = it.node.as_deref().map_or("an address", short_node);
            let state = serde_json::to_value(it.state)?;
            let why = it.why.as_deref().map(printable).unwrap_or_default();
            format!("peer\t...{node}\t{}\t{why}", word(&state))
        }
        EventData::Refused(it) => {
            let from = it.from.as_deref().map_or("the door", short_node);
            format!("refused\t...{from}\t{}", printable(&it.why))
        }
        EventData::Root(it) => format!("root\t{}\t{} entries", short_hex(&it.root), it.entries),
        EventData::Rule(it) => {
            let said = it.stance.map_or_else(
                || Ok("taken back".to_owned()),
                |stance| serde_json::to_value(stance).map(|it| word(&it).to_owned()),
            )?;
            format!(
                "rule\t{}\t...{}\t{said}",
                short_hex(&printable(&it.rule)),
                short_node(&it.node)
            )
        }
        EventData::Transfer(it) => {
            let (id, with, amount) = (short_hex(&it.id), short_node(&it.with), &it.amount);
            let (unit, kind) = (printable(&it.unit), printable(&it.kind));
            format!("transfer\t{id}\t...{with}\t{amount} {unit} {kind}\t{}", it.status)
        }
    };
    let time = event.time.get(11..19).unwrap_or(&event.time);
    Ok(format!("{time}\t{text}"))
}

/// The word that a closed set of words is written as.
fn word(value: &serde_json::Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// Wait between two tries.
const AGAIN: Duration = Duration::from_millis(500);
/// How long a node may take to come back.
const AGAIN_MAX: Duration = Duration::from_secs(15);
