//! What people decide.

use std::fmt;
use std::str::FromStr;

/// The kinds of decision.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Deed {
    /// Everybody is warned.
    RaiseAlert,
    /// A warning was seen, and somebody takes care.
    AcknowledgeAlert,
    /// A warning is called wrong, to everybody.
    DisputeAlert,
    /// A rule is put forward.
    CommitRule,
    /// A rule is called right.
    ConfirmRule,
    /// A rule is called wrong.
    ChallengeRule,
    /// A transfer is proposed to another node.
    ProposeTransfer,
    /// Yes to a transfer.
    AgreeTransfer,
    /// No to a transfer.
    RefuseTransfer,
    /// Our part of a transfer is done.
    FinishTransfer,
    /// A seed is offered to everybody.
    OfferSeed,
    /// A seed is taken in.
    PlantSeed,
    /// A seed is declined.
    CompostSeed,
    /// A seed is looked at later.
    PostponeSeed,
    /// A seed that was taken in goes again.
    UprootSeed,
    /// Somebody is named.
    AddPerson,
    /// A name is taken away.
    RemovePerson,
}

/// No such kind of decision.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such kind of decision")]
pub struct UnknownDeed;

impl Deed {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::RaiseAlert,
        Self::AcknowledgeAlert,
        Self::DisputeAlert,
        Self::CommitRule,
        Self::ConfirmRule,
        Self::ChallengeRule,
        Self::ProposeTransfer,
        Self::AgreeTransfer,
        Self::RefuseTransfer,
        Self::FinishTransfer,
        Self::OfferSeed,
        Self::PlantSeed,
        Self::CompostSeed,
        Self::PostponeSeed,
        Self::UprootSeed,
        Self::AddPerson,
        Self::RemovePerson,
    ];

    /// Returns its words, as the log has them.
    pub fn name(self) -> &'static str {
        match self {
            Self::RaiseAlert => "alert.raise",
            Self::AcknowledgeAlert => "alert.acknowledge",
            Self::DisputeAlert => "alert.dispute",
            Self::CommitRule => "rule.commit",
            Self::ConfirmRule => "rule.confirm",
            Self::ChallengeRule => "rule.challenge",
            Self::ProposeTransfer => "transfer.propose",
            Self::AgreeTransfer => "transfer.yes",
            Self::RefuseTransfer => "transfer.no",
            Self::FinishTransfer => "transfer.done",
            Self::OfferSeed => "seed.offer",
            Self::PlantSeed => "seed.plant",
            Self::CompostSeed => "seed.compost",
            Self::PostponeSeed => "seed.later",
            Self::UprootSeed => "seed.uproot",
            Self::AddPerson => "people.add",
            Self::RemovePerson => "people.remove",
        }
    }

    /// Returns its name in settings.
    pub fn key(self) -> String {
        self.name().replace('.', "_")
    }

    /// Says whether it is the operator's, and takes one. All others are for Mirrors.
    pub fn is_operators(self) -> bool {
        match self {
            Self::AddPerson | Self::RemovePerson => true,
            Self::AcknowledgeAlert
            | Self::AgreeTransfer
            | Self::ChallengeRule
            | Self::CommitRule
            | Self::CompostSeed
            | Self::ConfirmRule
            | Self::DisputeAlert
            | Self::FinishTransfer
            | Self::OfferSeed
            | Self::PlantSeed
            | Self::PostponeSeed
            | Self::ProposeTransfer
            | Self::RaiseAlert
            | Self::RefuseTransfer
            | Self::UprootSeed => false,
        }
    }
}

impl Deed {
    /// Says whether it always takes one: a no is one person's word, and ends a transfer at once
    /// (TRANSFER-5).
    pub fn takes_one(self) -> bool {
        self.is_operators() || self == Self::RefuseTransfer
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Deed {
    type Err = UnknownDeed;

    fn from_str(text: &str) -> Result<Self, UnknownDeed> {
        Self::ALL.into_iter().find(|it| it.name() == text).ok_or(UnknownDeed)
    }
}
