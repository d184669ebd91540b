//! What the LAN told lately, and which of it is worth a dial (MDNS-3).
//!
//! A message speaks only for the machine that sent it: an address that is not the sender's is left out. Bounds:
//! `KNOWN_MAX` addresses, of which the one told longest ago makes room; `TRIES_MAX` dials in `TRIES_MS`.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;
use wire::Address;

/// Addresses that were told, and when each was tried last.
#[derive(Debug, Default)]
pub(crate) struct Neighbours {
    known: BTreeMap<Address, Instant>,
    tries: Option<(Instant, usize)>,
    /// Addresses that were not the sender's, or came too fast.
    pub(crate) ignored: u64,
}

impl Neighbours {
    /// Returns what to try of the addresses that a machine told; `beside` says whether an address is on one
    /// of our own networks.
    pub(crate) fn told(
        &mut self,
        addresses: Vec<Address>,
        from: IpAddr,
        beside: impl Fn(IpAddr) -> bool,
        now: Instant,
    ) -> Vec<Address> {
        let mut found = Vec::new();
        for address in addresses {
            if !is_of(&address, from, &beside) {
                self.ignored = self.ignored.saturating_add(1);
                continue;
            }
            let tried = self.known.get(&address);
            if tried.is_some_and(|at| now.saturating_duration_since(*at) < AGAIN) {
                continue;
            }
            if !self.has_tries_left(now) {
                self.ignored = self.ignored.saturating_add(1);
                continue;
            }
            if KNOWN_MAX <= self.known.len() {
                let oldest = self.known.iter().min_by_key(|(_, at)| **at).map(|(it, _)| it.clone());
                oldest.and_then(|it| self.known.remove(&it));
            }
            self.known.insert(address.clone(), now);
            found.push(address);
        }
        found
    }

    /// Returns how many addresses were told lately.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    fn has_tries_left(&mut self, now: Instant) -> bool {
        let (since, used) = self.tries.unwrap_or((now, 0));
        let over = TRIES_EVERY <= now.saturating_duration_since(since);
        let (since, used) = if over { (now, 0) } else { (since, used) };
        let left = used < TRIES_MAX;
        self.tries = Some((since, used + usize::from(left)));
        left
    }
}

/// Says whether an address is the sender's own. Over IPv6 messages come from an address that reaches only one
/// link and cannot be written in one of ours: there it has to be on a network that we are on as well.
fn is_of(address: &Address, from: IpAddr, beside: impl Fn(IpAddr) -> bool) -> bool {
    let (host, _) = address.host_port();
    let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() else { return false };
    match (from, ip) {
        (IpAddr::V6(from), IpAddr::V6(to)) if from.is_unicast_link_local() => beside(to.into()),
        (from, ip) => from == ip,
    }
}

/// Addresses kept.
pub(crate) const KNOWN_MAX: usize = 256;
/// An address is tried again after so long: its node may be gone, or we had no place for it.
const AGAIN: Duration = Duration::from_secs(20);
/// Dials that the LAN may cause: a crowd, or somebody who makes one up.
pub(crate) const TRIES_MAX: usize = 24;
const TRIES_EVERY: Duration = Duration::from_secs(5);
