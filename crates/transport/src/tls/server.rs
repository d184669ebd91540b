//! TLS at the door: the certificate that is shown, and which HTTP follows.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Certificate, private, provider, reason};
use crate::membership::Membership;
use crate::metered::Metered;

/// The TLS of the door.
#[derive(Clone)]
pub(crate) struct TlsDoor {
    acceptor: TlsAcceptor,
    shown: What,
}

/// What new connections see.
#[derive(Clone)]
enum What {
    Members(Arc<Membership>),
    Public(Arc<Shown>),
}

/// Which HTTP a client wants (TLS-2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Spoken {
    Http1,
    Http2,
}

/// The certificate that new connections see.
struct Shown(RwLock<Arc<CertifiedKey>>);

impl TlsDoor {
    pub(crate) fn new(certificate: &Certificate) -> Self {
        let shown = Arc::new(Shown(RwLock::new(certificate.key.clone())));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13])
            .expect("the provider has suites of TLS 1.3")
            .with_no_client_auth()
            .with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // Nothing is kept of a client that went.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Self { acceptor: TlsAcceptor::from(Arc::new(config)), shown: What::Public(shown) }
    }

    /// Makes that of a private network.
    pub(crate) fn private(membership: &Arc<Membership>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(private::server(membership)));
        Self { acceptor, shown: What::Members(membership.clone()) }
    }

    /// Shows another certificate from now on (TLS-4).
    pub(crate) fn show(&self, certificate: &Certificate) {
        match &self.shown {
            What::Members(membership) => membership.show(certificate),
            What::Public(shown) => {
                let mut shown = shown.0.write().unwrap_or_else(PoisonError::into_inner);
                *shown = certificate.key.clone();
            }
        }
    }

    /// Takes a client in. The caller limits the time. May be dropped.
    pub(crate) async fn accept(
        &self,
        socket: Metered,
    ) -> Result<(TlsStream<Metered>, Spoken), String> {
        let stream = self.acceptor.accept(socket).await.map_err(|error| reason(&error))?;
        let spoken = match stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Spoken::Http2,
            Some(_) | None => Spoken::Http1,
        };
        Ok((stream, spoken))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl fmt::Debug for TlsDoor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsDoor")
    }
}
