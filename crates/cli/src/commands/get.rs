//! `trellis get`.

use daemon::api::types::{EntryAnswer, EntryProof};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Place, entry_path};
use crate::words::{ago, printable, printable_json, short_hex, short_node};

/// Print the value of an entry.
///
/// Several authors may use one name; without --author the newest of all is shown.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  trellis get well/3\n  trellis get airport/00M --collection airports\n  trellis get well/3 --proof > well.json"
)]
pub(crate) struct Args {
    /// The entry's name
    name: String,
    /// Its collection [default: the node's default collection]
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
    /// Write a proof of it, or that there is none: for `trellis verify`
    #[arg(long)]
    proof: bool,
    /// The node id of its author
    #[arg(long, short, value_name = "NODE")]
    author: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let parameters =
        [("collection", args.collection.as_deref()), ("author", args.author.as_deref())];
    let path = entry_path(&args.name, &parameters)?;
    if args.proof {
        return prove(&path, place).await;
    }
    let answer = place.client()?.get::<EntryAnswer>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let EntryAnswer { entry, others, .. } = answer.value;
    place.output.data(printable_json(&shown(&answer.text)?))?;
    let (author, when) = (short_node(&entry.author), ago(&entry.created));
    let others = match others {
        0 => String::new(),
        others => format!("; {others} more authors use this name, see `trellis list`"),
    };
    let name = printable(&entry.name);
    place.output.note(format_args!("{name} by ...{author}, {when}{others}"));
    Ok(())
}

/// Prints a proof: data for a file, in JSON whether that was asked for or not.
async fn prove(path: &str, place: &Place) -> anyhow::Result<()> {
    let path = path.replacen("/v1/entries/", "/v1/proofs/", 1);
    let answer = place.client()?.get::<EntryProof>(&path).await?;
    place.output.data(answer.text)?;
    let EntryProof { name, author, root, record, .. } = answer.value;
    let what = if record.is_some() { "stands in" } else { "has no record in" };
    let (name, author, root) = (printable(&name), short_node(&author), short_hex(&root));
    place.output.note(format_args!("{name} by ...{author} {what} the state with the root {root}"));
    Ok(())
}

/// Lays a value out for reading, unless that would change a digit of it.
fn shown(answer: &str) -> anyhow::Result<String> {
    let RawEntry { value } = serde_json::from_str(answer)?;
    let parsed: Value = serde_json::from_str(value.get())?;
    // Keys come in another order, so it is the letters that have to be the same.
    let letters = |text: &str| {
        let mut letters: Vec<u8> = text.bytes().collect();
        letters.sort_unstable();
        letters
    };
    let same = letters(&parsed.to_string()) == letters(value.get());
    if same { Ok(serde_json::to_string_pretty(&parsed)?) } else { Ok(value.get().to_owned()) }
}

/// The part of an entry that may hold numbers no machine number holds.
#[derive(Deserialize)]
pub(super) struct RawEntry<'a> {
    #[serde(borrow)]
    pub(super) value: &'a RawValue,
}
