//! TLS 1.3 at the door, and towards the doors of others.
//!
//! What carries a link proves its keys inside (LINK-1), so a certificate says only that a name
//! leads to this machine. One provider for all of it, the one that libp2p brings.

mod certificate;
mod client;
mod private;
mod server;
mod stream;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};

pub use certificate::{Certificate, CertificateError};
pub use client::Roots;

pub(crate) use client::{Verifier, sent_away};
pub(crate) use server::{Spoken, TlsDoor};
pub(crate) use stream::Stream;

pub(crate) fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

/// Says in words for a human why a handshake failed: rustls hides its reasons in the system's.
fn reason(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|it| it.downcast_ref::<rustls::Error>());
    match inner {
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}
