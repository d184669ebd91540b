//! Levels: what others say of theirs, and what is exact here.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use node::levels::{Amount, COLLECTION, READINGS_MAX, Reading};
use serde::Deserialize;
use serde_json::Value;
use store::{Cursor, Read, StoreError};
use utoipa::IntoParams;
use wire::NodeId;

use super::entries::parse_author;
use super::{Shared, read as read_store};
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{LevelLine, LevelNeed, LevelRow, Levels, OwnLevels, ProblemBody};

/// Query of `GET /v1/levels`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Of this kind only.
    kind: Option<String>,
    /// With this need only: deficit, balanced or surplus.
    need: Option<LevelNeed>,
    /// Of this node only.
    node: Option<String>,
    /// At most so many, 1 to 1,000; 100 unless told.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists what nodes say of their levels: needs and surpluses, never exact amounts.
#[utoipa::path(get, path = "/v1/levels", tag = "levels", params(ListQuery),
    responses((status = 200, body = Levels), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(
    State(context): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Levels>, Problem> {
    let ListQuery { kind, need, node, limit, after } = super::query(query)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let after = after.as_deref().map(str::parse::<Cursor>).transpose();
    let after = after.map_err(|error| Problem::new(Code::BadRequest, format!("after is {error}")));
    let search = Search {
        query: store::Query {
            collection: Some(COLLECTION.to_owned()),
            author: node.as_deref().map(parse_author).transpose()?,
            prefix: kind.clone().unwrap_or_default(),
            after: after?,
            limit: STEP,
        },
        kind,
        need,
        limit,
        me: context.facts.node,
    };
    read_store(&context, move |store| search.run(store)).await.map(Json)
}

/// A search through the levels of all nodes.
struct Search {
    query: store::Query,
    kind: Option<String>,
    need: Option<LevelNeed>,
    limit: usize,
    me: NodeId,
}

impl Search {
    /// Looks at so many entries at most; who wants more goes on behind them.
    fn run(mut self, store: &dyn Read) -> Result<Levels, StoreError> {
        let store = store.snapshot()?;
        let (mut levels, mut unreadable) = (Vec::new(), 0);
        for _ in 0..STEPS_MAX {
            self.query.limit = STEP.min(self.limit - levels.len());
            let (found, next) = store.list(&self.query)?;
            for entry in found {
                if self.kind.as_ref().is_some_and(|kind| *kind != entry.label.name) {
                    continue;
                }
                match LevelRow::of(&entry.signed, self.me) {
                    Some(row) if self.need.is_none_or(|need| need == row.need) => levels.push(row),
                    Some(_) => {}
                    None => unreadable += 1,
                }
            }
            self.query.after = next;
            if self.query.after.is_none() || self.limit <= levels.len() {
                break;
            }
        }
        let next = self.query.after.map(|cursor| cursor.to_string());
        Ok(Levels { schema: "trellis.levels/1".to_owned(), levels, unreadable, next })
    }
}

/// Shows this node's own levels: exact here, and what others see.
#[utoipa::path(get, path = "/v1/levels/own", tag = "levels",
    responses((status = 200, body = OwnLevels), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn own(State(context): State<Shared>) -> Result<Json<OwnLevels>, Problem> {
    Ok(Json(OwnLevels::of(context.commands.levels().await?)))
}

/// Sets levels of this node, one JSON object or lines of them, all or none (LEVEL-5).
#[utoipa::path(post, path = "/v1/levels/own", tag = "levels",
    request_body(content(
        (LevelLine = "application/json"), (LevelLine = "application/x-ndjson"))),
    responses((status = 200, body = OwnLevels), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn set(
    State(context): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<OwnLevels>, Problem> {
    let bytes = body::read(&headers, body, BODY_BYTES_MAX, &KINDS).await?;
    let levels = context.commands.set_levels(readings(&bytes)?).await?;
    Ok(Json(OwnLevels::of(levels)))
}

/// Takes the level of one kind back: others see none any more.
#[utoipa::path(delete, path = "/v1/levels/own/{kind}", tag = "levels",
    params(("kind" = String, Path, description = "Kind")),
    responses((status = 200, body = OwnLevels), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn remove(
    State(context): State<Shared>,
    kind: Result<Path<String>, PathRejection>,
) -> Result<Json<OwnLevels>, Problem> {
    let levels = context.commands.remove_level(super::path(kind)?).await?;
    Ok(Json(OwnLevels::of(levels)))
}

fn readings(bytes: &[u8]) -> Result<Vec<Reading>, Problem> {
    let lines = bytes.split(|byte| *byte == b'\n').zip(1..);
    let lines = lines.filter(|(line, _)| !line.trim_ascii().is_empty());
    let mut readings = Vec::new();
    for (line, number) in lines {
        if readings.len() == READINGS_MAX {
            let detail = format!("line {number} is beyond the {READINGS_MAX} of one request");
            return Err(Problem::new(Code::TooLarge, detail));
        }
        let reading = reading(line).map_err(|problem| {
            let detail = format!("line {number}: {}; nothing was set", problem.detail);
            Problem::new(problem.code, detail)
        })?;
        readings.push(reading);
    }
    Ok(readings)
}

fn reading(line: &[u8]) -> Result<Reading, Problem> {
    let line: LevelLine = serde_json::from_slice(line).map_err(|error| {
        // serde_json counts lines within this one line; the column is what helps.
        let text = error.to_string().replace(" at line 1 column", " at column");
        Problem::new(Code::BadJson, text)
    })?;
    let LevelLine { kind, level, capacity, unit, critical } = line;
    let reading = Reading {
        kind,
        level: amount("level", &level)?,
        capacity: capacity.map(|it| amount("capacity", &it)).transpose()?,
        unit,
        critical: critical.map(|it| amount("critical", &it)).transpose()?,
    };
    reading.check().map_err(|error| Problem::new(Code::BadRequest, error.to_string()))?;
    Ok(reading)
}

/// Reads an amount, a number or a text of one, digit for digit.
fn amount(field: &str, value: &Value) -> Result<Amount, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let bad = |error| Problem::new(Code::BadRequest, format!("{field}: {error}"));
    text.parse().map_err(bad)
}

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
/// Entries read at once.
const STEP: usize = 512;
/// Times that many are read for one answer.
const STEPS_MAX: usize = 16;
const BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
const KINDS: [&str; 3] = ["application/json", "application/x-ndjson", "application/ndjson"];
