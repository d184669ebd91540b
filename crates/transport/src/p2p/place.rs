//! Addresses, between our form of them and libp2p's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use wire::{Medium, NodeId};

use super::keys::peer_of;

/// Writes where to dial or to listen; `None` if a relay's key is none of libp2p's.
pub(crate) fn multiaddr(address: &wire::Multiaddr, at: SocketAddr) -> Option<Multiaddr> {
    let plain = plain(at, address.carried_by());
    match &address.via {
        Some(relay) => Some(through(plain, peer_of(relay)?)),
        None => Some(plain),
    }
}

/// Writes where a listener is.
pub(crate) fn plain(at: SocketAddr, carried: Medium) -> Multiaddr {
    let ip = Multiaddr::from(at.ip());
    match carried {
        Medium::Quic => ip.with(Protocol::Udp(at.port())).with(Protocol::QuicV1),
        Medium::Http | Medium::Relay | Medium::Tcp => ip.with(Protocol::Tcp(at.port())),
    }
}

/// Writes what is reached through a relay that listens there.
pub(crate) fn through(at: Multiaddr, relay: PeerId) -> Multiaddr {
    at.with(Protocol::P2p(relay)).with(Protocol::P2pCircuit)
}

/// Says whether a relay stands in between.
pub(crate) fn is_relayed(address: &Multiaddr) -> bool {
    address.iter().any(|it| it == Protocol::P2pCircuit)
}

/// Reads where we are reached, with our key.
pub(crate) fn reached_at(address: &Multiaddr, me: NodeId) -> Option<wire::Multiaddr> {
    let mut address = address.clone();
    let mine = Protocol::P2p(peer_of(&me)?);
    if is_relayed(&address) && address.iter().last() != Some(mine.clone()) {
        address.push(mine);
    }
    address.to_string().parse().ok()
}

/// Reads IP address, port and medium.
pub(crate) fn socket_addr(address: &Multiaddr) -> Option<(SocketAddr, Medium)> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some((SocketAddr::new(ip, port), Medium::Tcp)),
        Protocol::Udp(port) => Some((SocketAddr::new(ip, port), Medium::Quic)),
        _ => None,
    }
}

/// Returns our end's address on the way to another one, as the system would choose it. Nothing is
/// sent.
pub(crate) fn local_ip_towards(remote: IpAddr) -> IpAddr {
    let any = match remote {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let route = || {
        let socket = UdpSocket::bind((any, 0))?;
        socket.connect((remote, 9))?;
        socket.local_addr()
    };
    route().map_or(any, |it| it.ip().to_canonical())
}
