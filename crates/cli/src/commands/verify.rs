//! `trellis verify`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use daemon::api::types::{EntryProof, ProvenTransfer, RuleEvidence, TransferAnswer};
use daemon::node::Finding;
use daemon::wire::{Content, Digest, Opened};
use serde_json::json;
use serde_json::value::RawValue;

use super::Place;
use crate::failure::Failure;
use crate::output::Output;
use crate::words::{printable, printable_json, short_hex, short_node};

/// Check a proof that `trellis get --proof`, `trellis rule prove` or `trellis transfer show --json` wrote. Needs no node.
///
/// Of an entry: the author's signature and the way from the entry to the root. Give the root you trust
/// with --root; without it the proof only fits the root that stands in the file. Of a rule: the way to a
/// checkpoint, and the attesters' signatures under it, by the network file you trust.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis verify well.json --root 65e2c5493974ea870887d65bf168f5060ac9344c93935cef973795e262ebfa5b
  trellis get well/3 --proof | trellis verify -
  trellis verify rule.proof --network network.toml")]
pub(crate) struct Args {
    /// The file; - reads standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// The root you trust, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = root)]
    root: Option<Digest>,
    /// The network file you trust, for a rule [default: network.toml in the node's directory]
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

pub(crate) fn run(
    args: &Args,
    place: impl FnOnce() -> anyhow::Result<Place>,
    output: Output,
) -> anyhow::Result<()> {
    let text = read(&args.file)?;
    let shown = args.file.display();
    if let Ok(transfer) = serde_json::from_str::<TransferAnswer>(&text) {
        return check_transfer(&transfer, &shown.to_string(), output);
    }
    if let Ok(rule) = serde_json::from_str::<RuleEvidence>(&text) {
        let network = match &args.network {
            Some(network) => network.clone(),
            None => place()?.directory.join("network.toml"),
        };
        return check_rule(&rule, &network, &shown.to_string(), output);
    }
    let proof: EntryProof = serde_json::from_str(&text)
        .map_err(|error| Failure::refused(format!("{shown} is no proof: {error}")))?;
    let mut evidence = proof.evidence().map_err(|field| {
        Failure::refused(format!("{shown} is no proof: its {field} makes no sense"))
    })?;
    let named = evidence.root;
    evidence.root = args.root.unwrap_or(named);
    let finding = evidence.check().map_err(|error| {
        let other = if evidence.root == named {
            String::new()
        } else {
            format!("; the file names another root, {named}")
        };
        Failure::refused(format!("{shown} proves nothing: {error}{other}"))
    })?;
    let (word, opened) = match &finding {
        Finding::Absent => ("absent", None),
        Finding::Deleted(opened) => ("deleted", Some(opened.as_ref())),
        Finding::Present(opened) => ("present", Some(opened.as_ref())),
    };
    let value = opened.and_then(value);
    if output.is_json() {
        let value = value.as_deref().map(serde_json::from_str::<Box<RawValue>>).transpose()?;
        output.document(&json!({
            "schema": "trellis.verified/1",
            "finding": word,
            "collection": proof.collection,
            "name": proof.name,
            "author": proof.author,
            "id": opened.map(|it| it.id.to_string()),
            "value": value,
            "root": evidence.root.to_string(),
            "root_given": args.root.is_some(),
        }))?;
    } else if let Some(value) = value {
        output.data(printable_json(&value))?;
    }
    let (name, author) = (printable(&proof.name), short_node(&proof.author));
    let said = match finding {
        Finding::Absent => "has no record",
        Finding::Deleted(_) => "was deleted by its author",
        Finding::Present(_) => "is proven",
    };
    let root = evidence.root.to_string();
    let root = short_hex(&root);
    output.note(format_args!("{name} by ...{author} {said} in the state with the root {root}"));
    if args.root.is_none() {
        output.note("that root stands in the file: compare it with one you trust, or give --root");
    }
    Ok(())
}

/// Checks that a rule is accepted by a checkpoint of the network.
fn check_rule(
    rule: &RuleEvidence,
    network: &Path,
    shown: &str,
    output: Output,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(network).with_context(|| {
        format!("reading {}: give the network file you trust with --network", network.display())
    })?;
    let verified = rule
        .check(&text)
        .map_err(|why| Failure::refused(format!("{shown} proves nothing: {why}")))?;
    let it = &verified.checkpoint;
    let (signed, total) = verified.weight;
    if output.is_json() {
        let content = rule.content.as_deref().map(serde_json::from_str::<Box<RawValue>>);
        return output.document(&json!({
            "schema": "trellis.verified/1",
            "finding": "accepted",
            "network": it.network.to_string(),
            "rule": rule.rule,
            "content": content.transpose()?,
            "height": it.height,
            "cut_ms": it.cut_ms,
            "rules": rule.rules,
            "accepted": rule.accepted,
            "weight": signed,
            "weight_of_all": total,
        }));
    }
    output.data(rule.content.as_deref().map_or_else(|| rule.rule.clone(), printable_json))?;
    let (id, name) = (short_hex(&rule.rule), printable(&verified.network));
    output.note(format_args!(
        "{id} is one of {} accepted rules of {name}, by checkpoint {}, signed with a weight of {signed} of {total}",
        rule.accepted, it.height,
    ));
    Ok(())
}

/// Checks what both sides of a transfer signed.
fn check_transfer(transfer: &TransferAnswer, shown: &str, output: Output) -> anyhow::Result<()> {
    let proven = transfer
        .check()
        .map_err(|error| Failure::refused(format!("{shown} proves nothing: {error}")))?;
    let ProvenTransfer { giver, taker, kind, amount, unit, handed, received } = proven;
    if output.is_json() {
        return output.document(&json!({
            "schema": "trellis.verified/1",
            "finding": "agreed",
            "network": transfer.network,
            "giver": giver,
            "taker": taker,
            "kind": kind,
            "amount": amount,
            "unit": unit,
            "handed": handed,
            "received": received,
        }));
    }
    output.data(format_args!("{amount} {unit} of {kind}"))?;
    let (giver, taker) = (short_node(&giver), short_node(&taker));
    output.note(format_args!("...{giver} gives it to ...{taker}: both said yes, and both signed"));
    for (word, is) in [("handed it over", handed), ("has received it", received)] {
        let who = if word.starts_with("handed") { giver } else { taker };
        if is {
            output.note(format_args!("...{who} signed that it {word}"));
        }
    }
    output.note("the network stands in the file: compare it with the one you trust");
    Ok(())
}

/// Returns the text of an entry's value, as its author wrote it.
fn value(opened: &Opened) -> Option<String> {
    let Content::Entry(entry) = &opened.record.content else { return None };
    let value = String::from_utf8(entry.value.as_ref()?.to_vec()).ok()?;
    // Authors promise JSON, and nobody holds them to it.
    let json = serde_json::from_str::<&RawValue>(&value).is_ok();
    Some(if json { value } else { serde_json::Value::from(value).to_string() })
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let reading = || format!("reading {}", file.display());
    let source: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).with_context(reading)?)
    };
    source.take(FILE_BYTES_MAX).read_to_string(&mut text).with_context(reading)?;
    Ok(text)
}

fn root(text: &str) -> Result<Digest, String> {
    Digest::from_hex(text).ok_or_else(|| "a root has 64 hexadecimal digits".to_owned())
}

/// A record of 256 KiB and a proof of 8 KiB in base64, and room.
const FILE_BYTES_MAX: u64 = 512 * 1024;
