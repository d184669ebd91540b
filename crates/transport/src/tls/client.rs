//! TLS towards a door: who is believed, and why somebody is not.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::version::TLS13;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio_rustls::TlsConnector;

use super::stream::Stream;
use super::{CertificateError as Unread, provider, reason};
use crate::metered::Metered;

/// Whose certificates are believed (TLS-3): those of the public roots, and what the operator adds.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootCertStore>);

/// What checks the doors that we dial.
#[derive(Clone)]
pub(crate) struct Verifier(Arc<ClientConfig>);

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
        Self(Arc::new(config))
    }

    /// Opens TLS to `host`. The caller limits the time. May be dropped.
    pub(crate) async fn open(&self, host: &str, socket: Metered) -> Result<Stream, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("{host} is no name that a certificate can have"))?;
        match TlsConnector::from(self.0.clone()).connect(name, socket).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => Err(describe(host, &error)),
        }
    }
}

fn describe(host: &str, error: &std::io::Error) -> String {
    let fault = error.get_ref().and_then(|it| it.downcast_ref::<Error>());
    match fault {
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
                format!("the certificate of {host} is not valid yet, or a clock is wrong")
            }
            _ => format!("the certificate of {host} is not good: {fault}"),
        },
        Some(Error::InvalidMessage(_)) => {
            format!("what answers at {host} does not speak TLS: is it http:// there?")
        }
        Some(fault) => format!("no TLS with {host}: {fault}"),
        None => format!("the connection broke before TLS began: {}", reason(error)),
    }
}

/// Certificates that an operator may add.
const ADDED_MAX: usize = 64;
