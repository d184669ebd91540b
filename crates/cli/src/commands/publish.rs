//! `trellis publish`.

use clap::ValueEnum;
use daemon::api::types::Published;
use reqwest::Method;
use serde_json::json;

use super::Place;
use crate::input;
use crate::words::counted;

/// Tell every node something under a topic.
///
/// Prints the message's id once the message is on disk and on its way. A node that is away gets
/// it when it comes back, until the message's life ends.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis publish news '\"the bridge is open\"'
  trellis publish water '{\"need\": 200}' --kind request --life 2h
  trellis publish fire '\"leave the valley\"' --class alert
  date -u +'\"%FT%TZ\"' | trellis publish clock -")]
pub(crate) struct Args {
    /// The topic
    topic: String,
    /// What to say; - or nothing reads standard input
    #[arg(value_name = "JSON|-", allow_hyphen_values = true)]
    payload: Option<String>,
    /// What the message is for
    #[arg(long, value_enum, default_value_t = Kind::Announce)]
    kind: Kind,
    /// How urgent it is: alerts go first on all links, bulk waits for the rest
    #[arg(long, value_parser = class, default_value = "normal", value_name = "alert|normal|bulk")]
    class: &'static str,
    /// Id of the request it answers
    #[arg(long, value_name = "ID")]
    reply_to: Option<String>,
    /// How long nodes keep it, for example 90s, 15m, 24h or 30d [default: the node's setting]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    Announce,
    Request,
    Response,
    Heartbeat,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let payload = input::json(args.payload.as_deref())?;
    let body = body(args, &payload)?;
    let answer = place.client()?.send::<Published>(Method::POST, "/v1/messages", body).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    place.output.data(&answer.value.id)?;
    place.output.note(receipt(&answer.value));
    Ok(())
}

/// Says in a line what became of a message.
fn receipt(published: &Published) -> String {
    let links = |count: usize| counted(count as u64, "link", "links");
    let mut line = match (published.links, published.links_queued) {
        (0, _) => "kept; no peer is linked, it leaves with the next link".to_owned(),
        (all, 0) => format!("kept; {} will be told of it", links(all)),
        (_, queued) => format!("on its way over {}", links(queued)),
    };
    if 0 < published.links_congested {
        let congested = links(published.links_congested);
        line += &format!("; {congested} had no room and will catch up");
    }
    if published.demoted {
        line += "; too many alerts at once, so it travels as a normal message";
    }
    line
}

/// Reads a class a message may have.
fn class(text: &str) -> Result<&'static str, String> {
    match text {
        "alert" => Ok("alert"),
        "normal" => Ok("normal"),
        "bulk" => Ok("bulk"),
        "control" => Err("that is what nodes say to each other: use alert, normal or bulk".into()),
        _ => Err("use alert, normal or bulk".into()),
    }
}

/// Builds the body around the payload's own text, so that its numbers keep their digits.
fn body(args: &Args, payload: &str) -> anyhow::Result<String> {
    let mut body = json!({ "topic": args.topic, "kind": kind(args.kind), "class": args.class });
    if let Some(life_s) = args.life {
        body["life_s"] = life_s.into();
    }
    if let Some(reply_to) = &args.reply_to {
        body["reply_to"] = reply_to.clone().into();
    }
    let head = serde_json::to_string(&body)?;
    let head = head.strip_suffix('}').unwrap_or(&head);
    Ok(format!("{head},\"payload\":{payload}}}"))
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Announce => "announce",
        Kind::Heartbeat => "heartbeat",
        Kind::Request => "request",
        Kind::Response => "response",
    }
}
