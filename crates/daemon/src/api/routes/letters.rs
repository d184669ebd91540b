//! Messages to one node: send.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use bytes::Bytes;
use node::Note;
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::NodeId;

use super::Shared;
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{NewLetter, ProblemBody, SentLetter};

/// Sends a message to one node and to nobody else; answers when its receipt is here, or with
/// `undelivered` within about 10 s.
#[utoipa::path(post, path = "/v1/direct", tag = "messages", request_body = NewLetter,
    responses((status = 200, body = SentLetter), (status = "4XX", body = ProblemBody),
        (status = 504, body = ProblemBody)))]
pub(crate) async fn send(
    State(context): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<SentLetter>, Problem> {
    let bytes = body::read(&headers, body, body::JSON_BYTES_MAX, &["application/json"]).await?;
    let letter: NewLetter = body::parse(&bytes)?;
    // The author's own text is kept: parsing and writing again would round large numbers.
    let RawLetter { payload } = body::parse(&bytes)?;
    let to = node(&letter.to)?;
    let payload = Bytes::copy_from_slice(payload.get().as_bytes());
    let (id, delivery) = context.commands.send(Note { to, payload }).await?;
    Ok(Json(SentLetter {
        schema: "trellis.sent/1".to_owned(),
        id: id.to_string(),
        to: letter.to,
        took_ms: delivery.took_ms,
        relayed: delivery.relayed,
    }))
}

#[derive(Deserialize)]
struct RawLetter<'a> {
    #[serde(borrow)]
    payload: &'a RawValue,
}

/// Reads the id of a node.
pub(super) fn node(text: &str) -> Result<NodeId, Problem> {
    text.parse().map_err(|_| {
        let detail = "not a node id: they begin with 12D3Koo, see `trellis peers`";
        Problem::new(Code::BadRequest, detail)
    })
}
