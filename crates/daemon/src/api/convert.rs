//! The node's types as shapes of the API.

use engine::Direction;
use node::{Counters, PeerState, PeerStatus, Status, engine};
use store::Found;
use wire::{Content, Medium};

use super::types::{self, Health, Json};
use super::{Context, problem::Code, problem::Problem};
use crate::clock::{rfc3339, unix_ms};
use crate::discovery;
use crate::tls;

pub(super) fn status(context: &Context, status: Status, waiting: node::Waiting) -> types::Status {
    let (health, why, what_you_can_do) = health(context, &status);
    let facts = &context.facts;
    let (discovered, lan) = found(context);
    let (id, name) = (facts.network.id.to_string(), facts.network.name.clone());
    types::Status {
        schema: "trellis.status/1".to_owned(),
        node: facts.node.to_string(),
        network: types::Network { id, name },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        started: facts.started.clone(),
        uptime_s: context.clock.uptime().as_secs(),
        health,
        why,
        what_you_can_do,
        addresses: status.addresses.iter().map(ToString::to_string).collect(),
        http: facts.http.clone(),
        certificate: context.tls.as_ref().map(|it| certificate(it.shown())),
        listen: facts.listen.clone(),
        api: facts.api.clone(),
        directory: facts.directory.display().to_string(),
        waiting: types::WaitingFor {
            alerts: waiting.alerts,
            seeds: waiting.seeds,
            transfers: waiting.transfers,
            decisions: waiting.votes,
        },
        state: types::State {
            root: status.state.root.to_string(),
            entries: status.state.count,
            version: status.state_version,
        },
        messages: types::Messages {
            root: status.messages.root.to_string(),
            count: status.messages.count,
        },
        links: status.links,
        agreeing: status.agreeing,
        known: status.known,
        doors: status.doors,
        contradictions: status.contradictions,
        clock_skew_ms: status.clock_skew_ms,
        discovered,
        lan,
        joining: status.joining.map(|it| types::Joining {
            checkpoint: it.checkpoint,
            entries: it.entries,
            held: it.held,
            per_s: it.per_s,
            peers: it.peers as u64,
        }),
        counters: counters(status.counters),
    }
}

fn certificate(shown: tls::Shown) -> types::DoorCertificate {
    let tls::Shown { expires_s, names, problem } = shown;
    types::DoorCertificate {
        names,
        expires: rfc3339(expires_s.saturating_mul(1_000)),
        expires_in_s: expires_s.saturating_sub(unix_ms() / 1_000),
        problem,
    }
}

/// How peers were found.
fn found(context: &Context) -> (Vec<types::Discovered>, types::Lan) {
    let (ways, lan) = context.discovery.look();
    let row = |(way, found): (discovery::Way, discovery::Found)| types::Discovered {
        way: way.name().to_owned(),
        address_ms: found.address_ms,
        link_ms: found.link_ms,
    };
    let discovery::Lan { on, nets, heard, ignored, silent, why } = lan;
    let lan = types::Lan { on, interfaces: nets, heard, ignored, silent, why };
    (ways.into_iter().map(row).collect(), lan)
}

fn health(context: &Context, status: &Status) -> (Health, String, Option<String>) {
    let condition = context.condition.borrow().clone();
    if condition.stopping {
        return (Health::Leaving, "the node is stopping".to_owned(), None);
    }
    let (links, agreeing) = (status.links, status.agreeing);
    let (health, why, advice) = match links {
        0 if status.known == 0 && status.doors == 0 => (
            Health::Alone,
            "no peer was ever asked for".to_owned(),
            Some("name one: trellis up --peer http://HOST:8880, or let others name this node"),
        ),
        0 if 0 < status.doors => (
            Health::Isolated,
            format!("no Trellis node is linked; {} design-A nodes answer", status.doors),
            Some("name a Trellis peer: trellis up --peer http://HOST:8880"),
        ),
        0 => (
            Health::Isolated,
            format!("{} peers are known, none is linked; dialling goes on", status.known),
            Some("see `trellis peers` for the reason at each; check this machine's network"),
        ),
        _ if agreeing == links => {
            (Health::Agreeing, format!("{agreeing} of {links} linked peers have our state"), None)
        }
        _ => (
            Health::Differing,
            format!("{agreeing} of {links} linked peers have our state; comparing goes on"),
            Some("wait a few seconds; if it lasts, compare `trellis root` on both nodes"),
        ),
    };
    match condition.failing {
        Some(failure) => {
            (health, format!("{why}; {failure}"), Some("make the store writable".into()))
        }
        None => (health, why, advice.map(str::to_owned)),
    }
}

fn counters(counters: Counters) -> types::Counters {
    types::Counters {
        accepted: counters.accepted,
        duplicates: counters.duplicates,
        verified: counters.verified,
        refused: counters.refused,
        dropped: counters.dropped,
        frames_sent: counters.frames_sent,
        frames_received: counters.frames_received,
        pushed: counters.pushed,
        repaired: counters.repaired,
        compared: counters.compared,
        given_up: counters.given_up,
        sketched: counters.sketched,
        sketches_found: counters.sketches_found,
        sketches_failed: counters.sketches_failed,
        sketches_answered: counters.sketches_answered,
        chunks_fetched: counters.chunks_fetched,
        chunks_refused: counters.chunks_refused,
        chunks_sent: counters.chunks_sent,
        past_refused: counters.past_refused,
        past_dropped: counters.past_dropped,
        past_rewritten: counters.past_rewritten,
        discovered: counters.discovered,
        door_checks: counters.door_checks,
    }
}

/// Shows a peer; `medium` is what carries its link.
pub(super) fn peer(peer: PeerStatus, medium: Option<Medium>) -> types::Peer {
    types::Peer {
        medium: medium.map(|it| it.name().to_owned()),
        node: peer.node.map(|node| node.to_string()),
        name: peer.name,
        addresses: peer.addresses.iter().map(ToString::to_string).collect(),
        state: match peer.state {
            PeerState::Connecting => types::PeerState::Connecting,
            PeerState::Connected => types::PeerState::Connected,
            PeerState::Door => types::PeerState::Door,
            PeerState::Known => types::PeerState::Known,
            PeerState::Suspect => types::PeerState::Suspect,
            PeerState::Unreachable => types::PeerState::Unreachable,
        },
        direction: peer.direction.map(|direction| match direction {
            Direction::Inbound => types::Direction::Inbound,
            Direction::Outbound => types::Direction::Outbound,
        }),
        rtt_ms: peer.rtt_ms,
        heard: (0 < peer.heard_ms).then(|| rfc3339(peer.heard_ms)),
        state_root: peer.state_root.map(|root| root.to_string()),
        agent: (!peer.agent.is_empty()).then_some(peer.agent),
        why: peer.why,
        next_dial_ms: peer.next_dial_ms,
    }
}

/// Opens a stored record as the entry it is.
pub(super) fn entry(found: Found) -> Result<types::Entry, Problem> {
    let damaged = || {
        let detail = format!("record {} in the store is not readable", found.id);
        Problem::new(Code::StoreFailed, detail)
    };
    let author = found.signed.author.to_string();
    let opened = found.signed.open().map_err(|_| damaged())?;
    let Content::Entry(entry) = opened.record.content else { return Err(damaged()) };
    let value = Json::of(entry.value.as_deref().unwrap_or(b"null"));
    let (id, created) = (found.id.to_string(), rfc3339(found.created.ms()));
    Ok(types::Entry { id, collection: entry.collection, name: entry.name, author, value, created })
}
