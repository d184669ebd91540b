//! How far apart two machines are: a pure function of the seed and the two.

use std::sync::Arc;

use crate::chance::{mix, scale};

/// How one-way latencies come about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Latency {
    /// The world as it is: ten regions, 16 to 360 ms there and back, weights like those of a large
    /// public network, and 1 to 15 ms from each machine to its region.
    Regions,
    /// Every pair draws from this range, microseconds.
    Uniform {
        /// The shortest.
        low_us: u64,
        /// The longest.
        high_us: u64,
    },
    /// Every pair draws from a log-normal distribution.
    LogNormal {
        /// Half of all pairs are nearer, microseconds.
        median_us: u64,
        /// Standard deviation of the logarithm, thousandths.
        sigma_per_mille: u32,
        /// Nobody is nearer, microseconds.
        low_us: u64,
        /// Nobody is further away, microseconds.
        high_us: u64,
    },
    /// Measured between sites; every machine lives at one of them.
    Recorded(Arc<Recorded>),
}

/// One-way latencies between sites, as somebody measured them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Recorded {
    sites: usize,
    /// Row by row, microseconds.
    one_way_us: Vec<u64>,
}

/// A latency model with its tables.
#[derive(Clone, Debug)]
pub(crate) struct Distances {
    seed: u64,
    latency: Latency,
    /// Quantiles of the log-normal distribution, microseconds.
    quantiles_us: Vec<u64>,
}

impl Recorded {
    /// Reads round trips in milliseconds: a line for each site, a number for each site, blanks
    /// between; lines that begin with `#` are comments.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let mut one_way_us = Vec::new();
        let mut sites = 0;
        for line in lines {
            for number in line.split_whitespace() {
                let ms: f64 = number.parse().map_err(|_| format!("{number:?} is no number"))?;
                let round_us = std::time::Duration::try_from_secs_f64(ms / 1e3);
                let round_us = round_us.map_err(|_| format!("{number:?} is no latency"))?;
                let half_us = u64::try_from(round_us.as_micros() / 2).unwrap_or(u64::MAX);
                one_way_us.push(half_us.clamp(LOOKAHEAD_US_MIN, HALF_MINUTE_US));
            }
            sites += 1;
        }
        if sites == 0 || one_way_us.len() != sites * sites {
            return Err(format!("{} numbers for {sites} sites: not a square", one_way_us.len()));
        }
        Ok(Self { sites, one_way_us })
    }

    /// Returns how many sites there are.
    pub fn sites(&self) -> usize {
        self.sites
    }
}

impl Distances {
    pub(crate) fn new(seed: u64, latency: Latency) -> Self {
        let quantiles_us = match latency {
            Latency::LogNormal { median_us, sigma_per_mille, low_us, high_us } => {
                log_normal(median_us, sigma_per_mille)
                    .into_iter()
                    .map(|us| us.clamp(low_us.max(LOOKAHEAD_US_MIN), high_us))
                    .collect()
            }
            Latency::Recorded(_) | Latency::Regions | Latency::Uniform { .. } => Vec::new(),
        };
        Self { seed: mix(seed, LATENCY), latency, quantiles_us }
    }

    /// Returns the latency of one way, without jitter, microseconds; the same there and back,
    /// unless it was recorded otherwise.
    pub(crate) fn one_way_us(&self, from: usize, to: usize) -> u64 {
        let us = match &self.latency {
            Latency::Regions => {
                let half_us = ROUND_TRIP_MS[self.region(from)][self.region(to)] * 500;
                half_us + self.access_us(from) + self.access_us(to)
            }
            Latency::Uniform { low_us, high_us } => {
                low_us + scale(self.pair(from, to), high_us.saturating_sub(*low_us) + 1)
            }
            Latency::LogNormal { .. } => {
                let at = scale(self.pair(from, to), self.quantiles_us.len() as u64);
                usize::try_from(at)
                    .ok()
                    .and_then(|at| self.quantiles_us.get(at))
                    .copied()
                    .unwrap_or(0)
            }
            Latency::Recorded(recorded) => {
                let (row, column) = (self.region(from), self.region(to));
                recorded.one_way_us[row * recorded.sites + column]
            }
        };
        us.max(LOOKAHEAD_US_MIN)
    }

    /// Returns the least latency between any two machines, microseconds.
    pub(crate) fn least_us(&self) -> u64 {
        let us = match &self.latency {
            Latency::Regions => {
                let near_ms = ROUND_TRIP_MS.iter().flatten().min().copied().unwrap_or(0);
                near_ms * 500 + 2 * ACCESS_US.0
            }
            Latency::Uniform { low_us, .. } => *low_us,
            Latency::LogNormal { .. } => self.quantiles_us.first().copied().unwrap_or(0),
            Latency::Recorded(recorded) => recorded.one_way_us.iter().min().copied().unwrap_or(0),
        };
        us.max(LOOKAHEAD_US_MIN)
    }

    /// Returns the region or site where a machine lives; 0 where the model has none.
    pub(crate) fn region(&self, host: usize) -> usize {
        let drawn = mix(self.seed ^ REGION, host as u64);
        match &self.latency {
            Latency::Regions => {
                let percent = scale(drawn, 100);
                WEIGHTS_SUMMED.iter().position(|sum| percent < *sum).unwrap_or(0)
            }
            Latency::Recorded(recorded) => {
                usize::try_from(scale(drawn, recorded.sites as u64)).unwrap_or(0)
            }
            Latency::LogNormal { .. } | Latency::Uniform { .. } => 0,
        }
    }

    fn access_us(&self, host: usize) -> u64 {
        let (low_us, high_us) = ACCESS_US;
        low_us + scale(mix(self.seed ^ ACCESS, host as u64), high_us - low_us + 1)
    }

    fn pair(&self, from: usize, to: usize) -> u64 {
        mix(mix(self.seed, from.min(to) as u64), from.max(to) as u64)
    }
}

/// Returns quantiles of a log-normal distribution: the middles of equal shares.
fn log_normal(median_us: u64, sigma_per_mille: u32) -> Vec<u64> {
    let sigma = f64::from(sigma_per_mille) / 1_000.0;
    let median = std::time::Duration::from_micros(median_us).as_secs_f64();
    let density = |x: f64| (-x * x / 2.0).exp();
    let step = 8.0 / f64::from(STEPS);
    let all: f64 = (0..STEPS).map(|at| density(f64::from(at).mul_add(step, -4.0))).sum();
    let (mut quantiles, mut sum) = (Vec::new(), 0.0);
    for at in 0..STEPS {
        let x = f64::from(at).mul_add(step, -4.0);
        sum += density(x) / all;
        let reached = sum * f64::from(QUANTILES);
        let seconds = median * (sigma * x).exp();
        let us = std::time::Duration::from_secs_f64(seconds.min(30.0)).as_micros();
        while quantiles.len() < QUANTILES as usize
            && f64::from(u32::try_from(quantiles.len()).unwrap_or(u32::MAX)) + 0.5 <= reached
        {
            quantiles.push(u64::try_from(us).unwrap_or(u64::MAX));
        }
    }
    quantiles
}

/// Two machines are never nearer than this, so that threads can run ahead so far.
pub(crate) const LOOKAHEAD_US_MIN: u64 = 1_000;
const HALF_MINUTE_US: u64 = 30_000_000;
const QUANTILES: u32 = 1_024;
const STEPS: u32 = 65_536;
const LATENCY: u64 = 0x1a7e;
const REGION: u64 = 0x7e61;
const ACCESS: u64 = 0xacce;
/// From a machine to its region, microseconds.
const ACCESS_US: (u64, u64) = (1_000, 15_000);
/// Shares of the regions below in percent, summed: 22, 12, 16, 24, 6, 8, 5, 2, 3, 2.
const WEIGHTS_SUMMED: [u64; 10] = [22, 34, 50, 74, 80, 88, 93, 95, 98, 100];
/// Milliseconds there and back between America east and west, Europe west, middle and north, Japan,
/// Singapore, India, Australia, Brazil: round figures of the usual cloud regions.
const ROUND_TRIP_MS: [[u64; 10]; 10] = [
    [16, 64, 76, 90, 108, 160, 220, 196, 204, 116],
    [64, 16, 136, 148, 164, 108, 172, 222, 142, 176],
    [76, 136, 16, 24, 40, 212, 168, 124, 258, 184],
    [90, 148, 24, 16, 28, 224, 160, 118, 270, 204],
    [108, 164, 40, 28, 16, 238, 186, 140, 292, 222],
    [160, 108, 212, 224, 238, 16, 72, 126, 112, 262],
    [220, 172, 168, 160, 186, 72, 16, 62, 94, 360],
    [196, 222, 124, 118, 140, 126, 62, 16, 152, 306],
    [204, 142, 258, 270, 292, 112, 94, 152, 16, 318],
    [116, 176, 184, 204, 222, 262, 360, 306, 318, 16],
];
