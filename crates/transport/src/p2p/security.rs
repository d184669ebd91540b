//! How a TCP connection is secured: Noise before TLS 1.3, whichever the other end knows.

use std::pin::Pin;

use futures_util::future::Either;
use futures_util::{AsyncRead, AsyncWrite};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo};
use libp2p::identity::Keypair;
use libp2p::{PeerId, noise, tls};

use crate::Security;

/// What we offer on one connection.
#[derive(Clone)]
pub(crate) struct Secure {
    noise: Option<noise::Config>,
    tls: Option<tls::Config>,
}

/// One of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scheme {
    Noise,
    Tls,
}

/// A handshake that failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecureError {
    #[error("Noise: {0}")]
    Noise(#[from] noise::Error),
    #[error("TLS: {0}")]
    Tls(#[from] tls::UpgradeError),
    #[error("it was not offered")]
    NotOffered,
}

type Secured<C> = (PeerId, Either<noise::Output<C>, tls::TlsStream<C>>);
type Securing<C> = Pin<Box<dyn Future<Output = Result<Secured<C>, SecureError>> + Send>>;

impl Secure {
    /// Prepares keys and certificate; `None` if the libraries cannot use the key.
    pub(crate) fn new(keypair: &Keypair, security: Security) -> Option<Self> {
        let noise = || noise::Config::new(keypair).ok();
        let tls = || tls::Config::new(keypair).ok();
        Some(match security {
            Security::Any => Self { noise: Some(noise()?), tls: Some(tls()?) },
            Security::Noise => Self { noise: Some(noise()?), tls: None },
            Security::Tls => Self { noise: None, tls: Some(tls()?) },
        })
    }
}

impl AsRef<str> for Scheme {
    fn as_ref(&self) -> &str {
        match self {
            Self::Noise => "/noise",
            Self::Tls => "/tls/1.0.0",
        }
    }
}

impl UpgradeInfo for Secure {
    type Info = Scheme;
    type InfoIter = Vec<Scheme>;

    fn protocol_info(&self) -> Vec<Scheme> {
        let noise = self.noise.is_some().then_some(Scheme::Noise);
        noise.into_iter().chain(self.tls.is_some().then_some(Scheme::Tls)).collect()
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + Send + 'static> InboundConnectionUpgrade<C> for Secure {
    type Output = Secured<C>;
    type Error = SecureError;
    type Future = Securing<C>;

    fn upgrade_inbound(self, socket: C, scheme: Scheme) -> Securing<C> {
        Box::pin(async move {
            match (scheme, self.noise, self.tls) {
                (Scheme::Noise, Some(noise), _) => {
                    let (peer, stream) = noise.upgrade_inbound(socket, "/noise").await?;
                    Ok((peer, Either::Left(stream)))
                }
                (Scheme::Tls, _, Some(tls)) => {
                    let (peer, stream) = tls.upgrade_inbound(socket, "/tls/1.0.0").await?;
                    Ok((peer, Either::Right(stream)))
                }
                (Scheme::Noise | Scheme::Tls, ..) => Err(SecureError::NotOffered),
            }
        })
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + Send + 'static> OutboundConnectionUpgrade<C> for Secure {
    type Output = Secured<C>;
    type Error = SecureError;
    type Future = Securing<C>;

    fn upgrade_outbound(self, socket: C, scheme: Scheme) -> Securing<C> {
        Box::pin(async move {
            match (scheme, self.noise, self.tls) {
                (Scheme::Noise, Some(noise), _) => {
                    let (peer, stream) = noise.upgrade_outbound(socket, "/noise").await?;
                    Ok((peer, Either::Left(stream)))
                }
                (Scheme::Tls, _, Some(tls)) => {
                    let (peer, stream) = tls.upgrade_outbound(socket, "/tls/1.0.0").await?;
                    Ok((peer, Either::Right(stream)))
                }
                (Scheme::Noise | Scheme::Tls, ..) => Err(SecureError::NotOffered),
            }
        })
    }
}
