//! `trellis rm`.

use daemon::api::types::Written;

use super::{Place, entry_path};
use crate::words::short_hex;

/// Delete an entry that this node wrote, at every node.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis rm well/3")]
pub(crate) struct Args {
    /// The entry's name
    name: String,
    /// Its collection [default: the node's default collection]
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let path = entry_path(&args.name, &[("collection", args.collection.as_deref())])?;
    let answer = place.client()?.delete::<Written>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    for id in &answer.value.ids {
        place.output.data(id)?;
    }
    place.output.note(format_args!("deleted; the root is {}", short_hex(&answer.value.root)));
    Ok(())
}
