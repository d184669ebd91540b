//! Who waits for whom on a link.

use crate::generated;

/// How urgent something is, the most urgent first.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Class {
    /// Warnings: ahead of everything, on all links.
    Alert,
    /// What keeps the network together: hello, ping, announcements, comparison.
    Control,
    /// Messages and entries.
    #[default]
    Normal,
    /// What can wait: large transfers, repair.
    Bulk,
}

impl Class {
    /// All classes, the most urgent first.
    pub const ALL: [Self; 4] = [Self::Alert, Self::Control, Self::Normal, Self::Bulk];

    /// Returns its place in [`Class::ALL`].
    pub fn index(self) -> usize {
        match self {
            Self::Alert => 0,
            Self::Control => 1,
            Self::Normal => 2,
            Self::Bulk => 3,
        }
    }

    /// Returns its name, as the command line and the API spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Control => "control",
            Self::Normal => "normal",
            Self::Bulk => "bulk",
        }
    }

    /// As a record or head says it; there what keeps the network together is a message like others.
    pub(crate) fn to_schema(self) -> i32 {
        let class = match self {
            Self::Alert => generated::Class::Alert,
            Self::Control | Self::Normal => generated::Class::Normal,
            Self::Bulk => generated::Class::Bulk,
        };
        class.into()
    }

    /// Reads what a record or head says; `None` for a number that is no class.
    pub(crate) fn from_schema(class: i32) -> Option<Self> {
        match generated::Class::try_from(class).ok()? {
            generated::Class::Alert => Some(Self::Alert),
            generated::Class::Normal => Some(Self::Normal),
            generated::Class::Bulk => Some(Self::Bulk),
        }
    }
}
