//! The shapes of alerts.

use engine::Now;
use node::alerts::{Alert, Dispute};
use node::engine;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Json, MessageClass};
use crate::clock::rfc3339;

/// `trellis.alerts/1`: what this node was warned of.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Alerts {
    /// `trellis.alerts/1`.
    pub schema: String,
    /// Those that wait for somebody here, or all that have not expired; the newest first.
    pub alerts: Vec<AlertRow>,
    /// How many alerts of this node would go first at this moment; one more travels as a normal
    /// message and is not lost.
    pub left: u64,
    /// What to pass as `after` for the next page; null at the end, and where all were asked for.
    #[serde(default)]
    pub next: Option<String>,
}

/// `trellis.alert/1`: one alert.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AlertAnswer {
    /// `trellis.alert/1`.
    pub schema: String,
    /// The alert.
    #[serde(flatten)]
    pub alert: AlertRow,
}

/// One alert.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AlertRow {
    /// Record id.
    pub id: String,
    /// The node that warns.
    pub node: String,
    /// Whether that is this node.
    pub own: bool,
    /// How bad it is.
    pub severity: AlertSeverity,
    /// What is said; where its author wrote something else than an alert, that.
    pub text: String,
    /// What shows it: addresses, record ids, names of documents.
    pub evidence: Vec<String>,
    /// When it was raised, RFC 3339 by its author's clock.
    pub raised: String,
    /// When it came here, RFC 3339.
    pub received: String,
    /// When it is over, RFC 3339.
    pub expires: String,
    /// Whether it waits for somebody here.
    pub open: bool,
    /// Who takes care of it here, now or before.
    pub acknowledged: Option<AcknowledgedRow>,
    /// Who says that it is wrong.
    pub disputes: Vec<DisputeRow>,
}

/// How bad it is.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AlertSeverity {
    /// Life is at risk.
    Critical,
    /// Somebody should do something.
    #[default]
    Warning,
    /// Good to know.
    Notice,
}

/// Somebody takes care.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct AcknowledgedRow {
    /// Who.
    pub by: String,
    /// Since when, RFC 3339.
    pub at: String,
    /// Until when, RFC 3339; then the alert is shown again.
    pub until: String,
    /// What they said.
    #[schema(value_type = serde_json::Value)]
    pub note: Json,
}

/// Somebody disputes.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct DisputeRow {
    /// Record id.
    pub id: String,
    /// The node that says so.
    pub node: String,
    /// Why.
    pub reason: String,
    /// When, RFC 3339 by its author's clock.
    pub disputed: String,
}

/// Body of `POST /v1/alerts`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAlert {
    /// What is said, at most 2,000 bytes.
    pub text: String,
    /// How bad it is; `warning` unless told.
    #[serde(default)]
    pub severity: AlertSeverity,
    /// What shows it: at most 8 texts of 500 bytes.
    #[serde(default)]
    pub evidence: Vec<String>,
    /// How long it holds; a day unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_s: Option<u64>,
}

/// Body of `POST /v1/alerts/{id}/acknowledge`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAcknowledgement {
    /// For how long it is not shown; 12 hours unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
    /// What is done about it.
    #[serde(default)]
    pub note: String,
}

/// Body of `POST /v1/alerts/{id}/dispute`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDispute {
    /// Why it is wrong, at most 2,000 bytes.
    pub reason: String,
}

/// `trellis.told/1`: a decision that travels is on disk and on its way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Told {
    /// `trellis.told/1`.
    pub schema: String,
    /// Record id.
    pub id: String,
    /// Links of this node: those it is not handed to are told of it.
    pub links: usize,
    /// The class in which it travels.
    pub class: MessageClass,
    /// Whether it was one alert too many to go first.
    pub demoted: bool,
}

/// What honest authors write.
#[derive(Deserialize, Serialize)]
pub(crate) struct Said {
    pub(crate) severity: AlertSeverity,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) evidence: Vec<String>,
}

/// Why an alert is wrong.
#[derive(Deserialize, Serialize)]
pub(crate) struct Reason {
    pub(crate) reason: String,
}

impl AlertRow {
    pub(crate) fn of(alert: Alert, me: wire::NodeId, now: Now) -> Self {
        let open = alert.is_open(now);
        let Alert { id, author, created_ms, expires_ms, received_ms, payload, .. } = alert;
        // What is no alert is shown as it is: somebody meant to warn us.
        let said = serde_json::from_slice(&payload).unwrap_or_else(|_| Said {
            severity: AlertSeverity::Warning,
            text: Json::of(&payload).text().to_owned(),
            evidence: Vec::new(),
        });
        let acknowledged = alert.acknowledged.map(|it| AcknowledgedRow {
            by: it.by,
            at: rfc3339(it.at_ms),
            until: rfc3339(it.until_ms),
            note: Json::of(&it.note),
        });
        let Said { severity, text, evidence } = said;
        Self {
            id: id.to_string(),
            node: author.to_string(),
            own: author == me,
            severity,
            text,
            evidence,
            raised: rfc3339(created_ms),
            received: rfc3339(received_ms),
            expires: rfc3339(expires_ms),
            open,
            acknowledged,
            disputes: alert.disputes.into_iter().map(DisputeRow::of).collect(),
        }
    }
}

impl DisputeRow {
    fn of(dispute: Dispute) -> Self {
        let reason = serde_json::from_slice(&dispute.payload).map(|Reason { reason }| reason);
        Self {
            id: dispute.id.to_string(),
            node: dispute.author.to_string(),
            reason: reason.unwrap_or_else(|_| Json::of(&dispute.payload).text().to_owned()),
            disputed: rfc3339(dispute.created_ms),
        }
    }
}
