//! Dialling a libp2p listener.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{Instant, timeout_at};
use wire::{Address, Host, Multiaddr};

use super::keys::peer_of;
use super::place::multiaddr;
use super::{link, opening::Words};
use crate::Inbound;
use crate::connect::seconds;
use crate::membership::Member;
use crate::transport::Shared;

/// Dials, reports what is there, and carries the link if there is one.
pub(crate) async fn dial(shared: Arc<Shared>, address: Address, to: Multiaddr) {
    let found = tokio::select! {
        // A link lives for days: it keeps nothing of what finding it took.
        found = Box::pin(find(&shared, &to)) => found,
        () = shared.stopping.cancelled() => return,
    };
    match found {
        Ok((up, member)) => Box::pin(link::run(&shared, *up, Some(address), member)).await,
        Err(why) => shared.tell(Inbound::DialFailed { address, why }).await,
    }
}

async fn find(shared: &Shared, to: &Multiaddr) -> Result<(Box<link::Up>, Option<Member>), String> {
    let Some(desk) = &shared.libp2p else {
        return Err("libp2p is switched off at this node".to_owned());
    };
    let Ok(_permit) = shared.dials.try_acquire() else {
        return Err("too many dials are under way".to_owned());
    };
    let limit_ms = shared.limits.handshake_ms;
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    let steps = async {
        let found = look_up(to).await?;
        let addresses = found.into_iter().filter_map(|at| multiaddr(to, at)).collect();
        let peer = match &to.node {
            Some(node) => Some(peer_of(node).ok_or("not a node that can be dialled")?),
            None => None,
        };
        let arrived = desk.dial(addresses, peer).await;
        arrived.unwrap_or_else(|| Err("this node is stopping".to_owned()))
    };
    let arrived = timeout_at(deadline, steps).await;
    let arrived = arrived.unwrap_or_else(|_| Err(silent(limit_ms)));
    let arrived = arrived.map_err(|why| match why.as_str() {
        REFUSED => format!("{REFUSED}: is a node running at {to}?"),
        _ => why,
    })?;
    let mut up = link::Up::new(*arrived, &shared.counters);
    let peer = up.peer;
    let met = up.words.open(&shared.ourselves, peer, deadline).await;
    shared.counters.handshake(&met);
    match met {
        Ok(member) => Ok((Box::new(up), member)),
        Err(fault) => {
            let link::Up { words, hold, .. } = up;
            Words::explain(words, &fault).await;
            drop(hold);
            Err(fault.to_string())
        }
    }
}

/// Returns the addresses of a host that may be dialled.
async fn look_up(to: &Multiaddr) -> Result<Vec<SocketAddr>, String> {
    let (family, name) = match &to.host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, to.port)]),
        Host::Dns(family, name) => (family, name.as_str()),
    };
    let found = lookup_host((name, to.port)).await;
    let found = found.map_err(|error| format!("no address for the name {name}: {error}"))?;
    let found: Vec<SocketAddr> =
        found.filter(|it| family.has(it.ip())).take(ADDRESSES_TRIED_MAX).collect();
    if found.is_empty() { Err(format!("no address for the name {name}")) } else { Ok(found) }
}

/// Says what the system says.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => REFUSED.to_owned(),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("no route: {error}")
        }
        _ => format!("cannot connect: {error}"),
    }
}

fn silent(limit_ms: u64) -> String {
    format!("no answer within {}", seconds(limit_ms))
}

const REFUSED: &str = "connection refused";
const ADDRESSES_TRIED_MAX: usize = 4;
