//! Rules: put forward, confirm, challenge, list, show.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use bytes::Bytes;
use node::levels::Amount;
use node::people::Actor;
use node::rules::{Stance, Word, name_of};
use node::{Answer, Command, Decision};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;
use wire::Digest;

use super::Shared;
use super::alerts::json as line;
use super::people::waits;
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{
    NewChallenge, NewConfirmation, NewRule, ProblemBody, RuleAnswer, RuleEvidence, RuleSaid, Rules,
    Waits,
};
use crate::commands::unexpected;

/// Query of `GET /v1/rules`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListQuery {
    /// At most so many, 1 to 1,000; 100 unless told.
    limit: Option<usize>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Lists rules that anybody has spoken of.
#[utoipa::path(get, path = "/v1/rules", tag = "rules", params(ListQuery),
    responses((status = 200, body = Rules), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(
    State(context): State<Shared>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<Rules>, Problem> {
    let ListQuery { limit, after } = super::query(query)?;
    let limit = limit.unwrap_or(LIMIT);
    if !(1..=LIMIT_MAX).contains(&limit) {
        let detail = format!("limit must be 1 to {LIMIT_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let after = after.as_deref().map(digest).transpose()?;
    match context.commands.ask(Command::Rules(after, limit)).await? {
        Answer::Rules(rules, all) => Ok(Json(Rules::of(&rules, all, limit))),
        other => Err(unexpected(&other).into()),
    }
}

/// Shows one rule, all words on it, and what it says where that is here.
#[utoipa::path(get, path = "/v1/rules/{id}", tag = "rules",
    params(("id" = String, Path, description = "The rule's id")),
    responses((status = 200, body = RuleAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RuleAnswer>, Problem> {
    let command = Command::Rule(digest(&super::path(id)?)?);
    show(&context, context.commands.ask(command).await?)
}

/// The same, and asks everybody what it says where that is not here: try again in a moment.
#[utoipa::path(post, path = "/v1/rules/{id}/fetch", tag = "rules",
    params(("id" = String, Path, description = "The rule's id")),
    responses((status = 200, body = RuleAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn fetch(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RuleAnswer>, Problem> {
    let command = Command::WantRule(digest(&super::path(id)?)?);
    show(&context, context.commands.ask(command).await?)
}

/// Proves that a rule is accepted, by the newest checkpoint.
#[utoipa::path(get, path = "/v1/rules/{id}/proof", tag = "rules",
    params(("id" = String, Path, description = "The rule's id")),
    responses((status = 200, body = RuleEvidence), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn prove(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<RuleEvidence>, Problem> {
    let command = Command::ProveRule(digest(&super::path(id)?)?);
    match context.commands.ask(command).await? {
        Answer::RuleProven(proven) => Ok(Json(RuleEvidence::of(&proven, context.facts.network.id))),
        other => Err(unexpected(&other).into()),
    }
}

/// Puts a rule forward.
#[utoipa::path(post, path = "/v1/rules", tag = "rules", request_body = NewRule,
    responses((status = 200, body = RuleSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn commit(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let new: NewRule = body::json(&headers, body).await?;
    let NewRule { logic, context: place, confidence, evidence, note } = new;
    // Keys are sorted: two authors that find one rule write the same bytes.
    let content = line(&json!({ "context": place, "logic": logic }))?;
    let word = Word {
        stance: Stance::Commit,
        logic: signature("trellis-rule-logic-v1", &logic)?,
        context: signature("trellis-rule-context-v1", &place)?,
        confidence: thousandths(&confidence)?,
        evidence,
        note: reason(&note)?,
    };
    let rule = name_of(&content);
    said(rule, context.commands.decide(actor, Decision::CommitRule { content, word }).await?)
}

/// Calls a rule right.
#[utoipa::path(post, path = "/v1/rules/{id}/confirm", tag = "rules",
    params(("id" = String, Path, description = "The rule's id")), request_body = NewConfirmation,
    responses((status = 200, body = RuleSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn confirm(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let rule = digest(&super::path(id)?)?;
    let NewConfirmation { confidence, evidence } = body::json(&headers, body).await?;
    let confidence = thousandths(&confidence)?;
    let decision = Decision::ConfirmRule { rule, confidence, evidence };
    said(rule, context.commands.decide(actor, decision).await?)
}

/// Calls a rule wrong. It stays, and so does every word on it.
#[utoipa::path(post, path = "/v1/rules/{id}/challenge", tag = "rules",
    params(("id" = String, Path, description = "The rule's id")), request_body = NewChallenge,
    responses((status = 200, body = RuleSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn challenge(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let rule = digest(&super::path(id)?)?;
    let NewChallenge { reason: why } = body::json(&headers, body).await?;
    if why.trim().is_empty() {
        return Err(Problem::new(Code::BadRequest, "say why the rule is wrong"));
    }
    let decision = Decision::ChallengeRule { rule, note: reason(&why)? };
    said(rule, context.commands.decide(actor, decision).await?)
}

fn show(context: &crate::api::Context, answer: Answer) -> Result<Json<RuleAnswer>, Problem> {
    match answer {
        Answer::Rule(rule, content) => {
            Ok(Json(RuleAnswer::of(&rule, content.as_deref(), context.facts.node)))
        }
        other => Err(unexpected(&other).into()),
    }
}

fn said(rule: Digest, answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Waits(vote) => Ok(waits(&vote)),
        Answer::Written(ids) => {
            let id = ids.first().map(ToString::to_string).unwrap_or_default();
            let (schema, rule) = ("trellis.rule-said/1".to_owned(), rule.to_string());
            Ok(Json(RuleSaid { schema, rule, id }).into_response())
        }
        other => Err(unexpected(&other).into()),
    }
}

/// Reads a confidence from 0 to 1, digit for digit.
fn thousandths(value: &Value) -> Result<u64, Problem> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let amount: Option<Amount> = text.parse().ok();
    amount.map(|it| it.0).filter(|it| *it <= 1_000).ok_or_else(|| {
        Problem::new(Code::BadRequest, "confidence is 0 to 1, with at most three decimals")
    })
}

fn signature(label: &str, value: &Value) -> Result<Digest, Problem> {
    Ok(Digest::of(label, &[&line(value)?]))
}

fn reason(text: &str) -> Result<Bytes, Problem> {
    if REASON_BYTES_MAX < text.len() {
        let detail = format!("a reason has at most {REASON_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    line(&text)
}

fn digest(text: &str) -> Result<Digest, Problem> {
    let bad = || Problem::new(Code::BadRequest, "a rule's id has 64 hexadecimal digits");
    Digest::from_hex(text).ok_or_else(bad)
}

const LIMIT: usize = 100;
const LIMIT_MAX: usize = 1_000;
const REASON_BYTES_MAX: usize = 500;
