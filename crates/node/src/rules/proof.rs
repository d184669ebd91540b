//! An accepted rule, with all that somebody needs to believe it who trusts a checkpoint (RULE-4).

use merkle::{BadProof, Proof};
use wire::Digest;

use super::{Statistics, Tally};

/// What shows that a rule is accepted, by what a checkpoint says of rules.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RuleProof {
    /// The rule.
    pub rule: Digest,
    /// What the words on it came to.
    pub tally: Tally,
    /// How all rules stood.
    pub statistics: Statistics,
    /// The bytes of the way to their root.
    pub path: Vec<u8>,
}

/// Why it shows nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum BadRuleProof {
    /// Another checkpoint's.
    #[error("the checkpoint says something else of rules than the file does")]
    AnotherCheckpoint,
    /// The rule stands there with other words, or not at all.
    #[error("the rule is not among the accepted ones with these words")]
    NotAccepted,
    /// The way to the root does not hold.
    #[error(transparent)]
    Proof(#[from] BadProof),
}

impl RuleProof {
    /// Checks it against what a checkpoint says of rules.
    pub fn check(&self, rules: &Digest) -> Result<(), BadRuleProof> {
        if self.statistics.name() != *rules {
            return Err(BadRuleProof::AnotherCheckpoint);
        }
        let proof = Proof::decode(&self.rule, &self.path)?;
        let value = proof.verify(&self.statistics.root, &self.rule)?;
        if value != Some(self.tally.leaf(&self.rule).value) {
            return Err(BadRuleProof::NotAccepted);
        }
        Ok(())
    }
}

impl Statistics {
    /// Returns all of it in one hash, as checkpoints have it; zeros where nobody has spoken of a rule.
    pub fn name(&self) -> Digest {
        let Self { rules, accepted, root } = self;
        if *rules == 0 {
            return Digest::default();
        }
        let numbers = [rules.to_be_bytes(), accepted.to_be_bytes()].concat();
        Digest::of("trellis-rules-v1", &[&numbers, &root.0])
    }
}
