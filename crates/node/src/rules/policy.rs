//! Which rules are accepted: a function of the words on them, and of nothing else.

use std::collections::BTreeSet;

use merkle::{Leaf, Map};
use wire::{Digest, NodeId};

use super::{Stance, Word};

/// What it takes, as the network file says: the same at all nodes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Authors who put it forward or confirm it (default 3).
    pub authors_min: u64,
    /// Their confidence on average, in thousandths, where a challenge counts as none (default 800).
    pub confidence_min: u64,
    /// Pieces of evidence in all (default 0).
    pub evidence_min: u64,
    /// Whose word counts; empty for everybody's. Keys cost nothing: a network whose members are
    /// known names them here.
    pub authors: BTreeSet<NodeId>,
}

/// What the words on a rule come to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Authors for it.
    pub supporters: u64,
    /// Authors against it.
    pub challengers: u64,
    /// The sum of the confidence of those for it, in thousandths.
    pub confidence: u64,
    /// The sum of their pieces of evidence.
    pub evidence: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { authors_min: 3, confidence_min: 800, evidence_min: 0, authors: BTreeSet::new() }
    }
}

impl Policy {
    /// Counts the words that count.
    pub fn tally<'a>(&self, words: impl Iterator<Item = (&'a NodeId, &'a Word)>) -> Tally {
        let mut tally = Tally::default();
        let counts = |author: &NodeId| self.authors.is_empty() || self.authors.contains(author);
        for (_, word) in words.filter(|(author, _)| counts(author)) {
            match word.stance {
                Stance::Challenge => tally.challengers += 1,
                Stance::Commit | Stance::Confirm => {
                    tally.supporters += 1;
                    tally.confidence += word.confidence;
                    tally.evidence = tally.evidence.saturating_add(word.evidence);
                }
            }
        }
        tally
    }

    /// Puts a rule among the accepted ones, or takes it away, as it stands.
    pub(super) fn place(&self, accepted: &mut Map, rule: &Digest, tally: &Tally) {
        if self.accepts(tally) {
            accepted.insert(tally.leaf(rule));
        } else {
            accepted.remove(rule);
        }
    }

    /// Says whether so much is enough (RULE-2).
    pub fn accepts(&self, tally: &Tally) -> bool {
        let all = tally.supporters + tally.challengers;
        0 < all
            && self.authors_min <= tally.supporters
            && self.evidence_min <= tally.evidence
            && self.confidence_min.saturating_mul(all) <= tally.confidence
    }
}

impl Tally {
    /// Returns the confidence on average, in thousandths, where a challenge counts as none.
    pub fn average(&self) -> u64 {
        self.confidence / (self.supporters + self.challengers).max(1)
    }

    /// Returns how an accepted rule stands in the map of them.
    pub(super) fn leaf(&self, rule: &Digest) -> Leaf {
        let value = Digest::of("trellis-rule-accepted-v1", &[&rule.0, &self.bytes()]);
        Leaf { key: *rule, value, stamp: 0 }
    }

    fn bytes(&self) -> [u8; 32] {
        let Self { supporters, challengers, confidence, evidence } = *self;
        let mut bytes = [0; 32];
        let numbers = [supporters, challengers, confidence, evidence];
        for (place, number) in bytes.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }
}
