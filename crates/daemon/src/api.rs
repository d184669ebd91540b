//! The operator's API: JSON over HTTP on loopback (docs/api.md).

mod admit;
mod body;
mod convert;
mod document;
pub mod problem;
pub(crate) mod routes;
mod server;
pub mod types;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use node::people::Roster;
use store::Read;
use tokio::sync::watch;
use transport::Transport;
use wire::NodeId;

pub use document::document;
pub(crate) use server::serve;

use crate::clock::Clock;
use crate::commands::Commands;
use crate::discovery::Discovery;
use crate::invites::Invites;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::runtime::Condition;
use crate::shelf::Shelf;
use crate::tls;
use admit::Gate;
use problem::{Code, Problem};

/// What every route may use.
pub(crate) struct Context {
    pub(crate) commands: Commands,
    pub(crate) reader: Arc<dyn Read>,
    pub(crate) facts: Facts,
    pub(crate) gate: Gate,
    pub(crate) metrics: Metrics,
    pub(crate) transport: Transport,
    pub(crate) condition: watch::Receiver<Condition>,
    pub(crate) clock: Clock,
    pub(crate) invites: Arc<Invites>,
    /// The door's certificate, where it speaks TLS.
    pub(crate) tls: Option<Arc<tls::Reader>>,
    pub(crate) discovery: Arc<Discovery>,
    pub(crate) shelf: Shelf,
}

/// What stays the same from start to end.
pub(crate) struct Facts {
    pub(crate) node: NodeId,
    pub(crate) network: Network,
    pub(crate) started: String,
    pub(crate) http: Option<String>,
    pub(crate) listen: Vec<String>,
    pub(crate) api: String,
    pub(crate) directory: PathBuf,
    pub(crate) settings: Vec<types::Setting>,
}

type Shared = Arc<Context>;

/// Makes the gate of one listener.
pub(crate) fn gate(token: &str, address: SocketAddr, roster: watch::Receiver<Roster>) -> Gate {
    Gate::new(token, address, roster)
}

/// Makes the router. Each path stands here and in [`document`]; a test compares them.
pub(crate) fn router(context: Shared) -> Router {
    Router::new()
        .route("/v1/checkpoints", get(routes::checkpoints::list))
        .route("/v1/contradictions", get(routes::contradictions::list))
        .route("/v1/checkpoints/{name}", get(routes::checkpoints::read))
        .route("/v1/status", get(routes::status::status))
        .route("/v1/peers", get(routes::peers::list).post(routes::peers::add))
        .route("/v1/transfers", get(routes::transfers::list).post(routes::transfers::propose))
        .route("/v1/transfers/{id}", get(routes::transfers::read))
        .route("/v1/transfers/{id}/yes", post(routes::transfers::yes))
        .route("/v1/transfers/{id}/no", post(routes::transfers::no))
        .route("/v1/transfers/{id}/done", post(routes::transfers::done))
        .route("/v1/direct", post(routes::letters::send))
        .route("/v1/messages", post(routes::messages::publish))
        .route("/v1/events", get(routes::events::events))
        .route("/v1/entries", get(routes::entries::list).post(routes::entries::append))
        .route(
            "/v1/entries/{name}",
            get(routes::entries::read).put(routes::entries::write).delete(routes::entries::remove),
        )
        .route("/v1/invites", get(routes::invites::list).post(routes::invites::make))
        .route("/v1/invites/{invite}/accept", post(routes::invites::accept))
        .route("/v1/invites/{invite}/refuse", post(routes::invites::refuse))
        .route("/v1/levels", get(routes::levels::list))
        .route("/v1/levels/own", get(routes::levels::own).post(routes::levels::set))
        .route("/v1/levels/own/{kind}", axum::routing::delete(routes::levels::remove))
        .route("/v1/alerts", get(routes::alerts::list).post(routes::alerts::raise))
        .route("/v1/alerts/{id}", get(routes::alerts::read))
        .route("/v1/alerts/{id}/acknowledge", post(routes::alerts::acknowledge))
        .route("/v1/alerts/{id}/dispute", post(routes::alerts::dispute))
        .route("/v1/rules", get(routes::rules::list).post(routes::rules::commit))
        .route("/v1/rules/{id}", get(routes::rules::read))
        .route("/v1/rules/{id}/fetch", post(routes::rules::fetch))
        .route("/v1/rules/{id}/proof", get(routes::rules::prove))
        .route("/v1/rules/{id}/confirm", post(routes::rules::confirm))
        .route("/v1/rules/{id}/challenge", post(routes::rules::challenge))
        .route("/v1/seeds", get(routes::seeds::list).post(routes::seeds::offer))
        .route("/v1/seeds/{id}", get(routes::seeds::read))
        .route("/v1/seeds/{id}/content", get(routes::seeds::content))
        .route("/v1/seeds/{id}/plant", post(routes::seeds::plant))
        .route("/v1/seeds/{id}/compost", post(routes::seeds::compost))
        .route("/v1/seeds/{id}/later", post(routes::seeds::later))
        .route("/v1/seeds/{id}/uproot", post(routes::seeds::uproot))
        .route("/v1/log", get(routes::log::read))
        .route("/v1/people", get(routes::people::list).post(routes::people::add))
        .route("/v1/people/{name}", axum::routing::delete(routes::people::remove))
        .route("/v1/proofs/{name}", get(routes::proofs::read))
        .route("/v1/import", post(routes::import::import))
        .route("/v1/root", get(routes::status::root))
        .route("/v1/config", get(routes::status::config))
        .route("/v1/openapi.json", get(routes::status::openapi))
        .route("/livez", get(routes::probes::livez))
        .route("/readyz", get(routes::probes::readyz))
        .route("/metrics", get(routes::probes::metrics))
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Arc::clone(&context), enter))
        .with_state(context)
}

/// Checks who comes in, and counts how it went.
async fn enter(
    axum::extract::State(context): axum::extract::State<Shared>,
    mut request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    let route = request.extensions().get::<axum::extract::MatchedPath>();
    let route = route.map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    let path = request.uri().path();
    let response = match context.gate.admit(&method, path, request.headers()) {
        Ok(actor) => {
            if let Some(actor) = actor {
                request.extensions_mut().insert(actor);
            }
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    // A made-up method must not become a label of its own.
    let method = match method.as_str() {
        "DELETE" | "GET" | "HEAD" | "POST" | "PUT" => method.as_str(),
        _ => "other",
    };
    context.metrics.requested(method, &route, response.status().as_u16());
    response
}

async fn unknown_path(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    Problem::new(Code::NotFound, format!("no path {path}; GET /v1/openapi.json lists them all"))
}

async fn wrong_method(request: Request) -> Problem {
    let path: String = request.uri().path().chars().take(80).collect();
    let detail = format!("{} is not for {path}; see GET /v1/openapi.json", request.method());
    Problem::new(Code::MethodNotAllowed, detail)
}

/// Reads a line of an import, for the fuzz target.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz_line(bytes: &[u8]) {
    if let Ok(draft) = routes::import::draft(bytes, "fuzz", wire::limits::BODY_BYTES_MAX) {
        let value = draft.value.as_deref().unwrap_or_default();
        assert!(serde_json::from_slice::<serde_json::Value>(value).is_ok(), "a value is JSON");
    }
}
