//! `trellis transfer`.

mod gaps;

use std::io::{self, BufRead as _, IsTerminal as _};

use daemon::api::types::{
    NewTransfer, TransferAnswer, TransferList, TransferRow, TransferSide, TransferYes,
};
use reqwest::Method;
use serde_json::Value;

use super::Place;
use crate::client::Client;
use crate::failure::Failure;
use crate::input;
use crate::table::Table;
use crate::words::{ago, counted, printable, short_hex, short_node};

/// Transfers: gifts from one community to another that people at both wanted.
///
/// A proposal is no yes. People at both nodes decide; neither side sees the other's choice before both
/// have said yes. A no ends it at once, for both, without a reason, and looks like everything else
/// that ends one: time that ran out, a node that stopped. It costs nobody anything.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis transfer gaps
  trellis transfer propose 12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz water 500 L
  trellis transfer yes 4f1c20aa
  trellis transfer no 4f1c20aa
  trellis transfer show 4f1c20aa --json > gift.json && trellis verify gift.json")]
pub(crate) enum Verb {
    Gaps(gaps::Args),
    Propose(ProposeArgs),
    List(ListArgs),
    /// Show a transfer; with --json also what both signed, which `trellis verify` checks.
    #[command(
        after_help = "Examples:\n  trellis transfer show 4f1c20aa\n  trellis transfer show 4f1c20aa --json > gift.json"
    )]
    Show(IdArgs),
    Yes(YesArgs),
    /// Say no to a transfer: it ends at once, for both nodes, and nobody is told why.
    #[command(after_help = "Example:\n  trellis transfer no 4f1c20aa")]
    No(IdArgs),
    /// Sign that this node's part of an agreed transfer is done: handed over, or received.
    #[command(after_help = "Example:\n  trellis transfer done 4f1c20aa")]
    Done(IdArgs),
}

/// Propose a transfer to a node. Prints its id once it is on disk and the offer on its way.
///
/// It is no yes: say that with `trellis transfer yes`, as the people there do.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis transfer propose 12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz water 500 L
  trellis transfer propose 12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz food 20 kg --take
  trellis transfer propose 12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz water 300 L --counter 4f1c20aa")]
pub(crate) struct ProposeArgs {
    /// The other node's id
    node: String,
    /// Water, energy, food, or a kind of your own
    kind: String,
    /// How much, with at most three decimals
    amount: String,
    /// What it is measured in
    unit: String,
    /// Ask for it instead of offering it
    #[arg(long)]
    take: bool,
    /// Answer this proposal with another one: it ends, and the new one takes its place
    #[arg(long, value_name = "ID")]
    counter: Option<String>,
    /// How long people have to decide, for example 2h or 3d [default: 24h]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    decide: Option<u64>,
    /// How often the two decisions are compared, for example 5s [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    tick: Option<u64>,
}

/// List transfers, those that can be decided on first.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis transfer list")]
pub(crate) struct ListArgs {
    /// Those that ended, too
    #[arg(long)]
    all: bool,
}

/// Which transfer.
#[derive(clap::Args, Debug)]
pub(crate) struct IdArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
}

/// Say yes to a transfer. It asks for amount, unit and counterpart once more.
///
/// The other side does not see it before it has said yes, too. Until then you can still say no.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis transfer yes 4f1c20aa
  trellis transfer yes 4f1c20aa --confirm '500 L CqLghCq9'")]
pub(crate) struct YesArgs {
    /// Its id, or the beginning of it
    #[arg(value_name = "ID")]
    id: String,
    /// What you agree to: amount, unit, and the node's id or its last eight characters
    #[arg(long, value_name = "AMOUNT UNIT NODE")]
    confirm: Option<String>,
}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Done(args) => decide(args, "done", "signed; the other side gets it", place).await,
        Verb::Gaps(args) => gaps::run(args, place).await,
        Verb::List(args) => list(args, place).await,
        Verb::No(args) => decide(args, "no", "ended, for both", place).await,
        Verb::Propose(args) => propose(args, place).await,
        Verb::Show(args) => show(args, place).await,
        Verb::Yes(args) => yes(args, place).await,
    }
}

async fn propose(args: &ProposeArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let replaces = match &args.counter {
        Some(id) => Some(find(&client, id).await?.id),
        None => None,
    };
    let wish = NewTransfer {
        with: args.node.clone(),
        side: Some(if args.take { TransferSide::Take } else { TransferSide::Give }),
        kind: args.kind.clone(),
        amount: args.amount.clone(),
        unit: args.unit.clone(),
        decide_s: args.decide,
        tick_s: args.tick.map(|it| u32::try_from(it).unwrap_or(u32::MAX)),
        replaces,
    };
    let body = serde_json::to_string(&wish)?;
    let answer = client.send::<Value>(Method::POST, "/v1/transfers", body).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    match answer.value["id"].as_str() {
        Some(id) => {
            place.output.data(id)?;
            let short = short_hex(id);
            place.output.note(format_args!(
                "proposed; it is no yes: say that with `trellis transfer yes {short}`"
            ));
        }
        None => place.output.note("it takes another Mirror, who proposes the same"),
    }
    Ok(())
}

async fn list(args: &ListArgs, place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<TransferList>("/v1/transfers").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let all = answer.value.transfers;
    let shown = all.iter().filter(|it| args.all || it.status != "ended");
    let shown: Vec<&TransferRow> = shown.collect();
    let mut table = Table::new(&["ID", "WHAT", "NODE", "STATE", "YOU", "DECIDE BY"]);
    for it in &shown {
        table.row([
            short_hex(&it.id).to_owned(),
            what(it),
            format!("...{}", short_node(&it.with)),
            state(it),
            you(it).to_owned(),
            ago(&it.decide_by),
        ]);
    }
    if !shown.is_empty() {
        table.lines().iter().try_for_each(|line| place.output.data(line))?;
    }
    let open = shown.iter().filter(|it| it.status == "open" && !it.said_yes).count();
    let count = counted(shown.len() as u64, "transfer", "transfers");
    place.output.note(format_args!("{count}, {open} waiting for somebody here"));
    Ok(())
}

async fn show(args: &IdArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?.id;
    let answer = client.get::<TransferAnswer>(&format!("/v1/transfers/{id}")).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let it = &answer.value.transfer;
    let mut rows = vec![
        ("id", it.id.clone()),
        ("what", what(it)),
        ("with", it.with.clone()),
        ("state", state(it)),
        ("you", you(it).to_owned()),
        ("decide by", it.decide_by.clone()),
    ];
    if it.was_left {
        let text = "it left a comparison after it had this node's half; now it goes first";
        rows.push(("the other", text.to_owned()));
    }
    if answer.value.check().is_ok() {
        rows.push((
            "proof",
            "signed by both: keep it with --json, check it with verify".to_owned(),
        ));
    }
    rows.iter().try_for_each(|(name, value)| place.output.data(format_args!("{name:<10} {value}")))
}

async fn yes(args: &YesArgs, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let transfer = find(&client, &args.id).await?;
    let said = match &args.confirm {
        Some(said) => said.clone(),
        None => ask(&transfer, place)?,
    };
    let words: Vec<&str> = said.split_whitespace().collect();
    let wanted = || {
        let TransferRow { amount, unit, with, .. } = &transfer;
        let last = short_node(with);
        Failure::usage(format!(
            "that is not what is proposed; nothing changed. To agree, say: {amount} {unit} {last}"
        ))
    };
    let [amount, unit, node] = words[..] else { return Err(wanted()) };
    let named = node == transfer.with || node == short_node(&transfer.with);
    if amount != transfer.amount || unit != transfer.unit || !named {
        return Err(wanted());
    }
    let yes = TransferYes { amount: amount.to_owned(), unit: unit.to_owned(), with: transfer.with };
    let (id, body) = (&transfer.id, serde_json::to_string(&yes)?);
    let path = format!("/v1/transfers/{id}/yes");
    let answer = client.send::<Value>(Method::POST, &path, body).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    place.output.note("yes; the other side sees it only if it says yes, too. You can still say no");
    Ok(())
}

/// Asks a person for amount, unit and counterpart.
fn ask(transfer: &TransferRow, place: &Place) -> anyhow::Result<String> {
    let TransferRow { amount, unit, with, .. } = transfer;
    let last = short_node(with);
    let wanted = format!("{amount} {unit} {last}");
    if !io::stdin().is_terminal() {
        let how = format!("say what you agree to: --confirm '{wanted}'");
        return Err(Failure::usage(how));
    }
    place.output.note(format_args!("{} {with}", what(transfer)));
    place.output.note(format_args!("To agree, write amount, unit and node: {wanted}"));
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line)
}

async fn decide(args: &IdArgs, verb: &str, said: &str, place: &Place) -> anyhow::Result<()> {
    let client = place.client()?;
    let id = find(&client, &args.id).await?.id;
    let path = format!("/v1/transfers/{id}/{verb}");
    let answer = client.send::<Value>(Method::POST, &path, String::new()).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    place.output.note(said);
    Ok(())
}

/// Finds a transfer by the beginning of its id.
async fn find(client: &Client, id: &str) -> anyhow::Result<TransferRow> {
    let all = client.get::<TransferList>("/v1/transfers").await?.value.transfers;
    let mut found = all.into_iter().filter(|it| !id.is_empty() && it.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(transfer), None) => Ok(transfer),
        (Some(_), Some(_)) => {
            Err(Failure::usage(format!("{id} is the beginning of several ids: give more of it")))
        }
        (None, _) => {
            Err(Failure::not_found(format!("no transfer {id}: see `trellis transfer list --all`")))
        }
    }
}

fn what(it: &TransferRow) -> String {
    let side = match it.side {
        TransferSide::Give => "give",
        TransferSide::Take => "take",
    };
    format!("{side} {} {} of {}", it.amount, printable(&it.unit), printable(&it.kind))
}

fn state(it: &TransferRow) -> String {
    match (it.status.as_str(), it.handed, it.received) {
        ("agreed", true, true) => "agreed, handed over, received".to_owned(),
        ("agreed", true, false) => "agreed, handed over".to_owned(),
        ("agreed", false, true) => "agreed, received".to_owned(),
        (status, ..) => status.to_owned(),
    }
}

fn you(it: &TransferRow) -> &'static str {
    match it.status.as_str() {
        "agreed" | "confirming" => "yes",
        "ended" => "-",
        _ if it.said_yes => "yes",
        _ => "not decided",
    }
}
