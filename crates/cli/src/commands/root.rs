//! `trellis root`.

use daemon::api::types::Root;

use super::Place;
use crate::words::counted;

/// Print the Merkle root of the state.
///
/// Nodes with equal roots hold exactly the same entries.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example:\n  trellis root")]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<Root>("/v1/root").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let Root { root, entries, links, agreeing, .. } = answer.value;
    place.output.data(root)?;
    let entries = counted(entries, "entry", "entries");
    place.output.note(format_args!("{entries}; {agreeing} of {links} linked peers agree"));
    Ok(())
}
