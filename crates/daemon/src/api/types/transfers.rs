//! Shapes of transfers.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use node::levels::Amount;
use node::transfers::{BadTranscript, TransferView, check};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use wire::{Digest, NetworkId, Side, Terms, TransferRecord};

use crate::clock::rfc3339;

/// Body of `POST /v1/transfers`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// Node id of the other side.
    pub with: String,
    /// Whether this node would give or take; `give` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<TransferSide>,
    /// Of what, for example `water`.
    pub kind: String,
    /// How much, for example `500` or `0.5`.
    pub amount: String,
    /// In what, for example `L`.
    pub unit: String,
    /// How long people have to decide, 60 s to 7 d; a day unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decide_s: Option<u64>,
    /// How often the decisions are compared, 1 s to 600 s; 30 s unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tick_s: Option<u32>,
    /// The proposal it takes the place of: a counter-proposal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<String>,
}

/// Whether a node gives or takes.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferSide {
    /// It gives.
    #[default]
    Give,
    /// It takes.
    Take,
}

/// Body of `POST /v1/transfers/{id}/yes`: what is agreed to, once more.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferYes {
    /// How much.
    pub amount: String,
    /// In what.
    pub unit: String,
    /// Node id of the other side.
    pub with: String,
}

/// `trellis.proposed/1`: the transfer is on disk and its offer on the way.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct ProposedTransfer {
    /// `trellis.proposed/1`.
    pub schema: String,
    /// The transfer's id.
    pub id: String,
}

/// `trellis.transfers/1`: those that can be decided on first.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TransferList {
    /// `trellis.transfers/1`.
    pub schema: String,
    /// The transfers.
    pub transfers: Vec<TransferRow>,
}

/// One transfer, as this node sees it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TransferRow {
    /// Its id.
    pub id: String,
    /// Node id of the other side.
    pub with: String,
    /// Whether this node gives or takes.
    pub side: TransferSide,
    /// Whether this node proposed it.
    pub proposed_here: bool,
    /// Of what.
    pub kind: String,
    /// How much.
    pub amount: String,
    /// In what.
    pub unit: String,
    /// `offered`, `open`, `confirming`, `agreed` or `ended`. Nobody says why one ended.
    pub status: String,
    /// Whether people here have said yes. Of the other side nothing is known before both have.
    pub said_yes: bool,
    /// Whether the other node once left a comparison after it had this one's half of it.
    pub was_left: bool,
    /// Until when people can decide, RFC 3339.
    pub decide_by: String,
    /// The proposal it took the place of.
    pub replaces: Option<String>,
    /// Whether the giver has signed that it handed it over.
    pub handed: bool,
    /// Whether the taker has signed that it has it.
    pub received: bool,
}

/// `trellis.transfer/1`: one transfer with its record, which `trellis verify` reads.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct TransferAnswer {
    /// `trellis.transfer/1`.
    pub schema: String,
    /// Hash of the network file.
    pub network: String,
    /// The transfer, as this node says; no part of what is proven.
    pub transfer: TransferRow,
    /// What both sides signed, base64. It is a proof once it is agreed.
    pub record: String,
}

/// What the record of a transfer proves.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenTransfer {
    /// Node id of the giver.
    pub giver: String,
    /// Node id of the taker.
    pub taker: String,
    /// Of what.
    pub kind: String,
    /// How much.
    pub amount: String,
    /// In what.
    pub unit: String,
    /// Whether the giver has signed that it handed it over.
    pub handed: bool,
    /// Whether the taker has signed that it has it.
    pub received: bool,
}

impl TransferRow {
    /// Shows a transfer.
    pub(crate) fn of(view: &TransferView) -> Self {
        let TransferView { terms, side, status, said_yes, was_left, record } = view;
        let [handed, received] = record.done.map(|it| it.is_some());
        Self {
            id: terms.id.to_string(),
            with: terms.node(side.other()).to_string(),
            side: match side {
                Side::Giver => TransferSide::Give,
                Side::Taker => TransferSide::Take,
            },
            proposed_here: terms.proposer == *side,
            kind: terms.kind.clone(),
            amount: Amount(terms.amount).to_string(),
            unit: terms.unit.clone(),
            status: status.name().to_owned(),
            said_yes: *said_yes,
            was_left: *was_left,
            decide_by: rfc3339(terms.decide_by_ms),
            replaces: terms.replaces.map(|id| id.to_string()),
            handed,
            received,
        }
    }
}

impl TransferAnswer {
    /// Shows a transfer with its record.
    pub(crate) fn of(view: &TransferView, network: &NetworkId) -> Self {
        Self {
            schema: "trellis.transfer/1".to_owned(),
            network: network.to_string(),
            transfer: TransferRow::of(view),
            record: STANDARD.encode(view.record.encode()),
        }
    }

    /// Checks that the record proves an agreement, and says of what.
    pub fn check(&self) -> Result<ProvenTransfer, String> {
        let network = Digest::from_hex(&self.network).ok_or("its network makes no sense")?;
        let bytes = STANDARD.decode(&self.record).map_err(|_| "its record is no base64")?;
        let record = TransferRecord::decode(&bytes).map_err(|error| error.to_string())?;
        let terms: Terms =
            check(&network, &record).map_err(|error: BadTranscript| error.to_string())?;
        let [handed, received] = record.done.map(|it| it.is_some());
        Ok(ProvenTransfer {
            giver: terms.giver.to_string(),
            taker: terms.taker.to_string(),
            kind: terms.kind,
            amount: Amount(terms.amount).to_string(),
            unit: terms.unit,
            handed,
            received,
        })
    }
}
