//! What each path answers.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::header::{
    CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use hyper::upgrade::OnUpgrade;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::Role;
use wire::{Medium, Refusal};

use super::problem::{Code, Problem};
use super::{Visit, invite, shapes};
use crate::link::{self, Origin, socket_config};
use crate::traffic::add;
use crate::{GossipAnswer, Inbound, Question, envelope};

type Answer = Response<Full<Bytes>>;

/// Answers one request; a refusal is an answer too.
pub(super) async fn answer(visit: Arc<Visit>, request: Request<Incoming>) -> Answer {
    visit.place.busy();
    let answer = match route(&visit, request).await {
        Ok(answer) => {
            add(&visit.shared.counters.requests_answered, 1);
            answer
        }
        Err(problem) => {
            visit.shared.counters.refused(problem.code);
            tracing::debug!(code = problem.code.name(), detail = problem.detail, "refused");
            problem.response()
        }
    };
    visit.place.idle();
    answer
}

async fn route(visit: &Arc<Visit>, request: Request<Incoming>) -> Result<Answer, Problem> {
    let ourselves = &visit.shared.ourselves;
    if ourselves.membership.is_some() && visit.shown.get().is_none() && !is_guest(&request) {
        let detail = "this network is private: show a certificate of its authority \
                      (`trellis ca request` asks for one)";
        return Err(Problem::new(Code::NotMember, detail));
    }
    let is_get = matches!(*request.method(), Method::GET | Method::HEAD);
    match request.uri().path() {
        "/gossip" if request.method() == Method::POST => gossip(visit, request).await,
        "/health" if is_get => {
            let health = ask(visit, |it| Inbound::Ask(Question::Health(it)), 0).await?;
            Ok(json(shapes::health(&health, ourselves.identity.id(), ourselves.network)))
        }
        "/invite" if request.method() == Method::POST => knock(visit, request).await,
        "/link" if request.method() == Method::GET => upgrade(visit, request),
        "/peers" if is_get => {
            let peers = ask(visit, |it| Inbound::Ask(Question::Peers(it)), 0).await?;
            Ok(json(shapes::peers(&peers)))
        }
        "/state" if is_get => {
            let state = ask(visit, |it| Inbound::Ask(Question::State(it)), 0).await?;
            Ok(json(shapes::state(&state, ourselves.identity.id())))
        }
        "/" if is_get => Ok(page(&ourselves.identity.id().to_string())),
        "/gossip" | "/invite" => Err(wrong_method("POST")),
        "/link" => Err(wrong_method("GET")),
        "/" | "/health" | "/peers" | "/state" => Err(wrong_method("GET, HEAD")),
        _ => {
            let doors = "nothing here: the doors are /health, /peers, /state, /gossip and /link";
            Err(Problem::new(Code::NotFound, doors))
        }
    }
}

/// Says whether somebody asks what those may ask who are no members yet.
fn is_guest(request: &Request<Incoming>) -> bool {
    request.method() == Method::POST && request.uri().path() == "/invite"
}

async fn gossip(visit: &Visit, request: Request<Incoming>) -> Result<Answer, Problem> {
    let checked = check_headers(request.headers());
    // Read in any case: an answer before the client has finished sending may never reach it.
    let body = read_body(visit, request.into_body()).await;
    checked?;
    let body = body?;
    let envelope = envelope::parse(&body)?;
    let message_id = envelope.message_id.clone();
    let (from, envelope) = (visit.remote_ip, Box::new(envelope));
    let gossip = |answer| Inbound::Gossip { from, envelope, answer };
    let verdict = ask(visit, gossip, body.len()).await?;
    let status = match verdict {
        GossipAnswer::Accepted => "accepted",
        GossipAnswer::Busy => return Err(Problem::busy()),
        GossipAnswer::Duplicate => "duplicate",
        GossipAnswer::Malformed => {
            return Err(Problem::new(Code::BadField, "signed holds bytes that are no record"));
        }
        GossipAnswer::Refused(refusal) => return Err(refused(refusal)),
        GossipAnswer::Unsigned => {
            let detail = "this node takes only signed records: sign it, or ask its operator to \
                          set unsigned = \"relay\" under [http]";
            return Err(Problem::new(Code::UnsignedRefused, detail));
        }
    };
    Ok(json(shapes::gossip(status, &message_id)))
}

async fn knock(visit: &Visit, request: Request<Incoming>) -> Result<Answer, Problem> {
    let checked = check_headers(request.headers());
    let body = read_body(visit, request.into_body()).await;
    checked?;
    let knock = Box::new(invite::parse_knock(&body?)?);
    let reply = ask(visit, |it| Inbound::Ask(Question::Knock(knock, it)), 0).await?;
    // Who has no secret learns nothing, not even whether somebody was invited.
    let reply = reply.ok_or_else(|| {
        Problem::new(Code::NoInvite, "no such invitation: it may have expired or been used")
    })?;
    Ok(json(invite::render_reply(&reply)))
}

/// Hands a question to the core and waits for its answer, within bounds.
async fn ask<T>(
    visit: &Visit,
    question: impl FnOnce(oneshot::Sender<T>) -> Inbound,
    size: usize,
) -> Result<T, Problem> {
    let (sender, answer) = oneshot::channel();
    visit.shared.inbox.ask(question(sender), size).map_err(|_| Problem::busy())?;
    let limit = Duration::from_millis(visit.shared.limits.answer_ms);
    match timeout(limit, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(_)) | Err(_) => Err(Problem::busy()),
    }
}

fn check_headers(headers: &HeaderMap) -> Result<(), Problem> {
    let refuse = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case("application/json") {
        return refuse("send the header content-type: application/json");
    }
    match headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes) {
        // What is small here may be huge unpacked.
        Some(encoding) if !encoding.eq_ignore_ascii_case(b"identity") => {
            refuse("send the body as it is, without content-encoding")
        }
        Some(_) | None => Ok(()),
    }
}

/// Reads a body within its limits. What exceeds the size is thrown away, up to a point, so that
/// the client finishes sending and reads why.
async fn read_body(visit: &Visit, mut body: Incoming) -> Result<Bytes, Problem> {
    let limits = &visit.shared.limits;
    let max = limits.body_bytes_max;
    let (mut bytes, mut size) = (Vec::new(), 0);
    let reading = async {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        while size <= DISCARDED_BYTES_MAX.max(max) && announced <= DISCARDED_BYTES_MAX.max(max) {
            let Some(frame) = body.frame().await else {
                return if size <= max { Ok(()) } else { Err(too_large(max)) };
            };
            let frame = frame.map_err(|error| {
                Problem::new(Code::BadJson, format!("the body ended early: {error}"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            size += data.len();
            if size <= max {
                bytes.extend_from_slice(&data);
            }
        }
        Err(too_large(max))
    };
    let limit = Duration::from_millis(limits.body_ms);
    timeout(limit, reading).await.unwrap_or_else(|_| {
        let ms = limits.body_ms;
        Err(Problem::new(Code::TooSlow, format!("the body was not complete within {ms} ms")))
    })?;
    Ok(bytes.into())
}

fn too_large(max: usize) -> Problem {
    let detail = format!("the body is larger than {max} bytes: send less at once");
    Problem::new(Code::TooLarge, detail)
}

fn upgrade(visit: &Arc<Visit>, mut request: Request<Incoming>) -> Result<Answer, Problem> {
    let headers = request.headers();
    let key = headers.get(SEC_WEBSOCKET_KEY);
    let Some(key) = key.filter(|_| is_websocket(headers)).map(|key| key.as_bytes().to_vec()) else {
        let detail = "this door takes WebSocket connections of Trellis nodes";
        return Err(Problem::new(Code::UpgradeRequired, detail));
    };
    visit.place.handshake();
    let upgraded = hyper::upgrade::on(&mut request);
    visit.shared.spawn(link(visit.clone(), upgraded));
    let mut answer = Response::new(Full::default());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let accept = HeaderValue::from_str(&derive_accept_key(&key));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept.expect("base64 is fit for a header"));
    Ok(answer)
}

fn is_websocket(headers: &HeaderMap) -> bool {
    has_token(headers, CONNECTION, "upgrade")
        && has_token(headers, UPGRADE, "websocket")
        && has_token(headers, SEC_WEBSOCKET_VERSION, "13")
}

fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    let values = headers.get_all(name);
    let mut tokens = values.iter().filter_map(|it| it.to_str().ok()).flat_map(|it| it.split(','));
    tokens.any(|it| it.trim().eq_ignore_ascii_case(token))
}

/// Carries a link that was dialled by a peer.
async fn link(visit: Arc<Visit>, upgraded: OnUpgrade) {
    let shared = &visit.shared;
    let deadline = Instant::now() + Duration::from_millis(shared.limits.handshake_ms);
    let Ok(Ok(upgraded)) = timeout_at(deadline, upgraded).await else { return };
    visit.meter.kind.become_link();
    let (io, config) = (TokioIo::new(upgraded), Some(socket_config()));
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, config).await;
    let met = tokio::select! {
        // A link lives for days: it keeps nothing of what the handshake took.
        met = Box::pin(shared.ourselves.respond(&mut socket, deadline)) => met,
        // Only a handshake makes room for others: a link never expires.
        () = visit.place.expired() => return add(&shared.counters.connections_cut, 1),
        () = shared.stopping.cancelled() => return,
    };
    let met = met.and_then(|met| {
        let member = shared.ourselves.admit(visit.shown.get().map(Vec::as_slice), met.peer)?;
        Ok((met, member))
    });
    shared.counters.handshake(&met);
    let (remote_ip, local_ip) = (visit.remote_ip, visit.local_ip);
    match met {
        Ok((met, member)) => {
            visit.place.link();
            let medium = Medium::Http;
            let origin = Origin { dialled: None, remote_ip, local_ip, medium, member };
            Box::pin(link::run(shared, socket, met, origin)).await;
        }
        Err(fault) => {
            tracing::debug!(%remote_ip, %fault, "no link");
            fault.explain(&mut socket).await;
        }
    }
}

fn refused(refusal: Refusal) -> Problem {
    let code = match refusal {
        Refusal::BadSignature => Code::BadSignature,
        Refusal::Expired => Code::Expired,
        Refusal::Future => Code::Future,
        Refusal::LivesTooLong => Code::LivesTooLong,
        Refusal::NoRoom => Code::NoRoom,
        Refusal::OverQuota => Code::OverQuota,
        Refusal::TooLarge => Code::RecordTooLarge,
        Refusal::WrongNetwork => Code::WrongNetwork,
    };
    Problem::new(code, refusal.to_string())
}

fn wrong_method(allow: &'static str) -> Problem {
    let detail = format!("this door takes {allow}");
    Problem { allow: Some(allow), ..Problem::new(Code::MethodNotAllowed, detail) }
}

fn json(body: Vec<u8>) -> Answer {
    with_type(body, HeaderValue::from_static("application/json"))
}

fn page(node: &str) -> Answer {
    let text = format!(
        "This is a Trellis node, {node}:\n\
         one of many equals that share signed facts without a server.\n\n\
         Its doors:\n  \
         GET  /health  how it is\n  \
         GET  /peers   whom it knows\n  \
         GET  /state   the root of its state\n  \
         POST /gossip  tell everybody (JSON)\n  \
         GET  /link    for other nodes (WebSocket)\n"
    );
    with_type(text.into_bytes(), HeaderValue::from_static("text/plain; charset=utf-8"))
}

fn with_type(body: Vec<u8>, media_type: HeaderValue) -> Answer {
    let mut answer = Response::new(Full::from(body));
    answer.headers_mut().insert(CONTENT_TYPE, media_type);
    answer
}

/// How much of an oversize body is read and thrown away.
const DISCARDED_BYTES_MAX: usize = 4 * 1024 * 1024;
