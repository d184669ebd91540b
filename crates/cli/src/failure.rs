//! Why a command did not do it, with the exit code that scripts rely on.

use std::fmt;

/// A failure whose exit code is not the plain 1. Anything else that goes wrong is an
/// [`anyhow::Error`] without it.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Interrupted,
    NoDaemon,
    NotFound,
    Refused,
    Usage,
}

impl Failure {
    /// The exit code where no node is running.
    pub(crate) const NO_DAEMON: u8 = 3;
    /// The exit code where the arguments cannot be right.
    pub(crate) const USAGE: u8 = 2;

    /// The arguments cannot be right (exit code 2).
    pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
        Self::of(Kind::Usage, message)
    }

    /// No node is running there (exit code 3).
    pub(crate) fn no_daemon(message: impl Into<String>) -> anyhow::Error {
        Self::of(Kind::NoDaemon, message)
    }

    /// The node understood and will not (exit code 4).
    pub(crate) fn refused(message: impl Into<String>) -> anyhow::Error {
        Self::of(Kind::Refused, message)
    }

    /// It is not there (exit code 5).
    pub(crate) fn not_found(message: impl Into<String>) -> anyhow::Error {
        Self::of(Kind::NotFound, message)
    }

    /// Somebody pressed Ctrl-C before it was done (exit code 130).
    pub(crate) fn interrupted(message: impl Into<String>) -> anyhow::Error {
        Self::of(Kind::Interrupted, message)
    }

    /// Says more about an error and keeps its exit code.
    pub(crate) fn with_code_of(error: &anyhow::Error, message: String) -> anyhow::Error {
        match error.downcast_ref::<Self>() {
            Some(failure) => Self::of(failure.kind, message),
            None => anyhow::Error::msg(message),
        }
    }

    /// Returns the exit code of any error of this room.
    pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
        match error.downcast_ref::<Self>().map(|failure| failure.kind) {
            None => 1,
            Some(Kind::Usage) => Self::USAGE,
            Some(Kind::NoDaemon) => Self::NO_DAEMON,
            Some(Kind::Refused) => 4,
            Some(Kind::NotFound) => 5,
            Some(Kind::Interrupted) => 130,
        }
    }

    fn of(kind: Kind, message: impl Into<String>) -> anyhow::Error {
        Self { kind, message: message.into() }.into()
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
