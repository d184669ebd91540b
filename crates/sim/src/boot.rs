//! Who the nodes are, and the address books they are sold with.

use std::sync::Arc;
use std::thread;

use engine::BookRow;
use wire::{Address, Content, Digest, Hlc, Identity, NodeId, Profile, Record, Signed};

use crate::chance::Chance;
use crate::config::{Boot, NETWORK, WorldConfig};
use crate::ground::Ground;
use crate::network::{Traits, address_of};
use crate::vault::Vault;

/// The ids of all nodes, and the profile each signed on the day before.
#[derive(Debug)]
pub(crate) struct People {
    pub(crate) ids: Vec<NodeId>,
    /// Empty where nobody is sold a book.
    profiles: Vec<Arc<Signed>>,
}

impl People {
    /// Makes everybody, on all threads.
    pub(crate) fn new(config: &WorldConfig, vault: &Vault) -> Self {
        let part = config.hosts.div_ceil(config.threads.max(1)).max(1);
        let with_profiles = match config.boot {
            Boot::Bootstrap { .. } => Wanted::Id,
            Boot::Books { .. } => Wanted::Profile,
        };
        let starts: Vec<usize> = (0..config.hosts).step_by(part).collect();
        let made: Vec<(NodeId, Option<Signed>)> = thread::scope(|scope| {
            let make = |start: usize| {
                let hosts = start..(start + part).min(config.hosts);
                scope.spawn(move || {
                    hosts.map(|host| person(config, host, with_profiles)).collect::<Vec<_>>()
                })
            };
            let workers: Vec<_> = starts.iter().map(|start| make(*start)).collect();
            let made = workers.into_iter().map(|it| it.join().expect("making keys does not panic"));
            made.flatten().collect()
        });
        let ids = made.iter().map(|(id, _)| *id).collect();
        let profiles: Vec<_> =
            made.into_iter().filter_map(|(_, profile)| profile.map(Arc::new)).collect();
        let opened = profiles.iter().filter_map(|it| Signed::clone(it).open().ok());
        opened.for_each(|opened| vault.seal(&opened.claim()));
        Self { ids, profiles }
    }

    /// Returns the book that a machine is sold with: itself and random others, all sharing one profile
    /// each.
    pub(crate) fn book(&self, config: &WorldConfig, host: usize) -> Vec<BookRow> {
        let Boot::Books { rows } = config.boot else { return Vec::new() };
        let others = config.hosts.saturating_sub(1);
        let mut chance = Chance::new(config.seed, &[BOOK, host as u64]);
        let mut chosen = std::collections::BTreeSet::new();
        while chosen.len() < rows.min(others) {
            let drawn = usize::try_from(chance.below(others as u64)).unwrap_or(0);
            // Everybody but itself.
            chosen.insert(if drawn < host { drawn } else { drawn + 1 });
        }
        let row = |other: usize| BookRow {
            node: self.ids[other],
            profile: self.profiles[other].clone(),
            reached: None,
            heard_ms: 0,
        };
        chosen.into_iter().chain([host]).map(row).collect()
    }
}

/// Returns the key of a machine's node.
pub(crate) fn identity_of(seed: u64, host: usize) -> Identity {
    let parts = [seed, host as u64].map(u64::to_be_bytes);
    Identity::from_seed(Digest::of("sim-identity", &[&parts[0], &parts[1]]).0)
}

/// Returns the settings of a machine's node.
pub(crate) fn config_of(ground: &Ground, host: usize, undialable: bool) -> node::Config {
    let mut config = ground.config.node.clone();
    if !undialable {
        config.engine.public = vec![address_of(host)];
    }
    config.engine.bootstrap = bootstrap_of(ground.config.boot, host);
    if let Some(tune) = &ground.config.tune {
        tune(host, &mut config);
    }
    config
}

/// Returns the randomness of one run of a node.
pub(crate) fn seed_of(seed: u64, host: usize, run: u32) -> [u8; 32] {
    let parts = [seed, host as u64, run.into()].map(u64::to_be_bytes);
    Digest::of("node-seed", &[&parts[0], &parts[1], &parts[2]]).0
}

/// Returns the addresses that a machine dials at its start.
fn bootstrap_of(boot: Boot, host: usize) -> Vec<Address> {
    match boot {
        Boot::Bootstrap { hosts } => {
            (0..hosts).filter(|other| *other != host).map(address_of).collect()
        }
        Boot::Books { .. } => Vec::new(),
    }
}

#[derive(Clone, Copy)]
enum Wanted {
    Id,
    Profile,
}

fn person(config: &WorldConfig, host: usize, wanted: Wanted) -> (NodeId, Option<Signed>) {
    let identity = identity_of(config.seed, host);
    let profile = match wanted {
        Wanted::Id => None,
        Wanted::Profile => {
            let written_ms = START_UNIX_MS - DAY_MS;
            let undialable = Traits::new(config.seed, config.machines.clone()).is_undialable(host);
            let record = Record {
                network: NETWORK,
                seq: written_ms,
                created: Hlc::from_ms(written_ms),
                expires_ms: 0,
                content: Content::Profile(Profile {
                    addresses: if undialable { Vec::new() } else { vec![address_of(host)] },
                    agent: String::new(),
                    capabilities: vec!["gossip/1".to_owned(), "state/1".to_owned()],
                }),
            };
            Some(Signed::seal(&record, &identity))
        }
    };
    (identity.id(), profile)
}

/// When every world begins: 2026-01-01.
pub(crate) const START_UNIX_MS: u64 = 1_767_225_600_000;
const DAY_MS: u64 = 86_400_000;
const BOOK: u64 = 0xb00c;
