//! The two ports of a node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::TcpListener;
use transport::{Inbox, Transport, TransportError};

use super::StartError;
use crate::directory::Home;
use crate::ports;
use crate::settings::Settings;

/// The public door, open.
pub(super) struct Door {
    pub(super) transport: Transport,
    pub(super) inbound: Inbox,
}

/// Opens the public door; a default port that is taken gives way to a free one.
pub(super) async fn open_door(settings: &Settings, home: &Home) -> Result<Door, StartError> {
    let mut config = transport::Config {
        listen: settings.http_listen,
        dial_from: settings.http_dial_from,
        identity: home.identity.clone(),
        network: home.network.id,
        agent: AGENT.to_owned(),
        limits: transport::Limits::default(),
    };
    let taken = match Transport::start(config.clone()).await {
        Ok((transport, inbound)) => return Ok(Door { transport, inbound }),
        Err(TransportError::PortTaken { addr }) => addr,
        Err(error @ TransportError::Listen { .. }) => return Err(StartError::Door(error)),
    };
    if settings.http_by_hand {
        return Err(port_taken("http.listen", taken).await);
    }
    config.listen = Some(SocketAddr::new(taken.ip(), 0));
    let (transport, inbound) = Transport::start(config).await.map_err(StartError::Door)?;
    fell_back("http.listen", taken, transport.local_addr());
    Ok(Door { transport, inbound })
}

/// Takes the API's port by the same rule.
pub(super) async fn bind_api(settings: &Settings) -> Result<TcpListener, StartError> {
    let address = settings.api_listen;
    let failed = |why| StartError::Api { address, why };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => Err(failed(error)),
        Err(_) if settings.api_by_hand => Err(port_taken("api.listen", address).await),
        Err(_) => {
            let any = SocketAddr::new(address.ip(), 0);
            let listener = TcpListener::bind(any).await.map_err(failed)?;
            fell_back("api.listen", address, listener.local_addr().ok());
            Ok(listener)
        }
    }
}

/// Names the holder, where the system lets us see it.
async fn port_taken(key: &'static str, address: SocketAddr) -> StartError {
    let holder = tokio::task::spawn_blocking(move || ports::holder(address)).await;
    let holder = holder.ok().flatten().unwrap_or_else(|| "another program".to_owned());
    StartError::PortTaken { key, address, holder }
}

fn fell_back(key: &str, taken: SocketAddr, got: Option<SocketAddr>) {
    let got = got.map(|address| address.to_string()).unwrap_or_default();
    tracing::warn!(%taken, got, "the default port for {key} is taken; a free one is used");
}

/// Returns the URL under which a listener is reached from this machine.
pub(super) fn local_url(address: SocketAddr) -> String {
    let ip = match address {
        SocketAddr::V4(it) if it.ip().is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(it) if it.ip().is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        SocketAddr::V4(_) | SocketAddr::V6(_) => address.ip(),
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}

const AGENT: &str = concat!("trellis/", env!("CARGO_PKG_VERSION"));
