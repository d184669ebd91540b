//! Our pen: no two records of ours carry one number, and our time never runs backwards.

use wire::{Content, Entry, Hlc, Identity, NetworkId, Opened, Record, Signed};

use crate::horizon::end_ms;
use crate::{AuthorClock, Config, Now};

#[derive(Debug)]
pub(crate) struct Author {
    identity: Identity,
    network: NetworkId,
    clock: AuthorClock,
    /// How long deletions are kept, ms; 0 for ever.
    deletion_ms: u64,
}

impl Author {
    /// Goes on where the last run stopped. The number also jumps to the wall clock, so that a
    /// node that lost its store but kept its key does not write a number twice (RECORD-2).
    pub(crate) fn new(identity: Identity, config: &Config, kept: AuthorClock, now: Now) -> Self {
        let clock = AuthorClock { seq: kept.seq.max(now.unix_ms), hlc: kept.hlc };
        Self { identity, network: config.network, clock, deletion_ms: config.deletions_end_ms() }
    }

    /// Returns the key that letters are signed with.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Signs what is no record.
    pub(crate) fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        self.identity.sign(bytes)
    }

    /// Returns the pen's state, to be written with the record.
    pub(crate) fn clock(&self) -> AuthorClock {
        self.clock
    }

    /// Returns the time the next record will carry at least.
    pub(crate) fn time(&self, now: Now) -> Hlc {
        self.clock.hlc.tick(now.unix_ms)
    }

    /// Learns of a time somebody else wrote down.
    pub(crate) fn observe(&mut self, created: Hlc) {
        self.clock.hlc = self.clock.hlc.max(created);
    }

    /// Writes and signs a record that lives `life_ms`; 0 for ever. An entry lives as its name says.
    pub(crate) fn seal(&mut self, content: Content, life_ms: u64, now: Now) -> Opened {
        self.clock.seq += 1;
        self.clock.hlc = self.time(now);
        let expires_ms = match &content {
            Content::Entry(entry) if self.is_deletion_that_goes(entry) => {
                end_ms(self.clock.hlc, self.deletion_ms)
            }
            Content::Entry(entry) => entry.expires_ms(),
            Content::Contradiction(_) | Content::Message(_) | Content::Profile(_)
                if life_ms == 0 =>
            {
                0
            }
            Content::Contradiction(_) | Content::Message(_) | Content::Profile(_) => {
                self.clock.hlc.ms().saturating_add(life_ms)
            }
        };
        let (network, seq, created) = (self.network, self.clock.seq, self.clock.hlc);
        let record = Record { network, seq, created, expires_ms, content };
        let signed = Signed::seal(&record, &self.identity);
        signed.open().expect("what we encoded decodes")
    }

    /// Says whether this deletes a name, in a network that lets go of that some day (STATE-8).
    fn is_deletion_that_goes(&self, entry: &Entry) -> bool {
        0 < self.deletion_ms && entry.value.is_none() && entry.slot().is_none()
    }
}
