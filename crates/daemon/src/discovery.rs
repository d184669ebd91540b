//! How this node came to its peers, and how long each way took.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use wire::Address;

use crate::clock::Clock;

/// A way to the first peer.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Way {
    /// From what was known before, or what peers told of each other.
    Book,
    /// From addresses that the operator named.
    Bootstrap,
    /// From TXT records of DNS.
    Dns,
    /// Others found us.
    Inbound,
    /// From multicast DNS.
    Lan,
}

/// What the LAN is like.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Lan {
    /// Whether it is listened to.
    pub(crate) on: bool,
    /// Interfaces.
    pub(crate) nets: Vec<String>,
    /// Addresses told lately.
    pub(crate) heard: u64,
    /// What was not used: not the sender's, or too much.
    pub(crate) ignored: u64,
    /// Whether this node listens nowhere and tells nothing.
    pub(crate) silent: bool,
    /// Why it cannot be listened to.
    pub(crate) why: Option<String>,
}

/// How long a way took, from the start; milliseconds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Found {
    /// Until it told of an address.
    pub(crate) address_ms: Option<u64>,
    /// Until a link stood.
    pub(crate) link_ms: Option<u64>,
}

/// The record of it. Bound: `ADDRESSES_MAX` addresses whose way is remembered; the rest count as the book's.
#[derive(Debug)]
pub(crate) struct Discovery {
    clock: Clock,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    addresses: BTreeMap<Address, Way>,
    ways: BTreeMap<Way, Found>,
    lan: Lan,
}

impl Way {
    /// Returns its name, as the API and the metrics say it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Book => "book",
            Self::Bootstrap => "bootstrap",
            Self::Dns => "dns",
            Self::Inbound => "inbound",
            Self::Lan => "lan",
        }
    }
}

impl Discovery {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, seen: Mutex::default() }
    }

    /// Notes that a way told of an address; the first way that did so has it.
    pub(crate) fn address(&self, address: &Address, way: Way) {
        let at_ms = self.clock.now().mono_ms;
        let mut seen = self.lock();
        seen.ways.entry(way).or_default().address_ms.get_or_insert(at_ms);
        if seen.addresses.len() < ADDRESSES_MAX {
            seen.addresses.entry(address.clone()).or_insert(way);
        }
    }

    /// Notes a link; `dialled` where we opened it.
    pub(crate) fn link(&self, dialled: Option<&Address>) {
        let at_ms = self.clock.now().mono_ms;
        let mut seen = self.lock();
        let way = match dialled {
            Some(address) => seen.addresses.get(address).copied().unwrap_or(Way::Book),
            None => Way::Inbound,
        };
        seen.ways.entry(way).or_default().link_ms.get_or_insert(at_ms);
    }

    /// Notes what the LAN is like.
    pub(crate) fn lan(&self, lan: Lan) {
        self.lock().lan = lan;
    }

    /// Returns the ways that led anywhere, and the LAN.
    pub(crate) fn look(&self) -> (Vec<(Way, Found)>, Lan) {
        let seen = self.lock();
        (seen.ways.iter().map(|(way, found)| (*way, *found)).collect(), seen.lan.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const ADDRESSES_MAX: usize = 512;
