//! `trellis put`.

use daemon::api::types::Written;
use reqwest::Method;

use super::{Place, entry_path};
use crate::input;
use crate::words::short_hex;

/// Write an entry: every node of the network will hold it.
///
/// Only this node can change or delete what it wrote. Prints the record's id once the entry is
/// on disk.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis put well/3 '{\"litres\": 500}'
  trellis put note '\"a text needs its own quotes\"'
  trellis put report - < report.json")]
pub(crate) struct Args {
    /// The entry's name
    name: String,
    /// Its value; - or nothing reads standard input
    #[arg(value_name = "JSON|-", allow_hyphen_values = true)]
    value: Option<String>,
    /// Its collection [default: the node's default collection]
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let value = input::json(args.value.as_deref())?;
    let path = entry_path(&args.name, &[("collection", args.collection.as_deref())])?;
    let answer = place.client()?.send::<Written>(Method::PUT, &path, value).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    for id in &answer.value.ids {
        place.output.data(id)?;
    }
    place.output.note(format_args!("written; the root is {}", short_hex(&answer.value.root)));
    Ok(())
}
