//! Who holds a connection at the door, and who makes room when it is full.
//!
//! A connection at work (a request being answered, a link) is never cut for another one. Among the
//! others the one that has been waiting for longest goes, so that any number of idle or
//! half-open connections keeps nobody out.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::Limits;

/// All connections at the door.
#[derive(Debug)]
pub(crate) struct Places {
    limits: Limits,
    table: Mutex<Table>,
}

/// One connection's claim; given back when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    number: u64,
    places: Arc<Places>,
    phase: watch::Sender<Phase>,
    evicted: CancellationToken,
}

#[derive(Debug, Default)]
struct Table {
    next: u64,
    held: BTreeMap<u64, Held>,
}

#[derive(Debug)]
struct Held {
    group: Option<IpAddr>,
    phase: watch::Receiver<Phase>,
    evicted: CancellationToken,
}

/// What a connection is doing, and since when where that has an end.
#[derive(Clone, Copy, Debug)]
enum Phase {
    /// So many requests are being answered; their own limits apply.
    Busy(usize),
    /// A channel is being agreed on; the handshake's own limit applies.
    Handshake(Instant),
    /// A request's head is expected or has begun.
    Head(Instant),
    /// Between two requests.
    Idle(Instant),
    /// It is a link.
    Link,
}

impl Places {
    pub(crate) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, table: Mutex::default() })
    }

    /// Takes a place for a connection from `ip`, if need be from the one who waits for longest.
    pub(crate) fn take(self: &Arc<Self>, ip: IpAddr) -> Option<Arc<Place>> {
        let group = public_group(ip);
        let mut table = self.lock();
        if group.is_some() {
            let max = self.limits.connections_per_address_max;
            table.make_room(max, |held| held.group == group)?;
        }
        table.make_room(self.limits.connections_max, |_| true)?;
        let number = table.next;
        table.next += 1;
        let phase = watch::Sender::new(Phase::Head(Instant::now()));
        let evicted = CancellationToken::new();
        let held = Held { group, phase: phase.subscribe(), evicted: evicted.clone() };
        table.held.insert(number, held);
        Some(Arc::new(Place { number, places: self.clone(), phase, evicted }))
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().held.len()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Bytes arrived: between two requests, that is the beginning of the next one.
    pub(crate) fn heard(&self) {
        self.step(|phase| match phase {
            Phase::Idle(_) => Some(Phase::Head(Instant::now())),
            Phase::Busy(_) | Phase::Handshake(_) | Phase::Head(_) | Phase::Link => None,
        });
    }

    /// A request is complete enough to be worked on.
    pub(crate) fn busy(&self) {
        self.step(|phase| match phase {
            Phase::Busy(count) => Some(Phase::Busy(count + 1)),
            Phase::Handshake(_) | Phase::Head(_) | Phase::Idle(_) => Some(Phase::Busy(1)),
            Phase::Link => None,
        });
    }

    /// The first request is expected.
    pub(crate) fn head(&self) {
        self.step(|_| Some(Phase::Head(Instant::now())));
    }

    /// The request is answered, unless it turned into something else.
    pub(crate) fn idle(&self) {
        self.step(|phase| match phase {
            Phase::Busy(count) if 1 < count => Some(Phase::Busy(count - 1)),
            Phase::Busy(_) => Some(Phase::Idle(Instant::now())),
            Phase::Handshake(_) | Phase::Head(_) | Phase::Idle(_) | Phase::Link => None,
        });
    }

    pub(crate) fn handshake(&self) {
        self.step(|_| Some(Phase::Handshake(Instant::now())));
    }

    /// Returns what is cancelled when the connection has to make room.
    pub(crate) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    pub(crate) fn link(&self) {
        self.step(|_| Some(Phase::Link));
    }

    /// Returns when the connection has to go: too slow, idle for too long, or to make room.
    /// May be dropped.
    pub(crate) async fn expired(&self) {
        let mut phase = self.phase.subscribe();
        loop {
            let deadline = self.places.limits.deadline(*phase.borrow_and_update());
            tokio::select! {
                () = self.evicted.cancelled() => return,
                // The sender is ours: it cannot be gone.
                _ = phase.changed() => {}
                () = until(deadline) => return,
            }
        }
    }

    fn step(&self, next: impl FnOnce(Phase) -> Option<Phase>) {
        self.phase.send_if_modified(|phase| match next(*phase) {
            Some(it) => {
                *phase = it;
                true
            }
            None => false,
        });
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.lock().held.remove(&self.number);
    }
}

impl Table {
    /// Makes sure that one more fits among those that `counts`.
    fn make_room(&mut self, max: usize, counts: impl Fn(&Held) -> bool) -> Option<()> {
        let among = || self.held.iter().filter(|(_, held)| counts(held));
        if among().count() < max {
            return Some(());
        }
        let waiting = among().filter_map(|(number, held)| Some((held.waiting_since()?, *number)));
        let (_, number) = waiting.min()?;
        let held = self.held.remove(&number)?;
        held.evicted.cancel();
        Some(())
    }
}

impl Held {
    fn waiting_since(&self) -> Option<Instant> {
        match *self.phase.borrow() {
            Phase::Busy(_) | Phase::Link => None,
            Phase::Handshake(since) | Phase::Head(since) | Phase::Idle(since) => Some(since),
        }
    }
}

impl Limits {
    fn deadline(&self, phase: Phase) -> Option<Instant> {
        match phase {
            Phase::Busy(_) | Phase::Link => None,
            // Later than the handshake's own limit, for connections that never become a WebSocket.
            Phase::Handshake(since) => {
                Some(since + Duration::from_millis(self.handshake_ms + self.header_ms))
            }
            Phase::Head(since) => Some(since + Duration::from_millis(self.header_ms)),
            Phase::Idle(since) => Some(since + Duration::from_millis(self.idle_ms)),
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Whose share a public address counts against: itself, or its IPv6 /64. `None` for addresses
/// that cannot come from the internet.
pub(crate) fn public_group(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            let local =
                v4.is_loopback() || v4.is_private() || v4.is_link_local() || v4.is_unspecified();
            (!local).then_some(IpAddr::V4(v4))
        }
        IpAddr::V6(v6) => {
            let local = v6.is_loopback()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_unspecified();
            let prefix = v6.to_bits() & !u128::from(u64::MAX);
            (!local).then_some(IpAddr::V6(prefix.into()))
        }
    }
}
