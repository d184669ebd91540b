//! `trellis append`.

use daemon::api::types::Appended;
use reqwest::Method;

use super::{Place, query};
use crate::input;
use crate::words::short_hex;

/// Append an entry to a collection: readings, notes, anything of which the newest count.
///
/// The entry gets a name. A network keeps the newest 1,000 of each node in a collection, or as many as
/// its network file says (appended_max); with --life, so many for each hour of expiry. Prints the
/// record's id once the entry is on disk.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis append readings '{\"litres\": 500}'
  trellis append readings '{\"litres\": 480}' --life 7d
  trellis list --collection readings")]
pub(crate) struct Args {
    /// The collection
    collection: String,
    /// The value; - or nothing reads standard input
    #[arg(value_name = "JSON|-", allow_hyphen_values = true)]
    value: Option<String>,
    /// How long nodes keep it, for example 15m, 24h or 30d; to the end of that hour [default: for ever]
    #[arg(long, value_name = "TIME", value_parser = input::life_s)]
    life: Option<u64>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let value = input::json(args.value.as_deref())?;
    let life_s = args.life.map(|it| it.to_string());
    let parameters =
        [("collection", Some(args.collection.as_str())), ("life_s", life_s.as_deref())];
    let path = format!("/v1/entries{}", query(&parameters));
    let answer = place.client()?.send::<Appended>(Method::POST, &path, value).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let Appended { id, name, root, .. } = &answer.value;
    place.output.data(id)?;
    place.output.note(format_args!("appended as {name}; the root is {}", short_hex(root)));
    Ok(())
}
