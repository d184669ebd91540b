//! The network between the machines: distance, loss, walls. The only state is that of each way of
//! a link; whoever runs a protocol over it, node or model, keeps it beside the link.

mod config;
mod latency;
mod machines;
mod place;

pub use config::{Loss, Machines, Mode, NetworkConfig, Pauses, Sharing};
pub use latency::{Latency, Recorded};
pub(crate) use machines::Traits;
pub use place::{address_of, host_at, ip_of};

use crate::chance::Chance;
use latency::Distances;

/// Distance, loss and walls. Cheap to ask from any thread.
#[derive(Clone, Debug)]
pub struct Network {
    config: NetworkConfig,
    distances: Distances,
    /// Which side of a wall a machine is on.
    sides: Vec<u8>,
}

/// One way of a link, as far as the network remembers it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Way {
    /// Nothing arrives earlier, microseconds.
    pub not_before_us: u64,
    /// Whether it is in the bad state of [`Loss::Bursty`].
    pub is_bad: bool,
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Flight {
    /// It arrives then, and perhaps once more.
    Arrives {
        /// When, microseconds.
        at_us: u64,
        /// When its duplicate arrives.
        again_us: Option<u64>,
    },
    /// A packet of it got lost.
    Lost,
    /// There is a wall between the two.
    Walled,
}

impl Network {
    /// Makes the network of a seed.
    pub fn new(seed: u64, hosts: usize, config: NetworkConfig) -> Self {
        let distances = Distances::new(seed, config.latency.clone());
        Self { config, distances, sides: vec![0; hosts] }
    }

    /// Returns the settings.
    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    /// Returns the latency of one way without jitter, microseconds: a pure function of the seed
    /// and the two.
    pub fn latency_us(&self, from: usize, to: usize) -> u64 {
        self.distances.one_way_us(from, to)
    }

    /// Returns the least latency between any two machines, microseconds.
    pub fn lookahead_us(&self) -> u64 {
        self.distances.least_us()
    }

    /// Returns the region where a machine lives.
    pub fn region(&self, host: usize) -> usize {
        self.distances.region(host)
    }

    /// Returns how long a frame keeps an uplink busy, microseconds.
    pub fn sending_us(&self, bytes: u64) -> u64 {
        let Some(bits_per_s) = self.config.uplink_bits_per_s else { return 0 };
        let bits = (bytes + self.config.overhead_bytes) * 8;
        (bits * 1_000_000).div_ceil(bits_per_s.max(1))
    }

    /// Draws walls: machines on different sides do not hear each other.
    pub fn divide(&mut self, side_of: impl Fn(usize) -> u8) {
        for (host, side) in self.sides.iter_mut().enumerate() {
            *side = side_of(host);
        }
    }

    /// Takes all walls away.
    pub fn heal(&mut self) {
        self.sides.fill(0);
    }

    /// Says whether no wall stands between two machines.
    pub fn is_open(&self, from: usize, to: usize) -> bool {
        self.sides[from] == self.sides[to]
    }

    /// Sends a frame whose last bit leaves `from` at `at_us`.
    pub fn fly(
        &self,
        (from, to): (usize, usize),
        bytes: u64,
        at_us: u64,
        way: &mut Way,
        chance: &mut Chance,
    ) -> Flight {
        if !self.is_open(from, to) {
            return Flight::Walled;
        }
        let latency_us = self.latency_us(from, to);
        let rounds = self.lost_rounds(bytes, way, chance);
        let trip_us = |chance: &mut Chance| latency_us + self.jitter_us(latency_us, chance);
        let mut at_us = at_us + trip_us(chance);
        match self.config.mode {
            Mode::Reliable => {
                at_us += rounds * (3 * latency_us + RESEND_US);
                at_us = at_us.max(way.not_before_us);
                way.not_before_us = at_us;
            }
            Mode::Lossy | Mode::Datagram if 0 < rounds => return Flight::Lost,
            Mode::Lossy => {
                at_us = at_us.max(way.not_before_us);
                way.not_before_us = at_us;
            }
            Mode::Datagram => {
                at_us = at_us.max(way.not_before_us);
                let again = chance.hits(self.config.duplicates_per_million);
                let again_us = again.then(|| at_us + trip_us(chance));
                return Flight::Arrives { at_us, again_us };
            }
        }
        Flight::Arrives { at_us, again_us: None }
    }

    /// Sends the smallest thing there is, outside of any link. Returns when it arrives, if it does.
    pub fn knock(
        &self,
        (from, to): (usize, usize),
        at_us: u64,
        chance: &mut Chance,
    ) -> Option<u64> {
        match self.fly((from, to), 0, at_us, &mut Way::default(), chance) {
            Flight::Arrives { at_us, .. } => Some(at_us),
            Flight::Lost | Flight::Walled => None,
        }
    }

    /// Returns when something sent now arrives where nothing goes wrong.
    pub fn trip_us(&self, (from, to): (usize, usize), at_us: u64, chance: &mut Chance) -> u64 {
        let latency_us = self.latency_us(from, to);
        at_us + latency_us + self.jitter_us(latency_us, chance)
    }

    /// Returns when the slowest of what is sent now and is not lost arrives.
    pub fn latest_us(&self, (from, to): (usize, usize), at_us: u64) -> u64 {
        let latency_us = self.latency_us(from, to);
        at_us + latency_us + latency_us * u64::from(self.config.jitter_per_mille) / 1_000
    }

    fn jitter_us(&self, latency_us: u64, chance: &mut Chance) -> u64 {
        chance.below(latency_us * u64::from(self.config.jitter_per_mille) / 1_000 + 1)
    }

    /// Returns how often the unluckiest packet of a frame is lost in a row. Bound: those who are
    /// that unlucky arrive all the same, where anything is sent again.
    fn lost_rounds(&self, bytes: u64, way: &mut Way, chance: &mut Chance) -> u64 {
        let packets = bytes.div_ceil(self.config.packet_bytes.max(1)).max(1);
        let again = match self.config.mode {
            Mode::Reliable => self.config.loss.mean_per_million(),
            Mode::Lossy | Mode::Datagram => 0,
        };
        let mut most = 0;
        for _ in 0..packets {
            let mut rounds = u64::from(self.loses(way, chance));
            // By then a burst is over, or another one has begun.
            while 0 < rounds && rounds < ROUNDS_MAX && chance.hits(again) {
                rounds += 1;
            }
            most = most.max(rounds);
        }
        most
    }

    fn loses(&self, way: &mut Way, chance: &mut Chance) -> bool {
        match self.config.loss {
            Loss::Independent(per_million) => chance.hits(per_million),
            Loss::Bursty { worse, better, good, bad } => {
                way.is_bad ^= chance.hits(if way.is_bad { better } else { worse });
                chance.hits(if way.is_bad { bad } else { good })
            }
        }
    }
}

/// What a resend takes beside 1.5 round trips.
const RESEND_US: u64 = 25_000;
const ROUNDS_MAX: u64 = 8;
