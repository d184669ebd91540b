//! Why bytes, keys or certificates were refused.

/// What is wrong. Nothing changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CheckpointError {
    /// No canonical encoding: cut short, too long, or a value that is not allowed.
    #[error("not a canonical {0}")]
    Malformed(&'static str),
    /// The key is no point of the group, or the one that anybody can sign for.
    #[error("the key is not a valid BLS12-381 key")]
    BadKey,
    /// Its owner has not shown that it holds it: it may be made of the keys of others.
    #[error("the proof of possession does not fit the key")]
    RogueKey,
    /// One key twice.
    #[error("one key stands twice in the committee")]
    RepeatedKey,
    /// Nobody, or too many, or a weight that is not allowed.
    #[error("a committee has 1 to 256 attesters with weights of 1 to 1,000,000")]
    BadCommittee,
    /// The certificate names somebody who is not in the committee.
    #[error("signed by somebody who is no attester")]
    UnknownSigner,
    /// Not more than two thirds of the weight.
    #[error("signed by a weight of {signed} of {total}: more than two thirds are needed")]
    TooFew {
        /// What signed.
        signed: u64,
        /// What there is.
        total: u64,
    },
    /// The signature does not fit.
    #[error("the signature does not match")]
    BadSignature,
    /// It belongs to another network.
    #[error("it belongs to another network")]
    WrongNetwork,
    /// It names another committee than the one that signs at this height.
    #[error("it was signed by another committee")]
    WrongCommittee,
    /// It does not follow what is known: height, previous hash, or cut.
    #[error("it does not follow the checkpoint before it")]
    NotNext,
    /// The two do not contradict each other.
    #[error("these do not contradict each other")]
    NoContradiction,
}
