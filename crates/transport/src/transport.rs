//! The handle, and what all tasks behind it share.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;
use wire::lattice::{Envelope, Meaning};
use wire::{Address, Class, Medium, Multiaddr, NodeId, Signed};

use crate::channel::StaticKey;
use crate::connect::Dialler;
use crate::door::places::Places;
use crate::inbox::{Porter, Untold, inbox};
use crate::link::Links;
use crate::link::handshake::Ourselves;
use crate::link::parts::Whole;
use crate::membership::{Member, Membership};
use crate::p2p::{self, Desk, Host};
use crate::tls::{TlsDoor, Verifier};
use crate::traffic::Counters;
use crate::{
    Certificate, Config, GossipAnswer, Inbound, Inbox, Limits, LinkNumber, Traffic, TransportError,
    dial, door, push,
};

/// A cheap handle on everything that has a socket. When the last one is dropped, all of it ends.
#[derive(Clone)]
pub struct Transport {
    shared: Arc<Shared>,
    _ends_all: Arc<DropGuard>,
}

/// What became of a frame that was to be sent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sent {
    /// The queue of its class is full: it will not be sent, and `Congested` is on its way.
    Full,
    /// The link is closing or gone.
    Gone,
    /// It waits its turn.
    Queued,
}

/// What all tasks share.
pub(crate) struct Shared {
    pub(crate) limits: Limits,
    pub(crate) dialler: Dialler,
    pub(crate) ourselves: Ourselves,
    pub(crate) counters: Arc<Counters>,
    pub(crate) inbox: Porter,
    pub(crate) links: Links,
    pub(crate) places: Arc<Places>,
    /// Set where the door speaks TLS.
    pub(crate) tls: Option<TlsDoor>,
    pub(crate) libp2p: Option<Desk>,
    pub(crate) dials: Arc<Semaphore>,
    pub(crate) pushes: Arc<Semaphore>,
    /// Nothing new begins.
    pub(crate) stopping: CancellationToken,
    /// Everything ends at once.
    stopped: CancellationToken,
    tasks: TaskTracker,
    /// The swarm, which has to outlive all links.
    hosts: TaskTracker,
    local_addr: Option<SocketAddr>,
    listeners: Vec<Multiaddr>,
}

impl Transport {
    /// Binds the door, if there is one, and starts accepting. What happens comes out of the
    /// inbox, which has to be read all the time: while it is full, nothing else is read either.
    pub async fn start(config: Config) -> Result<(Self, Inbox), TransportError> {
        let listener = match config.listen {
            Some(addr) => {
                let refuse = |why| TransportError::of_listening(addr, Medium::Http, why);
                Some(TcpListener::bind(addr).await.map_err(refuse)?)
            }
            None => None,
        };
        let local_addr = listener.as_ref().and_then(|it| it.local_addr().ok());
        let (porter, inbox) = inbox(&config.limits);
        let (places, counters) = (Places::new(config.limits), Arc::new(Counters::default()));
        let opened = match &config.libp2p {
            Some(libp2p) => Some(Host::open(&config, libp2p, &places, &counters).await?),
            None => None,
        };
        let mut shared = Shared::new(config, porter, places, counters);
        shared.local_addr = local_addr;
        let host = opened.map(|(host, desk, listeners)| {
            (shared.libp2p, shared.listeners) = (Some(desk), listeners);
            host
        });
        let shared = Arc::new(shared);
        let ends_all = Arc::new(shared.stopped.clone().drop_guard());
        if let Some(host) = host {
            shared.spawn_on(&shared.hosts, host.run(shared.clone()));
        }
        if let Some(listener) = listener {
            shared.spawn(door::accept(shared.clone(), listener));
        }
        Ok((Self { shared, _ends_all: ends_all }, inbox))
    }

    /// Returns the address the door really has.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.local_addr
    }

    /// Shows another certificate at the door from now on; a plain door stays plain.
    pub fn show(&self, certificate: &Certificate) {
        if let Some(tls) = &self.shared.tls {
            tls.show(certificate);
        }
    }

    /// Says who was sent away from a private network; links of theirs end, and so do those of
    /// members whose time is over (CA-4). To be called every few seconds.
    pub fn revoke(&self, nodes: BTreeSet<NodeId>) {
        let Some(membership) = &self.shared.ourselves.membership else { return };
        membership.revoke(nodes);
        self.shared.links.close_members(|member| membership.ends(member));
    }

    /// Returns where libp2p listens, with the ports it really has.
    pub fn listeners(&self) -> &[Multiaddr] {
        &self.shared.listeners
    }

    /// Dials an address; answered by `Linked`, `DoorFound` or `DialFailed`.
    pub fn dial(&self, address: Address) {
        match address.clone() {
            Address::Http(_) => self.shared.spawn(dial::dial(self.shared.clone(), address)),
            Address::Libp2p(to) => {
                self.shared.spawn(p2p::dial(self.shared.clone(), address, *to));
            }
        }
    }

    /// Queues a frame. Never blocks: what does not fit is not sent, and `Congested` says so.
    pub fn send(&self, link: LinkNumber, class: Class, frame: &Bytes) -> Sent {
        self.shared.links.send(link, class, frame)
    }

    /// Returns what carries a link, while it is open.
    pub fn medium(&self, link: LinkNumber) -> Option<Medium> {
        self.shared.links.medium(link)
    }

    /// Returns how many bytes wait to be sent, on all links.
    pub fn backlog_bytes(&self) -> usize {
        self.shared.links.waiting_bytes()
    }

    /// Asks for [`Inbound::Left`] once all that is queued on a link in a class has left; nothing
    /// comes if the link ends before.
    pub fn tell_left(&self, link: LinkNumber, class: Class) {
        self.shared.links.tell_left(link, class);
    }

    /// Sends what is queued, but for bulk, and then the farewell, for at most [`Limits::farewell_ms`], and closes
    /// the link; answered by `Closed`.
    pub fn close(&self, link: LinkNumber, farewell: Option<Bytes>) {
        self.shared.links.close(link, farewell);
    }

    /// Posts a message to a design-A node; answered by `DoorPushed`.
    pub fn push_door(&self, address: Address, envelope: Envelope) {
        self.shared.spawn(push::push(self.shared.clone(), address, envelope));
    }

    /// Hands the core a record as if a client at this machine had posted it; `Busy` where there is no room.
    pub async fn offer(&self, signed: Signed) -> GossipAnswer {
        let size = signed.size();
        let envelope = Envelope {
            message_id: signed.clone().open().map(|it| it.id.to_string()).unwrap_or_default(),
            message_type: "record".to_owned(),
            payload: "null".to_owned(),
            timestamp_s: 0.0,
            ttl: wire::limits::TTL_MAX,
            origin_peer: signed.author.to_string(),
            seen_by: Vec::new(),
            signed: Some(signed),
            meaning: Meaning::Other,
        };
        let (answer, answered) = oneshot::channel();
        let from = Ipv4Addr::LOCALHOST.into();
        let gossip = Inbound::Gossip { from, envelope: Box::new(envelope), answer };
        if self.shared.inbox.ask(gossip, size).is_err() {
            return GossipAnswer::Busy;
        }
        answered.await.unwrap_or(GossipAnswer::Busy)
    }

    /// Reads the counters.
    pub fn traffic(&self) -> Traffic {
        let mut classes = self.shared.counters.classes();
        for (class, traffic) in Class::ALL.into_iter().zip(&mut classes) {
            let (parts, bytes) = self.shared.links.waiting(class);
            (traffic.waiting_parts, traffic.waiting_bytes) = (parts as u64, bytes as u64);
        }
        let links_by_medium = self.shared.links.open();
        Traffic {
            classes,
            connections_open: self.shared.places.len() as u64,
            links_open: links_by_medium.iter().sum(),
            links_by_medium,
            ..self.shared.counters.read()
        }
    }

    /// Stops accepting, closes all links and waits for all tasks, at most for `patience`; then
    /// ends what is left. The receiver should still be read meanwhile. May be dropped.
    pub async fn stop(&self, patience: Duration) {
        self.shared.stopping.cancel();
        self.shared.links.close_all();
        self.shared.tasks.close();
        let in_time = timeout(patience, self.shared.tasks.wait()).await;
        self.shared.stopped.cancel();
        if in_time.is_err() {
            self.shared.tasks.wait().await;
        }
        self.shared.hosts.close();
        self.shared.hosts.wait().await;
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transport({:?})", self.shared.local_addr)
    }
}

impl Shared {
    fn new(config: Config, inbox: Porter, places: Arc<Places>, counters: Arc<Counters>) -> Self {
        let (identity, network) = (config.identity, config.network);
        let membership = config.private.map(|it| Arc::new(Membership::new(it)));
        let verifier = match &membership {
            Some(membership) => Verifier::private(membership),
            None => Verifier::new(&config.roots),
        };
        let tls = match &membership {
            Some(membership) => Some(TlsDoor::private(membership)),
            None => config.certificate.as_ref().map(TlsDoor::new),
        };
        let stopped = CancellationToken::new();
        Self {
            limits: config.limits,
            dialler: Dialler {
                limits: config.limits,
                from: config.dial_from,
                agent: config.agent,
                counters: counters.clone(),
                verifier,
            },
            ourselves: Ourselves { identity, network, key: StaticKey::generate(), membership },
            counters,
            inbox,
            links: Links::default(),
            places,
            tls,
            libp2p: None,
            dials: Arc::new(Semaphore::new(config.limits.dials_max)),
            pushes: Arc::new(Semaphore::new(config.limits.pushes_max)),
            stopping: stopped.child_token(),
            stopped,
            tasks: TaskTracker::new(),
            hosts: TaskTracker::new(),
            local_addr: None,
            listeners: Vec::new(),
        }
    }

    /// Keeps whose link it is. Says whether it has to end at once: what was revoked meanwhile would
    /// not be looked at again.
    pub(crate) fn joined(&self, link: LinkNumber, member: Member) -> bool {
        let over = self.ourselves.membership.as_ref().and_then(|it| it.ends(&member));
        self.links.join(link, member);
        over.is_some()
    }

    /// Runs a task that ends with the transport.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_on(&self.tasks, task);
    }

    fn spawn_on(&self, tasks: &TaskTracker, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped.clone();
        // In a box: what wraps it would hold it more than once.
        let task = Box::pin(task);
        tasks.spawn(async move {
            tokio::select! {
                () = stopped.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Hands something to the core, waiting while it is behind. May be dropped.
    pub(crate) async fn tell(&self, inbound: Inbound) {
        self.told(self.inbox.tell(inbound).await);
    }

    /// Hands a frame to the core, waiting while its class is full. May be dropped.
    pub(crate) async fn tell_frame(&self, link: LinkNumber, frame: Whole) {
        self.told(self.inbox.frame(link, frame).await);
    }

    fn told(&self, told: Result<(), Untold>) {
        match told {
            Ok(()) => {}
            // Nobody will ever read again, so nothing that has a socket is of any use.
            Err(Untold::Gone | Untold::Full) => self.stopped.cancel(),
        }
    }
}
