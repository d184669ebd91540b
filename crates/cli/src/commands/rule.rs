//! `trellis rule`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use daemon::api::types::{
    NewChallenge, NewConfirmation, RuleAnswer, RuleEvidence, RuleRow, RuleStance, Rules,
};
use reqwest::Method;
use serde_json::Value;

use super::Place;
use crate::client::{Answer, Client};
use crate::failure::Failure;
use crate::table::Table;
use crate::words::{ago, counted, printable, printable_json, short_hex, short_node};

/// Rules that people and agents find together.
///
/// A rule is put forward, confirmed and challenged, each word signed and kept. Accepted are those that
/// the network file says (`[rules]`): unless told three authors, sure of it by 0.8 on average, where a
/// challenge counts as none. All nodes that hold the same words accept the same rules.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis rule commit rain.json
  trellis rule list
  trellis rule confirm 9c0ffee1 --confidence 0.9 --evidence 12
  trellis rule challenge 9c0ffee1 'not in winter'
  trellis rule show 9c0ffee1
  trellis rule prove 9c0ffee1 > rule.proof")]
pub(crate) enum Verb {
    Commit(CommitArgs),
    Confirm(ConfirmArgs),
    Challenge(ChallengeArgs),
    List(ListArgs),
    Prove(ProveArgs),
    Show(ShowArgs),
}

/// Put a rule forward. Prints its id: the hash of what it says.
///
/// The file holds {"logic": any, "context": any, "confidence": 0.9, "evidence": 12, "note": ".."}. What it
/// says is not sent around: who wants it asks. Two nodes that find the same rule give it the same id.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rule commit rain.json")]
pub(crate) struct CommitArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Call a rule right.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rule confirm 9c0ffee1 --confidence 0.9 --evidence 12")]
pub(crate) struct ConfirmArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// How sure you are, 0 to 1
    #[arg(long, value_name = "PART")]
    confidence: String,
    /// How many pieces of evidence you have
    #[arg(long, value_name = "N", default_value_t = 0)]
    evidence: u64,
}

/// Call a rule wrong. It stays, and so does every word on it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rule challenge 9c0ffee1 'not in winter'")]
pub(crate) struct ChallengeArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Why
    #[arg(value_name = "REASON")]
    reason: String,
}

/// List the rules that anybody has spoken of, and which are accepted.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis rule list
  trellis rule list --accepted")]
pub(crate) struct ListArgs {
    /// Only those that are accepted
    #[arg(long)]
    accepted: bool,
}

/// Print a file that proves that a rule is accepted, by the newest checkpoint.
///
/// `trellis verify` checks it without a node, with the network file you trust.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rule prove 9c0ffee1 > rule.proof")]
pub(crate) struct ProveArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

/// Show a rule, all words on it, and what it says, which is fetched if it is not here.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rule show 9c0ffee1")]
pub(crate) struct ShowArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// Do not ask others what it says
    #[arg(long)]
    offline: bool,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Challenge(args) => challenge(args, place).await,
        Verb::Commit(args) => commit(args, place).await,
        Verb::Confirm(args) => confirm(args, place).await,
        Verb::List(args) => list(args, place).await,
        Verb::Prove(args) => prove(args, place).await,
        Verb::Show(args) => show(args, place).await,
    }
}

async fn commit(args: &CommitArgs, place: &Place) -> anyhow::Result<()> {
    let text = read(&args.file)?;
    let answer = place.client()?.send::<Value>(Method::POST, "/v1/rules", text).await?;
    told(place, &answer, "put forward; others confirm or challenge it")
}

async fn confirm(args: &ConfirmArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let confidence = Value::from(args.confidence.clone());
    let body = NewConfirmation { confidence, evidence: args.evidence };
    let path = format!("/v1/rules/{id}/confirm");
    let answer = client.send::<Value>(Method::POST, &path, serde_json::to_string(&body)?).await?;
    told(place, &answer, "confirmed")
}

async fn challenge(args: &ChallengeArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let body = serde_json::to_string(&NewChallenge { reason: args.reason.clone() })?;
    let path = format!("/v1/rules/{id}/challenge");
    let answer = client.send::<Value>(Method::POST, &path, body).await?;
    told(place, &answer, "challenged; the rule and every word on it stay")
}

fn told(place: &Place, answer: &Answer<Value>, done: &str) -> anyhow::Result<()> {
    if place.output.is_json() {
        return place.output.data(&answer.text);
    }
    if let Some(rule) = answer.value["rule"].as_str() {
        place.output.data(rule)?;
        place.output.note(done);
        return Ok(());
    }
    super::alert::told(place, answer, |_, _| done.to_owned())
}

async fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let mut all = whole(&place.client()?).await?;
    all.rules.retain(|rule| rule.accepted || !args.accepted);
    if place.output.is_json() {
        return place.output.document(&all);
    }
    let mut table = Table::new(&["RULE", "STATE", "FOR", "AGAINST", "CONFIDENCE", "EVIDENCE"]);
    for rule in &all.rules {
        table.row([
            short_hex(&rule.rule).to_owned(),
            state(rule).to_owned(),
            rule.supporters.to_string(),
            rule.challengers.to_string(),
            rule.confidence.text().to_owned(),
            rule.evidence.to_string(),
        ]);
    }
    if !all.rules.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let (count, accepted) = (counted(all.count, "rule", "rules"), all.accepted);
    let root = short_hex(&all.root);
    place.output.note(format_args!("{count}, {accepted} accepted; their root is {root}"));
    Ok(())
}

async fn prove(args: &ProveArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let proof = client.get::<RuleEvidence>(&format!("/v1/rules/{id}/proof")).await?;
    place.output.data(proof.text)?;
    let (count, all) = (proof.value.accepted, proof.value.rules);
    place
        .output
        .note(format_args!("one of {count} accepted rules of {all} by the newest checkpoint"));
    Ok(())
}

async fn show(args: &ShowArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?;
    let path = format!("/v1/rules/{id}");
    let mut answer = client.get::<RuleAnswer>(&path).await?;
    let mut tries = if args.offline { 0 } else { TRIES };
    while answer.value.content.is_none() && 0 < tries {
        // Asking again is free: the node asks the network once in a while.
        answer = client.send(Method::POST, &format!("{path}/fetch"), String::new()).await?;
        if answer.value.content.is_none() {
            tokio::time::sleep(LOOK).await;
        }
        tries -= 1;
    }
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let RuleAnswer { row, words, content, .. } = answer.value;
    let says = content.map_or_else(
        || "(nobody who put it forward answers)".to_owned(),
        |it| printable_json(it.text()),
    );
    place.output.data(format_args!("{:<10} {}", "rule", row.rule))?;
    place.output.data(format_args!("{:<10} {}", "state", state(&row)))?;
    place.output.data(format_args!("{:<10} {says}", "says"))?;
    for word in &words {
        let who =
            if word.own { "this node".into() } else { format!("...{}", short_node(&word.node)) };
        let (confidence, evidence, said) = (word.confidence.text(), word.evidence, ago(&word.said));
        let how = match word.stance {
            RuleStance::Challenge => "challenged by".to_owned(),
            RuleStance::Commit => format!("put forward ({confidence}, {evidence} pieces) by"),
            RuleStance::Confirm => format!("confirmed ({confidence}, {evidence} pieces) by"),
        };
        let note = if word.note.is_empty() {
            String::new()
        } else {
            format!(": {}", printable(&word.note))
        };
        place.output.data(format_args!("{:<10} {how} {who}, {said}{note}", "word"))?;
    }
    Ok(())
}

/// Reads all pages.
async fn whole(client: &Client) -> anyhow::Result<Rules> {
    let mut all = client.get::<Rules>("/v1/rules?limit=1000").await?.value;
    while let Some(after) = all.next.take() {
        let page = client.get::<Rules>(&format!("/v1/rules?limit=1000&after={after}")).await?.value;
        all.rules.extend(page.rules);
        all.next = page.next;
    }
    Ok(all)
}

/// Finds the id that begins so.
async fn find(client: &Client, text: &str) -> anyhow::Result<String> {
    if text.len() == 64 {
        return Ok(text.to_owned());
    }
    if text.len() < 4 || !text.bytes().all(|it| it.is_ascii_hexdigit()) {
        return Err(Failure::usage("say at least the first 4 digits of the rule's id"));
    }
    let text = text.to_ascii_lowercase();
    let rules = whole(client).await?.rules.into_iter().map(|it| it.rule);
    let mut found = rules.filter(|id| id.starts_with(&text));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several rules begin with {text}"))),
        (None, _) => Err(Failure::not_found(format!("no rule begins with {text}"))),
    }
}

fn state(rule: &RuleRow) -> &'static str {
    match (rule.accepted, rule.challengers) {
        (true, _) => "accepted",
        (false, 0) => "open",
        (false, _) => "disputed",
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    match std::fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Failure::not_found(format!("there is no file {}", file.display())))
        }
        Err(error) => Err(error).with_context(|| format!("reading {}", file.display())),
    }
}

/// Wait between two looks for an answer, and looks: 6 s in all.
const LOOK: Duration = Duration::from_millis(200);
const TRIES: u32 = 30;
