//! `trellis alert`.

mod import;

use daemon::api::types::{
    AlertAnswer, AlertRow, AlertSeverity, Alerts, NewAcknowledgement, NewAlert, NewDispute,
};
use reqwest::Method;
use serde_json::Value;

use super::Place;
use crate::client::{Answer, Client};
use crate::failure::Failure;
use crate::input;
use crate::table::Table;
use crate::words::{ago, counted, printable, printable_json, short_hex, short_node};

/// Alerts: warn everybody, and see what others warn of.
///
/// An alert goes ahead of everything, on all links, and reaches who was away for as long as it holds.
/// It is shown here until somebody acknowledges it, and then again when that is over.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis alert raise 'the dam at Norrby leaks' --severity critical --evidence photo-17
  trellis alert list
  trellis alert ack 4f1c20aa --for 6h --note 'on our way'
  trellis alert dispute 4f1c20aa 'that was a drill'")]
pub(crate) enum Verb {
    Raise(RaiseArgs),
    List(ListArgs),
    Show(ShowArgs),
    Ack(AckArgs),
    Dispute(DisputeArgs),
    Import(import::Args),
}

/// Warn everybody. Prints the alert's id once it is on disk and on its way.
///
/// Of one node 10 alerts go first at once, and 6 more each hour, or what the network file says
/// (`[alerts]`). One more travels as a normal message: it is not lost, and you are told.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis alert raise 'the dam at Norrby leaks' --severity critical
  trellis alert raise 'well 3 is dry' --evidence well/3 --life 7d")]
pub(crate) struct RaiseArgs {
    /// What is wrong
    #[arg(value_name = "TEXT")]
    text: String,
    /// How bad it is
    #[arg(long, value_parser = severity, value_name = "critical|warning|notice", default_value = "warning")]
    severity: AlertSeverity,
    /// What shows it: an address, a record's id, a document; may be given again
    #[arg(long, value_name = "TEXT")]
    evidence: Vec<String>,
    /// How long it holds, for example 90m, 24h or 7d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
}

/// List the alerts that wait for somebody here, the newest first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis alert list
  trellis alert list --all")]
pub(crate) struct ListArgs {
    /// Also those that somebody here takes care of
    #[arg(long)]
    all: bool,
}

/// Show one alert with its evidence, who takes care, and who disputes it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis alert show 4f1c20aa")]
pub(crate) struct ShowArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

/// Take care of an alert: it is not shown here until that is over.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis alert ack 4f1c20aa
  trellis alert ack 4f1c20aa --for 6h --note 'on our way'")]
pub(crate) struct AckArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// For how long, at most 7d [default: 12h]
    #[arg(long = "for", value_name = "TIME", value_parser = input::life_s)]
    for_s: Option<u64>,
    /// What is done about it
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

/// Tell everybody that an alert is wrong. The alert stays; your words are shown with it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis alert dispute 4f1c20aa 'that was a drill'")]
pub(crate) struct DisputeArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Why
    #[arg(value_name = "REASON")]
    reason: String,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Ack(args) => acknowledge(args, place).await,
        Verb::Dispute(args) => dispute(args, place).await,
        Verb::Import(args) => import::run(args, place).await,
        Verb::List(args) => list(args, place).await,
        Verb::Raise(args) => raise(args, place).await,
        Verb::Show(args) => show(args, place).await,
    }
}

async fn raise(args: &RaiseArgs, place: &Place) -> anyhow::Result<()> {
    let alert = NewAlert {
        text: args.text.clone(),
        severity: args.severity,
        evidence: args.evidence.clone(),
        life_s: args.life,
    };
    let answer = place
        .client()?
        .send::<Value>(Method::POST, "/v1/alerts", serde_json::to_string(&alert)?)
        .await?;
    told(place, &answer, |links, demoted| {
        let demoted = if demoted {
            "; too many alerts from this node lately, so it travels as a normal message"
        } else {
            ""
        };
        format!("on disk, and on its way over {links}{demoted}")
    })
}

async fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let path = if args.all { "/v1/alerts?all=true" } else { "/v1/alerts" };
    let answer = place.client()?.get::<Alerts>(path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let Alerts { alerts, left, .. } = answer.value;
    let mut table = Table::new(&["ID", "SEVERITY", "RAISED", "NODE", "STATE", "WHAT"]);
    for alert in &alerts {
        let node =
            if alert.own { "this node".into() } else { format!("...{}", short_node(&alert.node)) };
        table.row([
            short_hex(&alert.id).to_owned(),
            word(alert.severity).to_owned(),
            ago(&alert.raised),
            node,
            state(alert),
            printable(&alert.text),
        ]);
    }
    if !alerts.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let count = counted(alerts.len() as u64, "alert", "alerts");
    let which = if args.all { "" } else { " waiting for somebody here" };
    let left = counted(left, "alert", "alerts");
    place.output.note(format_args!("{count}{which}; {left} of this node would go first now"));
    Ok(())
}

async fn show(args: &ShowArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let answer = client.get::<AlertAnswer>(&format!("/v1/alerts/{id}")).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let it = answer.value.alert;
    let mut rows = vec![
        ("id", it.id.clone()),
        ("severity", word(it.severity).to_owned()),
        ("what", printable(&it.text)),
        ("node", it.node.clone()),
        ("raised", it.raised.clone()),
        ("received", it.received.clone()),
        ("expires", it.expires.clone()),
        ("state", state(&it)),
    ];
    rows.extend(it.evidence.iter().map(|evidence| ("evidence", printable(evidence))));
    if let Some(by) = &it.acknowledged {
        let (who, until, note) = (&by.by, &by.until, printable_json(by.note.text()));
        rows.push(("acknowledged", format!("by {who}, until {until}: {note}")));
    }
    rows.extend(it.disputes.iter().map(|dispute| {
        let (node, reason) = (short_node(&dispute.node), printable(&dispute.reason));
        ("disputed", format!("by ...{node}, {}: {reason}", ago(&dispute.disputed)))
    }));
    rows.iter().try_for_each(|(name, value)| place.output.data(format_args!("{name:<13} {value}")))
}

async fn acknowledge(args: &AckArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let body = NewAcknowledgement { for_s: args.for_s, note: args.note.clone() };
    let path = format!("/v1/alerts/{id}/acknowledge");
    let answer = client.send::<Value>(Method::POST, &path, serde_json::to_string(&body)?).await?;
    told(place, &answer, |_, _| "acknowledged; it is shown again when that is over".to_owned())
}

async fn dispute(args: &DisputeArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let body = serde_json::to_string(&NewDispute { reason: args.reason.clone() })?;
    let path = format!("/v1/alerts/{id}/dispute");
    let answer = client.send::<Value>(Method::POST, &path, body).await?;
    told(place, &answer, |links, _| format!("on disk, and on its way over {links}"))
}

/// Says what a decision led to: done, told to others, or waiting for another Mirror.
pub(super) fn told(
    place: &Place,
    answer: &Answer<Value>,
    words: impl Fn(String, bool) -> String,
) -> anyhow::Result<()> {
    if place.output.is_json() {
        return place.output.data(&answer.text);
    }
    let value = &answer.value;
    if value["schema"] == "trellis.waits/1" {
        let (have, need) = (value["by"].as_array().map_or(0, Vec::len), &value["need"]);
        place.output.note(format_args!(
            "{have} of {need} Mirrors so far: another one gives the same command within a day"
        ));
        return Ok(());
    }
    if let Some(id) = value["id"].as_str() {
        place.output.data(id)?;
    }
    let links = counted(value["links"].as_u64().unwrap_or(0), "link", "links");
    place.output.note(words(links, value["demoted"] == true));
    Ok(())
}

/// Finds the id that begins so.
async fn find(client: &Client, text: &str) -> anyhow::Result<String> {
    if text.len() == 64 {
        return Ok(text.to_owned());
    }
    if text.len() < 4 || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Failure::usage("say at least the first 4 digits of the alert's id"));
    }
    let text = text.to_ascii_lowercase();
    let alerts = client.get::<Alerts>("/v1/alerts?all=true").await?.value.alerts;
    let mut found = alerts.into_iter().map(|it| it.id).filter(|id| id.starts_with(&text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several alerts begin with {text}"))),
        (None, _) => Err(Failure::not_found(format!(
            "no alert begins with {text}; it may have expired: see `trellis alert list --all`"
        ))),
    }
}

fn state(alert: &AlertRow) -> String {
    let disputes = match alert.disputes.len() {
        0 => String::new(),
        count => format!(", disputed by {count}"),
    };
    match &alert.acknowledged {
        Some(by) if !alert.open => format!("{} until {}{disputes}", by.by, ago(&by.until)),
        Some(_) => format!("open again{disputes}"),
        None => format!("open{disputes}"),
    }
}

fn severity(text: &str) -> Result<AlertSeverity, String> {
    match text {
        "critical" => Ok(AlertSeverity::Critical),
        "notice" => Ok(AlertSeverity::Notice),
        "warning" => Ok(AlertSeverity::Warning),
        _ => Err("use critical, warning or notice".to_owned()),
    }
}

fn word(severity: AlertSeverity) -> &'static str {
    match severity {
        AlertSeverity::Critical => "critical",
        AlertSeverity::Notice => "notice",
        AlertSeverity::Warning => "warning",
    }
}
