//! Messages: publish.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use node::Publication;
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::Digest;

use super::Shared;
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{MessageKind, NewMessage, ProblemBody, Published};

/// Publishes a message to everybody; answers when it is on disk.
#[utoipa::path(post, path = "/v1/messages", tag = "messages", request_body = NewMessage,
    responses((status = 200, body = Published), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn publish(
    State(context): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Published>, Problem> {
    let bytes = body::read(&headers, body, body::JSON_BYTES_MAX, &["application/json"]).await?;
    let message: NewMessage = body::parse(&bytes)?;
    // The author's own text is kept: parsing and writing again would round large numbers.
    let RawMessage { payload } = body::parse(&bytes)?;
    let life_ms = match message.life_s {
        Some(life_s) => life_s.saturating_mul(1_000),
        None => context.commands.message_life_ms(),
    };
    let class = message.class.unwrap_or_default().into();
    let publication = Publication {
        topic: message.topic,
        kind: kind(message.kind.unwrap_or_default()),
        payload: Bytes::copy_from_slice(payload.get().as_bytes()),
        reply_to: message.reply_to.as_deref().map(reply_to).transpose()?,
        life_ms,
        class,
    };
    let receipt = context.commands.publish(publication).await?;
    Ok(Json(Published {
        schema: "trellis.published/1".to_owned(),
        id: receipt.id.to_string(),
        links: receipt.links,
        class: receipt.class.into(),
        demoted: receipt.class != class,
        links_queued: receipt.handed.links_queued,
        links_congested: receipt.handed.links_congested,
        backlog_bytes: receipt.handed.backlog_bytes,
    }))
}

#[derive(Deserialize)]
struct RawMessage<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

fn kind(kind: MessageKind) -> wire::MessageKind {
    match kind {
        MessageKind::Announce => wire::MessageKind::Announce,
        MessageKind::Heartbeat => wire::MessageKind::Heartbeat,
        MessageKind::Request => wire::MessageKind::Request,
        MessageKind::Response => wire::MessageKind::Response,
    }
}

fn reply_to(text: &str) -> Result<Digest, Problem> {
    Digest::from_hex(text).ok_or_else(|| {
        Problem::new(Code::BadRequest, "reply_to must be a record id: 64 hexadecimal digits")
    })
}
