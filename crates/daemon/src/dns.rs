//! Peers that a DNS name tells of: TXT records `trellis=ADDRESS`, asked again and again (MEMBER-16).
//!
//! DNS proves nothing: an address from there is dialled like one an operator typed, and whoever answers shows its
//! key and its network. Bound: `ADDRESSES_MAX` of one name, `KNOWN_MAX` of all; the rest is left out.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::RData;
use tokio_util::sync::CancellationToken;
use wire::{Address, limits};

use crate::commands::Commands;
use crate::discovery::{Discovery, Way};

/// What one name said.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    /// Addresses, in order, each once.
    pub addresses: Vec<Address>,
    /// Records that begin as ours do, but name no address.
    pub broken: usize,
    /// Addresses beyond the bound.
    pub left_out: usize,
}

/// Whom to ask: a name server, or those of this machine.
fn resolver(server: Option<SocketAddr>) -> Result<TokioResolver, String> {
    let builder = match server {
        None => TokioResolver::builder_tokio().map_err(|error| error.to_string())?,
        Some(server) => {
            let mut ways = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
            ways.iter_mut().for_each(|way| way.port = server.port());
            let server = NameServerConfig::new(server.ip(), true, ways.to_vec());
            let config = ResolverConfig::from_name_servers(vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.build().map_err(|error| error.to_string())
}

/// Asks a name once; the error says why there is no answer.
pub async fn ask(name: &str, server: Option<SocketAddr>) -> Result<Told, String> {
    let resolver = resolver(server)?;
    let lookup = tokio::time::timeout(PATIENCE, resolver.txt_lookup(name)).await;
    let lookup = lookup.map_err(|_| format!("no answer within {} s", PATIENCE.as_secs()))?;
    let lookup = lookup.map_err(|error| match error.is_no_records_found() {
        true => "there is no such name, or no TXT record at it".to_owned(),
        false => error.to_string(),
    })?;
    let texts = lookup.answers().iter().filter_map(|record| match &record.data {
        RData::TXT(txt) => Some(txt.txt_data.concat()),
        _ => None,
    });
    Ok(read(texts))
}

/// Reads records; what does not begin as ours do belongs to somebody else.
pub(crate) fn read(texts: impl Iterator<Item = Vec<u8>>) -> Told {
    let mut told = Told::default();
    let mut found = BTreeSet::new();
    for text in texts {
        let Some(address) = text.strip_prefix(PREFIX) else { continue };
        let address =
            std::str::from_utf8(address).ok().filter(|it| it.len() <= limits::ADDRESS_BYTES_MAX);
        match address.and_then(|it| it.trim().parse::<Address>().ok()) {
            Some(address) => drop(found.insert(address)),
            None => told.broken += 1,
        }
    }
    told.left_out = found.len().saturating_sub(ADDRESSES_MAX);
    told.addresses = found.into_iter().take(ADDRESSES_MAX).collect();
    told
}

/// Asks one name until the node stops, and has the node dial what it tells.
pub(crate) async fn keep_asking(
    name: String,
    server: Option<SocketAddr>,
    commands: Commands,
    discovery: Arc<Discovery>,
    stop: CancellationToken,
) {
    let mut known = BTreeSet::new();
    let mut wait = FIRST_WAIT;
    loop {
        let told = tokio::select! {
            () = stop.cancelled() => return,
            told = ask(&name, server) => told,
        };
        wait = match told {
            Ok(told) => {
                told.addresses.iter().for_each(|it| discovery.address(it, Way::Dns));
                learn(&name, &told, &mut known, &commands).await;
                ASK_AGAIN
            }
            Err(why) => {
                tracing::warn!(name, why, again_in_s = wait.as_secs(), "DNS tells of no peers");
                (2 * wait).min(ASK_AGAIN)
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

async fn learn(name: &str, told: &Told, known: &mut BTreeSet<Address>, commands: &Commands) {
    let Told { addresses, broken, left_out } = told;
    if 0 < *broken || 0 < *left_out {
        tracing::warn!(name, broken, left_out, "DNS records that are not used");
    }
    for address in addresses {
        if known.len() < KNOWN_MAX && known.insert(address.clone()) {
            tracing::info!(name, %address, "DNS tells of a peer");
            if let Err(error) = commands.add_peer(address.clone()).await {
                tracing::debug!(%error, "a peer that DNS told of was not taken");
                known.remove(address);
            }
        }
    }
}

/// Before the address in a TXT record.
const PREFIX: &[u8] = b"trellis=";
/// Addresses taken from one answer.
pub(crate) const ADDRESSES_MAX: usize = 64;
/// Addresses taken from one name as long as the node runs.
const KNOWN_MAX: usize = 256;
const PATIENCE: Duration = Duration::from_secs(10);
/// After a failure; it doubles.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const ASK_AGAIN: Duration = Duration::from_secs(300);
