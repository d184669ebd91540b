//! What liars share: who they are, and nodes that they made up.

use std::sync::Arc;

use wire::{Content, Hlc, Identity, NodeId, Profile, Record, Signed};

use crate::boot::{START_UNIX_MS, identity_of};
use crate::config::NETWORK;
use crate::network::address_of;

/// All liars of a world.
#[derive(Debug)]
pub(crate) struct Band {
    seed: u64,
    /// Profiles of the liars themselves.
    ours: Vec<Signed>,
    /// Profiles of nodes that do not exist, at addresses where nobody lives.
    invented: Vec<Signed>,
}

impl Band {
    pub(crate) fn new(seed: u64, liars: impl Iterator<Item = usize>) -> Arc<Self> {
        let mut ours = Vec::new();
        let mut invented = Vec::new();
        for (number, host) in liars.take(PROFILES_MAX).enumerate() {
            ours.push(profile(&identity_of(seed, host), host));
            let nobody = NOBODY + number;
            invented.push(profile(&identity_of(seed ^ u64::MAX, nobody), nobody));
        }
        Arc::new(Self { seed, ours, invented })
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Returns profiles of liars, without that of the one who tells.
    pub(super) fn ours(&self, teller: &NodeId) -> Vec<Signed> {
        self.ours.iter().filter(|it| it.author != *teller).cloned().collect()
    }

    pub(super) fn invented(&self) -> Vec<Signed> {
        self.invented.clone()
    }
}

/// A profile that is newer than any honest one, so that it is believed.
fn profile(identity: &Identity, host: usize) -> Signed {
    let written_ms = START_UNIX_MS;
    let content = Content::Profile(Profile {
        addresses: vec![address_of(host)],
        agent: String::new(),
        capabilities: vec!["gossip/1".to_owned(), "state/1".to_owned()],
    });
    let (seq, created) = (written_ms, Hlc::from_ms(written_ms));
    let record = Record { network: NETWORK, seq, created, expires_ms: 0, content };
    Signed::seal(&record, identity)
}

/// More than fit into the frames of one conversation.
const PROFILES_MAX: usize = 256;
/// Beyond all machines of any world.
const NOBODY: usize = 3_000_000;
