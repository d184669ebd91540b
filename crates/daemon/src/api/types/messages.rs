//! Shapes of messages.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Body of `POST /v1/messages`.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewMessage {
    /// Its topic.
    pub topic: String,
    /// Any JSON.
    pub payload: Value,
    /// What it is for; `announce` unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<MessageKind>,
    /// Id of the request it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// How long it lives; the node's setting unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_s: Option<u64>,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something is there.
    #[default]
    Announce,
    /// Somebody wants something.
    Request,
    /// An answer to a request.
    Response,
    /// A sign of life.
    Heartbeat,
}

/// `trellis.published/1`: the message is on disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Published {
    /// `trellis.published/1`.
    pub schema: String,
    /// Record id.
    pub id: String,
    /// Links it was handed to.
    pub links: usize,
}
