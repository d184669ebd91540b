//! `trellis peers`.

use daemon::api::types::{Direction, Peer, PeerState, Peers};

use super::Place;
use crate::table::Table;
use crate::words::{ago, printable, seconds_in_words, short_hex};

/// List the peers this node knows, and how each one stands.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  trellis peers
  trellis peers --json | jq '.peers[] | select(.state != \"connected\")'")]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<Peers>("/v1/peers").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    if answer.value.peers.is_empty() {
        place.output.note("no peer is known: start with `trellis up --peer http://HOST:8880`");
        return Ok(());
    }
    let headings = ["STATE", "LINK", "RTT", "HEARD", "ROOT", "NODE", "ADDRESS", "WHY"];
    let mut table = Table::new(&headings);
    for peer in answer.value.peers {
        table.row(cells(&peer));
    }
    table.lines().iter().try_for_each(|line| place.output.data(line))
}

fn cells(peer: &Peer) -> [String; 8] {
    let dash = || "-".to_owned();
    let rtt = peer.rtt_ms.map_or_else(dash, |rtt_ms| format!("{rtt_ms} ms"));
    let heard = peer.heard.as_deref().map_or_else(dash, ago);
    let root = peer.state_root.as_deref().map_or_else(dash, |root| short_hex(root).to_owned());
    let node = peer.node.clone().or_else(|| peer.name.as_deref().map(printable));
    let address = peer.addresses.first().map_or_else(dash, |address| printable(address));
    [
        state(peer.state).to_owned(),
        link(peer),
        rtt,
        heard,
        root,
        node.unwrap_or_else(dash),
        address,
        why(peer),
    ]
}

fn why(peer: &Peer) -> String {
    let why = peer.why.as_deref().map(printable);
    let next = peer.next_dial_ms.map(|ms| {
        let seconds = seconds_in_words(ms.div_ceil(1_000));
        format!("next try in {seconds}")
    });
    [why, next].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

fn state(state: PeerState) -> &'static str {
    match state {
        PeerState::Connected => "connected",
        PeerState::Connecting => "connecting",
        PeerState::Door => "door",
        PeerState::Known => "known",
        PeerState::Suspect => "suspect",
        PeerState::Unreachable => "unreachable",
    }
}

/// Who opened the link, and what carries it.
fn link(peer: &Peer) -> String {
    let direction = match peer.direction {
        Some(Direction::Inbound) => "in",
        Some(Direction::Outbound) => "out",
        None => "-",
    };
    match &peer.medium {
        Some(medium) => format!("{direction} {}", printable(medium)),
        None => direction.to_owned(),
    }
}
