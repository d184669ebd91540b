//! Addresses, between our form of them and libp2p's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use wire::Medium;

/// Writes where to dial or to listen.
pub(crate) fn multiaddr(address: &wire::Multiaddr, at: SocketAddr) -> Multiaddr {
    let plain = Multiaddr::from(at.ip());
    match address.medium() {
        Medium::Quic => plain.with(Protocol::Udp(at.port())).with(Protocol::QuicV1),
        Medium::Http | Medium::Tcp => plain.with(Protocol::Tcp(at.port())),
    }
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
