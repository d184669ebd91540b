//! People: who may decide at this node.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use node::people::{Actor, Assembly, Vote};
use node::{Answer, Decision};

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::{NewPerson, PeopleAnswer, PersonAnswer, ProblemBody, Waits};
use crate::api::{admit, body};
use crate::commands::unexpected;

/// Lists who may decide here, and what waits for them.
#[utoipa::path(get, path = "/v1/people", tag = "people",
    responses((status = 200, body = PeopleAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Result<Json<PeopleAnswer>, Problem> {
    Ok(Json(PeopleAnswer::of(&context.commands.people().await?)))
}

/// Names somebody and makes its token, which is shown this once.
#[utoipa::path(post, path = "/v1/people", tag = "people", request_body = NewPerson,
    responses((status = 200, body = PersonAnswer), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn add(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<PersonAnswer>, Problem> {
    let NewPerson { name, role } = body::json(&headers, body).await?;
    let token = fresh_token()?;
    let decision =
        Decision::AddPerson { name: name.clone(), role: role.into(), token: admit::hash(&token) };
    people(context.commands.decide(actor, decision).await?)?;
    Ok(Json(PersonAnswer { schema: "trellis.person/1".to_owned(), name, role, token }))
}

/// Takes a name away; its token opens nothing from then on.
#[utoipa::path(delete, path = "/v1/people/{name}", tag = "people",
    params(("name" = String, Path, description = "Name")),
    responses((status = 200, body = PeopleAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn remove(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<PeopleAnswer>, Problem> {
    let decision = Decision::RemovePerson(super::path(name)?);
    let assembly = people(context.commands.decide(actor, decision).await?)?;
    Ok(Json(PeopleAnswer::of(&assembly)))
}

fn people(answer: Answer) -> Result<Assembly, Problem> {
    match answer {
        Answer::People(assembly) => Ok(*assembly),
        other => Err(unexpected(&other).into()),
    }
}

/// Says that a decision takes another Mirror.
pub(super) fn waits(vote: &Vote) -> Response {
    (StatusCode::ACCEPTED, Json(Waits::of(vote))).into_response()
}

fn fresh_token() -> Result<String, Problem> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Problem::new(Code::StoreFailed, format!("no randomness from the system: {error}"))
    })?;
    Ok(wire::Digest(bytes).to_string())
}
