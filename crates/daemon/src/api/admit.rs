//! Who may come in: the right `Host`, so that no web page reaches us by rebinding a name, and
//! the token.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, header};
use node::people::{Actor, Role, Roster};
use tokio::sync::watch;
use wire::Digest;

use super::problem::{Code, Problem};

/// The rules of one listener.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    /// The token's hash: comparing hashes takes one time whatever is presented.
    token: Digest,
    /// Who else has one.
    roster: watch::Receiver<Roster>,
}

impl Gate {
    pub(super) fn new(token: &str, address: SocketAddr, roster: watch::Receiver<Roster>) -> Self {
        Self { address, token: hash(token), roster }
    }

    /// Says who comes in; `None` for who may without a token (PEOPLE-2).
    pub(super) fn admit(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Option<Actor>, Problem> {
        self.check_host(headers)?;
        if OPEN_PATHS.contains(&path) {
            return Ok(None);
        }
        let actor = self.actor(headers)?;
        check_role(&actor, method, path)?;
        Ok(Some(actor))
    }

    fn actor(&self, headers: &HeaderMap) -> Result<Actor, Problem> {
        let presented = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = presented.and_then(|text| text.split_once(' '));
        match token {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                let wrong = "wrong token: the operator's stands in DIR/token, others get theirs \
                             from `trellis people add`";
                self.whose(token.trim()).ok_or_else(|| Problem::new(Code::Unauthorized, wrong))
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

    fn whose(&self, token: &str) -> Option<Actor> {
        let token = hash(token);
        let differing = token.0.iter().zip(self.token.0).fold(0, |sum, (a, b)| sum | (a ^ b));
        let is_operator = std::hint::black_box(differing) == 0;
        let roster = self.roster.borrow();
        let person = roster.whose(&token);
        if is_operator {
            return Some(Actor::operator());
        }
        person.map(|(name, role)| Actor { name: name.to_owned(), role })
    }
}

/// What is no decision of people is the operator's; others look, but not at what is exact (PEOPLE-1).
fn check_role(actor: &Actor, method: &Method, path: &str) -> Result<(), Problem> {
    let looks = matches!(*method, Method::GET | Method::HEAD);
    let is_private = path.starts_with("/v1/levels/own");
    let decides = DECIDED.iter().any(|it| {
        path.strip_prefix(it).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    });
    let may = match actor.role {
        Role::Operator => true,
        Role::Mirror => looks || decides,
        // The node says why not, as it does to everybody.
        Role::Observer => (looks && !is_private) || (decides && !path.ends_with("/fetch")),
    };
    if may {
        return Ok(());
    }
    let Actor { name, role } = actor;
    let detail = format!("{method} {path} is for the operator, and {name} is {role} here");
    Err(Problem::new(Code::WrongRole, detail))
}

/// Returns the hash by which a token is known.
pub(crate) fn hash(token: &str) -> Digest {
    Digest::of("trellis-api-token-v1", &[token.as_bytes()])
}

/// Where people decide: the node itself knows who may what.
const DECIDED: [&str; 5] = ["/v1/alerts", "/v1/people", "/v1/rules", "/v1/seeds", "/v1/transfers"];
/// For probes that carry no token; they tell nothing but a word.
const OPEN_PATHS: [&str; 2] = ["/livez", "/readyz"];
