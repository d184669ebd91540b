//! The public door: who may come in, and for how long.
//!
//! hyper is driven by an accept loop of our own: the usual one has no limit on connections and no
//! time limit on a request's head.

mod answer;
pub(crate) mod invite;
pub(crate) mod places;
pub(crate) mod problem;
mod shapes;

use std::convert::Infallible;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

use crate::connect::make_prompt;
use crate::metered::{Meter, Metered};
use crate::traffic::{Kind, add};
use crate::transport::Shared;
use places::Place;

/// One connection at the door, as its requests see it.
pub(crate) struct Visit {
    shared: Arc<Shared>,
    place: Arc<Place>,
    meter: Arc<Meter>,
    remote_ip: IpAddr,
    local_ip: IpAddr,
}

/// Lets connections in until the transport stops.
pub(crate) async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    loop {
        let accepted = tokio::select! {
            () = shared.stopping.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => admit(&shared, stream, remote),
            Err(error) if is_the_client(&error) => {}
            Err(error) => {
                // Out of files or memory: it gets no better by trying faster.
                tracing::warn!(%error, "the door cannot accept connections");
                tokio::select! {
                    () = shared.stopping.cancelled() => return,
                    () = sleep(ACCEPT_PAUSE) => {}
                }
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, stream: TcpStream, remote: SocketAddr) {
    let Some(place) = shared.places.take(remote.ip()) else {
        add(&shared.counters.connections_refused, 1);
        turn_away(stream);
        return;
    };
    let Ok(local) = stream.local_addr() else { return };
    make_prompt(&stream, &shared.limits);
    let counters = shared.counters.clone();
    let meter = Arc::new(Meter { counters, kind: Kind::default(), place: Some(place.clone()) });
    let visit = Visit {
        shared: shared.clone(),
        place,
        meter,
        remote_ip: remote.ip().to_canonical(),
        local_ip: local.ip().to_canonical(),
    };
    shared.spawn(serve(Arc::new(visit), stream));
}

async fn serve(visit: Arc<Visit>, stream: TcpStream) {
    let io = TokioIo::new(Metered::new(stream, visit.meter.clone()));
    let requests = visit.clone();
    let service = service_fn(move |request| {
        let visit = requests.clone();
        async move { Ok::<_, Infallible>(answer::answer(visit, request).await) }
    });
    let connection = http1::Builder::new()
        // Our own clock looks after heads: hyper's would also cut connections between requests.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(io, service)
        .with_upgrades();
    let mut connection = pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        () = visit.place.expired() => return add(&visit.shared.counters.connections_cut, 1),
        () = visit.shared.stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    tokio::select! {
        _ = connection => {}
        () = visit.place.expired() => {}
    }
}

/// Says `busy` without waiting for anything: the socket's empty buffer takes it, or nobody does.
fn turn_away(stream: TcpStream) {
    if let Ok(mut stream) = stream.into_std() {
        let _unheard = stream.write_all(BUSY);
    }
}

fn is_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Also the size of one read.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"detail\":\"the door is full: try again in a few seconds\",\"code\":\"busy\"}";
