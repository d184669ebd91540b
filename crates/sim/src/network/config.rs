//! Settings of the network and of the machines on it, each with its unit and its default.

use lanes::Bounds;

use super::Latency;

/// How the network between the machines behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkConfig {
    /// One-way latencies.
    pub latency: Latency,
    /// Each frame takes up to so much longer than the latency, thousandths of it (default 100).
    pub jitter_per_mille: u32,
    /// Which packets are lost (default: 1 %, independently).
    pub loss: Loss,
    /// What becomes of a frame one of whose packets is lost (default: it is late).
    pub mode: Mode,
    /// Frames that arrive twice, of a million; only in [`Mode::Datagram`] (default 0).
    pub duplicates_per_million: u32,
    /// What each machine can send, bits per second; `None` for no limit (default 20,000,000).
    pub uplink_bits_per_s: Option<u64>,
    /// How links share an uplink (default: in turns).
    pub sharing: Sharing,
    /// What may wait in each class of a link (default 1,024 frames, 1 MiB).
    pub queue: Bounds,
    /// One-way trips until a dialler holds a link: 1.5 to 2.5 round trips (default 5: TCP, the
    /// request to upgrade, half of a key exchange). At least 2.
    pub setup_trips: u32,
    /// How long a dial into the void takes to fail, milliseconds (default 5,000).
    pub dial_timeout_ms: u64,
    /// What surrounds a frame on the wire, bytes (default 60: AEAD 16, WebSocket 4, IP and TCP 40).
    pub overhead_bytes: u64,
    /// Payload of a packet, bytes (default 1,400): a larger frame is lost more often.
    pub packet_bytes: u64,
}

/// Which packets are lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loss {
    /// Each for itself, so many of a million.
    Independent(u32),
    /// In bursts (Gilbert and Elliott): each way of a link is in a good or a bad state, and may
    /// change it before every packet. All of a million.
    Bursty {
        /// From good to bad.
        worse: u32,
        /// From bad to good.
        better: u32,
        /// Lost in the good state.
        good: u32,
        /// Lost in the bad state.
        bad: u32,
    },
}

/// What becomes of a lost frame, and of the order of frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// As TCP: it is late by 1.5 round trips and 25 ms for each time it is lost, and what follows
    /// on that link waits for it, whatever its class.
    Reliable,
    /// It is lost, the order is kept.
    Lossy,
    /// It is lost; frames overtake each other and may arrive twice.
    Datagram,
}

/// Which of a machine's links sends next while several have something waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sharing {
    /// Links take turns, a frame each, as TCP streams do.
    Turns,
    /// Those with an alert first, then in turns: a machine that paces all its links together.
    AlertsFirst,
}

/// How the machines are. Which machine is what is drawn from the seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Machines {
    /// What a frame, a tick or an answer costs, microseconds (default 20).
    pub step_us: u64,
    /// What checking a signature costs on the machine's worker, microseconds (default 50).
    pub verify_us: u64,
    /// Machines that are slow, of a thousand (default 0).
    pub slow_per_mille: u32,
    /// How much slower those are (default 10).
    pub slow_factor: u64,
    /// Machines that can dial but not be dialled, of a thousand (default 0).
    pub undialable_per_mille: u32,
    /// Wall clocks are off by up to so much either way, milliseconds (default 0).
    pub clock_skew_ms_max: u64,
    /// Pauses of the whole machine, as of a garbage collector (default none).
    pub pauses: Option<Pauses>,
    /// A disk takes one millisecond and up to so much more for each write or read (default 4,000).
    pub disk_us_max: u64,
}

/// Pauses of whole machines.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pauses {
    /// Machines that pause at all, of a thousand.
    pub per_mille: u32,
    /// One pause in each such time, at a moment drawn anew, milliseconds.
    pub every_ms: u64,
    /// How long it takes, milliseconds.
    pub pause_ms: u64,
}

impl Loss {
    /// Returns the share of packets that is lost in the long run, of a million.
    pub fn mean_per_million(self) -> u32 {
        match self {
            Self::Independent(per_million) => per_million,
            Self::Bursty { worse, better, good, bad } => {
                let [worse, better, good, bad] = [worse, better, good, bad].map(u64::from);
                let both = (worse + better).max(1);
                u32::try_from((good * better + bad * worse) / both).unwrap_or(u32::MAX)
            }
        }
    }
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self {
            latency: Latency::Regions,
            jitter_per_mille: 100,
            loss: Loss::Independent(10_000),
            mode: Mode::Reliable,
            duplicates_per_million: 0,
            uplink_bits_per_s: Some(20_000_000),
            sharing: Sharing::Turns,
            queue: Bounds { frames_max: 1_024, bytes_max: 1024 * 1024 },
            setup_trips: 5,
            dial_timeout_ms: 5_000,
            overhead_bytes: 60,
            packet_bytes: 1_400,
        }
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self {
            step_us: 20,
            verify_us: 50,
            slow_per_mille: 0,
            slow_factor: 10,
            undialable_per_mille: 0,
            clock_skew_ms_max: 0,
            pauses: None,
            disk_us_max: 4_000,
        }
    }
}
