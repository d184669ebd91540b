//! Why a transport could not start.

use std::io;
use std::net::SocketAddr;

use wire::Medium;

/// A transport that did not start. The world is at fault; nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The libraries of libp2p cannot use the node's key.
    #[error("libp2p cannot use the node's key")]
    Key,
    /// The address cannot be listened on.
    #[error("cannot listen on {addr}: {why}")]
    Listen {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// A name is none of our own addresses.
    #[error("cannot listen on {0}: give an IP address of this machine")]
    ListenName(String),
    /// Somebody else listens there.
    #[error("{addr} is taken by another program: stop it, or choose another port")]
    PortTaken {
        /// The address asked for.
        addr: SocketAddr,
        /// For what it was asked.
        medium: Medium,
    },
}

impl TransportError {
    pub(crate) fn of_listening(addr: SocketAddr, medium: Medium, why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::AddrInUse => Self::PortTaken { addr, medium },
            _ => Self::Listen { addr, why },
        }
    }
}
