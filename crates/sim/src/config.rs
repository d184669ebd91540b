//! What a world is made of.

use std::fmt;
use std::sync::Arc;

use wire::Digest;

use crate::network::{Machines, NetworkConfig};

/// A world before its first moment. Public fields; start from [`WorldConfig::new`].
#[derive(Clone)]
pub struct WorldConfig {
    /// Everything that happens follows from it.
    pub seed: u64,
    /// How many machines there are.
    pub hosts: usize,
    /// How each node is set. The world adds its addresses.
    pub node: node::Config,
    /// Changes the settings of single nodes.
    pub tune: Option<Tune>,
    /// The network between them.
    pub network: NetworkConfig,
    /// The machines.
    pub machines: Machines,
    /// Whom they know when they start.
    pub boot: Boot,
    /// Threads to run on (default 1). The trace does not depend on it.
    pub threads: usize,
    /// How much is checked while it runs.
    pub checks: Checks,
    /// Deliveries noted one by one, four bytes and a copy count each (default 50,000,000); beyond,
    /// messages have a histogram.
    pub deliveries_max: usize,
}

/// Changes the settings of the node on one machine.
pub type Tune = Arc<dyn Fn(usize, &mut node::Config) + Send + Sync>;

/// Whom machines know when they start for the first time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Boot {
    /// The first few machines.
    Bootstrap {
        /// How many of them.
        hosts: usize,
    },
    /// Some random others, from an address book on disk; nobody is special.
    Books {
        /// Rows in the book.
        rows: usize,
    },
}

/// What is checked while a world runs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Checks {
    /// Every machine whose number is a multiple of this one is checked after each step (default 1).
    pub every: usize,
    /// Steps one node may make in a second before it is said to spin (default 5,000).
    pub steps_per_second_max: u64,
}

impl WorldConfig {
    /// A world of nodes with default settings.
    pub fn new(seed: u64, hosts: usize) -> Self {
        Self {
            seed,
            hosts,
            node: node::Config::new(engine::Config::server(NETWORK)),
            tune: None,
            network: NetworkConfig::default(),
            machines: Machines::default(),
            boot: Boot::Bootstrap { hosts: 1 },
            threads: 1,
            // All machines of a small world, about a thousand of a large one.
            checks: Checks { every: hosts.div_ceil(1_000).max(1), steps_per_second_max: 5_000 },
            deliveries_max: 50_000_000,
        }
    }
}

impl fmt::Debug for WorldConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, hosts, boot, threads, .. } = self;
        write!(f, "WorldConfig(seed {seed}, {hosts} hosts, {boot:?}, {threads} threads)")
    }
}

/// The network all nodes of a world belong to.
pub(crate) const NETWORK: Digest = Digest([7; 32]);
