//! `trellis status`.

use daemon::api::types::{Discovered, DoorCertificate, Health, Joining, Status, WaitingFor};

use super::Place;
use crate::words::{counted, printable, seconds_in_words, short_hex};

/// Say how this node is: its health, its peers, its state.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  trellis status\n  trellis status --json")]
pub(crate) struct Args {}

pub(crate) async fn run(_: &Args, place: &Place) -> anyhow::Result<()> {
    let answer = place.client()?.get::<Status>("/v1/status").await?;
    if place.output.is_json() {
        return place.output.data(answer.text);
    }
    for (label, text) in facts(&answer.value) {
        place.output.data(format_args!("{label:<12}{text}"))?;
    }
    Ok(())
}

fn facts(status: &Status) -> Vec<(&'static str, String)> {
    let Status { network, state, messages, counters, .. } = status;
    let mut facts = vec![("health", format!("{}: {}", in_a_word(status.health), status.why))];
    facts.extend(status.what_you_can_do.clone().map(|advice| ("do", advice)));
    facts.extend([
        ("waiting", waiting(status.waiting)),
        ("node", status.node.clone()),
        ("network", format!("{} ({})", printable(&network.name), short_hex(&network.id))),
        ("peers", peers(status)),
        ("state", format!("root {}, {}", state.root, counted(state.entries, "entry", "entries"))),
    ]);
    facts.extend(status.joining.as_ref().map(|it| ("joining", joining(it))));
    facts.extend([
        ("messages", format!("{} kept", counted(messages.count, "message", "messages"))),
        (
            "records",
            format!(
                "{} new, {} duplicate, {} refused",
                counters.accepted, counters.duplicates, counters.refused
            ),
        ),
        ("door", status.http.clone().unwrap_or_else(|| "closed: outgoing links only".to_owned())),
    ]);
    facts.extend(status.certificate.as_ref().map(|it| ("certificate", certificate(it))));
    if !status.listen.is_empty() {
        facts.push(("listening", status.listen.join(" ")));
    }
    if !status.addresses.is_empty() {
        facts.push(("reached at", status.addresses.join(" ")));
    }
    let relays = relays(&status.addresses);
    if !relays.is_empty() {
        facts.push(("behind NAT", format!("relayed by {}", relays.join(", "))));
    }
    facts.extend(status.discovered.iter().map(|way| ("found by", found(way))));
    facts.extend([
        ("api", status.api.clone()),
        ("directory", status.directory.clone()),
        ("running", running(status)),
    ]);
    if let Some(skew_ms) = status.clock_skew_ms.filter(|skew_ms| skew_ms.abs() > 1_000) {
        facts.push(("clock", format!("{skew_ms} ms from the median of the peers")));
    }
    facts
}

/// For whom, until when, and what is wrong with a newer one.
fn certificate(certificate: &DoorCertificate) -> String {
    let DoorCertificate { names, expires, expires_in_s, problem } = certificate;
    let names = if names.is_empty() { "this node".to_owned() } else { printable(&names.join(" ")) };
    let until = match expires_in_s {
        0 => format!("expired at {expires}"),
        left => format!("until {expires}, in {}", seconds_in_words(*left)),
    };
    match problem {
        None => format!("for {names}, {until}"),
        Some(why) => format!("for {names}, {until}; the new one is not good: {}", printable(why)),
    }
}

/// Returns the nodes through which a node is reached, by its addresses.
pub(crate) fn relays(addresses: &[String]) -> Vec<String> {
    let relay = |address: &String| {
        let (before, _) = address.split_once("/p2p-circuit")?;
        before.rsplit_once("/p2p/").map(|(_, relay)| printable(relay))
    };
    let mut relays: Vec<String> = addresses.iter().filter_map(relay).collect();
    relays.sort();
    relays.dedup();
    relays
}

/// A way to peers, and how long it took.
fn found(way: &Discovered) -> String {
    let seconds = |ms: u64| format!("{}.{:02} s", ms / 1_000, ms % 1_000 / 10);
    let named = match way.way.as_str() {
        "book" => "what was known before, or what peers tell",
        "bootstrap" => "the addresses named with --peer",
        "dns" => "DNS",
        "inbound" => "others that came",
        "lan" => "the LAN",
        other => other,
    };
    let told = way.address_ms.map(|ms| format!("first address after {}", seconds(ms)));
    let linked = match way.link_ms {
        Some(ms) => format!("first link after {}", seconds(ms)),
        None => "no link yet".to_owned(),
    };
    let steps: Vec<String> = told.into_iter().chain([linked]).collect();
    format!("{named}: {}", steps.join(", "))
}

/// What waits for somebody here, and where it is decided.
fn waiting(waiting: WaitingFor) -> String {
    let WaitingFor { alerts, seeds, transfers, decisions } = waiting;
    let kinds = [
        (alerts, ("alert", "alerts"), "trellis alert list"),
        (seeds, ("seed", "seeds"), "trellis seed list"),
        (transfers, ("transfer", "transfers"), "trellis transfer list"),
        (decisions, ("decision", "decisions"), "trellis people list"),
    ];
    let some = kinds.iter().filter(|(count, ..)| 0 < *count).map(|(count, (one, many), verb)| {
        format!("{} (`{verb}`)", counted(*count as u64, one, many))
    });
    let some: Vec<String> = some.collect();
    if some.is_empty() {
        "for nobody here".to_owned()
    } else {
        format!("for you: {}", some.join(", "))
    }
}

/// Share and rate of a state that is being fetched.
fn joining(joining: &Joining) -> String {
    let Joining { checkpoint, entries, held, per_s, peers } = joining;
    let percent = held.saturating_mul(100) / entries.max(&1);
    let what = checkpoint.map_or("their states".to_owned(), |it| format!("checkpoint {it}"));
    let of = counted(*entries, "entry", "entries");
    let whom = counted(*peers, "peer", "peers");
    format!("{percent} % of {of}, {per_s} a second, {what} from {whom}")
}

fn peers(status: &Status) -> String {
    let Status { links, agreeing, known, doors, .. } = status;
    let doors = match doors {
        0 => String::new(),
        doors => format!(", {doors} served through their HTTP door"),
    };
    format!("{links} linked, {agreeing} in agreement, {known} known{doors}")
}

fn running(status: &Status) -> String {
    let (uptime, pid) = (seconds_in_words(status.uptime_s), status.pid);
    format!("for {uptime}, version {}, process {pid}", status.version)
}

fn in_a_word(health: Health) -> &'static str {
    match health {
        Health::Agreeing => "agreeing",
        Health::Alone => "alone",
        Health::Differing => "differing",
        Health::Isolated => "isolated",
        Health::Leaving => "leaving",
    }
}
