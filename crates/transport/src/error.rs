//! Why a transport could not start.

use std::io;
use std::net::SocketAddr;

/// A transport that did not start. The world is at fault; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {why}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// Somebody else listens there.
    #[error("{addr} is taken by another program: stop it, or choose another port")]
    PortTaken {
        /// The address asked for.
        addr: SocketAddr,
    },
}
