//! How the node is: status, root, settings, and the document of this API.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use node::{Answer, Command};

use super::Shared;
use crate::api::problem::Problem;
use crate::api::types::{Config, ProblemBody, Root, Status};
use crate::api::{convert, document};
use crate::commands::unexpected;

/// Says how this node is.
#[utoipa::path(get, path = "/v1/status", tag = "node",
    responses((status = 200, body = Status), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn status(State(context): State<Shared>) -> Result<Json<Status>, Problem> {
    let status = context.commands.status().await?;
    match context.commands.ask(Command::Waiting).await? {
        Answer::Waiting(waiting) => Ok(Json(convert::status(&context, status, waiting))),
        other => Err(unexpected(&other).into()),
    }
}

/// Says which root the state has and who agrees.
#[utoipa::path(get, path = "/v1/root", tag = "node",
    responses((status = 200, body = Root), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn root(State(context): State<Shared>) -> Result<Json<Root>, Problem> {
    let status = context.commands.status().await?;
    Ok(Json(Root {
        schema: "trellis.root/1".to_owned(),
        root: status.state.root.to_string(),
        entries: status.state.count,
        version: status.state_version,
        links: status.links,
        agreeing: status.agreeing,
    }))
}

/// Lists the settings with their origins.
#[utoipa::path(get, path = "/v1/config", tag = "node",
    responses((status = 200, body = Config), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn config(State(context): State<Shared>) -> Json<Config> {
    let settings = context.facts.settings.clone();
    Json(Config { schema: "trellis.config/1".to_owned(), settings })
}

/// Returns this document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "node",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], document()).into_response()
}
