//! Who waits for whom on a link.

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
}
