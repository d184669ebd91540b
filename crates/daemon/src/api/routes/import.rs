//! Many entries at once, all or none.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use bytes::Bytes;
use node::Draft;
use serde::Deserialize;
use serde_json::value::RawValue;
use wire::Entry;

use super::entries::{WriteQuery, collection};
use super::{Shared, put};
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{ImportLine, ProblemBody, Written};

/// Writes all lines of an NDJSON body, or none.
#[utoipa::path(post, path = "/v1/import", tag = "entries", params(WriteQuery),
    request_body(content = ImportLine, content_type = "application/x-ndjson"),
    responses((status = 200, body = Written), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn import(
    State(context): State<Shared>,
    query: Result<Query<WriteQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Written>, Problem> {
    let collection = collection(super::query(query)?.collection);
    let bytes = body::read(&headers, body, IMPORT_BYTES_MAX, &KINDS).await?;
    let bytes_max = context.facts.network.body_bytes_max;
    let drafts = drafts(&bytes, &collection, bytes_max)?;
    put(&context, drafts).await.map(Json)
}

/// Reads a whole body; the first broken line refuses it.
pub(super) fn drafts(
    bytes: &[u8],
    collection: &str,
    bytes_max: usize,
) -> Result<Vec<Draft>, Problem> {
    let mut drafts = Vec::new();
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let number = index + 1;
        if drafts.len() == LINES_MAX {
            let detail = format!("line {number} is beyond the {LINES_MAX} lines of one import");
            return Err(Problem::new(Code::TooLarge, detail));
        }
        let draft = draft(line, collection, bytes_max).map_err(|problem| {
            let detail = format!("line {number}: {}; nothing was imported", problem.detail);
            Problem::new(problem.code, detail)
        })?;
        drafts.push(draft);
    }
    if drafts.is_empty() {
        return Err(Problem::new(Code::BadRequest, "the body holds no line"));
    }
    Ok(drafts)
}

/// Reads one line.
pub(crate) fn draft(line: &[u8], collection: &str, bytes_max: usize) -> Result<Draft, Problem> {
    let bad = |error: serde_json::Error| {
        // serde_json counts lines within this one line; the column is what helps.
        let text = error.to_string().replace(" at line 1 column", " at column");
        Problem::new(Code::BadJson, text)
    };
    let ImportLine { name, .. } = serde_json::from_slice(line).map_err(bad)?;
    // The author's own text is kept: parsing and writing again would round large numbers.
    let RawLine { value } = serde_json::from_slice(line).map_err(bad)?;
    let value = Bytes::copy_from_slice(value.get().as_bytes());
    if bytes_max < value.len() {
        let detail = format!("the value is larger than the {bytes_max} bytes of a record");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    let entry = Entry { collection: collection.to_owned(), name, value: Some(value) };
    entry.check()?;
    let Entry { collection, name, value } = entry;
    Ok(Draft { collection, name, value })
}

#[derive(Deserialize)]
struct RawLine<'a> {
    #[serde(borrow)]
    value: &'a RawValue,
}

const IMPORT_BYTES_MAX: usize = 4 * 1024 * 1024;
const LINES_MAX: usize = 4_096;
const KINDS: [&str; 3] = ["application/x-ndjson", "application/ndjson", "application/json"];
