//! The network between the nodes: distance, loss, walls.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use engine::LinkId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wire::{Address, Digest};

/// How the network behaves.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Share of frames and dials that are lost, per mille.
    pub loss_per_mille: u64,
    /// Shortest and longest one-way latency between two nodes, milliseconds.
    pub latency_ms: (u64, u64),
    /// What is added to each frame at most, milliseconds.
    pub jitter_ms: u64,
    /// How long a dial into the void takes to fail, milliseconds.
    pub dial_timeout_ms: u64,
}

/// Links, walls and chances.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) weather: Weather,
    seed: u64,
    random: ChaCha8Rng,
    ends: BTreeMap<LinkId, End>,
    next_link: u64,
    /// Which side of a partition a node is on.
    sides: Vec<u8>,
}

/// One end of a link.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) host: usize,
    pub(crate) other: LinkId,
    pub(crate) other_host: usize,
    /// Nothing overtakes on a link.
    last_arrival_ms: u64,
}

impl Network {
    pub(crate) fn new(seed: u64, hosts: usize, weather: Weather) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        let sides = vec![0; hosts];
        Self { weather, seed, random, ends: BTreeMap::new(), next_link: 0, sides }
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.random.next_u64()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    pub(crate) fn divide(&mut self, side_of: impl Fn(usize) -> u8) {
        for (host, side) in self.sides.iter_mut().enumerate() {
            *side = side_of(host);
        }
    }

    /// Says whether something sent now arrives.
    pub(crate) fn delivers(&mut self, from: usize, to: usize) -> bool {
        self.sides[from] == self.sides[to] && self.weather.loss_per_mille <= self.below(1_000)
    }

    /// One-way latency: a pure function of the seed and the two nodes, plus jitter.
    pub(crate) fn latency_ms(&mut self, from: usize, to: usize) -> u64 {
        let (low, high) = self.weather.latency_ms;
        let (a, b) = (from.min(to) as u64, from.max(to) as u64);
        let parts = [self.seed, a, b].map(u64::to_be_bytes);
        let hash = Digest::of("latency", &[&parts[0], &parts[1], &parts[2]]);
        let drawn = u64::from(u16::from_be_bytes([hash.0[0], hash.0[1]]));
        low + drawn * (high - low) / 65_536 + self.below(self.weather.jitter_ms + 1)
    }

    /// Makes both ends of a link: the dialler's and the other's.
    /// Nothing arrives at the dialler before `up_ms`, when it learns that the link is up.
    pub(crate) fn connect(&mut self, from: usize, to: usize, up_ms: u64) -> (LinkId, LinkId) {
        let (near, far) = (LinkId(self.next_link), LinkId(self.next_link + 1));
        self.next_link += 2;
        let end = |host, other, other_host| End { host, other, other_host, last_arrival_ms: up_ms };
        self.ends.insert(near, end(from, far, to));
        self.ends.insert(far, end(to, near, from));
        (near, far)
    }

    pub(crate) fn end(&self, link: LinkId) -> Option<End> {
        self.ends.get(&link).copied()
    }

    /// When a frame sent now on a link arrives, if it does.
    pub(crate) fn arrival_ms(&mut self, link: LinkId, now_ms: u64) -> Option<u64> {
        let End { host, other_host, .. } = self.end(link)?;
        if !self.delivers(host, other_host) {
            return None;
        }
        let at = now_ms + self.latency_ms(host, other_host);
        let end = self.ends.get_mut(&link)?;
        end.last_arrival_ms = end.last_arrival_ms.max(at);
        Some(end.last_arrival_ms)
    }

    /// Takes one end away; the other stays until it hears of it.
    pub(crate) fn close(&mut self, link: LinkId) -> Option<End> {
        self.ends.remove(&link)
    }

    pub(crate) fn links_of(&self, host: usize) -> Vec<LinkId> {
        self.ends.iter().filter(|(_, end)| end.host == host).map(|(link, _)| *link).collect()
    }
}

/// Where a node of this world is.
pub(crate) fn address_of(host: usize) -> Address {
    let url = format!("http://{}:8880", ip_of(host));
    url.parse().expect("a literal address parses")
}

/// Which node is at an address.
pub(crate) fn host_at(address: &Address) -> Option<usize> {
    let (host, _) = address.host_port();
    let octets = host.parse::<Ipv4Addr>().ok()?.octets();
    Some(usize::from(u16::from_be_bytes([octets[2], octets[3]])))
}

/// The network address of a node: public, so that no rule for private ones applies.
pub(crate) fn ip_of(host: usize) -> IpAddr {
    let [high, low] = u16::try_from(host).unwrap_or(u16::MAX).to_be_bytes();
    IpAddr::V4(Ipv4Addr::new(77, 1, high, low))
}
