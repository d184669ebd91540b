//! Who may come in: the right `Host`, so that no web page reaches us by rebinding a name, and
//! the token.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, header};
use wire::Digest;

use super::problem::{Code, Problem};

/// The rules of one listener.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    /// The token's hash: comparing hashes takes one time whatever is presented.
    token: Digest,
}

impl Gate {
    pub(super) fn new(token: &str, address: SocketAddr) -> Self {
        Self { address, token: hash(token) }
    }

    pub(super) fn admit(&self, path: &str, headers: &HeaderMap) -> Result<(), Problem> {
        self.check_host(headers)?;
        if OPEN_PATHS.contains(&path) {
            return Ok(());
        }
        let presented = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = presented.and_then(|text| text.split_once(' '));
        match token {
            Some((scheme, token))
                if scheme.eq_ignore_ascii_case("bearer") && self.fits(token.trim()) =>
            {
                Ok(())
            }
            Some(_) => Err(Problem::new(Code::Unauthorized, "wrong token: it stands in DIR/token")),
            None => Err(Problem::new(
                Code::Unauthorized,
                "send `Authorization: Bearer TOKEN`; the token stands in DIR/token",
            )),
        }
    }

    fn check_host(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let host = hosts.next().and_then(|value| value.to_str().ok());
        let authority = host.and_then(|text| text.parse::<Authority>().ok());
        let only = hosts.next().is_none();
        match authority {
            Some(authority) if only && self.is_ours(&authority) => Ok(()),
            _ => Err(Problem::new(
                Code::ForbiddenHost,
                format!("the Host header must name this API's address, {}", self.address),
            )),
        }
    }

    fn is_ours(&self, authority: &Authority) -> bool {
        if authority.as_str().contains('@')
            || authority.port_u16().unwrap_or(80) != self.address.port()
        {
            return false;
        }
        let host = authority.host();
        if host.eq_ignore_ascii_case("localhost") {
            return true;
        }
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let Ok(ip) = bare.parse::<IpAddr>() else { return false };
        // Listening everywhere, any address may be ours; a rebound name is never an address.
        ip.is_loopback() || ip == self.address.ip() || self.address.ip().is_unspecified()
    }

    fn fits(&self, token: &str) -> bool {
        let differing = hash(token).0.iter().zip(self.token.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        std::hint::black_box(differing) == 0
    }
}

fn hash(token: &str) -> Digest {
    Digest::of("trellis-api-token-v1", &[token.as_bytes()])
}

/// For probes that carry no token; they tell nothing but a word.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];
