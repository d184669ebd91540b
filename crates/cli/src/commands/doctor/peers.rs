//! Whether the peers that a node shall dial can be reached from here.

use std::net::SocketAddr;

use daemon::Settings;
use daemon::api::types::{Config, Peer, PeerState};
use daemon::tls::Caller;
use daemon::wire::Address;
use futures_util::future::join_all;
use serde_json::Value;

use super::finding::Finding;
use super::running::Seen;
use crate::client::Client;
use crate::words::{printable, short_hex};

/// Returns the peers that a running node was told to dial, whoever told it.
pub(super) async fn told(client: &Client) -> Option<Vec<String>> {
    let config = client.get::<Config>("/v1/config").await.ok()?.value;
    let setting = config.settings.into_iter().find(|it| it.key == "peers.bootstrap")?;
    let items = setting.value.as_array()?.iter().filter_map(Value::as_str);
    Some(items.map(str::to_owned).collect())
}

/// Examines each peer a node shall dial, all at once.
pub(super) async fn examine(
    addresses: &[String],
    settings: Option<&Settings>,
    seen: Option<&Seen>,
) -> Vec<Finding> {
    let caller = match daemon::tls::caller(settings) {
        Ok(caller) => caller,
        Err(why) => return vec![Finding::fail("bootstrap", why, "mend http.tls_roots")],
    };
    join_all(addresses.iter().map(|address| one(&caller, address, seen))).await
}

async fn one(caller: &Caller, address: &str, seen: Option<&Seen>) -> Finding {
    let shown = printable(address);
    let peer = seen.and_then(|seen| seen.peers.iter().find(|peer| is_at(peer, address)));
    if peer.is_some_and(|peer| peer.state == PeerState::Connected) {
        return Finding::pass("bootstrap", format!("{shown} is linked"));
    }
    if !address.starts_with("http") {
        let why = peer.and_then(|peer| peer.why.clone()).unwrap_or_else(|| "not linked".to_owned());
        return Finding::warn("bootstrap", format!("{shown}: {why}"), "trellis peers");
    }
    let answer = match address.parse::<Address>() {
        Ok(address) => caller.ask(&address, "/health", None).await,
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok((_, body)) => heard(&shown, &serde_json::from_slice(&body).unwrap_or_default(), seen),
        Err(why) => {
            let mend = "see that the node there runs and its port is open: `trellis doctor` there";
            Finding::fail("bootstrap", format!("{shown}: {why}"), mend)
        }
    }
}

/// Asks for the names that shall tell of peers.
pub(super) async fn names(settings: &Settings) -> Vec<Finding> {
    join_all(settings.dns.iter().map(|name| told_by(name, settings.dns_server))).await
}

async fn told_by(name: &str, server: Option<SocketAddr>) -> Finding {
    let mend = format!("a record such as: {name} TXT \"trellis=http://HOST:8880\"");
    match daemon::dns::ask(name, server).await {
        Err(why) => Finding::fail("dns", format!("{name}: {why}"), mend),
        Ok(told) if told.addresses.is_empty() => Finding::fail(
            "dns",
            format!("{name} names no peer, {} broken records", told.broken),
            mend,
        ),
        Ok(told) if 0 < told.broken + told.left_out => {
            let (good, broken, left) = (told.addresses.len(), told.broken, told.left_out);
            Finding::warn(
                "dns",
                format!("{name}: {good} peers, {broken} broken, {left} too many"),
                mend,
            )
        }
        Ok(told) => Finding::pass("dns", format!("{name}: {} peers", told.addresses.len())),
    }
}

/// What a door said of itself.
fn heard(shown: &str, health: &Value, seen: Option<&Seen>) -> Finding {
    let Some(network) = health["trellis"]["network"].as_str() else {
        let mend = "it may be a node of the first design, or another program";
        return Finding::warn(
            "bootstrap",
            format!("{shown} answers, but not as a node of ours"),
            mend,
        );
    };
    let ours = seen.map(|seen| &seen.status.network.id);
    if ours.is_some_and(|ours| ours != network) {
        let detail = format!("{shown} is of another network, {}", short_hex(network));
        return Finding::fail(
            "bootstrap",
            detail,
            "start with --network FILE of the network you mean",
        );
    }
    if seen.is_some_and(|seen| health["node_id"] == seen.status.node.as_str()) {
        let detail = format!("{shown} is this node itself");
        return Finding::warn("bootstrap", detail, "name another node as --peer");
    }
    Finding::pass("bootstrap", format!("{shown} answers"))
}

fn is_at(peer: &Peer, address: &str) -> bool {
    peer.addresses.iter().any(|it| it == address)
}
