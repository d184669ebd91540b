//! A certificate with its key, as files hold them.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::provider;
use crate::{Authorities, Member, NotMember};

/// A chain whose first certificate belongs to a key that is here.
#[derive(Clone, Debug)]
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    expires_s: u64,
    names: Vec<String>,
}

/// Why a pair of files is no certificate of ours.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CertificateError {
    /// There is none.
    #[error("the file of the certificate holds no certificate (PEM)")]
    NoCertificate,
    /// There is none, or none that we can use.
    #[error("the file of the key holds no private key that TLS can use (PEM): {0}")]
    NoKey(String),
    /// What is there cannot be read.
    #[error("the certificate cannot be read: {0}")]
    Unreadable(String),
    /// Of two pairs.
    #[error("the key is not that of the certificate: give the key that it was made for")]
    WrongKey,
}

impl Certificate {
    /// Reads a chain, its leaf first, and the leaf's key.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, CertificateError> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .take(CHAIN_MAX)
            .collect::<Result<_, _>>()
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| CertificateError::NoKey(error.to_string()))?;
        let leaf = chain.first().ok_or(CertificateError::NoCertificate)?;
        let (_, read) = X509Certificate::from_der(leaf)
            .map_err(|error| CertificateError::Unreadable(error.to_string()))?;
        let expires_s = u64::try_from(read.validity().not_after.timestamp()).unwrap_or(0);
        let names = names(&read);
        let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => CertificateError::WrongKey,
            _ => CertificateError::NoKey(error.to_string()),
        })?;
        Ok(Self { key: Arc::new(key), expires_s, names })
    }

    /// Returns until when it is good, unix seconds.
    pub fn expires_s(&self) -> u64 {
        self.expires_s
    }

    /// Says whom it makes a member of a private network.
    pub fn member(&self, authorities: &Authorities, now_s: u64) -> Result<Member, NotMember> {
        authorities.check(self.leaf(), now_s)
    }

    /// Returns the leaf, as bytes.
    pub(crate) fn leaf(&self) -> &[u8] {
        self.key.cert.first().map_or(&[], |it| it)
    }

    /// Returns the hosts that it is for, as they stand in URLs.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn names(read: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(listed)) = read.subject_alternative_name() else { return Vec::new() };
    let name = |it: &GeneralName<'_>| match it {
        GeneralName::DNSName(name) if !name.starts_with('*') => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => {
                <[u8; 4]>::try_from(*bytes).ok().map(|it| std::net::Ipv4Addr::from(it).to_string())
            }
            _ => <[u8; 16]>::try_from(*bytes)
                .ok()
                .map(|it| format!("[{}]", std::net::Ipv6Addr::from(it))),
        },
        // Of the many kinds of names only these two stand in URLs.
        _ => None,
    };
    listed.value.general_names.iter().filter_map(name).take(NAMES_MAX).collect()
}

/// Certificates of one chain.
const CHAIN_MAX: usize = 8;
/// Hosts of one certificate that we look at.
const NAMES_MAX: usize = 16;
