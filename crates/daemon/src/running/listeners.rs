//! The ports of a node: the HTTP door, the libp2p listeners, the API. What comes in on one of the
//! first two may leave over the other (LIBP2P-6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use transport::{Inbox, Libp2p, Security, Transport, TransportError};
use wire::{Address, Medium, Multiaddr, NodeId};

use super::StartError;
use crate::directory::Home;
use crate::members;
use crate::ports;
use crate::settings::Settings;
use crate::tls;

/// The public door, open.
pub(super) struct Door {
    pub(super) transport: Transport,
    pub(super) inbound: Inbox,
    /// Set where it speaks TLS.
    pub(super) tls: Option<Arc<tls::Reader>>,
}

/// Opens the public door and the libp2p listeners; default ports that are taken give way to free
/// ones.
pub(super) async fn open_door(settings: &Settings, home: &Home) -> Result<Door, StartError> {
    let mut config = transport_config(settings, home)?;
    let private = members::files(&settings.directory, &home.network);
    let files = private.as_ref().or(settings.tls.as_ref());
    let opened = files.map(tls::Reader::open).transpose();
    let opened = opened.map_err(|why| match &private {
        Some(_) => StartError::NoMember(why),
        None => StartError::Tls(why),
    })?;
    let (tls, certificate) = opened.unzip();
    match &home.network.authority {
        Some(authority) => {
            let private = members::private(authority, certificate, home.identity.id());
            config.private = Some(private.map_err(StartError::NoMember)?);
        }
        None => config.certificate = certificate,
    }
    let mut given_way = Vec::new();
    let (transport, inbound) = loop {
        let (addr, medium) = match Transport::start(config.clone()).await {
            Ok(opened) => break opened,
            Err(TransportError::PortTaken { addr, medium }) => (addr, medium),
            Err(
                error @ (TransportError::Key
                | TransportError::Listen { .. }
                | TransportError::ListenName(_)),
            ) => return Err(StartError::Door(error)),
        };
        let (key, by_hand) = match medium {
            Medium::Http => ("http.listen", settings.http_by_hand),
            Medium::Quic | Medium::Relay | Medium::Tcp => {
                ("libp2p.listen", settings.libp2p_by_hand)
            }
        };
        // A free port that is taken: somebody is faster than we are, all the time.
        if by_hand || GIVE_WAY_MAX <= given_way.len() {
            return Err(port_taken(key, addr, medium).await);
        }
        let libp2p = config.libp2p.iter_mut().flat_map(|it| &mut it.listen);
        match medium {
            Medium::Http => config.listen = Some(SocketAddr::new(addr.ip(), 0)),
            Medium::Quic | Medium::Relay | Medium::Tcp => {
                libp2p.filter(|it| it.medium() == medium).for_each(|it| it.port = 0);
            }
        }
        given_way.push((key, addr, medium));
    };
    for (key, taken, medium) in given_way {
        let listeners = transport.listeners().iter().filter(|it| it.medium() == medium);
        let got = match medium {
            Medium::Http => transport.local_addr().map(|it| it.to_string()),
            Medium::Quic | Medium::Relay | Medium::Tcp => listeners.map(ToString::to_string).next(),
        };
        fell_back(key, taken, got);
    }
    Ok(Door { transport, inbound, tls: tls.map(Arc::new) })
}

fn transport_config(settings: &Settings, home: &Home) -> Result<transport::Config, StartError> {
    let told_to_relay = settings.libp2p_relay && settings.libp2p_relay_by_hand;
    if told_to_relay && home.network.authority.is_some() {
        return Err(StartError::PrivateRelay);
    }
    let listen = settings.libp2p_listen.clone();
    let dialled = settings.dials.iter().any(|it| *it != Medium::Http);
    let public = settings.libp2p_public.iter().filter_map(|it| match it {
        Address::Libp2p(at) if at.via.is_none() => Some((**at).clone()),
        Address::Http(_) | Address::Libp2p(_) => None,
    });
    let relays_at = public.filter(|_| settings.libp2p_relay).collect();
    let nat = settings.libp2p_nat;
    let libp2p = Libp2p { listen, security: Security::Any, relays_at, nat };
    let memory_bytes_max = settings.memory_bytes_max();
    Ok(transport::Config {
        listen: settings.http_listen,
        certificate: None,
        roots: tls::roots(settings).map_err(StartError::Tls)?,
        private: None,
        libp2p: (dialled || !libp2p.listen.is_empty()).then_some(libp2p),
        dial_from: settings.http_dial_from,
        identity: home.identity.clone(),
        network: home.network.id,
        agent: AGENT.to_owned(),
        limits: transport::Limits { memory_bytes_max, ..transport::Limits::default() },
    })
}

/// Takes the API's port by the same rule.
pub(super) async fn bind_api(settings: &Settings) -> Result<TcpListener, StartError> {
    let address = settings.api_listen;
    let failed = |why| StartError::Api { address, why };
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() != std::io::ErrorKind::AddrInUse => Err(failed(error)),
        Err(_) if settings.api_by_hand => {
            Err(port_taken("api.listen", address, Medium::Http).await)
        }
        Err(_) => {
            let any = SocketAddr::new(address.ip(), 0);
            let listener = TcpListener::bind(any).await.map_err(failed)?;
            let got = listener.local_addr().ok().map(|it| it.to_string());
            fell_back("api.listen", address, got);
            Ok(listener)
        }
    }
}

/// Names the holder, where the system lets us see it.
async fn port_taken(key: &'static str, address: SocketAddr, medium: Medium) -> StartError {
    let holder = tokio::task::spawn_blocking(move || ports::holder(address, medium)).await;
    let holder = holder.ok().flatten().unwrap_or_else(|| "another program".to_owned());
    StartError::PortTaken { key, address, holder }
}

fn fell_back(key: &str, taken: SocketAddr, got: Option<String>) {
    let got = got.unwrap_or_default();
    tracing::warn!(%taken, got, "the default port for {key} is taken; a free one is used");
}

/// Returns the URL under which a listener is reached from this machine.
pub(super) fn local_url(scheme: &str, address: SocketAddr) -> String {
    format!("{scheme}://{}", SocketAddr::new(here(address.ip()), address.port()))
}

/// Returns the multiaddr under which a listener is reached from this machine, its key pinned.
pub(super) fn local_multiaddr(listener: &Multiaddr, node: NodeId) -> String {
    let ip = listener.ip().map(here);
    let mut local = ip.map_or_else(|| listener.clone(), |ip| listener.at(ip, listener.port));
    local.node = Some(node);
    local.to_string()
}

fn here(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(it) if it.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(it) if it.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V4(_) | IpAddr::V6(_) => ip,
    }
}

const AGENT: &str = concat!("trellis/", env!("CARGO_PKG_VERSION"));
/// Ports that may be found taken before we give up looking for free ones.
const GIVE_WAY_MAX: usize = 8;
