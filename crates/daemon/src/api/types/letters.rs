//! Shapes of messages to one node.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Json;

/// Body of `POST /v1/direct`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLetter {
    /// Node id of the receiver.
    pub to: String,
    /// Any JSON.
    pub payload: Value,
}

/// `trellis.sent/1`: the receiver has the message and signed for it.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct SentLetter {
    /// `trellis.sent/1`.
    pub schema: String,
    /// Names it, here and at the receiver.
    pub id: String,
    /// Node id of the receiver.
    pub to: String,
    /// From the wish to the receipt.
    pub took_ms: u64,
    /// Whether other nodes carried it; they cannot read it.
    pub relayed: bool,
}

/// A message to this node alone.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct DirectEvent {
    /// Its author's name for it.
    pub id: String,
    /// Who wrote it.
    pub author: String,
    /// Any JSON, digit for digit as its author wrote it; a string where the author's bytes are no
    /// JSON.
    #[schema(value_type = serde_json::Value)]
    pub payload: Json,
}
