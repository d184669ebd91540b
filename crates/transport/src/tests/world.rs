//! Nodes, raw clients and strangers on loopback. Every wait has an end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use wire::{Address, Identity, Medium, Multiaddr, NetworkId};

use crate::inbox::inbox;
use crate::{
    Config, DoorState, GossipAnswer, Health, Inbound, Inbox, Libp2p, Limits, LinkNumber, Linked,
    Question, Security, Transport,
};

/// Far beyond what anything here takes, even on a machine with other work.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Node {
    pub(super) transport: Transport,
    pub(super) inbox: Inbox,
}

/// What carries the links of a test.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Way {
    Http,
    Noise,
    Quic,
    Tls,
}

impl Way {
    /// A node of the first network that listens on this way alone.
    pub(super) async fn node(self, seed: u8) -> Node {
        self.node_with(seed, 0, Limits::default()).await
    }

    pub(super) async fn node_with(self, seed: u8, network: u8, limits: Limits) -> Node {
        start(self.config(seed, network, limits)).await
    }

    /// The same at an address, if that is free.
    pub(super) async fn node_at(self, seed: u8, at: SocketAddr) -> Option<Node> {
        let mut config = self.config(seed, 0, Limits::default());
        match (&mut config.libp2p, self.address(at)) {
            (Some(libp2p), Address::Libp2p(address)) => libp2p.listen = vec![*address],
            (None, Address::Http(_)) => config.listen = Some(at),
            (libp2p, address) => panic!("{libp2p:?} at {address}"),
        }
        let (transport, inbox) = Transport::start(config).await.ok()?;
        Some(Node { transport, inbox })
    }

    pub(super) fn config(self, seed: u8, network: u8, limits: Limits) -> Config {
        let (listen, security) = match self {
            Self::Http => return Config { limits, ..config(seed, network) },
            Self::Noise => ("/ip4/127.0.0.1/tcp/0", Security::Noise),
            Self::Quic => ("/ip4/127.0.0.1/udp/0/quic-v1", Security::Any),
            Self::Tls => ("/ip4/127.0.0.1/tcp/0", Security::Tls),
        };
        let libp2p =
            Some(Libp2p { listen: vec![listen.parse().unwrap()], security, ..Libp2p::default() });
        Config { listen: None, libp2p, limits, ..config(seed, network) }
    }

    pub(super) fn medium(self) -> Medium {
        match self {
            Self::Http => Medium::Http,
            Self::Quic => Medium::Quic,
            Self::Noise | Self::Tls => Medium::Tcp,
        }
    }

    /// An address of this way.
    pub(super) fn address(self, at: SocketAddr) -> Address {
        match self.medium() {
            Medium::Http => address(at),
            Medium::Quic | Medium::Relay => {
                Address::Libp2p(Box::new(Multiaddr::quic(at.ip(), at.port())))
            }
            Medium::Tcp => Address::Libp2p(Box::new(Multiaddr::tcp(at.ip(), at.port()))),
        }
    }
}

/// Makes a test for each way of each function.
macro_rules! over_every_way {
    ($($name:ident),+ $(,)?) => {
        over_every_way!(@way http Http $($name)+);
        over_every_way!(@way noise Noise $($name)+);
        over_every_way!(@way quic Quic $($name)+);
        over_every_way!(@way tls Tls $($name)+);
    };
    (@way $way:ident $variant:ident $($name:ident)+) => {
        mod $way {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(crate::tests::world::Way::$variant).await;
                }
            )+
        }
    };
}
pub(super) use over_every_way;

/// A node of the first network; its key follows from `seed`.
pub(super) async fn node(seed: u8) -> Node {
    node_with(seed, 0, Limits::default()).await
}

pub(super) async fn node_with(seed: u8, network: u8, limits: Limits) -> Node {
    start(Config { limits, ..config(seed, network) }).await
}

/// A node that dials from an address of this machine.
#[cfg(target_os = "linux")]
pub(super) async fn node_from(seed: u8, dial_from: Option<std::net::IpAddr>) -> Node {
    start(Config { dial_from, ..config(seed, 0) }).await
}

pub(super) fn config(seed: u8, network: u8) -> Config {
    Config {
        listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
        certificate: None,
        roots: crate::Roots::default(),
        private: None,
        libp2p: None,
        dial_from: None,
        identity: Identity::from_seed([seed; 32]),
        network: NetworkId::from_slice(&[network; 32]).unwrap(),
        agent: "test/1".to_owned(),
        limits: Limits::default(),
    }
}

pub(super) async fn start(config: Config) -> Node {
    let (transport, inbox) = Transport::start(config).await.unwrap();
    Node { transport, inbox }
}

/// Links two nodes; the first one dials.
pub(super) async fn linked(dialler: &mut Node, dialled: &mut Node) -> (Linked, Linked) {
    dialler.transport.dial(dialled.address());
    (dialler.linked().await, dialled.linked().await)
}

impl Node {
    /// Where it listens.
    pub(super) fn addr(&self) -> SocketAddr {
        let libp2p = || {
            let listener = self.transport.listeners().first()?;
            Some(SocketAddr::new(listener.ip()?, listener.port))
        };
        self.transport.local_addr().or_else(libp2p).unwrap()
    }

    pub(super) fn address(&self) -> Address {
        match self.transport.listeners() {
            [] => address(self.addr()),
            [listener, ..] => Address::Libp2p(Box::new(listener.clone())),
        }
    }

    pub(super) async fn next(&mut self) -> Inbound {
        timeout(PATIENCE, self.inbox.recv()).await.expect("nothing happens").expect("it stopped")
    }

    pub(super) async fn linked(&mut self) -> Linked {
        match self.next().await {
            Inbound::Linked(linked) => linked,
            other => panic!("not linked but {other:?}"),
        }
    }

    pub(super) async fn frame(&mut self) -> Bytes {
        match self.next().await {
            Inbound::Frame { bytes, .. } => bytes,
            other => panic!("not a frame but {other:?}"),
        }
    }

    pub(super) async fn closed(&mut self, expected: LinkNumber) -> String {
        match self.next().await {
            Inbound::Closed { link, why } if link == expected => why,
            other => panic!("not closed but {other:?}"),
        }
    }

    /// Dials and expects to fail.
    pub(super) async fn fails_to_dial(&mut self, address: Address) -> String {
        self.transport.dial(address);
        match self.next().await {
            Inbound::DialFailed { why, .. } => why,
            other => panic!("no failure but {other:?}"),
        }
    }

    /// Answers whatever is asked, in the background; what is no question comes out again.
    pub(super) fn with_core(self, verdict: GossipAnswer) -> Answering {
        let Self { transport, inbox: mut heard } = self;
        let (others, rest) = inbox(&Limits { inbox_max: 1_000, ..Limits::default() });
        let core = tokio::spawn(async move {
            while let Some(inbound) = heard.recv().await {
                match inbound {
                    Inbound::Ask(question) => answer(question),
                    Inbound::Gossip { answer, .. } => answer.send(verdict).unwrap_or(()),
                    other => others.tell(other).await.unwrap(),
                }
            }
        });
        Answering { node: Self { transport, inbox: rest }, _core: core }
    }
}

/// A node with something like a core behind it.
pub(super) struct Answering {
    pub(super) node: Node,
    _core: tokio::task::JoinHandle<()>,
}

fn answer(question: Question) {
    // Who does not wait for the answer any more does not get it.
    match question {
        Question::Health(to) => {
            to.send(Health { healthy: true, ..Health::default() }).unwrap_or(())
        }
        Question::Knock(_, to) => to.send(None).unwrap_or(()),
        Question::Peers(to) => to.send(Vec::new()).unwrap_or(()),
        Question::State(to) => to.send(DoorState::default()).unwrap_or(()),
    }
}

pub(super) fn address(addr: SocketAddr) -> Address {
    format!("http://{addr}").parse().unwrap()
}

/// An answer as a client without any library reads it.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn code(&self) -> String {
        assert!(self.head.contains("application/problem+json"), "{self:?}");
        assert_eq!(self.json()["status"], self.status);
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

/// Sends bytes and reads until the server closes.
pub(super) async fn exchange(addr: SocketAddr, request: &[u8]) -> Reply {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request).await.unwrap();
    read_reply(&mut stream).await
}

/// Reads until the server closes.
pub(super) async fn read_reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    // A reset after the answer is an end as well.
    let _ended = timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("never closed");
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).unwrap_or(0);
    Reply { status, head: head.to_owned(), body: body.to_owned() }
}

pub(super) async fn get(addr: SocketAddr, path: &str) -> Reply {
    request(addr, &format!("GET {path}"), "", b"").await
}

pub(super) async fn post(addr: SocketAddr, body: &[u8]) -> Reply {
    request(addr, "POST /gossip", "content-type: application/json\r\n", body).await
}

pub(super) async fn request(addr: SocketAddr, line: &str, headers: &str, body: &[u8]) -> Reply {
    let size = body.len();
    let head = format!(
        "{line} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{headers}content-length: {size}\r\n\r\n"
    );
    exchange(addr, &[head.as_bytes(), body].concat()).await
}

/// A server made of one function from request (line and body) to answer; it tells what it got.
pub(super) async fn stranger(
    answer: fn(&str, &str) -> String,
) -> (Address, mpsc::UnboundedReceiver<(String, String)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (told, requests) = mpsc::unbounded_channel();
    let told = Arc::new(told);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let told = told.clone();
            tokio::spawn(async move {
                serve(stream, answer, &told).await;
            });
        }
    });
    (address(addr), requests)
}

async fn serve(
    mut stream: TcpStream,
    answer: fn(&str, &str) -> String,
    told: &mpsc::UnboundedSender<(String, String)>,
) -> Option<()> {
    let mut bytes = Vec::new();
    let (head, body_at) = loop {
        let text = String::from_utf8_lossy(&bytes);
        if let Some(at) = text.find("\r\n\r\n") {
            break (text[..at].to_owned(), at + 4);
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let size = head.lines().find_map(|it| it.strip_prefix("content-length: ")?.parse().ok());
    while bytes.len() < body_at + size.unwrap_or(0) {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    let line = head.lines().next()?.to_owned();
    let body = String::from_utf8_lossy(&bytes[body_at..]).into_owned();
    let reply = answer(&line, &body);
    told.send((head, body)).ok()?;
    stream.write_all(reply.as_bytes()).await.ok()
}

/// An HTTP answer.
pub(super) fn http(status: u16, body: &str) -> String {
    let size = body.len();
    format!(
        "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{body}"
    )
}
