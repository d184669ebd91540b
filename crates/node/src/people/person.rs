//! A person and its role.

use std::fmt;
use std::str::FromStr;

/// What somebody may do at this node.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Role {
    /// Decides what the node says and takes in the name of its people.
    Mirror,
    /// Looks.
    Observer,
    /// Runs the machine, and names the others.
    Operator,
}

/// Who acts: somebody who showed a token.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Actor {
    /// The name under which it was added; [`OPERATOR`] for whoever holds the node's own token.
    pub name: String,
    /// Its role then.
    pub role: Role,
}

/// No such role.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a role is operator, mirror or observer")]
pub struct UnknownRole;

impl Actor {
    /// Whoever holds the token of the node's own directory.
    pub fn operator() -> Self {
        Self { name: OPERATOR.to_owned(), role: Role::Operator }
    }
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Operator, Self::Mirror, Self::Observer];

    /// Returns its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Observer => "observer",
            Self::Operator => "operator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(UnknownRole)
    }
}

/// Says whether a text can be the name of a person.
pub fn is_person(text: &str) -> bool {
    let is_letter = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-';
    (1..=PERSON_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_letter) && text != OPERATOR
}

/// The name of whoever holds the node's own token.
pub const OPERATOR: &str = "operator";
/// Longest name of a person.
pub const PERSON_BYTES_MAX: usize = 32;
