//! Who may be in a private network: nodes with a certificate of its authority (CA-1).
//!
//! A certificate says only that a node belongs. Its key is the node's own, so an authority can
//! let nodes in and never speak for one.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError as Verdict, RootCertStore};
use wire::NodeId;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::CertificateError;
use crate::tls::{Certificate, provider};

/// The certificates of those who let nodes in.
#[derive(Clone)]
pub struct Authorities {
    keys: Vec<NodeId>,
    chains: Arc<dyn ClientCertVerifier>,
}

/// What a member's certificate says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Member {
    /// Whose it is.
    pub node: NodeId,
    /// From when it is good, unix seconds.
    pub begins_s: u64,
    /// Until when.
    pub expires_s: u64,
}

/// Why somebody is no member. Its own fault, or its authority's.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotMember {
    /// What is shown cannot be read.
    #[error("what it shows is no certificate: {0}")]
    Broken(String),
    /// Its time is over, or ours is wrong.
    #[error("its certificate has expired, or a clock is wrong")]
    Expired,
    /// It names more than one, or none, or none of ours.
    #[error("its certificate does not name exactly one node")]
    Names,
    /// It shows nothing.
    #[error("it shows no certificate of this private network")]
    None,
    /// It shows somebody else's.
    #[error("its certificate is that of another node")]
    Other,
    /// The name in it does not go with the key in it.
    #[error("its certificate names another node than its key does")]
    OtherKey,
    /// It was sent away.
    #[error("its certificate was revoked")]
    Revoked,
    /// By itself, or by an authority that is not ours.
    #[error("its certificate is of no authority of this network")]
    Stranger,
    /// Longer than an authority of ours lets anybody in.
    #[error("its certificate is good for longer than {LIFE_DAYS_MAX} days")]
    TooLong,
    /// Its time has not begun, or ours is wrong.
    #[error("its certificate is not good yet, or a clock is wrong")]
    TooSoon,
}

/// What a node of a private network needs.
#[derive(Clone, Debug)]
pub struct Private {
    /// Who lets nodes in.
    pub authorities: Authorities,
    /// Our own certificate; its key is the node's.
    pub certificate: Certificate,
    /// Who was sent away.
    pub revoked: BTreeSet<NodeId>,
}

/// The membership of a running node.
pub(crate) struct Membership {
    authorities: Authorities,
    own: RwLock<Certificate>,
    revoked: RwLock<BTreeSet<NodeId>>,
    /// When a refusal was last told to the operator, unix seconds.
    told_s: AtomicU64,
}

impl Authorities {
    /// Reads certificates of authorities, PEM. Each has an Ed25519 key and may sign certificates.
    pub fn from_pem(pem: &[u8]) -> Result<Self, CertificateError> {
        let unreadable = |why: String| CertificateError::Unreadable(why);
        let (mut roots, mut keys) = (RootCertStore::empty(), Vec::new());
        for der in CertificateDer::pem_slice_iter(pem).take(AUTHORITIES_MAX) {
            let der = der.map_err(|error| unreadable(error.to_string()))?;
            let (_, read) =
                X509Certificate::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
            if !read.is_ca() {
                return Err(unreadable("it is not that of an authority".to_owned()));
            }
            let key = key_of(&read).ok_or_else(|| {
                unreadable("the key of an authority has to be an Ed25519 key".to_owned())
            })?;
            keys.push(key);
            roots.add(der).map_err(|error| unreadable(error.to_string()))?;
        }
        if keys.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
        let chains = verifier.build().map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { keys, chains })
    }

    /// Returns their keys: records by them say who was sent away (CA-4).
    pub fn keys(&self) -> &[NodeId] {
        &self.keys
    }

    /// Checks a certificate alone (CA-1); whether its node was sent away is not looked at.
    pub fn check(&self, leaf: &[u8], now_s: u64) -> Result<Member, NotMember> {
        let (rest, read) = X509Certificate::from_der(leaf)
            .map_err(|error| NotMember::Broken(error.to_string()))?;
        if !rest.is_empty() {
            return Err(NotMember::Broken("bytes follow it".to_owned()));
        }
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now_s));
        let der = CertificateDer::from(leaf);
        self.chains.verify_client_cert(&der, &[], now).map_err(|error| verdict(&error))?;
        said(&read)
    }
}
impl Authorities {
    /// Checks the first certificate of a file, PEM.
    pub fn check_pem(&self, pem: &[u8], now_s: u64) -> Result<Member, NotMember> {
        self.check(&first(pem)?, now_s)
    }

    /// Reads what one of ours said, whether its time is over or not.
    pub fn read_pem(&self, pem: &[u8]) -> Result<Member, NotMember> {
        let leaf = first(pem)?;
        let member = read(&leaf)?;
        self.check(&leaf, member.begins_s)
    }

    /// Reads what a certificate says, whoever signed it, PEM.
    pub fn read_any(pem: &[u8]) -> Result<Member, NotMember> {
        read(&first(pem)?)
    }
}

impl Membership {
    pub(crate) fn new(private: Private) -> Self {
        Self {
            authorities: private.authorities,
            own: RwLock::new(private.certificate),
            revoked: RwLock::new(private.revoked),
            told_s: AtomicU64::new(0),
        }
    }

    /// Checks what somebody shows.
    pub(crate) fn check(&self, leaf: Option<&[u8]>) -> Result<Member, NotMember> {
        let member = self.authorities.check(leaf.ok_or(NotMember::None)?, now_s())?;
        if self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(&member.node) {
            return Err(NotMember::Revoked);
        }
        Ok(member)
    }

    /// Checks that what somebody shows is its own.
    pub(crate) fn check_own(&self, leaf: Option<&[u8]>, node: NodeId) -> Result<Member, NotMember> {
        let member = self.check(leaf)?;
        if member.node == node { Ok(member) } else { Err(NotMember::Other) }
    }

    /// Returns our own certificate.
    pub(crate) fn own(&self) -> Certificate {
        self.own.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Shows another one from now on.
    pub(crate) fn show(&self, certificate: &Certificate) {
        *self.own.write().unwrap_or_else(PoisonError::into_inner) = certificate.clone();
    }

    /// Replaces the list of those who were sent away; says whether that changed it.
    pub(crate) fn revoke(&self, nodes: BTreeSet<NodeId>) -> bool {
        let mut revoked = self.revoked.write().unwrap_or_else(PoisonError::into_inner);
        let changed = *revoked != nodes;
        *revoked = nodes;
        changed
    }

    /// Says why a link has to end now, if it has to.
    pub(crate) fn ends(&self, member: &Member) -> Option<NotMember> {
        if self.revoked.read().unwrap_or_else(PoisonError::into_inner).contains(&member.node) {
            return Some(NotMember::Revoked);
        }
        (member.expires_s < now_s()).then_some(NotMember::Expired)
    }

    /// Tells the operator that somebody was refused, at most once a second.
    pub(crate) fn refused(&self, why: &NotMember) {
        let now_s = now_s();
        if self.told_s.swap(now_s, Relaxed) == now_s {
            tracing::debug!(%why, "refused");
        } else {
            tracing::info!(%why, "somebody who is no member was refused");
        }
    }
}

/// Writes the name of a node in a certificate.
pub fn member_name(node: NodeId) -> String {
    format!("{NAME_PREFIX}{node}")
}

/// Reads one certificate and nothing behind it.
fn read(leaf: &[u8]) -> Result<Member, NotMember> {
    match X509Certificate::from_der(leaf) {
        Ok((_, read)) => said(&read),
        Err(error) => Err(NotMember::Broken(error.to_string())),
    }
}

fn first(pem: &[u8]) -> Result<CertificateDer<'static>, NotMember> {
    CertificateDer::from_pem_slice(pem).map_err(|error| NotMember::Broken(error.to_string()))
}

/// Returns what a certificate says; nobody has signed it yet.
fn said(read: &X509Certificate<'_>) -> Result<Member, NotMember> {
    let key = key_of(read).ok_or(NotMember::OtherKey)?;
    if name_of(read)? != key {
        return Err(NotMember::OtherKey);
    }
    let seconds = |time: x509_parser::time::ASN1Time| u64::try_from(time.timestamp()).unwrap_or(0);
    let validity = read.validity();
    let (begins_s, expires_s) = (seconds(validity.not_before), seconds(validity.not_after));
    if LIFE_DAYS_MAX * 86_400 + SLACK_S < expires_s.saturating_sub(begins_s) {
        return Err(NotMember::TooLong);
    }
    Ok(Member { node: key, begins_s, expires_s })
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn verdict(error: &rustls::Error) -> NotMember {
    match error {
        rustls::Error::InvalidCertificate(verdict) => match verdict {
            Verdict::Expired | Verdict::ExpiredContext { .. } => NotMember::Expired,
            Verdict::NotValidYet | Verdict::NotValidYetContext { .. } => NotMember::TooSoon,
            Verdict::UnknownIssuer | Verdict::BadSignature => NotMember::Stranger,
            _ => NotMember::Broken(verdict.to_string()),
        },
        _ => NotMember::Broken(error.to_string()),
    }
}

/// Reads the one name; there may be no other of whatever kind.
fn name_of(read: &X509Certificate<'_>) -> Result<NodeId, NotMember> {
    let names = read.subject_alternative_name().ok().flatten().ok_or(NotMember::Names)?;
    match names.value.general_names.as_slice() {
        [GeneralName::URI(name)] => {
            let node = name.strip_prefix(NAME_PREFIX).and_then(|it| it.parse().ok());
            node.ok_or(NotMember::Names)
        }
        _ => Err(NotMember::Names),
    }
}

/// Reads an Ed25519 key that is not weak.
fn key_of(read: &X509Certificate<'_>) -> Option<NodeId> {
    let info = read.public_key();
    if info.algorithm.algorithm != x509_parser::oid_registry::OID_SIG_ED25519 {
        return None;
    }
    let key = NodeId::from_bytes(info.subject_public_key.data.as_ref().try_into().ok()?);
    (!key.is_weak()).then_some(key)
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Authorities").field(&self.keys).finish()
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.authorities.fmt(f)
    }
}

/// Before the id of a node.
const NAME_PREFIX: &str = "urn:trellis:node:";
/// How long a member may stay without being let in anew.
pub const LIFE_DAYS_MAX: u64 = 30;
/// Authorities date back what they sign, because of clocks.
const SLACK_S: u64 = 3_600;
const AUTHORITIES_MAX: usize = 8;
