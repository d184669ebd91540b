//! Probes and metrics.

use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::ProblemBody;
use crate::commands::Failure;
use crate::metrics::Sample;

/// Says that the process answers; peers have no say in it.
#[utoipa::path(get, path = "/livez", tag = "node", security(()),
    responses((status = 200, body = String)))]
pub(crate) async fn livez() -> &'static str {
    "ok"
}

/// Says whether the store writes and the node answers within a second.
#[utoipa::path(get, path = "/readyz", tag = "node", security(()),
    responses((status = 200, body = String), (status = 503, body = String)))]
pub(crate) async fn readyz(State(context): State<Shared>) -> Response {
    // A word and no more: nobody has shown a token.
    let not_yet = |why: &'static str| (StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    let condition = context.condition.borrow().clone();
    if condition.stopping {
        return not_yet("stopping");
    }
    match condition.failing {
        Some(Failure::DiskFull(_)) => return not_yet(Code::DiskFull.name()),
        Some(_) => return not_yet(Code::StoreFailed.name()),
        None => {}
    }
    match tokio::time::timeout(READY_MAX, context.commands.status()).await {
        Ok(Ok(_)) => "ok".into_response(),
        Ok(Err(_)) | Err(_) => not_yet("the node does not answer within 1 s"),
    }
}

/// Returns the metrics in the text format.
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, description = "Prometheus text", body = String),
        (status = "4XX", body = ProblemBody)))]
pub(crate) async fn metrics(State(context): State<Shared>) -> Result<Response, Problem> {
    let status = context.commands.status().await?;
    let peers = context.commands.peers().await?;
    let minutes = context.commands.checkpoints().await?;
    let checkpoints = minutes.map(|it| {
        let newest = it.sealed.last().map(|it| (it.checkpoint.height, it.checkpoint.count));
        let (height, entries) = newest.unwrap_or_default();
        [height, entries, u64::try_from(it.evidence.len()).unwrap_or(u64::MAX)]
    });
    let feed = context.commands.events();
    let sample = Sample {
        status,
        peers,
        traffic: context.transport.traffic(),
        uptime_s: context.clock.uptime().as_secs_f64(),
        readers: feed.readers(),
        events_lost: feed.lost(),
        queues: context.condition.borrow().queues,
        discovered: context.discovery.look().0,
        checkpoints,
    };
    let text = context.metrics.text(sample);
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text).into_response())
}

const READY_MAX: Duration = Duration::from_secs(1);
