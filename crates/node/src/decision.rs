//! What a person decides, and how the log says it.

use bytes::Bytes;
use wire::{Digest, RecordId, Side, TransferId};

use crate::levels::{is_kind, is_unit};
use crate::people::{Deed, Role};
use crate::rules::{Word, name_of};
use crate::seeds::SeedDecision;
use crate::transfers::{Confirmation, Proposal};

/// A decision, as somebody makes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Warn everybody.
    RaiseAlert {
        /// What the alert says: JSON on one line.
        payload: Bytes,
        /// How long it holds, milliseconds.
        life_ms: u64,
    },
    /// Take care of an alert, so that it is not shown for a while.
    AcknowledgeAlert {
        /// Which.
        alert: RecordId,
        /// What is said to it: JSON on one line.
        note: Bytes,
        /// For how long, milliseconds.
        life_ms: u64,
    },
    /// Tell everybody that an alert is wrong.
    DisputeAlert {
        /// Which.
        alert: RecordId,
        /// Why: JSON on one line.
        payload: Bytes,
    },
    /// Propose a transfer to another node. It is no yes.
    ProposeTransfer(Proposal),
    /// Yes, to exactly this.
    AgreeTransfer(TransferId, Confirmation),
    /// No. It ends at once, for both nodes, without a reason.
    RefuseTransfer(TransferId),
    /// Our part of what was agreed is done: handed over, or received.
    FinishTransfer(TransferId),
    /// Put a rule forward.
    CommitRule {
        /// What it says: JSON on one line. Its hash is the rule's id.
        content: Bytes,
        /// Our word on it.
        word: Word,
    },
    /// Call a rule right, with so much confidence (thousandths) and evidence.
    ConfirmRule {
        /// Which.
        rule: Digest,
        /// How sure we are, thousandths.
        confidence: u64,
        /// How many pieces of evidence we have.
        evidence: u64,
    },
    /// Call a rule wrong.
    ChallengeRule {
        /// Which.
        rule: Digest,
        /// Why: JSON on one line.
        note: Bytes,
    },
    /// What becomes of a seed.
    Seed(SeedDecision),
    /// Name somebody.
    AddPerson {
        /// How.
        name: String,
        /// As what.
        role: Role,
        /// The hash of the token by which it will be known.
        token: Digest,
    },
    /// Take a name away.
    RemovePerson(String),
}

impl Decision {
    /// Returns its kind.
    pub fn deed(&self) -> Deed {
        match self {
            Self::RaiseAlert { .. } => Deed::RaiseAlert,
            Self::AcknowledgeAlert { .. } => Deed::AcknowledgeAlert,
            Self::DisputeAlert { .. } => Deed::DisputeAlert,
            Self::ProposeTransfer(_) => Deed::ProposeTransfer,
            Self::AgreeTransfer(..) => Deed::AgreeTransfer,
            Self::RefuseTransfer(_) => Deed::RefuseTransfer,
            Self::FinishTransfer(_) => Deed::FinishTransfer,
            Self::ChallengeRule { .. } => Deed::ChallengeRule,
            Self::CommitRule { .. } => Deed::CommitRule,
            Self::ConfirmRule { .. } => Deed::ConfirmRule,
            Self::Seed(seed) => seed.deed(),
            Self::AddPerson { .. } => Deed::AddPerson,
            Self::RemovePerson(_) => Deed::RemovePerson,
        }
    }

    /// Says exactly what is decided, on one line of JSON: for the log, and to tell whether two people
    /// decide the same.
    pub fn text(&self) -> String {
        match self {
            Self::RaiseAlert { payload, life_ms } => {
                let (alert, life_s) = (json(payload), life_ms / 1_000);
                format!("{{\"alert\":{alert},\"life_s\":{life_s}}}")
            }
            Self::AcknowledgeAlert { alert, note, life_ms } => {
                let (note, for_s) = (json(note), life_ms / 1_000);
                format!("{{\"id\":\"{alert}\",\"note\":{note},\"for_s\":{for_s}}}")
            }
            Self::DisputeAlert { alert, payload } => {
                format!("{{\"id\":\"{alert}\",\"dispute\":{}}}", json(payload))
            }
            // Kinds and units are letters, digits and signs that need no escape, once they are checked; what
            // is not checked yet is shown by its hash.
            Self::ProposeTransfer(it) => {
                let names = Digest::of("names", &[it.kind.as_bytes(), b" ", it.unit.as_bytes()]);
                let plain = is_kind(&it.kind) && is_unit(&it.unit);
                let (kind, unit) = if plain {
                    (it.kind.clone(), it.unit.clone())
                } else {
                    (names.to_string(), String::new())
                };
                let (amount, with) = (it.amount, it.with);
                let side = match it.side {
                    Side::Giver => "give",
                    Side::Taker => "take",
                };
                format!(
                    "{{\"{side}\":\"{amount} {unit}\",\"kind\":\"{kind}\",\"with\":\"{with}\",\"decide_s\":{}}}",
                    it.decide_ms / 1_000
                )
            }
            Self::AgreeTransfer(id, said) => {
                let Confirmation { with, amount, unit } = said;
                let unit = if is_unit(unit) { unit } else { "" };
                format!("{{\"id\":\"{id}\",\"yes\":\"{amount} {unit}\",\"with\":\"{with}\"}}")
            }
            Self::RefuseTransfer(id) | Self::FinishTransfer(id) => format!("{{\"id\":\"{id}\"}}"),
            Self::CommitRule { content, word } => {
                let (rule, word) =
                    (name_of(content), String::from_utf8_lossy(&word.encode()).into_owned());
                format!("{{\"rule\":\"{rule}\",\"word\":{word}}}")
            }
            Self::ConfirmRule { rule, confidence, evidence } => format!(
                "{{\"rule\":\"{rule}\",\"confidence\":{confidence},\"evidence\":{evidence}}}"
            ),
            Self::ChallengeRule { rule, note } => {
                format!("{{\"rule\":\"{rule}\",\"reason\":{}}}", json(note))
            }
            Self::Seed(seed) => seed.text(),
            // Names are letters, digits and dashes: nothing in them needs an escape.
            Self::AddPerson { name, role, token: _ } => {
                format!("{{\"person\":\"{name}\",\"role\":\"{role}\"}}")
            }
            Self::RemovePerson(name) => format!("{{\"person\":\"{name}\"}}"),
        }
    }
}

/// Shows what was checked to be JSON on one line.
pub(crate) fn json(bytes: &Bytes) -> std::borrow::Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}
