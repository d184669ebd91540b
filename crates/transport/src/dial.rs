//! Dialling: first as a node of ours, then as a design-A node.

use std::sync::Arc;
use std::time::Duration;

use hyper::header::{HeaderValue, USER_AGENT};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Role;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::lattice::Door;
use wire::{Address, Medium};

use crate::Inbound;
use crate::client::Call;
use crate::connect::{connect, seconds};
use crate::link::handshake::Met;
use crate::link::{self, Origin, socket_config};
use crate::stranger::{self, Health};
use crate::tls::{Stream, sent_away};
use crate::traffic::Kind;
use crate::transport::Shared;

/// Dials, reports what is there, and carries the link if there is one.
pub(crate) async fn dial(shared: Arc<Shared>, address: Address) {
    let found = tokio::select! {
        // A link lives for days: it keeps nothing of what finding it took.
        found = Box::pin(find(&shared, &address)) => found,
        () = shared.stopping.cancelled() => return,
    };
    match found {
        Ok(Found::Link(up)) => {
            let Up { socket, met, origin } = *up;
            Box::pin(link::run(&shared, socket, met, origin)).await;
        }
        Ok(Found::Door(door)) => shared.tell(Inbound::DoorFound { address, door }).await,
        Err(why) => shared.tell(Inbound::DialFailed { address, why }).await,
    }
}

/// Who answered.
enum Found {
    Door(Door),
    Link(Box<Up>),
}

/// A link that may begin.
struct Up {
    socket: WebSocketStream<Stream>,
    met: Met,
    origin: Origin,
}

async fn find(shared: &Shared, address: &Address) -> Result<Found, String> {
    let Ok(_permit) = shared.dials.try_acquire() else {
        return Err("too many dials are under way".to_owned());
    };
    let limit_ms = shared.limits.handshake_ms;
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    let request = request(shared, address)?;
    let stream = connect(&shared.dialler, address, Kind::link()).await?;
    let upgrade = client_async_with_config(request, stream, Some(socket_config()));
    match timeout_at(deadline, upgrade).await {
        Ok(Ok((socket, _))) => {
            // The buffers of the upgrade go. Nothing is lost with them: the dialled side answers,
            // it never speaks first, and one that does breaks the handshake.
            let (stream, config) = (socket.into_inner(), Some(socket_config()));
            let socket = WebSocketStream::from_raw_socket(stream, Role::Client, config).await;
            meet(shared, address, socket, deadline).await
        }
        Ok(Err(Error::Http(answer))) => {
            let status = answer.status().as_u16();
            let probe = timeout_at(deadline, probe(shared, address, status));
            probe.await.unwrap_or_else(|_| Err(silent(limit_ms)))
        }
        Ok(Err(error)) => Err(describe(&error, address)),
        Err(_) => Err(silent(limit_ms)),
    }
}

async fn meet(
    shared: &Shared,
    address: &Address,
    mut socket: WebSocketStream<Stream>,
    deadline: Instant,
) -> Result<Found, String> {
    let ends = socket.get_ref().socket();
    let ends = ends.peer_addr().and_then(|remote| Ok((remote, ends.local_addr()?)));
    let (remote, local) = ends.map_err(|error| format!("the connection broke: {error}"))?;
    let met = shared.ourselves.initiate(&mut socket, deadline).await;
    let result = met.and_then(|met| {
        let member = shared.ourselves.admit(socket.get_ref().shown(), met.peer)?;
        Ok((met, member))
    });
    shared.counters.handshake(&result);
    match result {
        Ok((met, member)) => {
            let origin = Origin {
                dialled: Some(address.clone()),
                remote_ip: remote.ip().to_canonical(),
                local_ip: local.ip().to_canonical(),
                medium: Medium::Http,
                member,
            };
            Ok(Found::Link(Box::new(Up { socket, met, origin })))
        }
        Err(fault) => {
            fault.explain(&mut socket).await;
            Err(fault.to_string())
        }
    }
}

/// Asks a server that has no `/link` who it is.
async fn probe(shared: &Shared, address: &Address, status: u16) -> Result<Found, String> {
    let stranger = || {
        format!(
            "answers HTTP but is neither a Trellis nor a design-A node (HTTP {status} at /link)"
        )
    };
    let answer_bytes_max = shared.limits.health_bytes_max;
    let call = Call { address, path: "/health", post: None, answer_bytes_max };
    let (_, body) =
        call.make(&shared.dialler).await.map_err(|why| format!("{}: {why}", stranger()))?;
    match stranger::health(&body) {
        Some(Health::DesignA(node_id)) => {
            let answer_bytes_max = shared.limits.peers_bytes_max;
            let call = Call { address, path: "/peers", post: None, answer_bytes_max };
            // A door without a list of peers is a door.
            let peers = call.make(&shared.dialler).await.map(|(_, body)| stranger::peers(&body));
            let peers = peers.unwrap_or_default();
            Ok(Found::Door(Door { node_id, peers }))
        }
        Some(Health::Trellis) => Err(format!(
            "a Trellis node, but its /link answers HTTP {status}: it is full, or a proxy before \
             it does not pass WebSockets on"
        )),
        None => Err(stranger()),
    }
}

fn request(shared: &Shared, address: &Address) -> Result<hyper::Request<()>, String> {
    let rest = address.url().and_then(|url| url.strip_prefix("http"));
    let rest = rest.ok_or("only an http:// or https:// address has a /link")?;
    let mut request = format!("ws{rest}/link")
        .into_client_request()
        .map_err(|error| format!("not an address HTTP can carry: {error}"))?;
    if let Ok(agent) = HeaderValue::from_str(&shared.dialler.agent) {
        request.headers_mut().insert(USER_AGENT, agent);
    }
    Ok(request)
}

fn silent(limit_ms: u64) -> String {
    format!("accepted the connection, but gave no answer within {}", seconds(limit_ms))
}

fn describe(error: &Error, address: &Address) -> String {
    if let Error::Io(error) = error
        && let Some(why) = sent_away(error)
    {
        return why;
    }
    match error {
        Error::HttpFormat(_) | Error::Protocol(_) if !address.is_https() => {
            format!("what answers does not speak HTTP: {error}: is it https:// there?")
        }
        Error::HttpFormat(_) | Error::Protocol(_) => {
            format!("what answers does not speak HTTP: {error}")
        }
        _ => format!("the connection broke before an answer came: {error}"),
    }
}
