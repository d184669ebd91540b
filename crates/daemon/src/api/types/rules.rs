//! The shapes of rules.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::ProvenRule;
use node::rules::{Rule, RuleProof, Spoken, Stance, Statistics, Tally, name_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use wire::{Digest, NodeId};

use super::Json;
use crate::attesters::{self, Verified};
use crate::clock::rfc3339;

/// `trellis.rules/1`: rules that anybody has spoken of, in the order of their ids.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Rules {
    /// `trellis.rules/1`.
    pub schema: String,
    /// The rules.
    pub rules: Vec<RuleRow>,
    /// How many there are in all.
    pub count: u64,
    /// Those that are accepted.
    pub accepted: u64,
    /// The root of these; zeros where there are none. Equal at all nodes that hold the same words.
    pub root: String,
    /// What to pass as `after` for the next page; null at the end.
    pub next: Option<String>,
}

/// One rule as it stands.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RuleRow {
    /// The hash of what it says.
    pub rule: String,
    /// Whether it is accepted.
    pub accepted: bool,
    /// Authors for it that count.
    pub supporters: u64,
    /// Authors against it that count.
    pub challengers: u64,
    /// Their confidence on average, 0 to 1, where a challenge counts as none.
    #[schema(value_type = f64)]
    pub confidence: Json,
    /// Pieces of evidence in all.
    pub evidence: u64,
    /// Whether what it says is here.
    pub held: bool,
}

/// `trellis.rule/1`: one rule, all words on it, and what it says.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RuleAnswer {
    /// `trellis.rule/1`.
    pub schema: String,
    /// The rule.
    #[serde(flatten)]
    pub row: RuleRow,
    /// The words on it; contradictions are kept.
    pub words: Vec<WordRow>,
    /// What it says; null where that is not here.
    #[schema(value_type = Value)]
    pub content: Option<Json>,
}

/// The last word of an author.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct WordRow {
    /// Who.
    pub node: String,
    /// Whether that is this node.
    pub own: bool,
    /// For or against.
    pub stance: RuleStance,
    /// How sure, 0 to 1.
    #[schema(value_type = f64)]
    pub confidence: Json,
    /// Pieces of evidence.
    pub evidence: u64,
    /// The hash of the logic, as this author says.
    pub logic: String,
    /// The hash of the context, as this author says.
    pub context: String,
    /// Why.
    pub note: String,
    /// When, RFC 3339 by its author's clock.
    pub said: String,
    /// The record that says so.
    pub id: String,
}

/// For or against.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuleStance {
    /// It is wrong.
    Challenge,
    /// It is put forward.
    Commit,
    /// It is right.
    Confirm,
}

/// Body of `POST /v1/rules`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRule {
    /// What follows from what: any JSON.
    pub logic: Value,
    /// Where it holds: any JSON.
    pub context: Value,
    /// How sure its author is, 0 to 1 with at most three decimals.
    #[schema(value_type = f64)]
    pub confidence: Value,
    /// How many pieces of evidence its author has.
    #[serde(default)]
    pub evidence: u64,
    /// Why, at most 500 bytes.
    #[serde(default)]
    pub note: String,
}

/// Body of `POST /v1/rules/{id}/confirm`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewConfirmation {
    /// How sure, 0 to 1 with at most three decimals.
    #[schema(value_type = f64)]
    pub confidence: Value,
    /// How many pieces of evidence.
    #[serde(default)]
    pub evidence: u64,
}

/// Body of `POST /v1/rules/{id}/challenge`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewChallenge {
    /// Why it is wrong, at most 500 bytes.
    pub reason: String,
}

/// `trellis.rule-said/1`: a word on a rule is on disk and on its way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct RuleSaid {
    /// `trellis.rule-said/1`.
    pub schema: String,
    /// The rule.
    pub rule: String,
    /// The record that says so.
    pub id: String,
}

/// `trellis.rule-proof/1`: an accepted rule, with the way to a checkpoint (docs/proofs.md).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RuleEvidence {
    /// `trellis.rule-proof/1`.
    pub schema: String,
    /// Hash of the network file.
    pub network: String,
    /// The rule.
    pub rule: String,
    /// What it says: the text whose hash it is; null where the node did not know.
    pub content: Option<String>,
    /// Authors for it that count.
    pub supporters: u64,
    /// Authors against it that count.
    pub challengers: u64,
    /// The sum of the confidence of those for it, in thousandths.
    pub confidence_sum: u64,
    /// Pieces of evidence in all.
    pub evidence: u64,
    /// How many rules anybody had spoken of.
    pub rules: u64,
    /// How many of them were accepted.
    pub accepted: u64,
    /// The root of these.
    pub root: String,
    /// The way to that root, base64.
    pub proof: String,
    /// The checkpoint, with those before it at which the committee changed, base64.
    pub checkpoints: String,
}

impl RuleEvidence {
    pub(crate) fn of(proven: &ProvenRule, network: Digest) -> Self {
        let RuleProof { rule, tally, statistics, path } = &proven.proof;
        let text = proven.content.as_deref().map(|it| String::from_utf8_lossy(it).into_owned());
        Self {
            schema: PROOF_SCHEMA.to_owned(),
            network: network.to_string(),
            rule: rule.to_string(),
            content: text,
            supporters: tally.supporters,
            challengers: tally.challengers,
            confidence_sum: tally.confidence,
            evidence: tally.evidence,
            rules: statistics.rules,
            accepted: statistics.accepted,
            root: statistics.root.to_string(),
            proof: STANDARD.encode(path),
            checkpoints: STANDARD.encode(proven.chain.encode()),
        }
    }

    /// Checks all of it, but that the network file is the one you trust. The error says what does not hold.
    pub fn check(&self, network: &str) -> Result<Verified, String> {
        if self.schema != PROOF_SCHEMA {
            return Err(format!("its schema is not {PROOF_SCHEMA}"));
        }
        let bytes = |text: &str, field| {
            STANDARD.decode(text).map_err(|_| format!("its {field} makes no sense"))
        };
        let digest = |text: &str, field| {
            Digest::from_hex(text).ok_or_else(|| format!("its {field} makes no sense"))
        };
        let verified = attesters::verify(network, &bytes(&self.checkpoints, "checkpoints")?)?;
        let proof = RuleProof {
            rule: digest(&self.rule, "rule")?,
            tally: Tally {
                supporters: self.supporters,
                challengers: self.challengers,
                confidence: self.confidence_sum,
                evidence: self.evidence,
            },
            statistics: Statistics {
                rules: self.rules,
                accepted: self.accepted,
                root: digest(&self.root, "root")?,
            },
            path: bytes(&self.proof, "proof")?,
        };
        proof.check(&verified.checkpoint.rules).map_err(|why| why.to_string())?;
        if digest(&self.network, "network")? != verified.checkpoint.network {
            return Err("it names another network".to_owned());
        }
        match &self.content {
            Some(content) if name_of(content.as_bytes()) != proof.rule => {
                Err("what it says is another rule".to_owned())
            }
            Some(_) | None => Ok(verified),
        }
    }
}

impl Rules {
    pub(crate) fn of(rules: &[Rule], all: Statistics, limit: usize) -> Self {
        let next = rules.last().filter(|_| rules.len() == limit).map(|it| it.id.to_string());
        Self {
            schema: "trellis.rules/1".to_owned(),
            rules: rules.iter().map(RuleRow::of).collect(),
            count: all.rules,
            accepted: all.accepted,
            root: all.root.to_string(),
            next,
        }
    }
}

impl RuleRow {
    fn of(rule: &Rule) -> Self {
        Self {
            rule: rule.id.to_string(),
            accepted: rule.accepted,
            supporters: rule.tally.supporters,
            challengers: rule.tally.challengers,
            confidence: part(rule.tally.average()),
            evidence: rule.tally.evidence,
            held: rule.held,
        }
    }
}

impl RuleAnswer {
    pub(crate) fn of(rule: &Rule, content: Option<&[u8]>, me: NodeId) -> Self {
        let words = rule.words.iter().map(|(author, spoken)| WordRow::of(*author, spoken, me));
        Self {
            schema: "trellis.rule/1".to_owned(),
            row: RuleRow::of(rule),
            words: words.collect(),
            content: content.map(Json::of),
        }
    }
}

impl From<Stance> for RuleStance {
    fn from(stance: Stance) -> Self {
        match stance {
            Stance::Challenge => Self::Challenge,
            Stance::Commit => Self::Commit,
            Stance::Confirm => Self::Confirm,
        }
    }
}

impl WordRow {
    fn of(author: NodeId, spoken: &Spoken, me: NodeId) -> Self {
        let word = &spoken.word;
        let note = serde_json::from_slice(&word.note);
        Self {
            node: author.to_string(),
            own: author == me,
            stance: word.stance.into(),
            confidence: part(word.confidence),
            evidence: word.evidence,
            logic: word.logic.to_string(),
            context: word.context.to_string(),
            note: note.unwrap_or_else(|_| Json::of(&word.note).text().to_owned()),
            said: rfc3339(spoken.created.ms()),
            id: spoken.id.to_string(),
        }
    }
}

/// Writes thousandths as a number from 0 to 1.
fn part(thousandths: u64) -> Json {
    Json::of(node::levels::Amount(thousandths).to_string().as_bytes())
}

const PROOF_SCHEMA: &str = "trellis.rule-proof/1";
