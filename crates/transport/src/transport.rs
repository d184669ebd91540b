//! The handle, and what all tasks behind it share.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use wire::lattice::Envelope;
use wire::{Address, Class};

use crate::channel::StaticKey;
use crate::door::places::Places;
use crate::link::Links;
use crate::link::handshake::Ourselves;
use crate::traffic::Counters;
use crate::{Config, Inbound, Limits, LinkNumber, Traffic, TransportError, dial, door, push};

/// A cheap handle on everything that has a socket. When the last one is dropped, all of it ends.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
    _ends_all: Arc<DropGuard>,
}

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) agent: String,
    pub(crate) ourselves: Ourselves,
    pub(crate) counters: Arc<Counters>,
    pub(crate) inbox: mpsc::Sender<Inbound>,
    pub(crate) links: Links,
    pub(crate) places: Arc<Places>,
    pub(crate) dials: Arc<Semaphore>,
    pub(crate) pushes: Arc<Semaphore>,
    /// Nothing new begins.
    pub(crate) stopping: CancellationToken,
    /// Everything ends at once.
    stopped: CancellationToken,
    tasks: TaskTracker,
    local_addr: Option<SocketAddr>,
}

impl Transport {
    /// Binds the door, if there is one, and starts accepting. What happens comes out of the
    /// receiver, which has to be read all the time: while it is full, nothing else is read either.
    pub async fn start(config: Config) -> Result<(Self, mpsc::Receiver<Inbound>), TransportError> {
        let listener = match config.listen {
            Some(addr) => Some(TcpListener::bind(addr).await.map_err(|why| refuse(addr, why))?),
            None => None,
        };
        let local_addr = listener.as_ref().and_then(|it| it.local_addr().ok());
        let (inbox, receiver) = mpsc::channel(config.limits.inbox_max);
        let shared = Arc::new(Shared::new(config, inbox, local_addr));
        let ends_all = Arc::new(shared.stopped.clone().drop_guard());
        if let Some(listener) = listener {
            shared.spawn(door::accept(shared.clone(), listener));
        }
        Ok((Self { shared, _ends_all: ends_all }, receiver))
    }

    /// Returns the address the door really has.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local_addr
    }

    /// Dials an address; answered by `Linked`, `DoorFound` or `DialFailed`.
    pub fn dial(&self, address: Address) {
        self.shared.spawn(dial::dial(self.shared.clone(), address));
    }

    /// Queues a frame. Never blocks: what does not fit is not sent, and `Congested` says so.
    pub fn send(&self, link: LinkNumber, _class: Class, frame: Bytes) {
        self.shared.links.send(link, frame);
    }

    /// Sends what is queued and then the farewell, for at most [`Limits::farewell_ms`], and closes
    /// the link; answered by `Closed`.
    pub fn close(&self, link: LinkNumber, farewell: Option<Bytes>) {
        self.shared.links.close(link, farewell);
    }

    /// Posts a message to a design-A node; answered by `DoorPushed`.
    pub fn push_door(&self, address: Address, envelope: Envelope) {
        self.shared.spawn(push::push(self.shared.clone(), address, envelope));
    }

    /// Reads the counters.
    pub fn traffic(&self) -> Traffic {
        Traffic {
            connections_open: self.shared.places.len() as u64,
            links_open: self.shared.links.open(),
            ..self.shared.counters.read()
        }
    }

    /// Stops accepting, closes all links and waits for all tasks, at most for `patience`; then
    /// ends what is left. The receiver should still be read meanwhile. May be dropped.
    pub async fn stop(&self, patience: Duration) {
        self.shared.stopping.cancel();
        self.shared.links.close_all();
        self.shared.tasks.close();
        if timeout(patience, self.shared.tasks.wait()).await.is_err() {
            self.shared.stopped.cancel();
            self.shared.tasks.wait().await;
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({:?})", self.shared.local_addr)
    }
}

impl Shared {
    fn new(config: Config, inbox: mpsc::Sender<Inbound>, local_addr: Option<SocketAddr>) -> Self {
        let (identity, network) = (config.identity, config.network);
        let stopped = CancellationToken::new();
        Self {
            limits: config.limits,
            agent: config.agent,
            ourselves: Ourselves { identity, network, key: StaticKey::generate() },
            counters: Arc::default(),
            inbox,
            links: Links::default(),
            places: Places::new(config.limits),
            dials: Arc::new(Semaphore::new(config.limits.dials_max)),
            pushes: Arc::new(Semaphore::new(config.limits.pushes_max)),
            stopping: stopped.child_token(),
            stopped,
            tasks: TaskTracker::new(),
            local_addr,
        }
    }

    /// Runs a task that ends with the transport.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Hands something to the core, waiting while it is behind. May be dropped.
    pub(crate) async fn tell(&self, inbound: Inbound) {
        if self.inbox.send(inbound).await.is_err() {
            // Nobody will ever read again, so nothing that has a socket is of any use.
            self.stopped.cancel();
        }
    }
}

fn refuse(addr: SocketAddr, why: io::Error) -> TransportError {
    match why.kind() {
        io::ErrorKind::AddrInUse => TransportError::PortTaken { addr },
        _ => TransportError::Listen { addr, why },
    }
}
