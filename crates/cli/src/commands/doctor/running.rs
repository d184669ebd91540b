//! What a running node says of itself.

use daemon::api::types::{Checkpoints, Contradictions, Health, Peer, Peers, Status};
use jiff::Timestamp;

use super::finding::Finding;
use crate::client::Client;
use crate::words::{counted, seconds_in_words};

/// The answers that are looked at.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) status: Status,
    pub(super) peers: Vec<Peer>,
    pub(super) checkpoints: Option<Checkpoints>,
    pub(super) contradictions: Vec<String>,
}

/// Asks a node; the error is what a human can do.
pub(super) async fn look(client: &Client) -> Result<Seen, String> {
    let words = |error: anyhow::Error| format!("the node does not answer: {error:#}");
    let status = client.get::<Status>("/v1/status").await.map_err(words)?.value;
    let peers = client.get::<Peers>("/v1/peers").await.map_err(words)?.value.peers;
    let found = client.get::<Contradictions>("/v1/contradictions").await.map_err(words)?.value;
    let contradictions = found.contradictions.into_iter().map(|row| row.author).collect();
    let checkpoints = client.get::<Checkpoints>("/v1/checkpoints").await.map_err(words)?.value;
    let checkpoints = Some(checkpoints).filter(|it| !it.attesters.is_empty());
    Ok(Seen { status, peers, checkpoints, contradictions })
}

pub(super) fn examine(seen: &Result<Seen, String>) -> Vec<Finding> {
    match seen {
        Err(why) => vec![Finding::unknown("node", why.clone())],
        Ok(seen) => {
            let mut findings = vec![node(seen), clock(seen), links(seen), reached(seen)];
            findings.push(lan(seen));
            findings.extend([agreement(seen), itself(seen)]);
            findings.extend(seen.checkpoints.as_ref().map(|it| checkpoints(it, Timestamp::now())));
            findings
        }
    }
}

fn node(seen: &Seen) -> Finding {
    let Status { version, pid, uptime_s, .. } = &seen.status;
    let since = seconds_in_words(*uptime_s);
    Finding::pass("node", format!("process {pid} runs for {since}, version {version}"))
}

fn clock(seen: &Seen) -> Finding {
    let Some(skew_ms) = seen.status.clock_skew_ms else {
        return Finding::unknown("clock", "no peer to compare it with");
    };
    let detail = format!("{skew_ms} ms from the median of the peers");
    match skew_ms.unsigned_abs() {
        0..CLOCK_GOOD_MS => Finding::pass("clock", detail),
        CLOCK_GOOD_MS..CLOCK_BAD_MS => Finding::warn("clock", detail, SET_CLOCK),
        _ => {
            let detail = format!("{detail}: peers refuse what is more than 60 s ahead");
            Finding::fail("clock", detail, SET_CLOCK)
        }
    }
}

fn links(seen: &Seen) -> Finding {
    let Status { links, known, .. } = seen.status;
    let detail = format!("{} linked, {known} known", counted(links as u64, "peer", "peers"));
    match (seen.status.health, links) {
        (Health::Alone, _) => {
            let mend =
                "trellis up --peer http://HOST:8880, or wait until somebody links to this node";
            Finding::warn("peers", "no peer was ever asked for: this node is alone", mend)
        }
        (Health::Leaving, _) => Finding::warn("peers", "the node is stopping", "trellis up"),
        (_, 0) => {
            let why = seen.peers.iter().find_map(|peer| peer.why.clone());
            let detail =
                why.map_or(detail.clone(), |why| format!("{detail}; the last reason: {why}"));
            Finding::fail("peers", detail, "trellis peers says why each one is not linked")
        }
        (_, 1) => Finding::warn("peers", detail, "name a second peer: one link is easily lost"),
        _ => Finding::pass("peers", detail),
    }
}

/// Only a link that somebody else opened shows that others reach this node.
fn reached(seen: &Seen) -> Finding {
    let inbound =
        |peer: &&Peer| matches!(peer.direction, Some(daemon::api::types::Direction::Inbound));
    let inbound = seen.peers.iter().filter(inbound).count() as u64;
    if seen.status.http.is_none() && seen.status.listen.is_empty() {
        return Finding::pass("reached", "it listens nowhere on purpose: outgoing links only");
    }
    if 0 < inbound {
        let count = counted(inbound, "link was", "links were");
        return Finding::pass("reached", format!("{count} opened by others"));
    }
    let relays = crate::commands::status::relays(&seen.status.addresses);
    if !relays.is_empty() {
        let by = relays.join(", ");
        return Finding::pass("reached", format!("behind a NAT, relayed by {by}"));
    }
    let detail = "no peer has opened a link to this node: it may be behind a NAT or a firewall";
    Finding::unknown("reached", format!("{detail}; links it opens itself work all the same"))
}

/// Whether nodes on the LAN are found by themselves.
fn lan(seen: &Seen) -> Finding {
    let lan = &seen.status.lan;
    if let Some(why) = &lan.why {
        let mend = "let programs use UDP port 5353, or switch it off: trellis up --mdns off";
        return Finding::warn("lan", format!("the LAN cannot be asked for nodes: {why}"), mend);
    }
    if !lan.on {
        let detail =
            "the LAN is not asked: peers.mdns is off, or this node listens on loopback alone";
        return Finding::unknown("lan", detail);
    }
    let where_ = match lan.interfaces.as_slice() {
        [] => return Finding::unknown("lan", "this machine is on no LAN"),
        interfaces => interfaces.join(", "),
    };
    let heard = counted(lan.heard, "address", "addresses");
    let silent = if lan.silent { "; it tells nobody of itself: nobody can dial it" } else { "" };
    Finding::pass("lan", format!("{heard} of this network told on {where_}{silent}"))
}

fn agreement(seen: &Seen) -> Finding {
    let Status { links, agreeing, joining, health, .. } = &seen.status;
    let detail = format!("{agreeing} of {links} linked peers have the same state");
    match (health, joining) {
        (Health::Agreeing, _) => Finding::pass("agreement", detail),
        (_, Some(_)) => Finding::warn("agreement", "the state is being fetched", "trellis status"),
        (Health::Differing, None) => {
            let mend =
                "look again in a minute: writes under way look like this; then `trellis peers`";
            Finding::warn("agreement", detail, mend)
        }
        (Health::Alone | Health::Isolated | Health::Leaving, None) => {
            Finding::unknown("agreement", "no linked peer to compare with")
        }
    }
}

/// Two nodes with one key sign two records with one number sooner or later.
fn itself(seen: &Seen) -> Finding {
    let node = &seen.status.node;
    if seen.contradictions.contains(node) {
        let detail = "this node's key signed two records with one number: it runs at two places, \
                      or an old copy of the directory was started";
        let mend =
            "stop one of them for good; give the copy a key of its own (move identity.pem away)";
        return Finding::fail("identity", detail, mend);
    }
    match seen.contradictions.len() as u64 {
        0 => Finding::pass("identity", "nobody is known to sign two records with one number"),
        others => {
            let who = counted(others, "author is", "authors are");
            let detail = format!("{who} proven to have signed two records with one number");
            Finding::warn("identity", detail, "trellis contradictions")
        }
    }
}

fn checkpoints(seen: &Checkpoints, now: Timestamp) -> Finding {
    if let Some(fault) = seen.evidence.first() {
        let detail =
            format!("attesters {:?} said two things at height {}", fault.attesters, fault.height);
        return Finding::fail(
            "checkpoints",
            detail,
            "trellis checkpoint list --json has the proof",
        );
    }
    let Some(newest) = seen.checkpoints.first() else {
        let mend = "more than two thirds of the attesters must run: trellis checkpoint list";
        return Finding::warn("checkpoints", "none is final yet", mend);
    };
    let age = newest.cut.parse::<Timestamp>().ok().map(|cut| now.duration_since(cut).as_secs());
    match age.and_then(|it| u64::try_from(it).ok()) {
        None => Finding::unknown(
            "checkpoints",
            format!("height {}; its cut cannot be read", newest.height),
        ),
        Some(age_s) if CHECKPOINT_OLD_S < age_s => {
            let age = seconds_in_words(age_s);
            let detail = format!("the newest, height {}, is {age} old", newest.height);
            Finding::warn("checkpoints", detail, "see which attesters run: trellis checkpoint list")
        }
        Some(age_s) => {
            let age = seconds_in_words(age_s);
            Finding::pass("checkpoints", format!("height {}, {age} old", newest.height))
        }
    }
}

const CLOCK_GOOD_MS: u64 = 2_000;
const CLOCK_BAD_MS: u64 = 60_000;
const SET_CLOCK: &str = "set the clock by the network: timedatectl set-ntp true";
/// Three times the longest usual distance of two.
const CHECKPOINT_OLD_S: u64 = 900;

#[cfg(test)]
mod tests;
