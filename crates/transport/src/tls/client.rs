//! TLS towards a door: who is believed, and why somebody is not.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{AlertDescription, CertificateError, ClientConfig, Error, RootCertStore};
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use super::{CertificateError as Unread, private, provider, reason};
use crate::membership::{Membership, NotMember};
use crate::metered::Metered;

/// Whose certificates are believed (TLS-3): those of the public roots, and what the operator adds.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootCertStore>);

/// What checks the doors that we dial.
#[derive(Clone)]
pub(crate) struct Verifier {
    config: Arc<ClientConfig>,
    membership: Option<Arc<Membership>>,
}

impl Default for Roots {
    fn default() -> Self {
        let store = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        Self(Arc::new(store))
    }
}

impl Roots {
    /// Believes the certificates of a file as well.
    pub fn with_pem(self, pem: &[u8]) -> Result<Self, Unread> {
        let mut store = RootCertStore::clone(&self.0);
        let mut count = 0;
        for der in CertificateDer::pem_slice_iter(pem).take(ADDED_MAX) {
            let der = der.map_err(|error| Unread::Unreadable(error.to_string()))?;
            store.add(der).map_err(|error| Unread::Unreadable(error.to_string()))?;
            count += 1;
        }
        if count == 0 { Err(Unread::NoCertificate) } else { Ok(Self(Arc::new(store))) }
    }
}

impl Verifier {
    pub(crate) fn new(roots: &Roots) -> Self {
        let config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites of TLS 1.3");
        let mut config = config.with_root_certificates(roots.0.clone()).with_no_client_auth();
        // A link is an upgrade, which HTTP/2 does not have.
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // What is dialled once is dialled seldom.
        config.resumption = Resumption::disabled();
        Self { config: Arc::new(config), membership: None }
    }

    /// Makes what checks the doors of members.
    pub(crate) fn private(membership: &Arc<Membership>) -> Self {
        let config = Arc::new(private::client(membership));
        Self { config, membership: Some(membership.clone()) }
    }

    /// Says why a plain door is not asked, where it is not.
    pub(crate) fn refuses_plain(&self) -> Option<&'static str> {
        let why = "this network is private: only https:// doors of members are dialled";
        self.membership.as_ref().map(|_| why)
    }

    /// Opens TLS to `host`. The caller limits the time. May be dropped.
    pub(crate) async fn open(&self, host: &str, socket: Metered) -> Result<Stream, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host} is no name that a certificate can have"))?;
        match TlsConnector::from(self.config.clone()).connect(name, socket).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) if self.membership.is_some() && is_stranger(&error) => {
                Err(format!("the certificate of {host} is of no authority of this network"))
            }
            Err(error) => Err(describe(host, &error)),
        }
    }
}

fn is_stranger(error: &std::io::Error) -> bool {
    let fault = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    matches!(fault, Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)))
}

fn describe(host: &str, error: &std::io::Error) -> String {
    let fault = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match fault {
        Some(Error::InvalidCertificate(CertificateError::Other(fault))) => {
            match fault.0.downcast_ref::<NotMember>() {
                Some(why) => format!("{host} is no member: {why}"),
                None => format!("the certificate of {host} is not good: {fault:?}"),
            }
        }
        Some(Error::InvalidCertificate(fault)) => match fault {
            // An authority of the same name with another key.
            CertificateError::BadSignature | CertificateError::UnknownIssuer => format!(
                "the certificate of {host} is of an authority that is not trusted here: if it is \
                 your own, name its certificate in http.tls_roots"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("the certificate there is not for {host}")
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("the certificate of {host} has expired, or a clock is wrong")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("the certificate of {host} is not good yet, or a clock is wrong")
            }
            CertificateError::Revoked => format!("the certificate of {host} was revoked"),
            _ => format!("the certificate of {host} is not good: {fault}"),
        },
        Some(Error::InvalidMessage(_)) => {
            format!("what answers at {host} does not speak TLS: is it http:// there?")
        }
        Some(fault) => format!("no TLS with {host}: {fault}"),
        None => format!("the connection broke before TLS began: {}", reason(error)),
    }
}

/// Says why the other end has sent us away, if it said so in words of TLS.
pub(crate) fn sent_away(error: &std::io::Error) -> Option<String> {
    let fault = error.get_ref()?.downcast_ref::<Error>()?;
    let Error::AlertReceived(alert) = fault else { return None };
    Some(match alert {
        AlertDescription::CertificateExpired => {
            "it refuses our certificate: it has expired, or a clock is wrong".to_owned()
        }
        AlertDescription::CertificateRevoked => "it refuses our certificate: revoked".to_owned(),
        AlertDescription::UnknownCA => {
            "it refuses our certificate: it is of no authority of this network".to_owned()
        }
        // The set of TLS's alerts is open.
        _ => format!("it refuses us: {alert:?}"),
    })
}

/// Certificates that an operator may add.
const ADDED_MAX: usize = 64;
