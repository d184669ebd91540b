//! Why bytes were refused.

/// Bytes that are not what they should be. The peer who sent them is at fault; nothing changed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum WireError {
    /// An address no transport of ours can use.
    #[error("not an address: {0}")]
    Address(String),
    /// The key is one of the few for which anybody can make signatures.
    #[error("weak or malformed public key")]
    BadKey,
    /// A field has the wrong length or an unknown value.
    #[error("bad field: {0}")]
    Field(&'static str),
    /// The link of an invitation is none, or has a mistake in it.
    #[error("not an invitation, or mistyped: a link begins with trellis:JOIN1")]
    Invite,
    /// A text field holds what a label may not hold.
    #[error("{0} must be 1 to {1} bytes of text without control characters")]
    Label(&'static str, usize),
    /// Not a message of the schema.
    #[error("malformed protobuf: {0}")]
    Malformed(String),
    /// A name of the kind that appended entries have, but none of them.
    #[error("a name that begins with # is given by appending, it cannot be chosen")]
    Slot,
    /// Longer, or more of it, than allowed.
    #[error("{what}: {size}, the most is {max}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        size: usize,
        /// What is allowed.
        max: usize,
    },
}

/// A well-formed record that may not enter. Nothing changed, and a corrected copy is welcome.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, thiserror::Error)]
pub enum Refusal {
    /// The signature does not fit, or the key is weak.
    #[error("the signature does not match the author and the body")]
    BadSignature,
    /// It has expired on our clock.
    #[error("the record has expired")]
    Expired,
    /// Created further ahead of our clock than [`crate::limits::CLOCK_AHEAD_MS_MAX`].
    #[error("the record is more than 60 s in the future: check the clocks")]
    Future,
    /// Lives longer than the network allows.
    #[error("the record would live longer than allowed")]
    LivesTooLong,
    /// An author may not have so many.
    #[error("the slot is beyond what this network keeps of one author")]
    OverQuota,
    /// There is no room for it now.
    #[error("no room: try again later")]
    NoRoom,
    /// Larger than this network allows.
    #[error("the record is larger than this network allows")]
    TooLarge,
    /// Signed for another network.
    #[error("the record belongs to another network")]
    WrongNetwork,
}
