//! Request bodies: bounded in size and time, of the right type, JSON that is JSON.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Code, Problem};

/// Reads a body of one of these content types. A missing type is taken as the right one.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    kinds: &[&str],
) -> Result<Bytes, Problem> {
    check_kind(headers, kinds)?;
    match tokio::time::timeout(TIME_MAX, collect(body, bytes_max)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Problem::new(
            Code::BadRequest,
            format!("the body was not complete within {} s", TIME_MAX.as_secs()),
        )),
    }
}

/// Reads JSON of a known shape.
pub(super) async fn json<T: DeserializeOwned>(
    headers: &HeaderMap,
    body: Body,
) -> Result<T, Problem> {
    let bytes = read(headers, body, JSON_BYTES_MAX, &["application/json"]).await?;
    parse(&bytes)
}

/// Reads JSON of a known shape out of bytes.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| Problem::new(Code::BadJson, error.to_string()))
}

fn check_kind(headers: &HeaderMap, kinds: &[&str]) -> Result<(), Problem> {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kinds.contains(&kind.as_str()) {
        return Ok(());
    }
    let detail = format!("send it as content-type {}", kinds.join(" or "));
    Err(Problem::new(Code::UnsupportedMediaType, detail))
}

async fn collect(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut size = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            Problem::new(Code::BadRequest, format!("the body could not be read: {error}"))
        })?;
        size = size.saturating_add(chunk.len());
        // What is too much is read and forgotten for a while: a client that is still sending
        // would not see our answer.
        if bytes_max.saturating_mul(4) < size {
            break;
        }
        if size <= bytes_max {
            bytes.extend_from_slice(&chunk);
        }
    }
    if bytes_max < size {
        let detail = format!("the body is larger than {bytes_max} bytes");
        return Err(Problem::new(Code::TooLarge, detail));
    }
    Ok(bytes.into())
}

/// A 256 KiB record as JSON, with its wrapping.
pub(super) const JSON_BYTES_MAX: usize = 384 * 1024;
const TIME_MAX: Duration = Duration::from_secs(10);
