//! Peers: list, add.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use node::PeerStatus;
use wire::Address;

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::{Done, NewPeer, Peers, ProblemBody};
use crate::api::{body, convert};

/// Lists everybody the node knows of.
#[utoipa::path(get, path = "/v1/peers", tag = "peers",
    responses((status = 200, body = Peers), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Result<Json<Peers>, Problem> {
    let shown = |peer: PeerStatus| {
        let medium = peer.link.and_then(|link| context.transport.medium(link.0));
        convert::peer(peer, medium)
    };
    let peers = context.commands.peers().await?.into_iter().map(shown).collect();
    Ok(Json(Peers { schema: "trellis.peers/1".to_owned(), peers }))
}

/// Has an address dialled now and for ever after.
#[utoipa::path(post, path = "/v1/peers", tag = "peers", request_body = NewPeer,
    responses((status = 202, body = Done), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn add(
    State(context): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Done>), Problem> {
    let peer: NewPeer = body::json(&headers, body).await?;
    let address: Address = peer
        .address
        .parse()
        .map_err(|error: wire::WireError| Problem::new(Code::BadRequest, error.to_string()))?;
    context.commands.add_peer(address).await?;
    Ok((StatusCode::ACCEPTED, Json(Done { schema: "trellis.done/1".to_owned() })))
}
