//! What an operator or a sensor says of one kind.

use super::{Amount, BadAmount};

/// The exact level of one kind; what is `None` stays as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reading {
    /// Water, energy, food, or a kind of one's own.
    pub kind: String,
    /// How much there is.
    pub level: Amount,
    /// How much fits; needed for a new kind.
    pub capacity: Option<Amount>,
    /// What it is measured in; needed for a new kind.
    pub unit: Option<String>,
    /// Below this it is critical, and others are told so at once and without noise; 0 for never.
    pub critical: Option<Amount>,
}

/// Why a reading changed nothing.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum LevelError {
    /// More than fits.
    #[error("{kind}: {level} is more than its capacity of {capacity}; a larger one is set with it")]
    Above {
        /// The kind.
        kind: String,
        /// What was said.
        level: Amount,
        /// What fits.
        capacity: Amount,
    },
    /// No number.
    #[error(transparent)]
    Amount(#[from] BadAmount),
    /// The critical level is all that fits, or more.
    #[error("{0}: the critical level must be below the capacity")]
    Critical(String),
    /// A name that is none.
    #[error("{0:?} is no kind: use 1 to {KIND_BYTES_MAX} of a-z, 0-9 and -, such as water")]
    Kind(String),
    /// Too many kinds.
    #[error("{0}: this node has {KINDS_MAX} kinds already, the most it keeps")]
    Many(String),
    /// A new kind without what it needs.
    #[error("{0} is new here: say its capacity and its unit too")]
    New(String),
    /// Too many readings at once, or none.
    #[error("say 1 to {READINGS_MAX} levels at once, not {0}")]
    Readings(usize),
    /// A unit that is none.
    #[error("{0:?} is no unit: use 1 to {UNIT_BYTES_MAX} letters, digits and any of % / . ^ - _")]
    Unit(String),
    /// There is no level of this kind.
    #[error("{0}: this node has no level of that kind: see `trellis level list --mine`")]
    Unknown(String),
    /// What was kept of this kind cannot be read, so nobody knows what noise was shown before.
    #[error(
        "{0}: what this node kept of it cannot be read; showing it again would spend noise twice"
    )]
    Unreadable(String),
}

impl Reading {
    /// Checks all that does not depend on what is known already.
    pub fn check(&self) -> Result<(), LevelError> {
        if !is_kind(&self.kind) {
            return Err(LevelError::Kind(self.kind.chars().take(40).collect()));
        }
        match &self.unit {
            Some(unit) if !is_unit(unit) => Err(LevelError::Unit(unit.chars().take(40).collect())),
            Some(_) | None => Ok(()),
        }
    }
}

/// Says whether a text is the name of a kind.
pub fn is_kind(text: &str) -> bool {
    let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=KIND_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// Says whether a text is a unit: nothing in it needs an escape in JSON or in a row on disk.
pub fn is_unit(text: &str) -> bool {
    let is_letter = |it: u8| it.is_ascii_alphanumeric() || b"%/.^-_".contains(&it);
    (1..=UNIT_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter)
}

/// Kinds of one node. Nobody makes room: what was shown of a kind must not be forgotten.
pub const KINDS_MAX: usize = 16;
/// Longest name of a kind.
pub const KIND_BYTES_MAX: usize = 32;
/// Longest unit.
pub const UNIT_BYTES_MAX: usize = 16;
/// Most readings in one command.
pub const READINGS_MAX: usize = 4_096;
