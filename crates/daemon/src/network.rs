//! The network file: name and policy, and the id that is its hash.

use std::sync::Arc;

use node::engine::checkpoint::{Committee, Pace};
use node::levels::Amount;
use node::rules::Policy;
use serde::Deserialize;
use transport::Authorities;
use wire::{Digest, NetworkId, NodeId, limits};

use crate::attesters::{self, AttesterRow};

/// The network of a node.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Network {
    /// The hash of the file's exact bytes.
    pub(crate) id: NetworkId,
    pub(crate) name: String,
    /// Largest record body, bytes.
    pub(crate) body_bytes_max: usize,
    /// Longest life of a message, milliseconds.
    pub(crate) message_life_ms_max: u64,
    /// Slots of an author in each collection and hour of expiry.
    pub(crate) slots_max: usize,
    /// How long deletions are kept where there are attesters, milliseconds; 0 for ever.
    pub(crate) deletion_ms: u64,
    /// Alerts of one author that go first at once.
    pub(crate) alert_burst: u64,
    /// How often an author gains one back, milliseconds.
    pub(crate) alert_every_ms: u64,
    /// Who lets nodes in (PEM), where the network is private.
    pub(crate) authority: Option<String>,
    /// Which rules are accepted.
    pub(crate) rules: Policy,
    /// Who attests, and when; `None` where nobody does.
    pub(crate) checkpoints: Option<(Pace, Arc<Committee>)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    identity: Mode,
    authority: Option<String>,
    body_bytes_max: Option<usize>,
    message_life_h_max: Option<u64>,
    appended_max: Option<usize>,
    deletion_days: Option<u64>,
    #[serde(default)]
    alerts: AlertBudget,
    #[serde(default)]
    rules: Acceptance,
    checkpoints: Option<Times>,
    #[serde(default)]
    attester: Vec<AttesterRow>,
}

/// Who may be a member.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// Whoever has a certificate of the authority.
    Ca,
    /// Everybody.
    #[default]
    Open,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct AlertBudget {
    burst: Option<u64>,
    per_hour: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Acceptance {
    authors: Option<u64>,
    confidence: Option<f64>,
    evidence: Option<u64>,
    #[serde(default)]
    from: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Times {
    every_s: Option<u64>,
    view_ms: Option<u64>,
    settle_ms: Option<u64>,
}

impl Network {
    /// Reads a network file; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        let label = !file.name.is_empty() && file.name.len() <= limits::LABEL_BYTES_MAX;
        if !label || file.name.chars().any(char::is_control) {
            return Err("name must be 1 to 128 bytes without control characters".to_owned());
        }
        let body_bytes_max = file.body_bytes_max.unwrap_or(limits::BODY_BYTES_MAX);
        if !(BODY_BYTES_MIN..=limits::BODY_BYTES_CEILING).contains(&body_bytes_max) {
            let max = limits::BODY_BYTES_CEILING;
            return Err(format!("body_bytes_max must be {BODY_BYTES_MIN} to {max}"));
        }
        let hours_max = limits::MESSAGE_LIFE_MS_MAX / HOUR_MS;
        let hours = file.message_life_h_max.unwrap_or(hours_max);
        if !(1..=hours_max).contains(&hours) {
            return Err(format!("message_life_h_max must be 1 to {hours_max}"));
        }
        let slots_max = file.appended_max.unwrap_or(SLOTS_DEFAULT);
        if !(1..=SLOTS_MAX).contains(&slots_max) {
            return Err(format!("appended_max must be 1 to {SLOTS_MAX}"));
        }
        let days = file.deletion_days.unwrap_or(DELETION_DAYS_DEFAULT);
        if DELETION_DAYS_MAX < days {
            return Err(format!("deletion_days must be 0 (for ever) to {DELETION_DAYS_MAX}"));
        }
        if file.deletion_days.is_some_and(|days| 0 < days) && file.attester.is_empty() {
            let why = "deletion_days needs attesters: without them deletions are kept for ever";
            return Err(why.to_owned());
        }
        let checkpoints = match (file.attester.is_empty(), file.checkpoints) {
            (true, None) => None,
            (true, Some(_)) => {
                return Err("[checkpoints] needs at least one [[attester]]".to_owned());
            }
            (false, times) => {
                let pace = pace(&times.unwrap_or_default())?;
                Some((pace, Arc::new(attesters::committee(&file.attester)?)))
            }
        };
        let id = Digest::of("trellis-network-v1", &[text.as_bytes()]);
        let message_life_ms_max = hours * HOUR_MS;
        let name = file.name;
        let (alert_burst, alert_every_ms) = alert_budget(&file.alerts)?;
        Ok(Self {
            id,
            name,
            body_bytes_max,
            message_life_ms_max,
            slots_max,
            deletion_ms: days * 24 * HOUR_MS,
            alert_burst,
            alert_every_ms,
            authority: authority(file.identity, file.authority)?,
            rules: policy(&file.rules)?,
            checkpoints,
        })
    }
}

/// Returns how many alerts of an author go first at once, and how often it gains one back (ALERT-1).
fn alert_budget(budget: &AlertBudget) -> Result<(u64, u64), String> {
    let (burst, per_hour) = (budget.burst.unwrap_or(10), budget.per_hour.unwrap_or(6));
    if !(1..=1_000).contains(&burst) {
        return Err("alerts.burst must be 1 to 1000".to_owned());
    }
    if !(1..=HOUR_MS).contains(&per_hour) {
        return Err(format!("alerts.per_hour must be 1 to {HOUR_MS}"));
    }
    Ok((burst, HOUR_MS / per_hour))
}

/// Returns who lets nodes in, where not everybody is (CA-1).
fn authority(mode: Mode, pem: Option<String>) -> Result<Option<String>, String> {
    match (mode, pem) {
        (Mode::Open, None) => Ok(None),
        (Mode::Open, Some(_)) => Err("authority needs identity = \"ca\"".to_owned()),
        (Mode::Ca, None) => {
            Err("identity = \"ca\" needs authority, its certificate as PEM".to_owned())
        }
        (Mode::Ca, Some(pem)) => {
            Authorities::from_pem(pem.as_bytes()).map_err(|why| format!("authority: {why}"))?;
            Ok(Some(pem))
        }
    }
}

/// Returns which rules are accepted (RULE-2).
fn policy(said: &Acceptance) -> Result<Policy, String> {
    let usual = Policy::default();
    let authors_min = said.authors.unwrap_or(usual.authors_min);
    if authors_min == 0 {
        return Err("rules.authors must be 1 or more".to_owned());
    }
    let confidence_min = match said.confidence {
        None => usual.confidence_min,
        Some(part) if (0.0..=1.0).contains(&part) => {
            let amount: Option<Amount> = part.to_string().parse().ok();
            let bad = || "rules.confidence has at most three decimals".to_owned();
            amount.ok_or_else(bad)?.0
        }
        Some(_) => return Err("rules.confidence must be 0 to 1".to_owned()),
    };
    let author = |text: &String| {
        text.parse::<NodeId>().map_err(|_| format!("rules.from: {text:?} is no node id"))
    };
    let authors = said.from.iter().map(author).collect::<Result<_, _>>()?;
    let evidence_min = said.evidence.unwrap_or(usual.evidence_min);
    Ok(Policy { authors_min, confidence_min, evidence_min, authors })
}

fn pace(times: &Times) -> Result<Pace, String> {
    let number = |name: &str, value: Option<u64>, default, min, max| {
        let value = value.unwrap_or(default);
        let fits = (min..=max).contains(&value);
        fits.then_some(value).ok_or(format!("checkpoints.{name} must be {min} to {max}"))
    };
    let view_ms = number("view_ms", times.view_ms, 10_000, 1_000, HOUR_MS)?;
    let settle_ms = number("settle_ms", times.settle_ms, view_ms / 2, 500, view_ms)?;
    let every_s = number("every_s", times.every_s, 300, 1, 7 * 86_400)?;
    Ok(Pace { view_ms, settle_ms, every_ms: every_s * 1_000 })
}

/// The network of whoever names none.
pub(crate) const COMMONS: &str =
    "# The network of every node that names no other.\nname = \"commons\"\n";

/// A profile with all its addresses must fit.
const BODY_BYTES_MIN: usize = 4_096;
const HOUR_MS: u64 = 3_600_000;
/// Appended entries of an author that stay, in each collection and hour of expiry.
const SLOTS_DEFAULT: usize = 1_000;
/// Longer than a node is away; a century is for ever.
const DELETION_DAYS_DEFAULT: u64 = 90;
const DELETION_DAYS_MAX: u64 = 36_500;
/// A slot's number has six digits.
const SLOTS_MAX: usize = 1_000_000;
