//! TLS among the members of a private network: both ends show who let them in (CA-2).

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::{CryptoProvider, WebPkiSupportedAlgorithms, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, OtherError,
    ServerConfig, SignatureScheme,
};

use crate::membership::{Membership, NotMember};

/// Checks the other end, and shows our own certificate.
#[derive(Clone)]
struct Members(Arc<Membership>, WebPkiSupportedAlgorithms);

/// Returns the TLS of a private door. Guests without a certificate get as far as asking whether
/// they are invited.
pub(super) fn server(membership: &Arc<Membership>) -> ServerConfig {
    let members = Arc::new(Members::new(membership));
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has a suite of TLS 1.3")
        .with_client_cert_verifier(members.clone())
        .with_cert_resolver(members);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Whoever comes again is checked again.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

/// Returns the TLS with which a member dials.
pub(super) fn client(membership: &Arc<Membership>) -> ClientConfig {
    let members = Arc::new(Members::new(membership));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])
        .expect("the provider has a suite of TLS 1.3")
        .dangerous()
        .with_custom_certificate_verifier(members.clone())
        .with_client_cert_resolver(members);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.enable_sni = false;
    config.resumption = Resumption::disabled();
    config
}

/// The one cipher suite of design C.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = CryptoProvider::clone(&super::provider());
    let aes = rustls::CipherSuite::TLS13_AES_256_GCM_SHA384;
    provider.cipher_suites.retain(|it| it.suite() == aes);
    Arc::new(provider)
}

impl Members {
    fn new(membership: &Arc<Membership>) -> Self {
        Self(membership.clone(), super::provider().signature_verification_algorithms)
    }

    fn check(&self, leaf: &CertificateDer<'_>) -> Result<(), Error> {
        self.0.check(Some(leaf)).map(drop).map_err(|why| {
            self.0.refused(&why);
            Error::InvalidCertificate(fault(why))
        })
    }

    fn own(&self) -> Arc<CertifiedKey> {
        self.0.own().key
    }
}

/// Says it so that the other end hears the like.
fn fault(why: NotMember) -> CertificateError {
    match why {
        NotMember::Expired => CertificateError::Expired,
        NotMember::TooSoon => CertificateError::NotValidYet,
        NotMember::Revoked => CertificateError::Revoked,
        NotMember::Stranger => CertificateError::UnknownIssuer,
        NotMember::Broken(_)
        | NotMember::Names
        | NotMember::None
        | NotMember::Other
        | NotMember::OtherKey
        | NotMember::TooLong => CertificateError::Other(OtherError(Arc::new(why))),
    }
}

impl ClientCertVerifier for Members {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(leaf).map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.1)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ServerCertVerifier for Members {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(leaf).map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, leaf, signed, &self.1)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}

impl ResolvesServerCert for Members {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.own())
    }
}

impl ResolvesClientCert for Members {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.own())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Members")
    }
}
