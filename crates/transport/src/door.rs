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
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hyper::rt::Executor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::connect::make_prompt;
use crate::metered::{Meter, Metered};
use crate::tls::{Spoken, TlsDoor};
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
    /// What a client has shown in TLS.
    shown: OnceLock<Vec<u8>>,
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
        if shared.tls.is_none() {
            turn_away(stream);
        }
        return;
    };
    let Ok(local) = stream.local_addr() else { return };
    make_prompt(&stream, &shared.limits);
    let counters = shared.counters.clone();
    let meter = Arc::new(Meter::new(counters, Kind::default(), Some(place.clone())));
    let visit = Visit {
        shared: shared.clone(),
        place,
        meter,
        remote_ip: remote.ip().to_canonical(),
        local_ip: local.ip().to_canonical(),
        shown: OnceLock::new(),
    };
    shared.spawn(serve(Arc::new(visit), stream));
}

async fn serve(visit: Arc<Visit>, stream: TcpStream) {
    let stream = Metered::new(stream, visit.meter.clone());
    let Some(tls) = &visit.shared.tls else { return http1(visit, stream).await };
    let opened = tokio::select! {
        opened = open(&visit, tls, stream) => opened,
        () = visit.place.evicted().cancelled_owned() => {
            return add(&visit.shared.counters.connections_cut, 1);
        }
        () = visit.shared.stopping.cancelled() => return,
    };
    visit.shared.counters.tls(&opened);
    match opened {
        Ok((stream, Spoken::Http1)) => http1(visit, stream).await,
        Ok((stream, Spoken::Http2)) => http2(visit, stream).await,
        Err(why) => tracing::debug!(remote_ip = %visit.remote_ip, why, "no TLS"),
    }
}

/// Opens TLS within the time of a handshake (TLS-1).
async fn open(
    visit: &Visit,
    tls: &TlsDoor,
    stream: Metered,
) -> Result<(tokio_rustls::server::TlsStream<Metered>, Spoken), String> {
    visit.place.handshake();
    let limit = Duration::from_millis(visit.shared.limits.handshake_ms);
    let opened = timeout(limit, tls.accept(stream)).await;
    let opened = opened.unwrap_or_else(|_| Err("the handshake took too long".to_owned()))?;
    visit.place.head();
    let shown = opened.0.get_ref().1.peer_certificates().and_then(|it| it.first());
    shown.map(|it| visit.shown.set(it.to_vec()));
    Ok(opened)
}

async fn http1<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(visit: Arc<Visit>, stream: S) {
    let requests = visit.clone();
    let service = service_fn(move |request| {
        let visit = requests.clone();
        async move { Ok::<_, Infallible>(answer::answer(visit, request).await) }
    });
    let connection = http1::Builder::new()
        // Our own clock looks after heads: hyper's would also cut connections between requests.
        .header_read_timeout(None)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
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

/// Several requests at once. Links do not come this way: they are upgrades of HTTP/1.1.
async fn http2<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(visit: Arc<Visit>, stream: S) {
    // Its pings and windows are no beginning of a request.
    visit.meter.mute();
    let requests = visit.clone();
    let service = service_fn(move |request| {
        let visit = requests.clone();
        async move { Ok::<_, Infallible>(answer::answer(visit, request).await) }
    });
    let connection = http2::Builder::new(Tasks(visit.shared.clone()))
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEADER_LIST_BYTES_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BYTES_MAX)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .keep_alive_timeout(KEEP_ALIVE)
        .serve_connection(TokioIo::new(stream), service);
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

/// Where the requests of an HTTP/2 connection run: they end with the transport.
#[derive(Clone)]
struct Tasks(Arc<Shared>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn(task);
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
/// Requests of one HTTP/2 connection at once: few, because each may bring a whole body.
const STREAMS_MAX: u32 = 8;
const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 256 * 1024;
const SEND_BYTES_MAX: usize = 64 * 1024;
/// How often a silent client is asked whether it is there, and how long it has to answer.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    content-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
    {\"type\":\"about:blank\",\"title\":\"Service Unavailable\",\"status\":503,\
    \"detail\":\"the door is full: try again in a few seconds\",\"code\":\"busy\"}";
