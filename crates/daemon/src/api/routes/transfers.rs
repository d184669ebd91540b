//! Transfers: propose, list, decide.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Json};
use node::levels::Amount;
use node::people::Actor;
use node::transfers::{Confirmation, Proposal, TICK_MS, TransferView};
use node::{Answer, Decision};
use wire::{Side, TransferId};

use super::letters::node;
use super::people::waits;
use super::{Context, Shared};
use crate::api::body;
use crate::api::problem::{Code, Problem};
use crate::api::types::{
    Done, NewTransfer, ProblemBody, ProposedTransfer, TransferAnswer, TransferList, TransferRow,
    TransferSide, TransferYes, Waits,
};
use crate::commands::unexpected;

/// Lists transfers, those that can be decided on first.
#[utoipa::path(get, path = "/v1/transfers", tag = "transfers",
    responses((status = 200, body = TransferList), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Result<Json<TransferList>, Problem> {
    let views = context.commands.transfers().await?;
    let transfers = views.iter().map(TransferRow::of).collect();
    Ok(Json(TransferList { schema: "trellis.transfers/1".to_owned(), transfers }))
}

/// Shows a transfer with its record, which is a proof once it is agreed.
#[utoipa::path(get, path = "/v1/transfers/{id}", tag = "transfers",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = TransferAnswer), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn read(
    State(context): State<Shared>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<TransferAnswer>, Problem> {
    let view = find(&context, transfer(id)?).await?;
    let network = context.commands.status().await?.network;
    Ok(Json(TransferAnswer::of(&view, &network)))
}

/// Proposes a transfer. It is no yes: people at both nodes decide then, and neither side sees the other's
/// choice before both have said yes.
#[utoipa::path(post, path = "/v1/transfers", tag = "transfers", request_body = NewTransfer,
    responses((status = 200, body = ProposedTransfer), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn propose(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let wish: NewTransfer = body::json(&headers, body).await?;
    let replaces = wish.replaces.as_deref().map(id_of).transpose()?;
    let proposal = Proposal {
        with: node(&wish.with)?,
        side: match wish.side.unwrap_or_default() {
            TransferSide::Give => Side::Giver,
            TransferSide::Take => Side::Taker,
        },
        kind: wish.kind,
        amount: amount(&wish.amount)?,
        unit: wish.unit,
        decide_ms: wish.decide_s.unwrap_or(DECIDE_S).saturating_mul(1_000),
        tick_ms: wish.tick_s.map_or(TICK_MS, |it| it.saturating_mul(1_000)),
        replaces,
    };
    let decision = Decision::ProposeTransfer(proposal);
    decided(context.commands.decide(actor, decision).await?)
}

/// Says yes, to exactly what is named. It shows only if the other side says yes, too.
#[utoipa::path(post, path = "/v1/transfers/{id}/yes", tag = "transfers",
    params(("id" = String, Path, description = "Its id")), request_body = TransferYes,
    responses((status = 200, body = Done), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn yes(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let id = transfer(id)?;
    let said: TransferYes = body::json(&headers, body).await?;
    let (with, amount) = (node(&said.with)?, amount(&said.amount)?);
    let decision = Decision::AgreeTransfer(id, Confirmation { with, amount, unit: said.unit });
    decided(context.commands.decide(actor, decision).await?)
}

/// Says no: the transfer ends at once, for both nodes, without a reason.
#[utoipa::path(post, path = "/v1/transfers/{id}/no", tag = "transfers",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Done), (status = "4XX", body = ProblemBody),
        (status = 507, body = ProblemBody)))]
pub(crate) async fn no(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let decision = Decision::RefuseTransfer(transfer(id)?);
    decided(context.commands.decide(actor, decision).await?)
}

/// Signs that this node's part of an agreed transfer is done: handed over, or received.
#[utoipa::path(post, path = "/v1/transfers/{id}/done", tag = "transfers",
    params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = Done), (status = 202, body = Waits),
        (status = "4XX", body = ProblemBody), (status = 507, body = ProblemBody)))]
pub(crate) async fn done(
    State(context): State<Shared>,
    Extension(actor): Extension<Actor>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let decision = Decision::FinishTransfer(transfer(id)?);
    decided(context.commands.decide(actor, decision).await?)
}

async fn find(context: &Context, id: TransferId) -> Result<TransferView, Problem> {
    let views = context.commands.transfers().await?;
    let unknown = || Problem::new(Code::NotFound, "no transfer of that id is here");
    views.into_iter().find(|it| it.terms.id == id).ok_or_else(unknown)
}

fn decided(answer: Answer) -> Result<Response, Problem> {
    match answer {
        Answer::Done => Ok(Json(Done { schema: "trellis.done/1".to_owned() }).into_response()),
        Answer::Proposed(id) => {
            let (schema, id) = ("trellis.proposed/1".to_owned(), id.to_string());
            Ok(Json(ProposedTransfer { schema, id }).into_response())
        }
        Answer::Waits(vote) => Ok(waits(&vote)),
        other => Err(unexpected(&other).into()),
    }
}

fn amount(text: &str) -> Result<Amount, Problem> {
    text.parse()
        .map_err(|error: node::levels::BadAmount| Problem::new(Code::BadRequest, error.to_string()))
}

fn transfer(id: Result<Path<String>, PathRejection>) -> Result<TransferId, Problem> {
    id_of(&super::path(id)?)
}

fn id_of(text: &str) -> Result<TransferId, Problem> {
    let bad = || Problem::new(Code::BadRequest, "a transfer's id has 64 hexadecimal digits");
    TransferId::from_hex(text).ok_or_else(bad)
}

/// How long people have to decide unless told: a day.
const DECIDE_S: u64 = 86_400;
