//! Seeds: offer, list, show, plant, compost, put off, uproot, and what is in them.

#![expect(unused_qualifications, reason = "utoipa writes full paths")]

use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use futures_util::StreamExt as _;
use node::people::{Actor, Deed, Role};
use node::seeds::{Brief, Choice, SeedDecision, SeedError, Usage};
use node::{Answer, Command, Decision};
use serde::Deserialize;
use serde_json::json;
use tokio::io::AsyncReadExt as _;
use utoipa::IntoParams;
use wire::{Digest, SeedId, limits};

use super::Shared;
use super::alerts::json as line;
use super::people::waits;
use crate::api::problem::{Code, Problem};
use crate::api::types::{
    NewLater, ProblemBody, SeedAnswer, SeedHidden, SeedRow, SeedSaid, SeedState, Seeds, Waits,
};
use crate::api::{Context, body};
use crate::commands::{Failure, unexpected};
use crate::shelf::Upload;

/// Query of `POST /v1/seeds`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfferQuery {
    /// What it is called, 1 to 200 bytes.
    title: String,
    /// Its language, such as `pt-BR`.
    language: Option<String>,
    /// Its licence, such as `CC-BY-4.0`.
    licence: Option<String>,
    /// The seed that it is meant to take the place of.
    supersedes: Option<String>,
    /// How long the offer stands, seconds; unless told as long as the network allows, 30 days at most.
    life_s: Option<u64>,
}

/// Lists what is offered and what was decided here.
#[utoipa::path(get, path = "/v1/seeds", tag = "seeds",
    responses((status = 200, body = Seeds), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Result<Json<Seeds>, Problem> {
    match context.commands.ask(Command::Seeds).await? {
        Answer::Seeds(seeds, usage) => {
            let now = context.clock.now().unix_ms;
            Ok(Json(Seeds::of(&seeds, usage, context.facts.node, now)))
        }
        other => Err(unexpected(&other).into()),
    }
}

/// Shows one seed, and how it begins where it is here.
#[utoipa::path(get, path = "/v1/seeds/{id}", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")),
    responses((status = 200, body = SeedAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<SeedAnswer>, Problem> {
    let id = digest(&super::path(id)?)?;
    let row = row(&context, id).await?;
    let preview = if row.state == SeedState::Held { preview(&context, id).await } else { None };
    let schema = "trellis.seed/1".to_owned();
    Ok(Json(SeedAnswer { schema, row, preview }))
}

/// Returns the content of a seed that is here, byte for byte.
#[utoipa::path(get, path = "/v1/seeds/{id}/content", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")),
    responses((status = 200, description = "Its bytes", content_type = "application/octet-stream"),
        (status = "4XX", body = ProblemBody)))]
pub(crate) async fn content(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = digest(&super::path(id)?)?;
    let row = row(&context, id).await?;
    if row.state != SeedState::Held {
        let detail = "its content is not here: `trellis seed plant` brings it";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let file = context.shelf.content(&id).map_err(|error| failed(&error))?;
    let file = tokio::fs::File::from_std(file);
    let parts = futures_util::stream::unfold(file, |mut file| async move {
        let mut bytes = vec![0; READ_BYTES];
        match file.read(&mut bytes).await {
            Ok(0) => None,
            Ok(count) => {
                bytes.truncate(count);
                Some((Ok(bytes), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    });
    let kind = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, row.size.to_string()),
        // A browser must not run what a stranger wrote.
        (header::CONTENT_DISPOSITION, "attachment".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    Ok((kind, Body::from_stream(parts)).into_response())
}

/// Offers the body of the request to everybody as a seed.
#[utoipa::path(post, path = "/v1/seeds", tag = "seeds", params(OfferQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = SeedSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn offer(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    query: Result<Query<OfferQuery>, QueryRejection>,
    body: Body,
) -> Result<Response, Problem> {
    let OfferQuery { title, language, licence, supersedes, life_s } = super::query(query)?;
    for (name, text, max) in [
        ("title", Some(&title), TITLE_BYTES_MAX),
        ("language", language.as_ref(), LABEL_BYTES_MAX),
        ("licence", licence.as_ref(), LABEL_BYTES_MAX),
    ] {
        if text.is_some_and(|it| it.trim().is_empty() || max < it.len()) {
            let detail = format!("{name} has 1 to {max} bytes");
            return Err(Problem::new(Code::BadRequest, detail));
        }
    }
    if actor.role == Role::Observer {
        // Refused before it sends a gigabyte.
        let detail =
            format!("{} is for a Mirror, and {} is observer here", Deed::OfferSeed, actor.name);
        return Err(Problem::new(Code::WrongRole, detail));
    }
    let supersedes = supersedes.as_deref().map(digest).transpose()?;
    let about = line(&json!({ "language": language, "licence": licence, "title": title }))?;
    let network_ms = context.facts.network.message_life_ms_max;
    let life_ms = life_s.map_or(network_ms.min(LIFE_MS), |it| it.saturating_mul(1_000));
    let upload = receive(&context, body).await?;
    let (shape, fresh) = blocking(move || upload.keep()).await?;
    let id = shape.id();
    let brief = Brief { shape, supersedes, about };
    let decision = Decision::Seed(SeedDecision::Offer(brief, life_ms));
    let outcome = context.commands.decide(actor, decision).await;
    if fresh && !matches!(outcome, Ok(Answer::Published { .. })) {
        forget(&context, id).await;
    }
    match outcome? {
        Answer::Published { .. } => Ok(said(id, SeedState::Held)),
        Answer::Waits(vote) => Ok(waits(&vote)),
        other => Err(unexpected(&other).into()),
    }
}

/// Takes a seed in: its content is fetched from whoever holds it, and nothing else happens with it.
#[utoipa::path(post, path = "/v1/seeds/{id}/plant", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")),
    responses((status = 200, body = SeedSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn plant(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = digest(&super::path(id)?)?;
    decide(&context, actor, (id, SeedState::Planting), SeedDecision::Plant(id)).await
}

/// Declines a seed: nobody here is asked about it again.
#[utoipa::path(post, path = "/v1/seeds/{id}/compost", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")),
    responses((status = 200, body = SeedSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn compost(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = digest(&super::path(id)?)?;
    decide(&context, actor, (id, SeedState::Composted), SeedDecision::Compost(id)).await
}

/// Puts a seed off: it waits for somebody again after that.
#[utoipa::path(post, path = "/v1/seeds/{id}/later", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")), request_body = NewLater,
    responses((status = 200, body = SeedSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn later(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = digest(&super::path(id)?)?;
    let NewLater { for_s } = body::json(&headers, body).await?;
    let decision = SeedDecision::Postpone(id, for_s.saturating_mul(1_000));
    decide(&context, actor, (id, SeedState::Later), decision).await
}

/// Forgets the content of a seed, or stops fetching it.
#[utoipa::path(post, path = "/v1/seeds/{id}/uproot", tag = "seeds",
    params(("id" = String, Path, description = "The seed's name")),
    responses((status = 200, body = SeedSaid), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn uproot(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let id = digest(&super::path(id)?)?;
    decide(&context, actor, (id, SeedState::Offered), SeedDecision::Uproot(id)).await
}

async fn decide(
    context: &Context,
    actor: Actor,
    (id, state): (SeedId, SeedState),
    decision: SeedDecision,
) -> Result<Response, Problem> {
    match context.commands.decide(actor, Decision::Seed(decision)).await? {
        Answer::Done => Ok(said(id, state)),
        Answer::Waits(vote) => Ok(waits(&vote)),
        other => Err(unexpected(&other).into()),
    }
}

fn said(id: SeedId, state: SeedState) -> Response {
    let schema = "trellis.seed-said/1".to_owned();
    Json(SeedSaid { schema, seed: id.to_string(), state }).into_response()
}

async fn row(context: &Context, id: SeedId) -> Result<SeedRow, Problem> {
    match context.commands.ask(Command::Seed(id)).await? {
        Answer::Seed(seed, _) => {
            Ok(SeedRow::of(&seed, context.facts.node, context.clock.now().unix_ms))
        }
        other => Err(unexpected(&other).into()),
    }
}

/// Takes the body in, as far as there is room for it.
async fn receive(context: &Context, body: Body) -> Result<Upload, Problem> {
    let usage = match context.commands.ask(Command::Seeds).await? {
        Answer::Seeds(_, usage) => usage,
        other => return Err(unexpected(&other).into()),
    };
    let Usage { used_bytes, max_bytes } = usage;
    let left_bytes = max_bytes.saturating_sub(used_bytes);
    let shelf = context.shelf.clone();
    let mut upload = blocking(move || shelf.upload()).await?;
    let mut parts = body.into_data_stream();
    loop {
        let part = tokio::time::timeout(PART_MAX, parts.next()).await;
        let late = || Problem::new(Code::BadRequest, "the body stopped in the middle of it");
        let Some(part) = part.map_err(|_| late())? else { break };
        let part = part.map_err(|error| {
            Problem::new(Code::BadRequest, format!("the body could not be read: {error}"))
        })?;
        let size = upload.size().saturating_add(part.len() as u64);
        if limits::SEED_BYTES_MAX < size {
            return Err(Problem::new(Code::TooLarge, SeedError::Size.to_string()));
        }
        // What is here already takes no more room; that is known at its end.
        if left_bytes.saturating_add(used_bytes) < size {
            let error = SeedError::Budget { need_bytes: size, left_bytes, max_bytes };
            return Err(Failure::Refused(error.into()).into());
        }
        upload = blocking(move || upload.add(&part).map(|()| upload)).await?;
    }
    if upload.size() == 0 {
        return Err(Failure::Refused(SeedError::Size.into()).into());
    }
    Ok(upload)
}

/// Forgets what was handed to us in vain, unless somebody else decided on it meanwhile.
async fn forget(context: &Context, id: SeedId) {
    let wanted = match context.commands.ask(Command::Seed(id)).await {
        Ok(Answer::Seed(seed, _)) => {
            let choice = seed.shelved.map(|it| it.choice);
            matches!(choice, Some(Choice::Held | Choice::Planting))
        }
        Ok(_) | Err(_) => false,
    };
    if !wanted {
        let shelf = context.shelf.clone();
        let _gone = blocking(move || {
            shelf.remove(&id);
            Ok(())
        })
        .await;
    }
}

/// Reads how a content begins, if that is text.
async fn preview(context: &Context, id: SeedId) -> Option<SeedHidden> {
    let file = context.shelf.content(&id).ok()?;
    let mut bytes = Vec::new();
    let read = tokio::fs::File::from_std(file).take(PREVIEW_BYTES).read_to_end(&mut bytes).await;
    read.ok()?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        // A letter was cut.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(bytes.get(..error.valid_up_to())?).ok()?
        }
        Err(_) => return None,
    };
    (!text.contains('\0')).then(|| SeedHidden::of(text))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, Problem> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome.map_err(|error| failed(&error)),
        Err(_) => Err(Problem::new(Code::Stopping, "the node is stopping")),
    }
}

fn failed(error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Code::DiskFull,
        _ => Code::StoreFailed,
    };
    Problem::new(code, format!("the contents of seeds: {error}; nothing changed"))
}

fn digest(text: &str) -> Result<Digest, Problem> {
    let bad = || Problem::new(Code::BadRequest, "a seed's name has 64 hexadecimal digits");
    Digest::from_hex(text).ok_or_else(bad)
}

const TITLE_BYTES_MAX: usize = 200;
const LABEL_BYTES_MAX: usize = 64;
const LIFE_MS: u64 = limits::MESSAGE_LIFE_MS_MAX;
/// Longest wait for a part of a body.
const PART_MAX: Duration = Duration::from_secs(30);
const READ_BYTES: usize = 64 * 1024;
const PREVIEW_BYTES: u64 = 4 * 1024;
