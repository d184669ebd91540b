//! How frames travel: the HTTP doors, links over WebSocket with Noise inside, links over libp2p, and
//! pushes to design-A nodes.
//!
//! This room performs and reports; it never decides. It knows sockets and [`wire`], and neither
//! the protocol nor the disk.

mod channel;
mod client;
mod config;
mod connect;
mod dial;
mod door;
mod envelope;
mod error;
mod inbound;
mod inbox;
mod link;
mod membership;
mod metered;
mod p2p;
mod push;
mod stranger;
mod tls;
mod traffic;
mod transport;

pub use client::Caller;
pub use config::{Config, Libp2p, Limits, Security};
pub use door::invite::{parse_reply, render_knock};
pub use error::TransportError;
pub use inbound::{
    DoorMetrics, DoorPeer, DoorState, GossipAnswer, Health, Inbound, LinkNumber, Linked, Question,
};
pub use inbox::Inbox;
pub use membership::{Authorities, LIFE_DAYS_MAX, Member, NotMember, Private, member_name};
pub use tls::{Certificate, CertificateError, Roots};
pub use traffic::{ByteCount, ClassCount, Handshakes, Traffic};
pub use transport::{Sent, Transport};

#[cfg(any(test, fuzzing))]
pub mod fuzz;
#[cfg(test)]
mod tests;
