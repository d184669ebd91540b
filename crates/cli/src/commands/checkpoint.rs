//! `trellis checkpoint`.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use daemon::api::types::{CheckpointAnswer, Checkpoints};
use daemon::attesters;
use serde_json::json;

use super::Place;
use crate::failure::Failure;
use crate::table::Table;
use crate::words::{counted, short_hex};

/// Checkpoints: the state at a moment, signed by more than two thirds of the network's attesters.
#[derive(clap::Subcommand, Debug)]
#[command(after_help = "Examples:
  trellis checkpoint list
  trellis checkpoint show latest --out state.ckpt
  trellis checkpoint verify state.ckpt --network network.toml
  trellis checkpoint key                        what an attester adds to the network file")]
pub(crate) enum Verb {
    List(ListArgs),
    Show(ShowArgs),
    Verify(VerifyArgs),
    Key(KeyArgs),
}

/// List the checkpoints that are final here, and attesters that broke their word.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis checkpoint list")]
pub(crate) struct ListArgs {}

/// Show one checkpoint, and write the file that proves it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis checkpoint show latest
  trellis checkpoint show 12 --out state.ckpt")]
pub(crate) struct ShowArgs {
    /// Height, or latest
    #[arg(value_name = "HEIGHT", default_value = "latest")]
    height: String,
    /// Where the file goes
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a checkpoint file. Needs no node and no network: only the network file you trust.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis checkpoint verify state.ckpt --network network.toml")]
pub(crate) struct VerifyArgs {
    /// The file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The network file [default: network.toml in the node's directory]
    #[arg(long, value_name = "FILE")]
    network: Option<PathBuf>,
}

/// Print this directory's attester key as a row of a network file; make it if there is none.
///
/// The secret stays in DIR/attester.key (0600). A node whose directory holds a key that the network
/// file names is an attester. Never run two nodes with one key.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis checkpoint key")]
pub(crate) struct KeyArgs {}

pub(crate) async fn run(verb: &Verb, place: &Place) -> anyhow::Result<()> {
    match verb {
        Verb::Key(_) => key(place),
        Verb::List(_) => list(place).await,
        Verb::Show(args) => show(args, place).await,
        Verb::Verify(args) => verify(args, place),
    }
}

async fn list(place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<Checkpoints>("/v1/checkpoints").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let Checkpoints { checkpoints, attesters, attester, evidence, .. } = answer.value;
    let mut table = Table::new(&["HEIGHT", "CUT", "ROOT", "ENTRIES", "SIGNERS"]);
    for row in &checkpoints {
        table.row([
            row.height.to_string(),
            row.cut.clone(),
            short_hex(&row.root).to_owned(),
            row.entries.to_string(),
            row.signers.len().to_string(),
        ]);
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))?;
    for fault in &evidence {
        let (height, who) = (fault.height, &fault.attesters);
        let text =
            format!("at height {height} attesters {who:?} said two things: --json has the proof");
        place.output.note(text);
    }
    if attesters.is_empty() {
        place.output.note("this network has no attesters: its network file names none");
    } else {
        let count = counted(attesters.len() as u64, "attester", "attesters");
        let own = attester.map(|it| format!("; this node is number {it}")).unwrap_or_default();
        place.output.note(format_args!("{count}{own}"));
    }
    Ok(())
}

async fn show(args: &ShowArgs, place: &Place) -> anyhow::Result<()> {
    let name = crate::words::percent_encoded(&args.height);
    let path = format!("/v1/checkpoints/{name}");
    let answer = place.client()?.get::<CheckpointAnswer>(&path).await?;
    if let Some(out) = &args.out {
        let file = answer.value.file_bytes().context("the node's answer holds no file")?;
        std::fs::write(out, file).with_context(|| format!("writing {}", out.display()))?;
    }
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let it = answer.value.checkpoint;
    let accepted = match (it.rules_accepted, it.rules_count) {
        (Some(accepted), Some(count)) => format!("{accepted} of {count}"),
        (Some(_) | None, _) => "(this node cannot tell any more)".to_owned(),
    };
    let rows = [
        ("height", it.height.to_string()),
        ("cut", it.cut),
        ("root", it.root),
        ("entries", it.entries.to_string()),
        ("collections", it.collections.to_string()),
        ("name", it.hash),
        ("previous", it.previous),
        ("rules", it.rules),
        ("accepted rules", accepted),
        ("committee", it.committee),
        ("next committee", it.next_committee),
        ("signers", it.signers.iter().map(u16::to_string).collect::<Vec<_>>().join(" ")),
    ];
    rows.iter().try_for_each(|(name, value)| place.output.data(format_args!("{name:<15} {value}")))
}

fn verify(args: &VerifyArgs, place: &Place) -> anyhow::Result<()> {
    let usual = place.directory.join("network.toml");
    let network = args.network.as_deref().unwrap_or(&usual);
    let network = String::from_utf8(read(network)?).context("the network file is no text")?;
    let shown = args.file.display();
    let verified = attesters::verify(&network, &read(&args.file)?)
        .map_err(|why| Failure::refused(format!("{shown} proves nothing: {why}")))?;
    let it = &verified.checkpoint;
    let (signed, total) = verified.weight;
    if place.output.is_json() {
        return place.output.document(&json!({
            "schema": "trellis.checkpoint-verified/1",
            "network": it.network.to_string(),
            "height": it.height,
            "cut_ms": it.cut_ms,
            "root": it.root.to_string(),
            "entries": it.count,
            "name": it.hash().to_string(),
            "signers": verified.signers,
            "weight": signed,
            "weight_of_all": total,
        }));
    }
    place.output.data(it.root)?;
    place.output.note(format_args!(
        "height {} of {}, {} entries, signed by {} attesters with a weight of {signed} of {total}",
        it.height, verified.network, it.count, verified.signers,
    ));
    Ok(())
}

fn key(place: &Place) -> anyhow::Result<()> {
    let made = attesters::credentials(&place.directory)?;
    if place.output.is_json() {
        let (key, proof) = (&made.key, &made.proof);
        let schema = "trellis.attester/1";
        return place.output.document(&json!({ "schema": schema, "key": key, "proof": proof }));
    }
    let row =
        format!("[[attester]]\nkey = \"{}\"\nproof = \"{}\"\nweight = 1", made.key, made.proof);
    place.output.data(row)?;
    let word = if made.fresh { "made" } else { "found" };
    place.output.note(format_args!("{word} {}: keep a copy of it", made.path.display()));
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(path).with_context(|| format!("reading {}", path.display()))
}
