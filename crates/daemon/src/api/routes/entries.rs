//! Entries: read, list, write, remove.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use node::{Addition, Draft};
use serde::Deserialize;
use store::{Cursor, Found, Read, StoreError};
use utoipa::IntoParams;
use wire::NodeId;

use super::{COLLECTION, Shared, put, read as read_store};
use crate::api::problem::{Code, Problem};
use crate::api::types::{Appended, Entries, EntryAnswer, ProblemBody, Written};
use crate::api::{body, convert};
use crate::clock::rfc3339;

/// Query of `GET /v1/entries/{name}`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReadQuery {
    /// Collection; `default` unless told.
    pub(super) collection: Option<String>,
    /// Node id of the author; the newest of all authors' entries unless told.
    pub(super) author: Option<String>,
}

/// Query of writes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WriteQuery {
    /// Collection; `default` unless told.
    pub(super) collection: Option<String>,
}

/// Query of `POST /v1/entries`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct AppendQuery {
    /// Collection; `default` unless told.
    collection: Option<String>,
    /// How long it is kept, seconds, at most what the network lets messages live; for ever unless told.
    life_s: Option<u64>,
}

/// Query of `GET /v1/entries`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Of this collection only.
    collection: Option<String>,
    /// Of this author only.
    author: Option<String>,
    /// Names that begin so.
    prefix: Option<String>,
    /// At most so many, 1 to 1,000; 100 unless told.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Reads one entry.
#[utoipa::path(get, path = "/v1/entries/{name}", tag = "entries",
    params(("name" = String, Path, description = "Name, percent-encoded"), ReadQuery),
    responses((status = 200, body = EntryAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<ReadQuery>, QueryRejection>,
) -> Result<Json<EntryAnswer>, Problem> {
    let (name, query) = (super::path(name)?, super::query(query)?);
    let collection = collection(query.collection);
    let author = query.author.as_deref().map(parse_author).transpose()?;
    let missing = missing(&collection, &name);
    let found = read_store(&context, move |store| store.entry(&collection, &name, author)).await?;
    let named = found.ok_or(missing)?;
    let schema = "trellis.entry/1".to_owned();
    Ok(Json(EntryAnswer { schema, entry: convert::entry(named.found)?, others: named.others }))
}

/// Lists entries.
#[utoipa::path(get, path = "/v1/entries", tag = "entries", params(ListQuery),
    responses((status = 200, body = Entries), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(
    State(context): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Entries>, Problem> {
    let query = super::query(query)?;
    let limit = query.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let after = query.after.as_deref().map(str::parse::<Cursor>).transpose();
    let query = store::Query {
        collection: query.collection,
        author: query.author.as_deref().map(parse_author).transpose()?,
        prefix: query.prefix.unwrap_or_default(),
        after: after
            .map_err(|error| Problem::new(Code::BadRequest, format!("after is {error}")))?,
        limit,
    };
    let (found, next) = read_store(&context, move |store| page(store, query)).await?;
    let entries = found.into_iter().map(convert::entry).collect::<Result<_, _>>()?;
    let next = next.map(|cursor| cursor.to_string());
    Ok(Json(Entries { schema: "trellis.entries/1".to_owned(), entries, next }))
}

/// Lists in steps, so that a page of large entries ends early instead of filling the memory.
fn page(
    store: &dyn Read,
    mut query: store::Query,
) -> Result<(Vec<Found>, Option<Cursor>), StoreError> {
    let (store, limit) = (store.snapshot()?, query.limit);
    let (mut page, mut bytes) = (Vec::new(), 0);
    loop {
        query.limit = STEP.min(limit - page.len());
        let (found, next) = store.list(&query)?;
        bytes += found.iter().map(|found| found.signed.size()).sum::<usize>();
        page.extend(found);
        if next.is_none() || limit <= page.len() || PAGE_BYTES <= bytes {
            return Ok((page, next));
        }
        query.after = next;
    }
}

/// Writes one entry of ours.
#[utoipa::path(put, path = "/v1/entries/{name}", tag = "entries",
    params(("name" = String, Path, description = "Name, percent-encoded"), WriteQuery),
    request_body = serde_json::Value,
    responses((status = 200, body = Written), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn write(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<WriteQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Written>, Problem> {
    let (name, query) = (super::path(name)?, super::query(query)?);
    let bytes = body::read(&headers, body, body::JSON_BYTES_MAX, &["application/json"]).await?;
    let _checked: serde_json::Value = body::parse(&bytes)?;
    // The author's own text is kept: parsing and writing again would round large numbers.
    let value = Some(bytes.slice_ref(bytes.trim_ascii()));
    let draft = Draft { collection: collection(query.collection), name, value };
    put(&context, vec![draft]).await.map(Json)
}

/// Appends one entry of ours to a collection: it gets a name, and the newest stay.
#[utoipa::path(post, path = "/v1/entries", tag = "entries", params(AppendQuery),
    request_body = serde_json::Value,
    responses((status = 200, body = Appended), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn append(
    State(context): State<Shared>,
    query: Result<Query<AppendQuery>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Appended>, Problem> {
    let query = super::query(query)?;
    let bytes = body::read(&headers, body, body::JSON_BYTES_MAX, &["application/json"]).await?;
    let _checked: serde_json::Value = body::parse(&bytes)?;
    let life_ms = match query.life_s {
        None => 0,
        Some(0) => return Err(Problem::new(Code::BadRequest, "life_s must be 1 or more")),
        Some(life_s) => life_s.saturating_mul(1_000),
    };
    let value = bytes.slice_ref(bytes.trim_ascii());
    let addition = Addition { collection: collection(query.collection), value };
    let appended = context.commands.append(vec![addition], life_ms).await?;
    let (id, slot) = appended.first().ok_or_else(|| {
        Problem::new(Code::StateFull, "a newer entry of this node took the slot; try again")
    })?;
    let status = context.commands.status().await?;
    Ok(Json(Appended {
        schema: "trellis.appended/1".to_owned(),
        id: id.to_string(),
        name: slot.to_string(),
        expires: Some(slot.expires_ms()).filter(|it| 0 < *it).map(rfc3339),
        root: status.state.root.to_string(),
        entries: status.state.count,
    }))
}

/// Deletes one entry of ours.
#[utoipa::path(delete, path = "/v1/entries/{name}", tag = "entries",
    params(("name" = String, Path, description = "Name, percent-encoded"), WriteQuery),
    responses((status = 200, body = Written), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn remove(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
    query: Result<Query<WriteQuery>, QueryRejection>,
) -> Result<Json<Written>, Problem> {
    let (name, query) = (super::path(name)?, super::query(query)?);
    let collection = collection(query.collection);
    let (ours, wanted) = (context.facts.node, (collection.clone(), name.clone()));
    let (own, any) = read_store(&context, move |store| {
        let (collection, name) = wanted;
        Ok((store.entry(&collection, &name, Some(ours))?, store.entry(&collection, &name, None)?))
    })
    .await?;
    match (own, any) {
        (Some(_), _) => {
            let draft = Draft { collection, name, value: None };
            put(&context, vec![draft]).await.map(Json)
        }
        (None, Some(other)) => Err(Problem::new(
            Code::NotAuthor,
            format!(
                "{collection}/{name} was written by {}: only its author can remove it",
                other.found.signed.author
            ),
        )),
        (None, None) => Err(missing(&collection, &name)),
    }
}

pub(super) fn collection(given: Option<String>) -> String {
    given.unwrap_or_else(|| COLLECTION.to_owned())
}

fn missing(collection: &str, name: &str) -> Problem {
    let name: String = name.chars().take(80).collect();
    let collection: String = collection.chars().take(80).collect();
    Problem::new(Code::NotFound, format!("no entry {name:?} in the collection {collection:?}"))
}

pub(super) fn parse_author(text: &str) -> Result<NodeId, Problem> {
    text.parse()
        .map_err(|_| Problem::new(Code::BadRequest, "author must be a node id such as 12D3Koo..."))
}

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Entries read before the size of a page is looked at.
const STEP: usize = 64;
/// Size at which a page ends.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
