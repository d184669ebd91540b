//! Where a peer is.

mod multiaddr;

use std::fmt;
use std::str::FromStr;

use url::Url;

pub use multiaddr::{Family, Host, Multiaddr};

use crate::{WireError, limits};

/// A place to dial. The set is closed: a transport we do not build has no variant.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Address {
    /// An HTTP door, `http://host[:port][/path]` or the same with `https`, without trailing slash.
    Http(String),
    /// A libp2p listener, `/ip4/HOST/udp/PORT/quic-v1` or `/ip4/HOST/tcp/PORT`, perhaps behind a relay there.
    Libp2p(Box<Multiaddr>),
}

/// What carries a link.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Medium {
    /// A WebSocket over HTTP or HTTPS.
    Http,
    /// QUIC, over UDP.
    Quic,
    /// A connection to a third node, which passes on what it cannot read.
    Relay,
    /// TCP, with Noise or TLS and Yamux.
    Tcp,
}

impl Address {
    /// Returns the URL of an HTTP door.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Http(url) => Some(url),
            Self::Libp2p(_) => None,
        }
    }

    /// Says whether it is a door behind TLS.
    pub fn is_https(&self) -> bool {
        self.url().is_some_and(|url| url.starts_with("https:"))
    }

    /// Returns what carries a link to this place.
    pub fn medium(&self) -> Medium {
        match self {
            Self::Http(_) => Medium::Http,
            Self::Libp2p(address) => address.medium(),
        }
    }

    /// Returns host and port; an IPv6 address stands in brackets.
    pub fn host_port(&self) -> (String, u16) {
        match self {
            Self::Http(url) => {
                let url = Url::parse(url).expect("checked when it was made");
                let host = url.host_str().unwrap_or_default().to_owned();
                (host, url.port_or_known_default().unwrap_or(80))
            }
            Self::Libp2p(address) => (address.host.to_string(), address.port),
        }
    }
}

impl Medium {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Http, Self::Quic, Self::Relay, Self::Tcp];

    /// Returns its name, as settings and the API say it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Quic => "quic",
            Self::Relay => "relay",
            Self::Tcp => "tcp",
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Libp2p(address) => address.fmt(f),
        }
    }
}

impl FromStr for Address {
    type Err = WireError;

    fn from_str(text: &str) -> Result<Self, WireError> {
        if text.len() > limits::ADDRESS_BYTES_MAX {
            return Err(refuse(text, "too long"));
        }
        if text.starts_with('/') {
            return Ok(Self::Libp2p(Box::new(text.parse()?)));
        }
        http(text).map(Self::Http).map_err(|why| refuse(text, why))
    }
}

fn http(text: &str) -> Result<String, &'static str> {
    let Ok(url) = Url::parse(text) else {
        return Err(FORMS);
    };
    match url.scheme() {
        "http" | "https" => {}
        _ => return Err(FORMS),
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("no host");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("no user or password belongs here");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("no query or fragment belongs here");
    }
    let url = url.as_str().trim_end_matches('/');
    // Escapes made it longer, and peers read what we print.
    if url.len() > limits::ADDRESS_BYTES_MAX {
        return Err("too long");
    }
    Ok(url.to_owned())
}

fn refuse(text: &str, why: &str) -> WireError {
    let shown: String = text.chars().take(80).collect();
    WireError::Address(format!("{why}: {}", shown.escape_default()))
}

const FORMS: &str = "use http://HOST:PORT or https://HOST:PORT, /ip4/IP/udp/PORT/quic-v1, /ip4/IP/tcp/PORT, or the same with ip6 or dns";
