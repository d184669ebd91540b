//! What one author says of one rule.

use bytes::Bytes;
use wire::Digest;

use super::RuleError;

/// For or against.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Stance {
    /// It is wrong.
    Challenge,
    /// It is put forward; whoever says so knows what the rule says, and tells who asks.
    Commit,
    /// It is right.
    Confirm,
}

/// A word, in the only form in which it is one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Word {
    /// For or against.
    pub stance: Stance,
    /// The hash of its logic, so that rules of one logic find each other.
    pub logic: Digest,
    /// The hash of the context in which it holds.
    pub context: Digest,
    /// How sure its author is, in thousandths.
    pub confidence: u64,
    /// How many pieces of evidence its author has.
    pub evidence: u64,
    /// Why: JSON on one line, `""` for nothing.
    pub note: Bytes,
}

impl Stance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Commit, Self::Confirm, Self::Challenge];

    /// Returns its word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Challenge => "challenge",
            Self::Commit => "commit",
            Self::Confirm => "confirm",
        }
    }
}

impl Word {
    /// Checks what is to be written.
    pub fn check(&self) -> Result<(), RuleError> {
        let text = std::str::from_utf8(&self.note);
        let is_line = text.is_ok_and(|it| !it.is_empty() && !it.chars().any(char::is_control));
        if !is_line || NOTE_BYTES_MAX < self.note.len() {
            return Err(RuleError::Note);
        }
        let speaks_for = self.stance != Stance::Challenge;
        if 1_000 < self.confidence || (speaks_for && self.confidence == 0) {
            return Err(RuleError::Confidence);
        }
        Ok(())
    }

    /// Writes it as the value of an entry.
    pub fn encode(&self) -> Vec<u8> {
        let Self { stance, logic, context, confidence, evidence, note } = self;
        let stance = stance.name();
        let head = format!(
            "{{\"stance\":\"{stance}\",\"logic\":\"{logic}\",\"context\":\"{context}\",\
             \"confidence\":{confidence},\"evidence\":{evidence},\"note\":"
        );
        [head.as_bytes(), note, b"}"].concat()
    }

    /// Reads a value; what has any other form is no word.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let mut rest = text.strip_prefix("{\"stance\":\"")?;
        let mut until = |end: &str| {
            let (part, behind) = rest.split_once(end)?;
            rest = behind;
            Some(part)
        };
        let name = until("\",\"logic\":\"")?;
        let logic = Digest::from_hex(until("\",\"context\":\"")?)?;
        let context = Digest::from_hex(until("\",\"confidence\":")?)?;
        let confidence = until(",\"evidence\":")?.parse().ok()?;
        let evidence = until(",\"note\":")?.parse().ok()?;
        let note = Bytes::copy_from_slice(rest.strip_suffix('}')?.as_bytes());
        let stance = Stance::ALL.into_iter().find(|it| it.name() == name)?;
        let word = Self { stance, logic, context, confidence, evidence, note };
        let same = word.check().is_ok() && word.encode() == bytes;
        same.then_some(word)
    }
}

/// Longest reason, as JSON.
pub const NOTE_BYTES_MAX: usize = 1_024;
