//! Invitations: make, list, decide.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use wire::{Address, Digest, Step, limits};

use super::Shared;
use crate::api::problem::{Code, Problem};
use crate::api::types::{InviteList, InviteMade, InviteRow, InviteState, NewInvite, ProblemBody};
use crate::api::{Context, body};
use crate::clock::{rfc3339, unix_ms};
use crate::invites::{InviteError, Invites, Shown, State as Stage};

/// Makes an invitation for one guest.
#[utoipa::path(post, path = "/v1/invites", tag = "peers", request_body = NewInvite,
    responses((status = 200, body = InviteMade), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn make(
    State(context): State<Shared>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<InviteMade>, Problem> {
    let wish: NewInvite = body::json(&headers, body).await?;
    let life_s = wish.life_s.unwrap_or(LIFE_S);
    if !(1..=LIFE_S_MAX).contains(&life_s) {
        let detail = format!("life_s must be 1 to {LIFE_S_MAX}");
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let addresses = match wish.addresses.is_empty() {
        true => addresses(&context).await?,
        false => read_addresses(&wish.addresses)?,
    };
    let now_s = unix_ms() / 1_000;
    let expires_s = now_s + life_s;
    let made = work(&context, move |it| it.make(expires_s, addresses, now_s)).await?;
    Ok(Json(InviteMade {
        schema: "trellis.invite/1".to_owned(),
        invite: made.name().to_string(),
        link: made.to_string(),
        expires: rfc3339(expires_s.saturating_mul(1_000)),
        addresses: made.addresses.iter().map(ToString::to_string).collect(),
    }))
}

/// Lists invitations.
#[utoipa::path(get, path = "/v1/invites", tag = "peers",
    responses((status = 200, body = InviteList), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn list(State(context): State<Shared>) -> Json<InviteList> {
    let now_s = unix_ms() / 1_000;
    let invites = context.invites.list().into_iter().map(|it| row(it, now_s)).collect();
    Json(InviteList { schema: "trellis.invites/1".to_owned(), invites })
}

/// Lets the guest in.
#[utoipa::path(post, path = "/v1/invites/{invite}/accept", tag = "peers",
    params(("invite" = String, Path, description = "Its name")),
    responses((status = 200, body = InviteRow), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn accept(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<InviteRow>, Problem> {
    decide(&context, name, Step::Welcome).await
}

/// Refuses the guest, or takes an invitation back that nobody took up.
#[utoipa::path(post, path = "/v1/invites/{invite}/refuse", tag = "peers",
    params(("invite" = String, Path, description = "Its name")),
    responses((status = 200, body = InviteRow), (status = "4XX", body = ProblemBody)))]
pub(crate) async fn refuse(
    State(context): State<Shared>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Json<InviteRow>, Problem> {
    decide(&context, name, Step::Refused).await
}

async fn decide(
    context: &Context,
    name: Result<Path<String>, PathRejection>,
    step: Step,
) -> Result<Json<InviteRow>, Problem> {
    let name = super::path(name)?;
    let name = Digest::from_hex(&name)
        .ok_or_else(|| Problem::new(Code::BadRequest, "a name has 64 hexadecimal digits"))?;
    let now_s = unix_ms() / 1_000;
    let shown = work(context, move |it| it.decide(&name, step, now_s)).await?;
    Ok(Json(row(shown, now_s)))
}

/// Writes on a thread that may wait for the disk.
async fn work<T: Send + 'static>(
    context: &Context,
    work: impl FnOnce(&Invites) -> Result<T, InviteError> + Send + 'static,
) -> Result<T, Problem> {
    let invites = Arc::clone(&context.invites);
    match tokio::task::spawn_blocking(move || work(&invites)).await {
        Ok(done) => done.map_err(Problem::from),
        Err(_) => Err(Problem::new(Code::Stopping, "the node is stopping")),
    }
}

fn read_addresses(texts: &[String]) -> Result<Vec<Address>, Problem> {
    if limits::INVITE_ADDRESSES_MAX < texts.len() {
        let detail = format!("at most {} addresses", limits::INVITE_ADDRESSES_MAX);
        return Err(Problem::new(Code::BadRequest, detail));
    }
    let read = texts.iter().map(|text| text.parse::<Address>());
    read.collect::<Result<_, _>>()
        .map_err(|error| Problem::new(Code::BadRequest, error.to_string()))
}

/// Where a guest may find us: where peers do, or what this machine calls itself in its own network.
async fn addresses(context: &Context) -> Result<Vec<Address>, Problem> {
    let status = context.commands.status().await?;
    let doors = |it: &Address| it.url().is_some();
    let mut found: Vec<Address> = status.addresses.into_iter().filter(doors).collect();
    let door = context.facts.http.as_deref().and_then(|url| url.parse::<Address>().ok());
    let Some(door) = door else {
        let detail =
            "this node has no door, and a guest comes through one: start it with --http ADDRESS";
        return Err(Problem::new(Code::BadRequest, detail));
    };
    if found.is_empty() {
        let port = door.host_port().1;
        let scheme = if door.is_https() { "https" } else { "http" };
        let url = |ip: IpAddr| format!("{scheme}://{}", SocketAddr::new(ip, port)).parse().ok();
        found.extend(own_ip().and_then(url));
    }
    if found.is_empty() {
        found.push(door);
    }
    Ok(found)
}

/// The address of this machine that leads outwards. Nothing is sent.
fn own_ip() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // A documentation address: any outside one shows the way.
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|ip| !ip.is_unspecified())
}

fn row(shown: Shown, now_s: u64) -> InviteRow {
    let Shown { name, expires_s, state, node, words } = shown;
    let over = expires_s <= now_s;
    let state = match state {
        Stage::Open | Stage::Waiting if over => InviteState::Expired,
        Stage::Open => InviteState::Open,
        Stage::Refused => InviteState::Refused,
        Stage::Waiting => InviteState::Waiting,
        Stage::Welcome => InviteState::Welcome,
    };
    InviteRow {
        invite: name.to_string(),
        expires: rfc3339(expires_s.saturating_mul(1_000)),
        state,
        node,
        words: words.iter().flatten().map(|&word| word.to_owned()).collect(),
    }
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Self {
        let code = match &error {
            InviteError::Decided | InviteError::NobodyThere => Code::Conflict,
            InviteError::Directory(_) => Code::StoreFailed,
            InviteError::TooMany => Code::Conflict,
            InviteError::Unknown => Code::NotFound,
        };
        Self::new(code, error.to_string())
    }
}

/// Unless somebody says otherwise.
const LIFE_S: u64 = 900;
const LIFE_S_MAX: u64 = 30 * 86_400;
