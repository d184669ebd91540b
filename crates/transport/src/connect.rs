//! A TCP connection to an address, in bounded time, with reasons a human can act on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

#[cfg(any(target_os = "android", target_os = "linux"))]
use socket2::SockRef;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};
use wire::Address;

use crate::Limits;
use crate::metered::{Meter, Metered};
use crate::tls::{Stream, Verifier};
use crate::traffic::{Counters, Kind};

/// What dialling takes.
pub(crate) struct Dialler {
    pub(crate) limits: Limits,
    pub(crate) from: Option<IpAddr>,
    pub(crate) agent: String,
    pub(crate) counters: Arc<Counters>,
    pub(crate) verifier: Verifier,
}

/// Connects, with TLS where the address says so; the bytes count as `kind`. May be dropped.
pub(crate) async fn connect(
    dialler: &Dialler,
    address: &Address,
    kind: Kind,
) -> Result<Stream, String> {
    if let (false, Some(why)) = (address.is_https(), dialler.verifier.refuses_plain()) {
        return Err(why.to_owned());
    }
    let limit_ms = dialler.limits.connect_ms;
    let deadline = Instant::now() + Duration::from_millis(limit_ms);
    let stream = match timeout_at(deadline, find(dialler, address, deadline)).await {
        Ok(Ok(Some(stream))) => stream,
        Ok(Err(why)) => return Err(why),
        Ok(Ok(None)) | Err(_) => return Err(format!("no answer within {}", seconds(limit_ms))),
    };
    make_prompt(&stream, &dialler.limits);
    let counters = dialler.counters.clone();
    let stream = Metered::new(stream, Arc::new(Meter::new(counters, kind, None)));
    if !address.is_https() {
        return Ok(Stream::Plain(stream));
    }
    let (host, _) = address.host_port();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let limit_ms = dialler.limits.handshake_ms;
    let opened =
        timeout(Duration::from_millis(limit_ms), dialler.verifier.open(host, stream)).await;
    let opened = opened.unwrap_or_else(|_| {
        Err(format!("accepted the connection, but no TLS began within {}", seconds(limit_ms)))
    });
    dialler.counters.tls(&opened);
    opened
}

/// Small frames must not wait for each other, nor alerts for what the system keeps. Both can fail
/// only on a broken connection, which the first read notices, or on an old system.
pub(crate) fn make_prompt(stream: &TcpStream, limits: &Limits) {
    let _broken = stream.set_nodelay(true);
    // Not the size of the send buffer: that would also bound what is on its way.
    #[cfg(any(target_os = "android", target_os = "linux"))]
    let _unbounded = SockRef::from(stream).set_tcp_notsent_lowat(limits.unsent_bytes_max);
    #[cfg(not(any(target_os = "android", target_os = "linux")))]
    let _unbounded = limits.unsent_bytes_max;
}

/// Writes a limit as humans say it.
pub(crate) fn seconds(ms: u64) -> String {
    if ms.is_multiple_of(1_000) { format!("{} s", ms / 1_000) } else { format!("{ms} ms") }
}

/// Tries the addresses of a name in turn; each gets its share of the time that is left. `None` if
/// the last one gave no answer.
async fn find(
    dialler: &Dialler,
    address: &Address,
    deadline: Instant,
) -> Result<Option<TcpStream>, String> {
    let (host, port) = address.host_port();
    let name = host.trim_start_matches('[').trim_end_matches(']');
    let found = lookup_host((name, port)).await;
    let found: Vec<SocketAddr> = found
        .map_err(|error| format!("no address for the name {name}: {error}"))?
        .take(ADDRESSES_TRIED_MAX)
        .collect();
    let mut result = Err(format!("no address for the name {name}"));
    for (tried, addr) in found.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let share = left / u32::try_from(found.len() - tried).unwrap_or(1);
        let trial = connect_from(dialler.from, *addr);
        result = match timeout_at(Instant::now() + share, trial).await {
            Ok(Ok(stream)) => return Ok(Some(stream)),
            Ok(Err(error)) => Err(describe(&error, address)),
            Err(_) => Ok(None),
        };
    }
    result
}

/// Connects from the address we were told, or from the one that the system chooses.
async fn connect_from(from: Option<IpAddr>, to: SocketAddr) -> io::Result<TcpStream> {
    let Some(ip) = from else { return TcpStream::connect(to).await };
    let socket = match to {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    let bound = socket.bind(SocketAddr::new(ip, 0));
    bound.map_err(|why| io::Error::other(format!("{ip} cannot be dialled from: {why}")))?;
    socket.connect(to).await
}

fn describe(error: &io::Error, address: &Address) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => {
            format!("connection refused: is a node running at {address}?")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            format!("no route: {error}")
        }
        _ => format!("cannot connect: {error}"),
    }
}

const ADDRESSES_TRIED_MAX: usize = 4;
