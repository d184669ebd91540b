//! `trellis get`.

use daemon::api::types::EntryAnswer;

use super::{Place, entry_path};
use crate::words::{ago, printable, printable_json, short_node};

/// Print the value of an entry.
///
/// Several authors may use one name; without --author the newest of all is shown.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Examples:\n  trellis get well/3\n  trellis get airport/00M --collection airports"
)]
pub(crate) struct Args {
    /// The entry's name
    name: String,
    /// Its collection [default: the node's default collection]
    #[arg(long, short, value_name = "COLLECTION")]
    collection: Option<String>,
    /// The node id of its author
    #[arg(long, short, value_name = "NODE")]
    author: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let parameters =
        [("collection", args.collection.as_deref()), ("author", args.author.as_deref())];
    let path = entry_path(&args.name, &parameters)?;
    let answer = place.client()?.get::<EntryAnswer>(&path).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let EntryAnswer { entry, others, .. } = answer.value;
    place.output.data(printable_json(&serde_json::to_string_pretty(&entry.value)?))?;
    let (author, when) = (short_node(&entry.author), ago(&entry.created));
    let others = match others {
        0 => String::new(),
        others => format!("; {others} more authors use this name, see `trellis list`"),
    };
    let name = printable(&entry.name);
    place.output.note(format_args!("{name} by ...{author}, {when}{others}"));
    Ok(())
}
