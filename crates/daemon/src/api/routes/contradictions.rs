//! Proofs against authors that signed two records with one number (CONTRA-2).

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use serde::Deserialize;
use utoipa::IntoParams;
use wire::Digest;

use super::{Shared, read as read_store};
use crate::api::problem::{Code, Problem};
use crate::api::types::{ContradictionRow, Contradictions, ProblemBody};

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// At most so many, 1 to 100 (100 unless told)
    limit: Option<usize>,
    /// The `next` of an earlier answer
    after: Option<String>,
}

/// Lists who is proven to have signed two records with one number.
#[utoipa::path(get, path = "/v1/contradictions", tag = "node", params(ListQuery),
    responses((status = 200, body = Contradictions), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(
    State(context): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Contradictions>, Problem> {
    let ListQuery { limit, after } = super::query(query)?;
    let limit = limit.unwrap_or(LIMIT_MAX);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let bad = || Problem::new(Code::BadRequest, "after: not the `next` of an earlier answer");
    let after = after.map(|text| Digest::from_hex(&text).ok_or_else(bad)).transpose()?;
    let found = context.commands.contradictions(after, limit).await?;
    let next = found.last().filter(|_| found.len() == limit).map(|(place, _)| place.to_string());
    let contradictions = read_store(&context, move |store| {
        let mut rows = Vec::with_capacity(found.len());
        for (_, id) in found {
            // One that a newer one replaced just now is in the next answer.
            rows.extend(store.record(&id)?.as_ref().and_then(ContradictionRow::of));
        }
        Ok(rows)
    });
    let schema = "trellis.contradictions/1".to_owned();
    Ok(Json(Contradictions { schema, contradictions: contradictions.await?, next }))
}

/// Proofs in one answer, up to 45 kB each in base64.
const LIMIT_MAX: usize = 100;
