//! A machine of this world: a node, its disk, and what it owes its callers.

use engine::{Now, Snapshot};
use node::{Answer, Command, CommandId, Config, Effect, Input, Node};
use store::{MemoryStore, Store as _};
use wire::{Identity, RecordId};

use crate::checkers::Delivered;
use crate::network::address_of;

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) number: usize,
    config: Config,
    identity: Identity,
    pub(crate) disk: MemoryStore,
    pub(crate) node: Option<Node>,
    /// Counts starts: what was meant for an earlier run is dropped.
    pub(crate) run: u64,
    /// When the disk has done all it was given.
    pub(crate) disk_free_ms: u64,
    pub(crate) delivered: Delivered,
    next_command: u64,
    /// Records whose writing was acknowledged to somebody here.
    pub(crate) acknowledged: Vec<RecordId>,
}

impl Host {
    pub(crate) fn new(number: usize, mut config: Config, bootstrap: usize) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
        config.engine.public = vec![address_of(number)];
        if number != bootstrap {
            config.engine.bootstrap = vec![address_of(bootstrap)];
        }
        Self {
            number,
            config,
            identity: Identity::from_seed(seed),
            disk: MemoryStore::default(),
            node: None,
            run: 0,
            disk_free_ms: 0,
            delivered: Delivered::default(),
            next_command: 0,
            acknowledged: Vec::new(),
        }
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Wakes up with what the disk has.
    pub(crate) fn start(&mut self, seed: [u8; 32], now: Now) {
        let kept: Snapshot = self.disk.load().expect("memory does not fail");
        self.run += 1;
        self.delivered = Delivered::default();
        let (config, identity) = (self.config.clone(), self.identity.clone());
        self.node = Some(Node::new(config, identity, kept, seed, now));
    }

    /// Gives the node a command. Its answer comes as an effect.
    pub(crate) fn command(&mut self, command: Command, now: Now) -> Vec<Effect> {
        self.next_command += 1;
        let id = CommandId(self.next_command);
        let Some(node) = &mut self.node else { return Vec::new() };
        node.handle(Input::Command(id, command), now)
    }

    pub(crate) fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Published { id, .. } => self.acknowledged.push(id),
            Answer::Written(ids) => self.acknowledged.extend(ids),
            Answer::Done | Answer::Peers(_) | Answer::Refused(_) | Answer::Status(_) => {}
        }
    }
}
