//! Nodes of one network on one LAN find each other by multicast DNS, with nothing configured (MDNS-1..4).
//!
//! It proves nothing and is not believed: an address is dialled once, whoever answers shows its key and its
//! network, and only then it is remembered.

mod ether;
mod neighbours;
mod notice;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use wire::{Address, Host, Multiaddr, NetworkId};

use crate::commands::Commands;
use crate::discovery::{Discovery, Lan, Way};
use ether::{Buffer, Ether};
use neighbours::Neighbours;
use notice::{Heard, Names};

/// What this node announces: its listeners, as they were bound.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places(Vec<Address>);

/// One node on its LANs.
pub(crate) struct Voice {
    names: Names,
    places: Places,
    commands: Commands,
    discovery: Arc<Discovery>,
    neighbours: Neighbours,
    /// When it asks next, and the wait after that.
    ask: (Instant, Duration),
    /// When it tells next, and when it did last.
    tell: (Option<Instant>, Option<Instant>),
    /// Messages read since a moment.
    read: (Instant, usize),
    chance: Chance,
}

impl Places {
    /// Collects what others on a LAN could dial. `None` for a node that listens on loopback alone: it wants to
    /// be left alone, and neither tells nor asks.
    pub(crate) fn of(listeners: &[Multiaddr], door: Option<&Address>) -> Option<Self> {
        let libp2p = listeners.iter().map(|it| Address::Libp2p(Box::new(it.clone())));
        let all: Vec<Address> = libp2p.chain(door.cloned()).collect();
        let open = |it: &Address| ip_of(it).is_some_and(|ip| !ip.is_loopback());
        let places: Vec<Address> = all.iter().filter(|it| open(it)).cloned().collect();
        (all.is_empty() || !places.is_empty()).then_some(Self(places))
    }

    /// Returns where the node is for those who see it at one address (MDNS-2).
    fn seen_at(&self, ip: IpAddr) -> Vec<Address> {
        self.0.iter().filter_map(|place| at(place, ip)).collect()
    }
}

impl Voice {
    pub(crate) fn new(
        network: NetworkId,
        places: Places,
        commands: Commands,
        discovery: Arc<Discovery>,
    ) -> Option<Self> {
        let mut seed = [0; 16];
        getrandom::fill(&mut seed).ok()?;
        let (run, chance) = seed.split_at(8);
        let (now, names) = (Instant::now(), Names::new(network, run.try_into().ok()?)?);
        Some(Self {
            names,
            places,
            commands,
            discovery,
            neighbours: Neighbours::default(),
            ask: (now, ASK_FIRST),
            tell: (Some(now), None),
            read: (now, 0),
            chance: Chance(u64::from_be_bytes(chance.try_into().ok()?)),
        })
    }

    /// Speaks and listens until the node stops.
    pub(crate) async fn speak(mut self, stop: CancellationToken) {
        loop {
            let why = match Ether::open() {
                Ok(ether) => match self.live(ether, &stop).await {
                    Ok(()) => return,
                    Err(why) => why,
                },
                Err(why) => why,
            };
            tracing::warn!(%why, again_in_s = MEND.as_secs(), "the LAN cannot be asked for nodes");
            self.discovery.lan(Lan { why: Some(why.to_string()), ..Lan::default() });
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(MEND) => {}
            }
        }
    }

    async fn live(&mut self, mut ether: Ether, stop: &CancellationToken) -> std::io::Result<()> {
        let (mut buffer, mut look) = (Buffer::new(), Instant::now());
        loop {
            let now = Instant::now();
            if look <= now {
                look = now + LOOK_AROUND;
                if ether.look_around()? {
                    (self.ask, self.tell.0) = ((now, ASK_FIRST), Some(now));
                }
                self.report(&ether);
            }
            if self.ask.0 <= now {
                self.ask_all(&ether, now).await;
            }
            if self.tell.0.is_some_and(|at| at <= now) {
                self.tell = (None, Some(now));
                self.tell_all(&ether, LIFE_S).await;
            }
            let next = look.min(self.ask.0).min(self.tell.0.unwrap_or(look));
            tokio::select! {
                () = stop.cancelled() => {
                    self.tell_all(&ether, 0).await;
                    return Ok(());
                }
                () = sleep_until(next) => {}
                got = ether.receive(&mut buffer) => {
                    let (length, from) = got?;
                    self.heard(&ether, buffer.last(length), from).await;
                }
            }
        }
    }

    async fn heard(&mut self, ether: &Ether, bytes: &[u8], from: IpAddr) {
        let now = Instant::now();
        let (since, count) = self.read;
        let fresh = Duration::from_secs(1) <= now.saturating_duration_since(since);
        self.read = if fresh { (now, 1) } else { (since, count.saturating_add(1)) };
        if READ_PER_S_MAX < self.read.1 {
            self.neighbours.ignored = self.neighbours.ignored.saturating_add(1);
            return;
        }
        match self.names.read(bytes) {
            Heard::Nothing => {}
            Heard::Asked => self.asked(now),
            Heard::Told(told) => {
                let beside = |ip| ether.is_beside(ip);
                for address in self.neighbours.told(told.addresses, from, beside, now) {
                    tracing::debug!(%address, "a node on the LAN");
                    self.discovery.address(&address, Way::Lan);
                    if let Err(error) = self.commands.hear_of(address).await {
                        tracing::debug!(%error, "a node on the LAN was not dialled");
                    }
                }
                self.report(ether);
            }
        }
    }

    /// Answers soon, not at once: many answer the same question. The answer goes to all, so theirs counts as
    /// ours where we were about to ask as well.
    fn asked(&mut self, now: Instant) {
        let soon = now + Duration::from_millis(ANSWER_MS_MIN + self.chance.below(ANSWER_MS));
        let calm = self.tell.1.map_or(soon, |last| soon.max(last + TELL_AGAIN));
        self.tell.0 = Some(self.tell.0.map_or(calm, |at| at.min(calm)));
        if ASK_MAX <= self.ask.1 {
            self.ask.0 = now + self.wait();
        }
    }

    async fn ask_all(&mut self, ether: &Ether, now: Instant) {
        self.ask.0 = now + self.wait();
        self.ask.1 = (2 * self.ask.1).min(ASK_MAX);
        let Some(question) = self.names.question() else { return };
        for net in ether.nets() {
            if let Err(error) = ether.send(net, &question).await {
                tracing::debug!(net = net.name, %error, "a question was not sent");
            }
        }
    }

    async fn tell_all(&self, ether: &Ether, life_s: u32) {
        for net in ether.nets() {
            let places: Vec<Address> =
                net.ips.iter().flat_map(|(ip, _)| self.places.seen_at(*ip)).collect();
            let Some(notice) = self.names.notice(&places, life_s) else { continue };
            if let Err(error) = ether.send(net, &notice).await {
                tracing::debug!(net = net.name, %error, "a notice was not sent");
            }
        }
    }

    /// Returns the wait until the next question, a little different for each node.
    fn wait(&mut self) -> Duration {
        let ms = u64::try_from(self.ask.1.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(ms - ms / 8 + self.chance.below(ms / 4 + 1))
    }

    fn report(&self, ether: &Ether) {
        let mut nets: Vec<String> = ether.nets().iter().map(|it| it.name.clone()).collect();
        nets.dedup();
        let (heard, ignored) = (self.neighbours.len() as u64, self.neighbours.ignored);
        let silent = self.places.0.is_empty();
        self.discovery.lan(Lan { on: true, nets, heard, ignored, silent, why: None });
    }
}

/// Small numbers by chance, so that nodes do not speak all at once. Nothing secret hangs on them.
struct Chance(u64);

impl Chance {
    /// Draws one below `limit` (splitmix64).
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)).checked_rem(limit).unwrap_or(0)
    }
}

/// Returns a listener as seen at one address of this machine; `None` if it does not listen there.
fn at(place: &Address, ip: IpAddr) -> Option<Address> {
    let bound = ip_of(place)?;
    let fits = bound == ip || (bound.is_unspecified() && bound.is_ipv4() == ip.is_ipv4());
    if !fits {
        return None;
    }
    match place {
        Address::Libp2p(listener) => {
            Some(Address::Libp2p(Box::new(listener.at(ip, listener.port))))
        }
        Address::Http(_) => {
            let (_, port) = place.host_port();
            format!("http://{}", std::net::SocketAddr::new(ip, port)).parse().ok()
        }
    }
}

fn ip_of(place: &Address) -> Option<IpAddr> {
    match place {
        Address::Libp2p(listener) => match listener.host {
            Host::Ip(ip) => Some(ip),
            Host::Dns(..) => None,
        },
        Address::Http(_) => place.host_port().0.trim_matches(['[', ']']).parse().ok(),
    }
}

/// The first wait between questions; it doubles.
const ASK_FIRST: Duration = Duration::from_secs(1);
const ASK_MAX: Duration = Duration::from_secs(60);
/// An answer comes after 20 to 120 ms (RFC 6762, section 6), and the next not before a second has passed.
const ANSWER_MS_MIN: u64 = 20;
const ANSWER_MS: u64 = 100;
const TELL_AGAIN: Duration = Duration::from_secs(1);
/// How long others may remember what we say.
const LIFE_S: u32 = 120;
/// Networks come and go: a cable, another room.
const LOOK_AROUND: Duration = Duration::from_secs(2);
/// After a failure of the sockets.
const MEND: Duration = Duration::from_secs(30);
/// Messages read each second; what is beyond is thrown away unread.
const READ_PER_S_MAX: usize = 500;

#[cfg(test)]
mod tests;
