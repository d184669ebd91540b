//! A libp2p listener as text: the few forms of multiaddr that a link can be made to (LIBP2P-1).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::{FromStr, Split};

use super::{Medium, refuse};
use crate::{NodeId, WireError};

/// `/ip4|ip6|dns|dns4|dns6/HOST/udp/PORT/quic-v1` or `.../tcp/PORT`, then perhaps `/p2p/NODE`, or for a node behind
/// a relay `/p2p/RELAY/p2p-circuit/p2p/NODE`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Multiaddr {
    /// The machine.
    pub host: Host,
    /// Its port, of UDP for QUIC, else of TCP.
    pub port: u16,
    /// Who has to answer there, where the address says so.
    pub node: Option<NodeId>,
    /// Who listens there and passes on to that node, if it is not the node itself (NAT-1).
    pub via: Option<NodeId>,
    carried: Carried,
}

/// A machine: an IP address, or a name that has one.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Host {
    /// A name that is looked up, in lower case.
    Dns(Family, String),
    /// The address itself.
    Ip(IpAddr),
}

/// Which addresses of a name count.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Family {
    /// All.
    Any,
    /// Those of IPv4.
    V4,
    /// Those of IPv6.
    V6,
}

/// What stands behind the host.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
enum Carried {
    Quic,
    Tcp,
}

impl Multiaddr {
    /// Makes the address of a QUIC listener.
    pub fn quic(ip: IpAddr, port: u16) -> Self {
        Self { host: Host::Ip(ip), port, node: None, via: None, carried: Carried::Quic }
    }

    /// Makes the address of a TCP listener.
    pub fn tcp(ip: IpAddr, port: u16) -> Self {
        Self { host: Host::Ip(ip), port, node: None, via: None, carried: Carried::Tcp }
    }

    /// Returns what carries a link to it.
    pub fn medium(&self) -> Medium {
        if self.via.is_some() {
            return Medium::Relay;
        }
        self.carried_by()
    }

    /// Returns what carries the first part of the way: to the relay, where there is one.
    pub fn carried_by(&self) -> Medium {
        match self.carried {
            Carried::Quic => Medium::Quic,
            Carried::Tcp => Medium::Tcp,
        }
    }

    /// Returns the same listener at another machine and port; nobody in particular answers there.
    #[must_use]
    pub fn at(&self, ip: IpAddr, port: u16) -> Self {
        Self { host: Host::Ip(ip), port, node: None, via: None, carried: self.carried }
    }

    /// Returns the IP address, where it needs no looking up.
    pub fn ip(&self) -> Option<IpAddr> {
        match self.host {
            Host::Dns(..) => None,
            Host::Ip(ip) => Some(ip),
        }
    }
}

impl fmt::Display for Multiaddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Dns(family, name) => write!(f, "/{}/{name}", family.protocol())?,
            Host::Ip(IpAddr::V4(ip)) => write!(f, "/ip4/{ip}")?,
            Host::Ip(IpAddr::V6(ip)) => write!(f, "/ip6/{ip}")?,
        }
        let port = self.port;
        match self.carried {
            Carried::Quic => write!(f, "/udp/{port}/quic-v1")?,
            Carried::Tcp => write!(f, "/tcp/{port}")?,
        }
        if let Some(via) = &self.via {
            write!(f, "/p2p/{via}/p2p-circuit")?;
        }
        match &self.node {
            Some(node) => write!(f, "/p2p/{node}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Multiaddr {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        read(text).map_err(|why| refuse(text, why))
    }
}

/// The host as in a URL: an IPv6 address stands in brackets.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(_, name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl Family {
    /// Says whether an address of a name counts.
    pub fn has(self, ip: IpAddr) -> bool {
        match self {
            Self::Any => true,
            Self::V4 => ip.is_ipv4(),
            Self::V6 => ip.is_ipv6(),
        }
    }

    fn protocol(self) -> &'static str {
        match self {
            Self::Any => "dns",
            Self::V4 => "dns4",
            Self::V6 => "dns6",
        }
    }
}

fn read(text: &str) -> Result<Multiaddr, &'static str> {
    let mut words = text.strip_prefix('/').ok_or(FORMS)?.split('/');
    let host = read_host(&mut words)?;
    let (protocol, port) = (words.next().ok_or(FORMS)?, words.next().ok_or(FORMS)?);
    // As it is printed: neither a sign nor a leading zero.
    let port: u16 = port.parse().ok().filter(|it: &u16| it.to_string() == port).ok_or(PORT)?;
    let carried = match protocol {
        "tcp" => Carried::Tcp,
        "udp" => match words.next() {
            Some("quic-v1") => Carried::Quic,
            Some("quic") => return Err("the old QUIC is not supported, use /quic-v1"),
            Some(_) | None => return Err("what follows udp is /quic-v1"),
        },
        _ => return Err(FORMS),
    };
    let id = |text: &str| text.parse::<NodeId>().map_err(|_| NODE);
    let (node, via) = match (words.next(), words.next(), words.next()) {
        (None, ..) => (None, None),
        (Some("p2p"), Some(node), None) => (Some(id(node)?), None),
        (Some("p2p"), None, _) => return Err(NODE),
        (Some("p2p"), Some(relay), Some("p2p-circuit")) => {
            match (words.next(), words.next(), words.next()) {
                (Some("p2p"), Some(node), None) => (Some(id(node)?), Some(id(relay)?)),
                _ => return Err("what follows p2p-circuit is /p2p/NODE, and no more"),
            }
        }
        (Some("p2p"), Some(_), Some(_)) => return Err("nothing may follow /p2p/NODE"),
        (Some("ws" | "wss" | "tls" | "http"), ..) => {
            return Err("for WebSockets use http://HOST:PORT");
        }
        (Some(_), ..) => return Err("only /p2p/NODE may follow here"),
    };
    Ok(Multiaddr { host, port, node, via, carried })
}

fn read_host(words: &mut Split<'_, char>) -> Result<Host, &'static str> {
    let (protocol, host) = (words.next().ok_or(FORMS)?, words.next().ok_or(FORMS)?);
    let name = |family| {
        let name = host.to_ascii_lowercase();
        if is_name(&name) { Ok(Host::Dns(family, name)) } else { Err("not a DNS name") }
    };
    match protocol {
        "ip4" => Ok(Host::Ip(host.parse::<Ipv4Addr>().map_err(|_| "not an IPv4 address")?.into())),
        "ip6" => Ok(Host::Ip(host.parse::<Ipv6Addr>().map_err(|_| "not an IPv6 address")?.into())),
        "dns" => name(Family::Any),
        "dns4" => name(Family::V4),
        "dns6" => name(Family::V6),
        _ => Err(FORMS),
    }
}

fn is_name(text: &str) -> bool {
    let fits = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-' || it == b'_')
    };
    text.len() <= NAME_BYTES_MAX && text.strip_suffix('.').unwrap_or(text).split('.').all(fits)
}

const FORMS: &str = "use /ip4/IP/udp/PORT/quic-v1 or /ip4/IP/tcp/PORT, or the same with ip6 or dns";
const PORT: &str = "a port is a number up to 65535";
const NODE: &str = "what follows p2p is a node id, 12D3Koo...";
/// The longest name DNS knows, as text.
const NAME_BYTES_MAX: usize = 253;
