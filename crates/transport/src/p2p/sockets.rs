//! The sockets under libp2p: QUIC, and TCP that is prompt, counted, and cut when its place at the
//! door goes to somebody else.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::Either;
use futures_util::{AsyncRead, AsyncWrite};
use libp2p::core::muxing::StreamMuxerBox;
use libp2p::core::transport::Boxed;
use libp2p::core::upgrade::Version;
use libp2p::core::{ConnectedPoint, Transport as _};
use libp2p::identity::Keypair;
use libp2p::{PeerId, quic, relay, tcp, yamux};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::place::socket_addr;
use super::security::Secure;
use crate::Limits;
use crate::connect::make_prompt;
use crate::door::places::Place;
use crate::metered::{Meter, Metered};
use crate::traffic::{Counters, Kind};

/// The places of TCP connections that come in, by the other end: the only name that both the
/// swarm and the socket know. Bound: the places.
#[derive(Debug, Default)]
pub(crate) struct Cloakroom(Mutex<BTreeMap<SocketAddr, Arc<Place>>>);

impl Cloakroom {
    pub(crate) fn leave(&self, remote: SocketAddr, place: Arc<Place>) {
        self.lock().insert(remote, place);
    }

    /// Takes it back, if it is still there.
    pub(crate) fn take(&self, remote: &SocketAddr) -> Option<Arc<Place>> {
        self.lock().remove(remote)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Arc<Place>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the transports together.
pub(crate) fn sockets(
    keypair: &Keypair,
    secure: Secure,
    limits: Limits,
    counters: Arc<Counters>,
    cloakroom: Arc<Cloakroom>,
    relay: relay::client::Transport,
) -> Boxed<(PeerId, StreamMuxerBox)> {
    // Whoever dials stops waiting before; this is for those who come in.
    let handshake = Duration::from_millis(limits.handshake_ms + limits.connect_ms);
    let tcp = tcp::tokio::Transport::new(tcp::Config::new().nodelay(true))
        .map(move |stream, endpoint| {
            make_prompt(&stream.0, &limits);
            let place = remote_of(&endpoint).and_then(|remote| cloakroom.take(&remote));
            Guarded::new(stream.0, counters.clone(), place)
        })
        .upgrade(Version::V1Lazy)
        .authenticate(secure.clone())
        .multiplex(muxer())
        .timeout(handshake);
    // End to end: the relay in between reads nothing of it.
    let relayed =
        relay.upgrade(Version::V1Lazy).authenticate(secure).multiplex(muxer()).timeout(handshake);
    let quic = quic::tokio::Transport::new(quic_config(keypair, &limits));
    relayed
        .or_transport(quic)
        .or_transport(tcp)
        .map(|either, _| match either {
            Either::Left(Either::Left((peer, muxer))) => (peer, StreamMuxerBox::new(muxer)),
            Either::Left(Either::Right((peer, muxer))) => (peer, StreamMuxerBox::new(muxer)),
            Either::Right((peer, muxer)) => (peer, StreamMuxerBox::new(muxer)),
        })
        .boxed()
}

fn remote_of(endpoint: &ConnectedPoint) -> Option<SocketAddr> {
    match endpoint {
        ConnectedPoint::Dialer { .. } => None,
        ConnectedPoint::Listener { send_back_addr, .. } => {
            socket_addr(send_back_addr).map(|(remote, _)| remote)
        }
    }
}

fn muxer() -> yamux::Config {
    let mut config = yamux::Config::default();
    config.set_max_num_streams(STREAMS_MAX);
    config
}

fn quic_config(keypair: &Keypair, limits: &Limits) -> quic::Config {
    let mut config = quic::Config::new(keypair);
    config.handshake_timeout = Duration::from_millis(limits.handshake_ms + limits.connect_ms);
    config.max_idle_timeout = QUIC_IDLE_MS;
    config.keep_alive_interval = QUIC_KEEP_ALIVE;
    config.max_concurrent_stream_limit = u32::try_from(STREAMS_MAX).unwrap_or(u32::MAX);
    config.max_stream_data = STREAM_BYTES_MAX;
    config.max_connection_data = CONNECTION_BYTES_MAX;
    config
}

/// A TCP connection that ends when it has to make room.
pub(crate) struct Guarded {
    stream: Compat<Metered>,
    evicted: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Guarded {
    fn new(
        stream: tokio::net::TcpStream,
        counters: Arc<Counters>,
        place: Option<Arc<Place>>,
    ) -> Self {
        let evicted = place.as_ref().map(|it| Box::pin(it.evicted().cancelled_owned()));
        let meter = Meter::new(counters, Kind::link(), place);
        Self { stream: Metered::new(stream, Arc::new(meter)).compat(), evicted }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.evicted.as_mut().is_some_and(|it| it.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

/// Streams that a peer may have open on one connection: five of a link, ping, identify. With
/// Yamux each may promise 256 KiB.
const STREAMS_MAX: usize = 16;
/// What a peer may send on one QUIC stream, and on all, before we have read it.
const STREAM_BYTES_MAX: u32 = 256 * 1024;
const CONNECTION_BYTES_MAX: u32 = 1024 * 1024;
/// Below the 30 s after which home routers forget where UDP goes.
const QUIC_KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a peer that says nothing is gone. Probes of the engine find it out earlier.
const QUIC_IDLE_MS: u32 = 60_000;
