//! What all threads of a world read and none of them changes while it runs.

use crate::boot::People;
use crate::config::WorldConfig;
use crate::network::{Network, Traits};
use crate::observer::{Messages, Place};
use crate::vault::Vault;

#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) config: WorldConfig,
    pub(crate) network: Network,
    pub(crate) traits: Traits,
    pub(crate) people: People,
    pub(crate) messages: Messages,
    /// Grows behind locks; what it answers does not depend on who asked first.
    pub(crate) vault: Vault,
    pub(crate) threads: usize,
}

impl Ground {
    pub(crate) fn new(config: WorldConfig) -> Self {
        let vault = Vault::default();
        let people = People::new(&config, &vault);
        Self {
            network: Network::new(config.seed, config.hosts, config.network.clone()),
            traits: Traits::new(config.seed, config.machines.clone()),
            people,
            messages: Messages::default(),
            vault,
            threads: config.threads.clamp(1, config.hosts.max(1)),
            config,
        }
    }

    /// Returns which thread runs a machine, and its place there.
    pub(crate) fn place(&self, host: usize) -> (usize, Place) {
        let shard = host % self.threads;
        let of = (self.config.hosts - shard).div_ceil(self.threads);
        let exact_max = self.config.deliveries_max / self.threads;
        (shard, Place { at: host / self.threads, of, exact_max })
    }
}
