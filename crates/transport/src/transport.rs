//! The handle.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use wire::Address;
use wire::lattice::Envelope;

use crate::{Config, Inbound, LinkNumber, Traffic, TransportError};

/// A cheap handle on everything that has a socket. The last one dropped ends all of it.
#[derive(Clone, Debug)]
pub struct Transport {}
impl Transport {
    /// Binds.
    #[expect(clippy::unused_async, reason = "shape first")]
    pub async fn start(_config: Config) -> Result<(Self, mpsc::Receiver<Inbound>), TransportError> {
        Ok((Self {}, mpsc::channel(1).1))
    }
    /// The door's address.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
    /// Dials; answered by `Linked`, `DoorFound` or `DialFailed`.
    pub fn dial(&self, _address: Address) {}
    /// Sends; never blocks.
    pub fn send(&self, _link: LinkNumber, _frame: Bytes) {}
    /// Sends what is queued and the farewell, then closes; answered by `Closed`.
    pub fn close(&self, _link: LinkNumber, _farewell: Option<Bytes>) {}
    /// Posts to a design-A node; answered by `DoorPushed`.
    pub fn push_door(&self, _address: Address, _envelope: Envelope) {}
    /// Counters.
    pub fn traffic(&self) -> Traffic {
        Traffic::default()
    }
    /// Stops accepting, closes all links, waits for all tasks, at most for `patience`.
    #[expect(clippy::unused_async, reason = "shape first")]
    pub async fn stop(&self, _patience: Duration) {}
}
