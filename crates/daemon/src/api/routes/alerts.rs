//! Alerts: raise, list, show, acknowledge, dispute.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use node::alerts::{AlertQuery, Which};
use node::people::Actor;
use node::{Answer, Decision};
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use wire::{Class, RecordId};

use super::Shared;
use super::people::waits;
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{
    AlertAnswer, AlertRow, Alerts, Done, NewAcknowledgement, NewAlert, NewDispute, ProblemBody,
    Reason, Said, Told, Waits,
};
use crate::commands::unexpected;

/// Query of `GET /v1/alerts`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// Also those that somebody here takes care of; not unless told.
    #[serde(default)]
    all: bool,
    /// At most so many, 1 to 1,000; all unless told.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists what this node was warned of, the newest first.
#[utoipa::path(get, path = "/v1/alerts", tag = "alerts", params(ListQuery),
    responses((status = 200, body = Alerts), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(
    State(context): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Alerts>, Problem> {
    let ListQuery { all, limit, after } = super::query(query)?;
    if limit.is_some_and(|limit| !(1..=LIMIT_MAX).contains(&limit)) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let (now, me) = (context.clock.now(), context.facts.node);
    let which = if all { Which::All } else { Which::Open };
    let (after, max) = (after.as_deref().map(place).transpose()?, limit.unwrap_or(usize::MAX));
    let (alerts, left) = context.commands.alert_page(AlertQuery { which, after, max }).await?;
    let last = alerts.last().filter(|_| alerts.len() == max);
    let next = last.map(|it| format!("{}-{}", it.created_ms, it.id));
    let alerts = alerts.into_iter().map(|alert| AlertRow::of(alert, me, now)).collect();
    Ok(Json(Alerts { schema: "trellis.alerts/1".to_owned(), alerts, left, next }))
}

/// Reads where a page begins: behind an alert of this time and id.
fn place(text: &str) -> Result<(u64, RecordId), Problem> {
    let read = |(time, id): (&str, &str)| Some((time.parse().ok()?, RecordId::from_hex(id)?));
    let bad = || Problem::new(Code::BadRequest, "after must be the `next` of a page");
    text.split_once('-').and_then(read).ok_or_else(bad)
}

/// Shows one alert.
#[utoipa::path(get, path = "/v1/alerts/{id}", tag = "alerts",
    params(("id" = String, Path, description = "Record id")),
    responses((status = 200, body = AlertAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<AlertAnswer>, Problem> {
    let id = record(id)?;
    let (alerts, _) = context.commands.alerts().await?;
    let found = alerts.into_iter().find(|alert| alert.id == id);
    let unknown = || Problem::new(Code::NotFound, "no alert of that id is here");
    let (now, me) = (context.clock.now(), context.facts.node);
    let alert = AlertRow::of(found.ok_or_else(unknown)?, me, now);
    Ok(Json(AlertAnswer { schema: "trellis.alert/1".to_owned(), alert }))
}

/// Warns everybody.
#[utoipa::path(post, path = "/v1/alerts", tag = "alerts", request_body = NewAlert,
    responses((status = 200, body = Told), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn raise(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let NewAlert { text, severity, evidence, life_s } = body::json(&headers, body).await?;
    check_text("text", &text)?;
    if EVIDENCE_MAX < evidence.len() || evidence.iter().any(|it| EVIDENCE_BYTES_MAX < it.len()) {
        let detail =
            format!("at most {EVIDENCE_MAX} pieces of evidence of {EVIDENCE_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let payload = json(&Said { severity, text, evidence })?;
    let life_ms = life_s.unwrap_or(LIFE_S).saturating_mul(1_000);
    let decision = Decision::RaiseAlert { payload, life_ms };
    told(context.commands.decide(actor, decision).await?, Class::Alert)
}

/// Takes care of an alert: it is not shown for a while.
#[utoipa::path(post, path = "/v1/alerts/{id}/acknowledge", tag = "alerts",
    params(("id" = String, Path, description = "Record id")), request_body = NewAcknowledgement,
    responses((status = 200, body = Done), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn acknowledge(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let alert = record(id)?;
    let NewAcknowledgement { for_s, note } = body::json(&headers, body).await?;
    if TEXT_BYTES_MAX < note.len() {
        let detail = format!("a note has at most {TEXT_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let note = json(&note)?;
    let life_ms = for_s.unwrap_or(ACKNOWLEDGED_S).saturating_mul(1_000);
    let decision = Decision::AcknowledgeAlert { alert, note, life_ms };
    told(context.commands.decide(actor, decision).await?, Class::Normal)
}

/// Tells everybody that an alert is wrong.
#[utoipa::path(post, path = "/v1/alerts/{id}/dispute", tag = "alerts",
    params(("id" = String, Path, description = "Record id")), request_body = NewDispute,
    responses((status = 200, body = Told), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn dispute(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let alert = record(id)?;
    let NewDispute { reason } = body::json(&headers, body).await?;
    check_text("reason", &reason)?;
    let payload = json(&Reason { reason })?;
    let decision = Decision::DisputeAlert { alert, payload };
    told(context.commands.decide(actor, decision).await?, Class::Normal)
}

/// Says what a decision led to.
fn told(answer: Answer, said: Class) -> Result<Response, Problem> {
    match answer {
        Answer::Done => Ok(Json(Done { schema: "trellis.done/1".to_owned() }).into_response()),
        Answer::Published { id, links, class } => {
            let (schema, id) = ("trellis.told/1".to_owned(), id.to_string());
            // What is over its author's budget is handled as another class than its own (ALERT-1).
            let demoted = class != said;
            let class = class.into();
            Ok(Json(Told { schema, id, links, class, demoted }).into_response())
        }
        Answer::Waits(vote) => Ok(waits(&vote)),
        other => Err(unexpected(&other).into()),
    }
}

fn check_text(name: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() || TEXT_BYTES_MAX < text.len() {
        let detail = format!("{name} must be 1 to {TEXT_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    Ok(())
}

fn record(id: Result<Path<String>, PathRejection>) -> Result<RecordId, Problem> {
    let bad = || Problem::new(Code::BadRequest, "an alert's id has 64 hexadecimal digits");
    RecordId::from_hex(&super::path(id)?).ok_or_else(bad)
}

/// Writes JSON on one line, with control characters that JSON allows as escapes.
pub(super) fn json(value: &impl Serialize) -> Result<Bytes, Problem> {
    let text = serde_json::to_string(value);
    let text = text.map_err(|error| Problem::new(Code::BadJson, error.to_string()))?;
    let mut line = String::with_capacity(text.len());
    for letter in text.chars() {
        if letter.is_control() {
            line += &format!("\\u{:04x}", u32::from(letter));
        } else {
            line.push(letter);
        }
    }
    Ok(Bytes::from(line))
}

const LIMIT_MAX: usize = 1_000;
const TEXT_BYTES_MAX: usize = 2_000;
const EVIDENCE_MAX: usize = 8;
const EVIDENCE_BYTES_MAX: usize = 500;
/// Life of an alert whose author names none: a day.
const LIFE_S: u64 = 86_400;
/// How long somebody takes care who does not say: 12 hours.
const ACKNOWLEDGED_S: u64 = 43_200;
