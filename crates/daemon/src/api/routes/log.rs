//! The log of decisions.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use node::engine::JOURNAL;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{Shared, read as read_store};
use crate::api::problem::{Code, Problem};
use crate::api::types::{Log, LogRow, ProblemBody};

/// Query of `GET /v1/log`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// Behind the line of this number.
    after: Option<u64>,
    /// At most so many, 1 to 1,000; 100 unless told.
    limit: Option<usize>,
}

/// Reads what people decided here, and what they were shown.
#[utoipa::path(get, path = "/v1/log", tag = "people", params(LogQuery),
    responses((status = 200, body = Log), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<Log>, Problem> {
    let LogQuery { after, limit } = super::query(query)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let after = after.map(|number| format!("{JOURNAL}{number:020}"));
    let rows = read_store(&context, move |it| it.own(JOURNAL, after.as_deref(), limit)).await?;
    let number = |name: &str| name.strip_prefix(JOURNAL)?.parse::<u64>().ok();
    let lines = rows.iter().map(|(name, row)| LogRow::of(number(name).unwrap_or(0), row));
    let lines: Vec<LogRow> = lines.collect();
    let next = lines.last().filter(|_| lines.len() == limit).map(|line| line.number);
    Ok(Json(Log { schema: "trellis.log/1".to_owned(), lines, next }))
}

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
