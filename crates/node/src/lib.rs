//! The engine and what people do with it, without IO: the value that daemon and simulator drive.

mod command;

pub use command::{
    Answer, Command, CommandError, CommandId, Counters, Draft, PeerState, PeerStatus, Publication,
    Status,
};
pub use engine;

use engine::Now;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// An operator asks.
    Command(CommandId, Command),
    /// The network or the store speaks.
    Net(engine::Input),
}

/// Something the shell must do, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Answer an operator.
    Answer(CommandId, Answer),
    /// Do something for the protocol.
    Net(engine::Effect),
}

/// How a node behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The protocol's settings.
    pub engine: engine::Config,
}

/// One node: the protocol and the applications on it.
pub struct Node;

impl Node {
    /// Wakes up with what was kept; `seed` is the only randomness it will ever have.
    pub fn new(_config: Config, _identity: wire::Identity, _kept: engine::Snapshot, _seed: [u8; 32], _now: Now) -> Self { todo!() }
    /// Advances by one input; perform the effects in order.
    pub fn handle(&mut self, _input: Input, _now: Now) -> Vec<Effect> { todo!() }
    /// Returns when [`engine::Input::Tick`] is due, on the monotonic clock.
    pub fn deadline(&self) -> Option<engine::Time> { todo!() }
}
