//! Letters: what one node says to another one, and to nobody else (DIRECT).
//!
//! A node seeks a way, the sought one answers with a key that it signed, and a letter sealed to
//! that key goes along the way; a signed receipt comes back. Those between know the way and nothing
//! of what is said. Three parts: `senders` (what we wrote and where it stands), `receivers` (keys
//! we gave out and letters we have), `relays` (ways that lead through here).

pub(crate) mod receivers;
pub(crate) mod relays;
pub(crate) mod sealed;
pub(crate) mod senders;

use bytes::Bytes;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use wire::{Letter, LetterId, NodeId};

use crate::{Config, Time};
use receivers::Receivers;
use relays::Relays;
use senders::Senders;

/// What the node on top hears of letters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Mail {
    /// A letter for us. Its author has the receipt.
    Came(Letter),
    /// The receiver has a letter of ours.
    Delivered(LetterId, Delivery),
    /// Nobody knows whether the receiver has it.
    Failed(LetterId, Undelivered),
}

/// How a letter got there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Delivery {
    /// From the wish to the receipt.
    pub took_ms: u64,
    /// Whether others carried it.
    pub relayed: bool,
}

/// Why there is no receipt.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Undelivered {
    /// Nobody led to it.
    #[error(
        "no answer: the node is not linked to this one, none of its addresses answered, and no \
         neighbour leads to it; try again when it is there"
    )]
    Away,
    /// It answered, and no receipt came.
    #[error(
        "no receipt: the node answered, then nothing came back; whether it has the message is \
         unknown"
    )]
    Unanswered,
}

/// Why a letter was not even tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LetterRefused {
    /// It is for ourselves.
    #[error("that is this node itself: name another one")]
    Self_,
    /// Too many are under way.
    #[error("{0} messages to single nodes are under way: try again when some have arrived")]
    Busy(usize),
    /// It is too long.
    #[error("a message to one node has at most {max} bytes, this one has {0}", max = wire::limits::LETTER_BYTES_MAX)]
    TooLong(usize),
}

#[derive(Debug)]
pub(crate) struct Direct {
    pub(crate) senders: Senders,
    pub(crate) receivers: Receivers,
    pub(crate) relays: Relays,
    /// What the node on top has not taken yet. Bound: what one input can bring.
    pub(crate) mail: Vec<Mail>,
    random: ChaCha20Rng,
}

impl Direct {
    pub(crate) fn new(config: &Config, seed: [u8; 32]) -> Self {
        let mut random = ChaCha20Rng::from_seed(seed);
        // Keys are not drawn from the stream that chooses links.
        random.set_stream(STREAM);
        Self {
            senders: Senders::new(config),
            receivers: Receivers::new(config),
            relays: Relays::default(),
            mail: Vec::new(),
            random,
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.senders.deadline()
    }

    /// Draws a name that nobody can guess.
    pub(crate) fn name(&mut self) -> [u8; 16] {
        let mut name = [0; 16];
        self.random.fill_bytes(&mut name);
        name
    }

    /// Makes a key pair for one letter.
    pub(crate) fn pair(&mut self) -> sealed::Pair {
        sealed::Pair::draw(&mut self.random)
    }

    /// Seals bytes to a key.
    pub(crate) fn seal(&mut self, key: &[u8; 32], info: &[u8], bytes: &[u8]) -> Option<Bytes> {
        sealed::seal(key, info, bytes, &mut self.random)
    }

    /// Notes that nothing more is to be hoped for.
    pub(crate) fn fail(&mut self, id: LetterId, why: Undelivered) {
        self.mail.push(Mail::Failed(id, why));
    }
}

/// Binds what is sealed to this protocol, the network, the way and the receiver.
pub(crate) fn info(network: &wire::NetworkId, route: &wire::RouteId, to: &NodeId) -> [u8; 32] {
    wire::Digest::of("trellis-direct-seal-v1", &[&network.0, &route.0, to.as_bytes()]).0
}

/// Names the stream of randomness that keys are drawn from.
const STREAM: u64 = 0x6c65_7474_6572;
