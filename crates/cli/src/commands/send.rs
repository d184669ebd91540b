//! `trellis send`.

use daemon::api::types::SentLetter;
use reqwest::Method;
use serde_json::json;

use super::Place;
use crate::input;
use crate::words::short_node;

/// Say something to one node and to nobody else.
///
/// What is said is sealed: nodes that carry it cannot read it. Prints the message's id once the
/// receiver has signed for it; where no receipt comes within about 10 s it fails and says what is
/// known. The receiver shows it to whoever watches there at that moment, and keeps nothing.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis send 12D3KooWPqT2nMDSiXUSx5D7fasaxhxKigVhcqfkKqrLghCq9jxz '\"shall we talk?\"'
  trellis peers --json | jq -r '.peers[0].node'          the id of a node
  trellis watch --direct                                 at the other end")]
pub(crate) struct Args {
    /// The node's id
    node: String,
    /// What to say; - or nothing reads standard input
    #[arg(value_name = "JSON|-", allow_hyphen_values = true)]
    payload: Option<String>,
}

pub(crate) async fn run(args: &Args, place: &Place) -> anyhow::Result<()> {
    let payload = input::json(args.payload.as_deref())?;
    // The payload's own text, so that its numbers keep their digits.
    let body = format!("{{\"to\":{},\"payload\":{payload}}}", json!(args.node));
    let answer = place.client()?.send::<SentLetter>(Method::POST, "/v1/direct", body).await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    let SentLetter { id, to, took_ms, relayed, .. } = &answer.value;
    place.output.data(id)?;
    let way = if *relayed { "through other nodes" } else { "over a link of its own" };
    place.output.note(format_args!("...{} has it, {way}, after {took_ms} ms", short_node(to)));
    Ok(())
}
