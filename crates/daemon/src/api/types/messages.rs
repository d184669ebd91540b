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
    /// How urgent it is; `normal` unless told, `control` is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<MessageClass>,
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

/// How urgent a message is: who waits for whom on a link.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageClass {
    /// A warning: ahead of everything, on all links.
    Alert,
    /// What nodes say to each other; no message may.
    Control,
    /// A message.
    #[default]
    Normal,
    /// What can wait.
    Bulk,
}

impl From<MessageClass> for wire::Class {
    fn from(class: MessageClass) -> Self {
        match class {
            MessageClass::Alert => Self::Alert,
            MessageClass::Control => Self::Control,
            MessageClass::Normal => Self::Normal,
            MessageClass::Bulk => Self::Bulk,
        }
    }
}

impl From<wire::Class> for MessageClass {
    fn from(class: wire::Class) -> Self {
        match class {
            wire::Class::Alert => Self::Alert,
            wire::Class::Control => Self::Control,
            wire::Class::Normal => Self::Normal,
            wire::Class::Bulk => Self::Bulk,
        }
    }
}

/// `trellis.published/1`: the message is on disk.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize, ToSchema)]
pub struct Published {
    /// `trellis.published/1`.
    pub schema: String,
    /// Record id.
    pub id: String,
    /// Links of this node at that moment: those it is not handed to are told of it.
    pub links: usize,
    /// The class it travels in.
    pub class: MessageClass,
    /// Whether it said it was more urgent than its author's budget of alerts allows.
    pub demoted: bool,
    /// Links whose queue took it.
    pub links_queued: usize,
    /// Links whose queue was full: they learn of it by comparison.
    pub links_congested: usize,
    /// Bytes that wait to be sent, on all links.
    pub backlog_bytes: usize,
}
