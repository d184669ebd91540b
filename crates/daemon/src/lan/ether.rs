//! The sockets of multicast DNS: one for each family, joined on every network of this machine.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use if_addrs::{IfAddr, Interface};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

/// Where messages leave and come in.
#[derive(Debug)]
pub(crate) struct Ether {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    nets: Vec<Net>,
}

/// A network that this machine is on: an interface, and its addresses in one family.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Net {
    pub(crate) name: String,
    index: u32,
    /// Those that others can dial, with the length of the network's prefix.
    pub(crate) ips: Vec<(IpAddr, u8)>,
    family: Family,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Family {
    V4,
    V6,
}

impl Ether {
    /// Opens the sockets; a family that the system does not have is left out.
    pub(crate) fn open() -> io::Result<Self> {
        let (v4, v6) = (socket(Family::V4), socket(Family::V6));
        match (v4, v6) {
            (Err(why), Err(_)) => Err(why),
            (v4, v6) => Ok(Self { v4: v4.ok(), v6: v6.ok(), nets: Vec::new() }),
        }
    }

    /// Looks which networks there are and joins new ones. Says whether they changed.
    pub(crate) fn look_around(&mut self) -> io::Result<bool> {
        let nets = nets(if_addrs::get_if_addrs()?);
        if nets == self.nets {
            return Ok(false);
        }
        for net in nets.iter().filter(|it| !self.nets.contains(it)) {
            // Where we were before, the system says that we are there already.
            let _joined = self.join(net);
        }
        self.nets = nets;
        Ok(true)
    }

    pub(crate) fn nets(&self) -> &[Net] {
        &self.nets
    }

    /// Says whether an address is on one of our networks.
    pub(crate) fn is_beside(&self, ip: IpAddr) -> bool {
        let ours = self.nets.iter().flat_map(|net| &net.ips);
        ours.into_iter().any(|(own, prefix)| share(*own, ip, *prefix))
    }

    /// Sends to everybody on one network. What is lost is said again.
    pub(crate) async fn send(&self, net: &Net, bytes: &[u8]) -> io::Result<()> {
        let gone = || io::Error::from(io::ErrorKind::NotConnected);
        match net.family {
            Family::V4 => {
                let socket = self.v4.as_ref().ok_or_else(gone)?;
                let from = net.ips.iter().find_map(|(ip, _)| match ip {
                    IpAddr::V4(ip) => Some(*ip),
                    IpAddr::V6(_) => None,
                });
                SockRef::from(socket).set_multicast_if_v4(&from.ok_or_else(gone)?)?;
                socket.send_to(bytes, SocketAddrV4::new(GROUP_V4, PORT)).await?;
            }
            Family::V6 => {
                let socket = self.v6.as_ref().ok_or_else(gone)?;
                socket.send_to(bytes, SocketAddrV6::new(GROUP_V6, PORT, 0, net.index)).await?;
            }
        }
        Ok(())
    }

    /// Waits for the next message.
    pub(crate) async fn receive(&self, buffer: &mut Buffer) -> io::Result<(usize, IpAddr)> {
        let (v4, v6) = (&mut buffer.v4, &mut buffer.v6);
        let (length, from) = tokio::select! {
            got = receive(self.v4.as_ref(), v4) => {
                let (length, from) = got?;
                buffer.last = Family::V4;
                (length, from)
            }
            got = receive(self.v6.as_ref(), v6) => {
                let (length, from) = got?;
                buffer.last = Family::V6;
                (length, from)
            }
        };
        Ok((length, from.ip()))
    }

    fn join(&self, net: &Net) -> io::Result<()> {
        match (net.family, &self.v4, &self.v6) {
            (Family::V4, Some(socket), _) => {
                let index = socket2::InterfaceIndexOrAddress::Index(net.index);
                SockRef::from(socket).join_multicast_v4_n(&GROUP_V4, &index)
            }
            (Family::V6, _, Some(socket)) => {
                SockRef::from(socket).join_multicast_v6(&GROUP_V6, net.index)
            }
            (Family::V4 | Family::V6, ..) => Ok(()),
        }
    }
}

/// Room for one message of each family.
#[derive(Debug)]
pub(crate) struct Buffer {
    v4: Vec<u8>,
    v6: Vec<u8>,
    last: Family,
}

impl Buffer {
    pub(crate) fn new() -> Self {
        Self { v4: vec![0; MESSAGE_BYTES_MAX], v6: vec![0; MESSAGE_BYTES_MAX], last: Family::V4 }
    }

    /// Returns the message that came last.
    pub(crate) fn last(&self, length: usize) -> &[u8] {
        let bytes = match self.last {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        bytes.get(..length).unwrap_or_default()
    }
}

async fn receive(socket: Option<&UdpSocket>, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
    match socket {
        Some(socket) => socket.recv_from(buffer).await,
        None => std::future::pending().await,
    }
}

fn socket(family: Family) -> io::Result<UdpSocket> {
    let domain = match family {
        Family::V4 => Domain::IPV4,
        Family::V6 => Domain::IPV6,
    };
    let socket = Socket::new(domain, Type::DGRAM, Some(Protocol::UDP))?;
    // Others on this machine listen there too.
    socket.set_reuse_address(true)?;
    #[cfg(unix)]
    socket.set_reuse_port(true)?;
    let any: IpAddr = match family {
        Family::V4 => {
            // RFC 6762, section 11.
            socket.set_multicast_ttl_v4(255)?;
            Ipv4Addr::UNSPECIFIED.into()
        }
        Family::V6 => {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(255)?;
            Ipv6Addr::UNSPECIFIED.into()
        }
    };
    socket.bind(&SocketAddr::new(any, PORT).into())?;
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(socket.into())
}

/// Sorts addresses by interface and family. Loopback leads nowhere, and a line between two machines, such as a
/// tunnel, is no LAN.
fn nets(interfaces: Vec<Interface>) -> Vec<Net> {
    let mut found: BTreeMap<(u32, Family), Net> = BTreeMap::new();
    for interface in interfaces {
        let skip = interface.is_loopback() || interface.is_p2p() || !interface.is_oper_up();
        let Some(index) = interface.index.filter(|_| !skip) else { continue };
        let (family, ip, prefix) = match &interface.addr {
            IfAddr::V4(it) => (Family::V4, IpAddr::V4(it.ip), it.prefixlen),
            IfAddr::V6(it) => (Family::V6, IpAddr::V6(it.ip), it.prefixlen),
        };
        let name = interface.name.clone();
        let net = || Net { name, index, ips: Vec::new(), family };
        let net = found.entry((index, family)).or_insert_with(net);
        // An address of one link only means nothing without the name of the link.
        let dialled = !matches!(ip, IpAddr::V6(it) if it.is_unicast_link_local());
        if dialled && net.ips.len() < IPS_MAX {
            net.ips.push((ip, prefix));
        }
    }
    found.into_values().take(NETS_MAX).collect()
}

/// Says whether two addresses have a prefix in common.
pub(super) fn share(one: IpAddr, other: IpAddr, prefix: u8) -> bool {
    let (one, other, length) = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u128::from(one.to_bits()) << 96, u128::from(other.to_bits()) << 96, prefix.min(32))
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits(), other.to_bits(), prefix.min(128)),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let differing = one ^ other;
    differing.leading_zeros() >= u32::from(length)
}

const PORT: u16 = 5353;
const GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 251);
const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0xfb);
/// The largest message that RFC 6762 knows.
const MESSAGE_BYTES_MAX: usize = 9_000;
/// Networks that are spoken on, and addresses of each.
const NETS_MAX: usize = 32;
const IPS_MAX: usize = 4;
